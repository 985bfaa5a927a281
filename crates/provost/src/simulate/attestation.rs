use std::sync::Arc;

use provost_attestation::symmetric::derive_device_key;
use provost_device::tls::{ClientTls, TlsVersion};
use provost_model::SymmetricKey;
use provost_model::ambient::{SystemClock, SystemRandom};

use super::authority::{Authority, AuthorityError};
use super::network::Network;

/// How the devices of a group prove themselves.
#[derive(Clone)]
pub(super) enum Attestation {
    /// With certificates this authority signs.
    X509(Arc<Authority>),
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
}

impl Attestation {
    /// Makes what a device holds.
    pub(super) fn device(&self, network: &Network, registration_id: &str) -> Result<Proof, AuthorityError> {
        match self {
            Self::X509(authority) => {
                let identity = authority.device(registration_id, &SystemClock, &SystemRandom)?;
                let tls = ClientTls::new(&network.roots, Some(&identity), TlsVersion::Any)?;
                Ok(Proof { tls, key: None })
            }
            Self::Symmetric(group_key) => Ok(Proof {
                tls: network.tls.clone(),
                key: Some(derive_device_key(group_key, registration_id)),
            }),
        }
    }
}
