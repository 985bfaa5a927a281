use std::time::Duration;

use provost_model::registry::{Ca, CaId};
use provost_pki::Certificate;
use provost_pki::crl::Crl;
use provost_store::{CrlPart, ReadTx, StoreError};
use provost_testkit::{OpensslFolder, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::plant::Plant;

pub(super) fn with_plain_http(config: &mut provost::config::Config) {
    config.http_port = Some(0);
}

/// One request without a body over plain HTTP: head, in lower case, and body.
pub(super) async fn ask(plant: &Plant, method: &str, path: &str, header: &str) -> (String, Vec<u8>) {
    let (head, body) = send(plant, method, path, header, b"").await;
    (head.to_ascii_lowercase(), body)
}

/// One request over plain HTTP: head and body of the answer.
pub(super) async fn send(
    plant: &Plant,
    method: &str,
    path: &str,
    header: &str,
    body: &[u8],
) -> (String, Vec<u8>) {
    let address = plant.server.http_address().expect("plain HTTP is served");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: ca\r\nConnection: close\r\nContent-Length: {length}\r\n{header}\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer[end + 4..].to_vec())
}

fn address(ca: &CaId) -> String {
    format!("/crl/{ca}/0.crl")
}

/// The CRL of a CA once nothing is left to be told; its signature holds.
async fn told(plant: &Plant, ca: &Ca) -> Crl {
    let part = CrlPart {
        ca: ca.id.clone(),
        shard: 0,
    };
    let store = plant.server.stored().store().clone();
    eventually("the CRL tells everything", async || {
        let part = part.clone();
        let crl = store.read(move |tx: &ReadTx<'_>| tx.crl(&part)).await;
        let crl: Option<provost_store::StoredCrl> = crl.unwrap_or_else(|error: StoreError| panic!("{error}"));
        crl.filter(|crl| crl.untold == 0).map(|_| ())
    })
    .await;
    let (head, body) = ask(plant, "GET", &address(&ca.id), "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let crl = Crl::from_der(&body).unwrap();
    let certificate = Certificate::from_der(&ca.certificate.as_ref().unwrap().0).unwrap();
    crl.verify(&certificate).unwrap();
    crl
}

/// what was revoked stands on the CRL of its CA, whose number grew, and whoever checks it with
/// openssl refuses the leaf; the hub refuses it whether there is a CRL or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_008_a_revoked_leaf_stands_on_the_crl_of_its_ca_and_openssl_refuses_it() {
    let plant = Plant::open_with(with_plain_http, false).await;
    let issuing = plant.policy().await.issuing.unwrap();
    let leaf = plant.certify("press").await;
    let before = told(&plant, &issuing).await;
    assert!(before.is_empty());
    plant.revoke("press", false).await;
    assert!(!plant.connects(&leaf).await, "at once, whatever the CRL says");
    let after = told(&plant, &issuing).await;
    assert!(after.number() > before.number());
    let certificate = Certificate::from_der(&leaf.chain[0]).unwrap();
    let serial = provost_model::registry::SerialNumber::parse(&certificate.serial_hex()).unwrap();
    assert!(after.entry(&serial).is_some());
    assert!(openssl_accepts(&leaf.chain, &before, &plant).await);
    assert!(!openssl_accepts(&leaf.chain, &after, &plant).await);
}

/// the root's CRL is kept without anybody's doing, and names an issuing CA that was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_023_a_revoked_issuing_ca_stands_on_the_crl_of_the_root() {
    let plant = Plant::open_with(with_plain_http, false).await;
    let old = plant.policy().await.issuing.unwrap();
    let root = root(&plant, &old).await;
    let before = told(&plant, &root).await;
    assert!(before.is_empty());
    plant.revoke_issuer().await;
    let after = told(&plant, &root).await;
    let certificate = Certificate::from_der(&old.certificate.unwrap().0).unwrap();
    let serial = provost_model::registry::SerialNumber::parse(&certificate.serial_hex()).unwrap();
    assert!(after.number() > before.number() && after.entry(&serial).is_some());
}

