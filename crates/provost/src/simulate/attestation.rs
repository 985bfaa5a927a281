use std::sync::Arc;
use std::time::Duration;

use provost_attestation::symmetric::derive_device_key;
use provost_device::tls::{ClientTls, TlsVersion};
use provost_model::SymmetricKey;
use provost_model::ambient::{SystemClock, SystemRandom};
use tokio::time::sleep;

use super::authority::{Authority, AuthorityError, CertificateFacts};
use super::authority_folder::CaFiles;
use super::network::Network;

/// How often files that do not fit are read again: somebody may be replacing them.
const READS: u32 = 20;
const READ_AGAIN: Duration = Duration::from_millis(50);

/// How the devices of a group prove themselves.
#[derive(Clone)]
pub(super) enum Attestation {
    /// With certificates this authority signs.
    X509(Arc<Authority>),
    /// With certificates of the authority that is in these files at that moment.
    X509Files(CaFiles),
    /// With keys derived from this one.
    Symmetric(SymmetricKey),
}

/// What one device holds.
#[derive(Clone)]
pub(super) struct Proof {
    /// Trust, and the certificate if there is one.
    pub(super) tls: ClientTls,
    /// The key of a symmetric device.
    pub(super) key: Option<SymmetricKey>,
    /// What can be said of the certificate.
    pub(super) certificate: Option<CertificateFacts>,
}

impl Attestation {
    /// Makes what a device holds: a new certificate, or its key.
    pub(super) async fn device(
        &self,
        network: &Network,
        registration_id: &str,
    ) -> Result<Proof, AuthorityError> {
        match self {
            Self::X509(authority) => issue(authority, network, registration_id),
            Self::X509Files(files) => issue(&read(files).await?, network, registration_id),
            Self::Symmetric(group_key) => Ok(Proof {
                tls: network.tls.clone(),
                key: Some(derive_device_key(group_key, registration_id)),
                certificate: None,
            }),
        }
    }
}

fn issue(authority: &Authority, network: &Network, registration_id: &str) -> Result<Proof, AuthorityError> {
    let issued = authority.device(registration_id, &SystemClock, &SystemRandom)?;
    Ok(Proof {
        tls: ClientTls::new(&network.roots, Some(&issued.identity), TlsVersion::Any)?,
        key: None,
        certificate: Some(issued.facts),
    })
}

async fn read(files: &CaFiles) -> Result<Authority, AuthorityError> {
    let mut reads = 1;
    loop {
        match files.read() {
            Err(_) if reads < READS => {
                reads += 1;
                sleep(READ_AGAIN).await;
            }
            read => return read,
        }
    }
}
