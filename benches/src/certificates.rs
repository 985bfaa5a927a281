//! The devices' certificates: a root, one intermediate, and a P-256 leaf and key per device.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_device::tls::ClientIdentity;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::{Clock, Random, Timestamp, pem};
use provost_pki::Certificate;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_hours(24);

/// One line of the file of devices.
#[derive(Serialize, Deserialize)]
struct Entry {
    id: String,
    /// DER, base64.
    leaf: String,
    /// PKCS #8 DER, base64.
    key: String,
}

/// A device's name and what it shows.
pub(crate) struct CertifiedDevice {
    pub(crate) id: String,
    pub(crate) identity: ClientIdentity,
}

/// The authority that signs devices.
pub(crate) struct Intermediate {
    /// What the names of its devices begin with.
    devices: &'static str,
    certificate: Certificate,
    key: KeyPair,
}

impl Intermediate {
    /// A fresh one under a fresh root, for devices whose names begin like this.
    pub(crate) fn new(devices: &'static str) -> Result<Self> {
        let root_key = KeyPair::generate(KeyAlgorithm::P256)?;
        let profile = Profile::Ca { path_len: Some(1) };
        let root = with_issuance("bench root", &root_key, &profile, |issuance| {
            self_signed(issuance, &root_key)
        })?;
        let key = KeyPair::generate(KeyAlgorithm::P256)?;
        let profile = Profile::Ca { path_len: Some(0) };
        let name = format!("bench intermediate {devices}");
        let certificate = with_issuance(&name, &key, &profile, |issuance| {
            issue(issuance, &root, &root_key)
        })?;
        Ok(Self {
            devices,
            certificate,
            key,
        })
    }

    /// The certificate, PEM.
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }

    /// Writes a file of `count` devices; its first line is the intermediate.
    pub(crate) fn write_devices(&self, file: &Path, count: u32) -> Result<()> {
        let mut file = BufWriter::new(File::create(file)?);
        writeln!(file, "{}", STANDARD.encode(self.certificate.der()))?;
        for number in 0..count {
            let id = format!("{}-{number:06}", self.devices);
            let key = KeyPair::generate(KeyAlgorithm::P256)?;
            let leaf = with_issuance(&id, &key, &Profile::Client, |issuance| {
                issue(issuance, &self.certificate, &self.key)
            })?;
            let entry = Entry {
                id,
                leaf: STANDARD.encode(leaf.der()),
                key: STANDARD.encode(key.to_pkcs8_der()?.expose()),
            };
            serde_json::to_writer(&mut file, &entry)?;
            file.write_all(b"\n")?;
        }
        Ok(file.flush()?)
    }
}

/// Reads some devices of a file; each shows its leaf and the intermediate.
pub(crate) fn read_devices(file: &Path, first: u32, count: u32) -> Result<Vec<CertifiedDevice>> {
    let mut lines = BufReader::new(File::open(file)?).lines();
    let intermediate = STANDARD.decode(lines.next().context("the file of devices is empty")??)?;
    let range = lines.skip(usize::try_from(first)?).take(usize::try_from(count)?);
    let devices = range.map(|line| {
        let entry: Entry = serde_json::from_str(&line?)?;
        let chain = vec![STANDARD.decode(entry.leaf)?.into(), intermediate.clone().into()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(STANDARD.decode(entry.key)?));
        Ok(CertifiedDevice {
            id: entry.id,
            identity: ClientIdentity::from_der(chain, &key)?,
        })
    });
    devices.collect()
}

fn with_issuance<E: std::error::Error + Send + Sync + 'static>(
    name: &str,
    key: &KeyPair,
    profile: &Profile,
    sign: impl FnOnce(&Issuance<'_>) -> Result<Certificate, E>,
) -> Result<Certificate> {
    let now: Timestamp = SystemClock.now();
    let mut serial = [0; 16];
    SystemRandom.fill(&mut serial);
    let issuance = Issuance {
        subject: &SubjectName::common_name(name)?,
        public_key_der: &key.public_key_der()?,
        profile,
        not_before: now.before(DAY),
        not_after: now.after(30 * DAY),
        serial: &serial,
    };
    Ok(sign(&issuance)?)
}
