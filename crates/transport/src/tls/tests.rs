//! Handshakes over an in-memory stream.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use provost_pki::issue::{KeyAlgorithm, Profile};
use rustls::{ClientConfig, HandshakeKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

use super::*;
use crate::fixture::Identity;
use crate::peer::Peer;

const LIMIT: Duration = Duration::from_secs(10);
static VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

type ServerSide = Result<Secured<DuplexStream>, HandshakeError>;
type ClientSide = std::io::Result<tokio_rustls::client::TlsStream<DuplexStream>>;

async fn shake(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> (ServerSide, ClientSide) {
    let (near, far) = duplex(64 * 1024);
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = async {
        let mut stream = TlsConnector::from(client).connect(name, far).await?;
        // In TLS 1.3 the client is done before the server has judged its certificate.
        stream.write_all(b"x").await?;
        stream.flush().await?;
        Ok(stream)
    };
    tokio::join!(handshake(server, near, LIMIT), connecting)
}

fn client_identity(algorithm: KeyAlgorithm) -> Identity {
    Identity::new("device-1", &Profile::Client, algorithm)
}

async fn chain_seen_by_server(
    server: &Identity,
    shown: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<Vec<CertificateDer<'static>>, HandshakeError> {
    let config = server_config(server.server_identity(), &[]).unwrap();
    let client = Arc::new(server.client(shown, &[version]));
    let (accepted, _client) = shake(config, client).await;
    let peer = Peer::of(&accepted?, "127.0.0.1:1".parse().unwrap());
    Ok(peer.certificates.to_vec())
}

#[tokio::test]
async fn client_certificates_of_every_kind_are_shown_and_not_judged() {
    let server = Identity::server();
    for algorithm in [
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Ed25519,
    ] {
        let client = client_identity(algorithm);
        for version in VERSIONS {
            let shown = Some((client.chain(), client.private_key()));
            let seen = chain_seen_by_server(&server, shown, version).await.unwrap();
            assert_eq!(seen, client.chain(), "{algorithm:?} {version:?}");
        }
    }
}

#[tokio::test]
async fn a_client_without_certificate_is_welcome() {
    let server = Identity::server();
    for version in VERSIONS {
        assert!(
            chain_seen_by_server(&server, None, version)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_certificate_whose_key_the_client_does_not_own_is_refused() {
    let server = Identity::server();
    let (victim, thief) = (
        client_identity(KeyAlgorithm::P256),
        client_identity(KeyAlgorithm::P256),
    );
    for version in VERSIONS {
        let shown = Some((victim.chain(), thief.private_key()));
        let error = chain_seen_by_server(&server, shown, version).await.unwrap_err();
        assert!(matches!(error, HandshakeError::Failed(_)), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("BadSignature"), "{cause}");
    }
}

/// The certificate as version 1: no version field, no extensions. The signature over it is of no
/// interest to the handshake.
fn version_1_of(identity: &Identity) -> CertificateDer<'static> {
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len().to_be_bytes();
        let length = match content.len() {
            0..128 => &length[7..],
            128..256 => &[0x81, length[7]],
            _ => &[0x82, length[6], length[7]],
        };
        [&[tag], length, content].concat()
    }
    let algorithm = [
        0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
    ];
    let instant = |text: &[u8]| [&[0x17, 13], text].concat();
    let validity = [instant(b"200101000000Z"), instant(b"450101000000Z")].concat();
    let length = u8::try_from(validity.len()).unwrap();
    let certificate = &identity.certificate;
    let tbs = [
        &[0x02, 1, 7],
        &algorithm[..],
        certificate.issuer_der(),
        &[0x30, length],
        &validity,
        certificate.subject_der(),
        certificate.spki_der(),
    ]
    .concat();
    let tbs = der(0x30, &tbs);
    let signature = [&[0x03, 33, 0][..], &[1; 32]].concat();
    der(0x30, &[&tbs[..], &algorithm, &signature].concat()).into()
}

#[tokio::test]
async fn a_version_1_certificate_proves_its_key() {
    let (server, client) = (Identity::server(), client_identity(KeyAlgorithm::P256));
    let thief = client_identity(KeyAlgorithm::P256);
    let certificate = version_1_of(&client);
    for version in VERSIONS {
        let shown = Some((vec![certificate.clone()], client.private_key()));
        let seen = chain_seen_by_server(&server, shown, version).await.unwrap();
        assert_eq!(seen, std::slice::from_ref(&certificate));
        let shown = Some((vec![certificate.clone()], thief.private_key()));
        assert!(chain_seen_by_server(&server, shown, version).await.is_err());
    }
}

#[tokio::test]
async fn sessions_are_never_resumed() {
    let server = Identity::server();
    let client = client_identity(KeyAlgorithm::P256);
    let config = server_config(server.server_identity(), &[]).unwrap();
    for version in VERSIONS {
        let shown = Some((client.chain(), client.private_key()));
        // This client stores sessions and offers to resume them.
        let connecting = Arc::new(server.client(shown, &[version]));
        for _ in 0..2 {
            let (accepted, connected) = shake(Arc::clone(&config), Arc::clone(&connecting)).await;
            let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
            // Lets a ticket arrive, if there were one.
            accepted.write_all(b"y").await.unwrap();
            accepted.flush().await.unwrap();
            connected.read_exact(&mut [0]).await.unwrap();
            // A changed key share is not a resumption; only `Resumed` would skip the verifier.
            assert_ne!(
                accepted.get_ref().1.handshake_kind(),
                Some(HandshakeKind::Resumed)
            );
            assert!(accepted.get_ref().1.handshake_kind().is_some());
        }
    }
}

#[tokio::test]
async fn alpn_is_chosen_for_https_and_ignored_for_mqtt() {
    let server = Identity::server();
    for (offered, accepted_names, chosen) in [
        (b"http/1.1".as_slice(), &[ALPN_HTTP_1_1][..], Some(ALPN_HTTP_1_1)),
        (b"mqtt", &[], None),
    ] {
        let config = server_config(server.server_identity(), accepted_names).unwrap();
        let mut client = server.client(None, &VERSIONS);
        client.alpn_protocols = vec![b"h2".to_vec(), offered.to_vec()];
        let (accepted, _client) = shake(config, Arc::new(client)).await;
        assert_eq!(accepted.unwrap().get_ref().1.alpn_protocol(), chosen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up() {
    let config = server_config(Identity::server().server_identity(), &[]).unwrap();
    let (near, _far) = duplex(1_024);
    assert!(matches!(
        handshake(config, near, LIMIT).await,
        Err(HandshakeError::Stalled)
    ));
}

#[tokio::test]
async fn nonsense_is_a_failed_handshake() {
    let config = server_config(Identity::server().server_identity(), &[]).unwrap();
    let (near, mut far) = duplex(1_024);
    far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(matches!(
        handshake(config, near, LIMIT).await,
        Err(HandshakeError::Failed(_))
    ));
}

fn write(path: &Path, text: &str, age: u64) {
    fs::write(path, text).unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
}

#[test]
fn a_changed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let (old, new) = (Identity::server(), Identity::server());
    let store = |identity: &Identity, age| {
        write(
            &certificate,
            &provost_model::pem("CERTIFICATE", identity.certificate.der()),
            age,
        );
        write(&key, identity.key.to_pkcs8_pem().unwrap().expose(), age);
    };
    store(&old, 30);
    let identity = ReloadingIdentity::from_pem_files(&certificate, &key).unwrap();
    assert!(matches!(identity.reload_if_changed(), Reload::Unchanged));

    // The certificate comes first, its key a moment later.
    write(
        &certificate,
        &provost_model::pem("CERTIFICATE", new.certificate.der()),
        20,
    );
    assert!(matches!(
        identity.reload_if_changed(),
        Reload::Kept(IdentityError::Unusable(_))
    ));
    assert_eq!(identity.current().chain(), old.chain());
    assert!(
        matches!(identity.reload_if_changed(), Reload::Unchanged),
        "said once"
    );
    store(&new, 10);
    assert!(matches!(identity.reload_if_changed(), Reload::Reloaded));
    assert_eq!(identity.current().chain(), new.chain());

    write(&certificate, "no pem", 5);
    assert!(matches!(
        identity.reload_if_changed(),
        Reload::Kept(IdentityError::NoCertificate(_))
    ));
    fs::remove_file(&key).unwrap();
    assert!(matches!(identity.reload_if_changed(), Reload::Kept(_)));
    assert_eq!(identity.current().chain(), new.chain());
}
