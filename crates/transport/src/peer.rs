//! Who is on the other end of a connection, as far as the sockets can tell.

use std::net::SocketAddr;
use std::sync::Arc;

use provost_pki::PresentedChain;
use rustls_pki_types::CertificateDer;

use crate::tls::Secured;

/// The remote address and the certificates the peer showed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Remote address of the socket.
    pub address: SocketAddr,
    /// The chain as sent, leaf first; empty when the peer showed none. The TLS handshake proved
    /// that the peer owns the leaf's key and nothing else: no chain was built, no date compared.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

impl Peer {
    /// The peer of a stream whose handshake is done.
    pub fn of<S>(stream: &Secured<S>, address: SocketAddr) -> Self {
        let (_, session) = stream.get_ref();
        Self {
            address,
            certificates: session.peer_certificates().unwrap_or_default().into(),
        }
    }

    /// The certificates, parsed. `None` when the peer showed none, or something that cannot be read:
    /// that proves nothing, and is no reason to refuse another proof beside it.
    pub fn chain(&self) -> Option<PresentedChain> {
        if self.certificates.is_empty() {
            return None;
        }
        match PresentedChain::from_der_list(self.certificates.iter().map(AsRef::as_ref)) {
            Ok(chain) => Some(chain),
            Err(error) => {
                tracing::info!(peer = %self.address, %error, "the client's certificates cannot be read");
                None
            }
        }
    }
}
