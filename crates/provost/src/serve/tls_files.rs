//! The server's own root and certificate, made at the first start and renewed in time.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use provost_model::{HostName, Random, Timestamp};
use provost_pki::Certificate;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed};

use super::private_file;
use crate::config::{Config, TlsFiles};

const ROOT_VALIDITY: Duration = Duration::from_hours(24 * 365 * 20);
const SERVER_VALIDITY: Duration = Duration::from_hours(24 * 365);
/// A certificate with less than this left is replaced.
const RENEW_BEFORE: Duration = Duration::from_hours(24 * 120);
/// Clients whose clock is a little behind accept a new certificate all the same.
const BACKDATE: Duration = Duration::from_hours(1);

/// The files the listeners show and the root clients are told to trust.
#[derive(Debug, Clone)]
pub(crate) struct TlsMaterial {
    pub(crate) files: TlsFiles,
    pub(crate) root: Option<PathBuf>,
}

/// The operator's files, or our own ones, made or renewed when needed.
pub(crate) fn prepare(
    config: &Config,
    hubs: &[HostName],
    now: Timestamp,
    random: &dyn Random,
) -> Result<TlsMaterial> {
    if let Some(files) = &config.tls_files {
        return Ok(TlsMaterial {
            files: files.clone(),
            root: None,
        });
    }
    let folder = config.data.join("tls");
    private_file::make_folder(&folder)?;
    let (root, root_key) = root_authority(&folder, now, random)?;
    let names = ServerNames::of(config, hubs);
    let files = TlsFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    if !is_usable(&files, &names, &root, now) {
        make_server(&files, &names, &root, &root_key, now, random)?;
    }
    Ok(TlsMaterial {
        files,
        root: Some(folder.join("root.pem")),
    })
}

/// What the server certificate must name.
struct ServerNames {
    dns: Vec<String>,
    ip: Vec<IpAddr>,
}

impl ServerNames {
    /// The host and the aliases with one level below each, `localhost`, the hubs by their exact names
    /// (clients do not take `*.localhost`), and the loopback addresses.
    fn of(config: &Config, hubs: &[HostName]) -> Self {
        let mut dns = Vec::new();
        let mut ip = vec![
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        let names = std::iter::once(config.host.key()).chain(config.aliases.iter().map(HostName::key));
        for name in names.chain(["localhost"]) {
            if let Ok(address) = name.parse() {
                push_new(&mut ip, address);
            } else {
                push_new(&mut dns, name.to_owned());
                push_new(&mut dns, format!("*.{name}"));
            }
        }
        for hub in hubs.iter().filter(|hub| hub.key().parse::<IpAddr>().is_err()) {
            push_new(&mut dns, hub.key().to_owned());
        }
        Self { dns, ip }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn root_authority(folder: &Path, now: Timestamp, random: &dyn Random) -> Result<(Certificate, KeyPair)> {
    let (certificate_file, key_file) = (folder.join("root.pem"), folder.join("root.key"));
    if certificate_file.exists() && key_file.exists() {
        let key = std::fs::read_to_string(&key_file).context("cannot read the key of the TLS root")?;
        return Ok((read_certificate(&certificate_file)?, KeyPair::from_pem(&key)?));
    }
    let key = KeyPair::generate(KeyAlgorithm::P256)?;
    let subject = SubjectName::common_name(&format!("Provost TLS root {}", random.hex(3)))?;
    let certificate = self_signed(
        &Issuance {
            subject: &subject,
            public_key_der: &key.public_key_der()?,
            profile: &Profile::Ca { path_len: Some(0) },
            not_before: now.before(BACKDATE),
            not_after: now.after(ROOT_VALIDITY),
            serial: &serial(random),
        },
        &key,
    )?;
    private_file::write(&key_file, key.to_pkcs8_pem()?.expose().as_bytes())?;
    private_file::write_public(&certificate_file, certificate.to_pem().as_bytes())?;
    Ok((certificate, key))
}

fn make_server(
    files: &TlsFiles,
    names: &ServerNames,
    root: &Certificate,
    root_key: &KeyPair,
    now: Timestamp,
    random: &dyn Random,
) -> Result<()> {
    let key = KeyPair::generate(KeyAlgorithm::P256)?;
    let name = names.dns.first().map_or("localhost", String::as_str);
    let certificate = issue(
        &Issuance {
            // A CN over 64 characters is refused by some clients; they all read the SAN.
            subject: &SubjectName::common_name(if name.len() <= 64 { name } else { "provost" })?,
            public_key_der: &key.public_key_der()?,
            profile: &Profile::Server {
                dns: names.dns.clone(),
                ip: names.ip.clone(),
            },
            not_before: now.before(BACKDATE),
            not_after: now.after(SERVER_VALIDITY),
            serial: &serial(random),
        },
        root,
        root_key,
    )?;
    private_file::write(&files.key, key.to_pkcs8_pem()?.expose().as_bytes())?;
    private_file::write_public(&files.certificate, certificate.to_pem().as_bytes())?;
    private_file::write_public(&names_file(files), names.to_text().as_bytes())
}

impl ServerNames {
    fn to_text(&self) -> String {
        let ip = self.ip.iter().map(ToString::to_string);
        self.dns.iter().cloned().chain(ip).collect::<Vec<_>>().join("\n")
    }
}

/// Remembers what the certificate was made for, so that another `--host` makes another one.
fn names_file(files: &TlsFiles) -> PathBuf {
    files.certificate.with_extension("names")
}

fn is_usable(files: &TlsFiles, names: &ServerNames, root: &Certificate, now: Timestamp) -> bool {
    let same_names = std::fs::read_to_string(names_file(files)).is_ok_and(|text| text == names.to_text());
    same_names
        && files.key.exists()
        && read_certificate(&files.certificate).is_ok_and(|certificate| {
            certificate.issuer_der() == root.subject_der()
                && certificate.not_after() > now.after(RENEW_BEFORE)
        })
}

fn read_certificate(path: &Path) -> Result<Certificate> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let uploaded = Certificate::from_file_bytes(&text)
        .with_context(|| format!("{} is not a certificate", path.display()))?;
    Ok(uploaded.certificate)
}

fn serial(random: &dyn Random) -> [u8; 16] {
    let mut serial = [0; 16];
    random.fill(&mut serial);
    serial
}
