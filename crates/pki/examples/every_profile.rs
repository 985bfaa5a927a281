//! Writes one of everything the library can emit into a folder, in DER: certificates of every profile and
//! kind of key, CRLs, OCSP responses. For linters (`tests/pkilint/run.sh`).
//!
//!     cargo run -p provost-pki --example every_profile -- FOLDER

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use provost_model::Timestamp;
use provost_model::registry::{DeviceIdentifier, Revocation, RevocationReason, RevokedEntry, SerialNumber};
use provost_pki::crl::RevocationList;
use provost_pki::issue::{
    Issuance, KeyAlgorithm, KeyPair, Profile, Publication, SubjectName, issue, self_signed,
};
use provost_pki::ocsp::{CertId, CertStatus, OcspResponse, SingleResponse};
use provost_pki::{Certificate, IdentifierStyle};

type Done = Result<(), Box<dyn Error>>;

const DAY: Duration = Duration::from_hours(24);
/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

fn main() -> Done {
    let folder = std::env::args().nth(1).ok_or("usage: every_profile FOLDER")?;
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let root = Authority::root()?;
    let issuing = root.issuing()?;
    write(&folder, "root.cer", root.certificate.der())?;
    write(&folder, "issuing.cer", issuing.certificate.der())?;
    leaves(&folder, &issuing)?;
    listeners(&folder)?;
    lists(&folder, &root, &issuing)?;
    responses(&folder, &issuing)
}

struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

fn publication(name: &str, part: &str) -> Publication {
    Publication {
        crls: vec![format!("http://pki.example/crls/{name}/{part}.crl")],
        issuers: vec![format!("http://pki.example/cas/{name}.cer")],
        ocsp: Vec::new(),
    }
}

fn serial(first: u8) -> [u8; 16] {
    let mut serial = [0x5a; 16];
    serial[0] = first;
    serial
}

impl Authority {
    fn root() -> Result<Self, Box<dyn Error>> {
        let key = KeyPair::generate(KeyAlgorithm::P384)?;
        let certificate = self_signed(
            &Issuance {
                subject: &SubjectName::common_name("rootca-00112233445566778899aabbccddeeff")?,
                public_key_der: &key.public_key_der()?,
                profile: &Profile::NamespaceRoot,
                not_before: NOW.before(DAY),
                not_after: NOW.after(3650 * DAY),
                serial: &serial(1),
            },
            &key,
        )?;
        Ok(Self { certificate, key })
    }

    fn issuing(&self) -> Result<Self, Box<dyn Error>> {
        let profile = Profile::IssuingCa(publication("root", "0"));
        self.under(
            "ica-ffeeddccbbaa99887766554433221100",
            &profile,
            KeyAlgorithm::P384,
            365 * DAY,
        )
    }

    fn under(
        &self,
        name: &str,
        profile: &Profile,
        algorithm: KeyAlgorithm,
        lasting: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let key = KeyPair::generate(algorithm)?;
        let certificate = issue(
            &Issuance {
                subject: &SubjectName::common_name(name)?,
                public_key_der: &key.public_key_der()?,
                profile,
                not_before: NOW,
                not_after: NOW.after(lasting),
                serial: &serial(0x72),
            },
            &self.certificate,
            &self.key,
        )?;
        Ok(Self { certificate, key })
    }
}

fn device(style: IdentifierStyle, publication: Publication) -> Result<Profile, Box<dyn Error>> {
    Ok(Profile::Device {
        identifier: DeviceIdentifier::from_bytes(&[0x42; 32]).ok_or("32 bytes")?,
        style,
        publication,
    })
}

