//! TLS for devices and people: one server identity, a client certificate asked for and never
//! judged.
//!
//! - [`server_config`] makes the rustls configuration: TLS 1.2 and 1.3, no session resumption,
//!   [`ClientCertificates`] as the client verifier.
//! - [`ReloadingIdentity`] serves the certificate and follows its files.
//! - [`handshake`] runs one handshake under a time limit.
//!
//! The handshake proves that the peer owns the key of the certificate it shows. Whether that
//! certificate is welcome is decided by the services, so that every refusal has a reason.

mod client_certificates;
mod handshake;
mod identity;
mod reloading_identity;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{ServerConfig, version};

pub use self::client_certificates::ClientCertificates;
pub use self::handshake::{HandshakeError, Secured, handshake};
pub use self::identity::{IdentityError, ServerIdentity};
pub use self::reloading_identity::{Reload, ReloadingIdentity};

/// ALPN name of HTTP/1.1 (RFC 7301).
pub const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

/// The one cryptography provider of the process; never taken from a process-wide default.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The configuration of a listener that shows `identity`.
///
/// `alpn` lists what is accepted when the client asks for a protocol: [`ALPN_HTTP_1_1`] for
/// HTTPS, nothing for MQTT, whose clients ask for names of their own that are then ignored.
/// Resumption is off: a resumed session would skip the question for the certificate
/// (docs/decisions/0007).
pub fn server_config(
    identity: Arc<dyn ResolvesServerCert>,
    alpn: &[&[u8]],
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = provider();
    let verifier = Arc::new(ClientCertificates::new(&provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}