/// What is asked again is not sent again, and nothing else is served there.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_serves_crls_and_certificates_and_nothing_else() {
    let plant = Plant::open_with(with_plain_http, false).await;
    let issuing = plant.policy().await.issuing.unwrap();
    told(&plant, &issuing).await;
    let path = address(&issuing.id);
    let (head, body) = ask(&plant, "GET", &path, "").await;
    assert!(head.contains("content-type: application/pkix-crl"), "{head}");
    assert!(head.contains("cache-control: public, max-age="), "{head}");
    let etag = head.lines().find(|line| line.starts_with("etag:")).unwrap();
    let condition = etag.replace("etag", "If-None-Match") + "\r\n";
    let (again, nothing) = ask(&plant, "GET", &path, &condition).await;
    assert!(again.starts_with("http/1.1 304") && nothing.is_empty(), "{again}");
    let (only_head, nothing) = ask(&plant, "HEAD", &path, "").await;
    assert!(
        only_head.contains(&format!("content-length: {}", body.len())) && nothing.is_empty(),
        "{only_head}"
    );
    let (head, certificate) = ask(&plant, "GET", &format!("/ca/{}.cer", issuing.id), "").await;
    assert!(head.contains("content-type: application/pkix-cert"), "{head}");
    assert_eq!(certificate, issuing.certificate.unwrap().0);
    for (method, path, status) in [
        ("POST", path.as_str(), 405),
        ("DELETE", path.as_str(), 405),
        ("GET", "/provost/health", 404),
        ("GET", "/", 404),
        ("GET", &path.replace("/0.", "/1."), 404),
    ] {
        let (head, _) = ask(&plant, method, path, "").await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{method} {path}: {head}"
        );
    }
}

async fn root(plant: &Plant, issuing: &Ca) -> Ca {
    let id = issuing.parent.clone().unwrap();
    let read = move |tx: &ReadTx<'_>| tx.ca(&id);
    plant.server.stored().store().read(read).await.unwrap().unwrap()
}

/// What openssl says of a leaf under its root with CRLs of everything above it.
async fn openssl_accepts(chain: &[Vec<u8>], crl: &Crl, plant: &Plant) -> bool {
    let issuing = plant.policy().await.issuing.unwrap();
    let of_root = told(plant, &root(plant, &issuing).await).await;
    let certificates: Vec<_> = chain
        .iter()
        .map(|der| Certificate::from_der(der).unwrap().to_pem())
        .collect();
    let crls = provost_model::pem("X509 CRL", crl.der()) + &provost_model::pem("X509 CRL", of_root.der());
    let [leaf, above, root] = &certificates[..] else {
        panic!("a chain of {}", chain.len());
    };
    OpensslFolder::new().accepts(leaf, above, root, &crls)
}

/// a CRL that nobody can fetch, or that has run out, changes nothing at the hub.
#[tokio::test(flavor = "multi_thread")]
async fn a_009_a_crl_out_of_reach_or_out_of_date_changes_nothing_at_the_hub() {
    let (plant, clock) = Plant::open_with_clock().await;
    assert_eq!(plant.server.http_address(), None, "nothing serves a CRL");
    let press = plant.certify("press").await;
    let drill = plant.certify("drill").await;
    plant.revoke("press", false).await;
    for _ in 0..2 {
        assert!(!plant.connects(&press).await);
        assert!(plant.connects(&drill).await);
        // Longer than any CRL is valid, and shorter than the leaves are.
        clock.advance(Duration::from_hours(24 * 12));
    }
}

/// the root's CRL is there from the beginning, and nobody has to do anything for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_032_the_crl_of_the_root_is_kept_without_anybodys_doing() {
    let plant = Plant::open_with(with_plain_http, false).await;
    let issuing = plant.policy().await.issuing.unwrap();
    let root = root(&plant, &issuing).await;
    let first = told(&plant, &root).await;
    assert!(first.is_empty());
    for times in 1..=2 {
        plant.revoke_issuer().await;
        let crl = told(&plant, &root).await;
        assert!(crl.number() > first.number());
        assert_eq!(crl.len(), times);
    }
}
