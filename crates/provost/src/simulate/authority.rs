use std::path::Path;
use std::time::Duration;

use provost_device::tls::{ClientIdentity, TlsError};
use provost_model::{Clock, Random, Timestamp, pem};
use provost_pki::Certificate;
use provost_pki::issue::{
    Issuance, IssueError, KeyAlgorithm, KeyPair, Profile, SubjectName, issue, self_signed,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// How long certificates made here are valid.
const VALIDITY: Duration = Duration::from_hours(30 * 24);
/// They begin a little early, for servers whose clock is behind.
const EARLIER: Duration = Duration::from_mins(5);

/// Signs device certificates.
pub(super) struct Authority {
    issuer: Certificate,
    key: KeyPair,
    /// What a device sends behind its leaf.
    intermediates: Vec<CertificateDer<'static>>,
}

/// Why an authority or a device certificate was not made.
#[derive(Debug, Error)]
pub(super) enum AuthorityError {
    #[error("cannot read {0}")]
    Read(String, #[source] std::io::Error),
    #[error("cannot write {0}")]
    Write(String, #[source] std::io::Error),
    #[error("{0} holds no usable certificate")]
    Certificate(String),
    #[error("the key in {0} is not the one of the certificate")]
    OtherKey(String),
    #[error("cannot make a certificate")]
    Issue(#[from] IssueError),
    #[error("cannot use a device certificate")]
    Tls(#[from] TlsError),
}

/// A device's key and certificate, and what can be said of it.
pub(super) struct Issued {
    pub(super) identity: ClientIdentity,
    pub(super) facts: CertificateFacts,
}

/// What a device tells of its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateFacts {
    /// SHA-256, as the hub keeps it.
    pub(super) thumbprint: String,
    pub(super) valid_until: Timestamp,
    /// Subject of the issuer.
    pub(super) issuer: String,
}

/// A CA: certificate and key.
pub(super) struct Ca {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
}

impl Ca {
    /// A new root.
    pub(super) fn root(name: &str, clock: &dyn Clock, random: &dyn Random) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate(KeyAlgorithm::P256)?;
        let certificate = self_signed(
            &issuance(
                &SubjectName::common_name(name)?,
                &key.public_key_der()?,
                &Profile::Ca { path_len: None },
                &serial(random),
                clock,
            ),
            &key,
        )?;
        Ok(Self { certificate, key })
    }

    /// A new intermediate below this one.
    pub(super) fn intermediate(
        &self,
        name: &str,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate(KeyAlgorithm::P256)?;
        let certificate = issue(
            &issuance(
                &SubjectName::common_name(name)?,
                &key.public_key_der()?,
                &Profile::Ca { path_len: Some(0) },
                &serial(random),
                clock,
            ),
            &self.certificate,
            &self.key,
        )?;
        Ok(Self { certificate, key })
    }

    /// The certificate as PEM.
    pub(super) fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }
}

impl Authority {
    /// A new root and an intermediate below it; the root as PEM for the enrollment group.
    pub(super) fn generate(
        name: &str,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<(Self, String), AuthorityError> {
        let root = Ca::root(&format!("{name} root"), clock, random)?;
        let Ca { certificate, key } = root.intermediate(&format!("{name} intermediate"), clock, random)?;
        let authority = Self {
            intermediates: vec![CertificateDer::from(certificate.der().to_vec())],
            issuer: certificate,
            key,
        };
        Ok((authority, root.pem()))
    }

    /// The authority of files: the signing certificate first, intermediates above it behind.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, AuthorityError> {
        let unusable = || AuthorityError::Certificate(certificate.display().to_string());
        let text = read(certificate)?;
        let intermediates = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| unusable())?;
        let first = intermediates.first().ok_or_else(unusable)?;
        let issuer = Certificate::from_der(first).map_err(|_| unusable())?;
        let key_pair = KeyPair::from_pem(&read(key)?)?;
        if key_pair.public_key_der()? != issuer.spki_der() {
            return Err(AuthorityError::OtherKey(key.display().to_string()));
        }
        Ok(Self {
            issuer,
            key: key_pair,
            intermediates,
        })
    }

    /// The certificate that signs.
    pub(super) fn issuer_pem(&self) -> String {
        pem("CERTIFICATE", self.issuer.der())
    }

    /// Splits it into its CA.
    pub(super) fn into_ca(self) -> Ca {
        Ca {
            certificate: self.issuer,
            key: self.key,
        }
    }

    /// A fresh key and certificate for a device.
    pub(super) fn device(
        &self,
        registration_id: &str,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Issued, AuthorityError> {
        let key = KeyPair::generate(KeyAlgorithm::P256)?;
        let leaf = issue(
            &issuance(
                &SubjectName::common_name(registration_id)?,
                &key.public_key_der()?,
                &Profile::Client,
                &serial(random),
                clock,
            ),
            &self.issuer,
            &self.key,
        )?;
        let mut chain = vec![CertificateDer::from(leaf.der().to_vec())];
        chain.extend(self.intermediates.iter().cloned());
        let key = PrivatePkcs8KeyDer::from(key.to_pkcs8_der()?.expose().clone());
        Ok(Issued {
            identity: ClientIdentity::from_der(chain, &PrivateKeyDer::from(key))?,
            facts: CertificateFacts {
                thumbprint: leaf.sha256_thumbprint().to_string(),
                valid_until: leaf.not_after(),
                issuer: self.issuer.subject_display(),
            },
        })
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, AuthorityError> {
    std::fs::read_to_string(path).map_err(|error| AuthorityError::Read(path.display().to_string(), error))
}

fn issuance<'a>(
    subject: &'a SubjectName,
    public_key_der: &'a [u8],
    profile: &'a Profile,
    serial: &'a [u8],
    clock: &dyn Clock,
) -> Issuance<'a> {
    let now = clock.now();
    Issuance {
        subject,
        public_key_der,
        profile,
        not_before: now.before(EARLIER),
        not_after: now.after(VALIDITY),
        serial,
    }
}

fn serial(random: &dyn Random) -> [u8; 16] {
    let mut serial = [0; 16];
    random.fill(&mut serial);
    serial
}

#[cfg(test)]
mod tests {
    use provost_model::ambient::{SystemClock, SystemRandom};

    use super::*;

    #[test]
    fn devices_chain_through_the_intermediate_to_the_root() {
        let (authority, root) = Authority::generate("test", &SystemClock, &SystemRandom).unwrap();
        assert!(root.starts_with("-----BEGIN CERTIFICATE-----"));
        let root = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
        let root = Certificate::from_der(&root).unwrap();
        assert_eq!(authority.issuer.issuer_der(), root.subject_der());
        assert!(authority.issuer.is_ca());
        authority
            .device("press-0000001", &SystemClock, &SystemRandom)
            .unwrap();
        assert!(authority.device("", &SystemClock, &SystemRandom).is_err());
    }

    #[test]
    fn an_authority_is_read_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let (made, _) = Authority::generate("test", &SystemClock, &SystemRandom).unwrap();
        let (certificate, key) = (folder.path().join("ca.pem"), folder.path().join("ca.key"));
        std::fs::write(&certificate, pem("CERTIFICATE", made.issuer.der())).unwrap();
        std::fs::write(&key, made.key.to_pkcs8_pem().unwrap().expose()).unwrap();
        let read = Authority::read(&certificate, &key).unwrap();
        assert_eq!(read.issuer, made.issuer);
        let issued = read.device("press-1", &SystemClock, &SystemRandom).unwrap();
        assert_eq!(issued.facts.thumbprint.len(), 64);
        assert_eq!(issued.facts.issuer, "CN=test intermediate");
        assert!(Authority::read(&key, &key).is_err());
        let (other, _) = Authority::generate("test", &SystemClock, &SystemRandom).unwrap();
        std::fs::write(&key, other.key.to_pkcs8_pem().unwrap().expose()).unwrap();
        assert!(matches!(
            Authority::read(&certificate, &key),
            Err(AuthorityError::OtherKey(_))
        ));
    }
}