fn leaves(folder: &Path, issuing: &Authority) -> Done {
    let with_ocsp = Publication {
        ocsp: vec!["http://pki.example/ocsp/ica".to_owned()],
        ..publication("ica", "17")
    };
    let bare = Publication::default();
    let plain = IdentifierStyle::default();
    let azure = IdentifierStyle {
        azure: true,
        critical: true,
    };
    for (file, style, publication, algorithm) in [
        ("leaf-p256", plain, publication("ica", "0"), KeyAlgorithm::P256),
        ("leaf-p384", plain, publication("ica", "0"), KeyAlgorithm::P384),
        ("leaf-rsa", plain, publication("ica", "0"), KeyAlgorithm::Rsa2048),
        ("leaf-ocsp", plain, with_ocsp, KeyAlgorithm::P256),
        ("leaf-azure", azure, publication("ica", "0"), KeyAlgorithm::P256),
        ("leaf-unpublished", plain, bare, KeyAlgorithm::P256),
    ] {
        let profile = device(style, publication)?;
        let leaf = issuing.under("device-7", &profile, algorithm, 30 * DAY)?;
        write(folder, &format!("{file}.cer"), leaf.certificate.der())?;
    }
    let long = "a".repeat(128);
    let profile = device(plain, publication("ica", "0"))?;
    let leaf = issuing.under(&long, &profile, KeyAlgorithm::P256, 30 * DAY)?;
    write(folder, "leaf-long-name.cer", leaf.certificate.der())
}

/// What the server makes for its own listeners and for simulated fleets.
fn listeners(folder: &Path) -> Done {
    let root = Authority::root()?;
    let ca = root.under(
        "authority",
        &Profile::Ca { path_len: Some(0) },
        KeyAlgorithm::P256,
        365 * DAY,
    )?;
    write(folder, "authority.cer", ca.certificate.der())?;
    let server = Profile::Server {
        dns: vec!["localhost".to_owned()],
        ip: vec!["127.0.0.1".parse()?],
    };
    let server = ca.under("localhost", &server, KeyAlgorithm::P256, 90 * DAY)?;
    write(folder, "server.cer", server.certificate.der())?;
    let client = ca.under("device-8", &Profile::Client, KeyAlgorithm::P256, 90 * DAY)?;
    write(folder, "client.cer", client.certificate.der())
}

fn lists(folder: &Path, root: &Authority, issuing: &Authority) -> Done {
    let entries: Vec<_> = RevocationReason::ALL
        .into_iter()
        .zip(0x61_u8..)
        .map(|(reason, first)| {
            Some(RevokedEntry {
                serial: SerialNumber::from_bytes(&serial(first))?,
                revocation: Revocation {
                    at: NOW.before(DAY),
                    reason,
                },
                not_after: NOW.after(DAY),
            })
        })
        .collect::<Option<_>>()
        .ok_or("serial numbers")?;
    let part = "http://pki.example/crls/ica/17.crl";
    for (file, of, part, entries) in [
        ("root.crl", root, None, &[][..]),
        ("issuing.crl", issuing, None, &entries[..]),
        ("issuing-part.crl", issuing, Some(part), &entries[..]),
    ] {
        let list = RevocationList {
            issuer: &of.certificate,
            number: 7,
            this_update: NOW,
            next_update: NOW.after(7 * DAY),
            part,
        };
        write(folder, file, &list.signed_with(entries, &of.key)?)?;
    }
    Ok(())
}

fn responses(folder: &Path, issuing: &Authority) -> Done {
    let responder = issuing.under("ocsp-1", &Profile::OcspResponder, KeyAlgorithm::P256, 7 * DAY)?;
    write(folder, "responder.cer", responder.certificate.der())?;
    let id = SerialNumber::from_bytes(&serial(0x72)).ok_or("serial number")?;
    let revoked = |reason| {
        CertStatus::Revoked(Revocation {
            at: NOW.before(DAY),
            reason,
        })
    };
    let nonce = [9; 32];
    for (file, status, nonce) in [
        ("good.ors", CertStatus::Good, None),
        ("unknown.ors", CertStatus::Unknown, None),
        (
            "revoked.ors",
            revoked(RevocationReason::KeyCompromise),
            Some(&nonce[..]),
        ),
        (
            "revoked-without-reason.ors",
            revoked(RevocationReason::Unspecified),
            None,
        ),
    ] {
        let single = SingleResponse {
            id: CertId::of(&issuing.certificate, &id),
            status,
            this_update: NOW,
            next_update: NOW.after(DAY),
        };
        let response = OcspResponse {
            responder: &responder.certificate,
            with_certificate: true,
            produced_at: NOW,
            responses: &[single],
            nonce,
        };
        write(folder, file, &response.signed_with(&responder.key)?)?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, der: &[u8]) -> Done {
    Ok(std::fs::write(folder.join(name), der)?)
}
