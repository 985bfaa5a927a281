use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost::config::Config;
use provost_ca::PublicAddresses;
use provost_model::registry::{Ca, CaId, DelegatedResponder, ResponderState};
use provost_model::{Clock, Timestamp};
use provost_pki::Certificate;
use provost_store::{ReadTx, StoreError};
use provost_testkit::{ManualClock, OpensslFolder, TestServer, eventually};

use super::plant::{Plant, namespace, policy};
use super::publication::send;

const DAY: Duration = Duration::from_hours(24);
const UNAUTHORIZED: [u8; 5] = [0x30, 3, 0x0a, 1, 6];
const MALFORMED: [u8; 5] = [0x30, 3, 0x0a, 1, 1];

fn with_ocsp(config: &mut Config) {
    config.http_port = Some(0);
    config.registry.publication = PublicAddresses::new(["http://pki.example".to_owned()], true);
}

/// A relying party with openssl, its files in a folder of its own.
struct RelyingParty {
    folder: OpensslFolder,
    base: String,
}

impl RelyingParty {
    fn new(plant: &Plant) -> Self {
        let address = plant.server.http_address().expect("plain HTTP is served");
        Self {
            folder: OpensslFolder::new(),
            base: format!("http://{address}"),
        }
    }

    /// Keeps a chain as leaf.pem, ica.pem and root.pem.
    fn keep(&self, chain: &[Vec<u8>]) {
        for (name, der) in ["leaf.pem", "ica.pem", "root.pem"].iter().zip(chain) {
            let pem = Certificate::from_der(der).unwrap().to_pem();
            self.folder.write(name, pem);
        }
    }

    fn openssl(&self, arguments: &str) -> String {
        let done = self.folder.ask(arguments);
        let said = [done.stdout, done.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Asks a CA's responder over HTTP; the answer is verified under the root.
    fn ask(&self, ca: &CaId, options: &str, which: &str) -> String {
        self.openssl(&format!(
            "ocsp {options} {which} -url {}/ocsp/{ca} -CAfile root.pem -verify_other ica.pem",
            self.base
        ))
    }

    /// The same about the leaf.
    fn ask_of_leaf(&self, ca: &CaId, options: &str) -> String {
        let said = self.ask(ca, options, "-issuer ica.pem -cert leaf.pem");
        assert!(said.contains("Response verify OK"), "{said}");
        said
    }

    /// A request as openssl writes it.
    fn request(&self, options: &str) -> Vec<u8> {
        self.openssl(&format!("ocsp {options} -reqout req.der"));
        self.folder.bytes("req.der")
    }
}

async fn read<T: Send + 'static>(
    plant: &Plant,
    read: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    plant.server.stored().store().read(read).await.unwrap()
}

/// Who answers for a CA, once somebody does.
async fn responder(plant: &Plant, ca: &CaId) -> DelegatedResponder {
    eventually("a responder answers for the CA", async || {
        let ca = ca.clone();
        read(plant, move |tx| tx.ocsp_responder(&ca)).await
    })
    .await
}

async fn root(plant: &Plant, issuing: &Ca) -> Ca {
    let id = issuing.parent.clone().unwrap();
    read(plant, move |tx| tx.ca(&id)).await.unwrap()
}

/// A plant that is answered for, the CA of its policy, and a relying party that keeps the leaf of `press`.
async fn open_with_a_leaf() -> (Plant, Ca, RelyingParty) {
    let plant = Plant::open_with(with_ocsp, false).await;
    let issuing = plant.policy().await.issuing.unwrap();
    responder(&plant, &issuing.id).await;
    let leaf = plant.certify("press").await;
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    (plant, issuing, party)
}

/// openssl is told good, revoked and unknown, with a nonce and without, for identifiers with SHA-1 and
/// SHA-256, and every answer verifies; a revocation is told from the next answer on.
#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_told_good_revoked_and_unknown_and_every_answer_verifies() {
    let (plant, issuing, party) = open_with_a_leaf().await;
    let ways = ["", "-no_nonce", "-sha256", "-sha256 -no_nonce"];
    for way in ways {
        let said = party.ask_of_leaf(&issuing.id, way);
        assert!(said.contains("leaf.pem: good"), "{way}: {said}");
        assert!(
            !said.contains("no nonce in response"),
            "{way}: a nonce that was sent comes back: {said}"
        );
    }
    plant.revoke("press", false).await;
    for way in ways {
        let said = party.ask_of_leaf(&issuing.id, way);
        assert!(said.contains("leaf.pem: revoked"), "{way}: {said}");
        assert!(said.contains("Revocation Time:"), "{way}: {said}");
    }
    let never = party.ask(&issuing.id, "", "-issuer ica.pem -serial 0x4242");
    assert!(
        never.contains("Response verify OK") && never.contains("4242: unknown"),
        "{never}"
    );
    let metrics = plant.server.own_api().get("/provost/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.raw);
    for (status, count) in [("good", 4), ("revoked", 4), ("unknown", 1)] {
        let line = format!("provost_ocsp_answers_total{{status=\"{status}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// Our own relying party is told the same.
#[tokio::test(flavor = "multi_thread")]
async fn cert_verify_is_told_good_and_revoked_and_refuses_what_says_nothing() {
    let plant = Plant::open_with(with_ocsp, false).await;
    let issuing = plant.policy().await.issuing.unwrap();
    responder(&plant, &issuing.id).await;
    let leaf = plant.certify("press").await;
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    let verify = |path: &str| {
        let done = Command::new(provost_testkit::program())
            .args(["cert", "verify", "leaf.pem", "ica.pem", "--anchor", "root.pem"])
            .args(["--ocsp", &format!("{}{path}", party.base)])
            .current_dir(party.folder.path())
            .output()
            .unwrap();
        let document: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
        let status = document["ocsp"][0]["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (done.status.code(), status)
    };
    let own = format!("/ocsp/{}", issuing.id);
    assert_eq!(verify(&own), (Some(0), "good".to_owned()));
    // The root's responder does not answer for what the issuing CA signed, and there is none elsewhere.
    let of_root = format!("/ocsp/{}", root(&plant, &issuing).await.id);
    for path in [&of_root, "/nothing-here"] {
        assert_eq!(verify(path), (Some(1), "unreachable".to_owned()), "{path}");
    }
    plant.revoke("press", false).await;
    assert_eq!(verify(&own), (Some(1), "revoked".to_owned()));
}

/// Several certificates in one request, each with its own status.
#[tokio::test(flavor = "multi_thread")]
async fn one_request_may_ask_about_several_certificates() {
    let (_plant, issuing, party) = open_with_a_leaf().await;
    let said = party.ask_of_leaf(&issuing.id, "-issuer ica.pem -serial 0x4242");
    assert!(
        said.contains("4242: unknown") && said.contains("leaf.pem: good"),
        "{said}"
    );
    let too_many = (1..=9).map(|serial| format!(" -serial {serial}"));
    let too_many = format!("-issuer ica.pem{}", too_many.collect::<String>());
    let refused = party.ask(&issuing.id, "", &too_many);
    assert!(refused.contains("malformedrequest"), "{refused}");
}

/// The root tells of its issuing CAs; a CA that was revoked tells nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_issuing_ca_is_told_of_by_its_root_and_answers_no_more() {
    let plant = Plant::open_with(with_ocsp, false).await;
    let old = plant.policy().await.issuing.unwrap();
    let root = root(&plant, &old).await;
    responder(&plant, &root.id).await;
    let served = responder(&plant, &old.id).await;
    let leaf = plant.certify("press").await;
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    let ask = || party.ask(&root.id, "", "-issuer root.pem -cert ica.pem");
    let said = ask();
    assert!(
        said.contains("Response verify OK") && said.contains("ica.pem: good"),
        "{said}"
    );
    plant.revoke_issuer().await;
    let said = ask();
    assert!(
        said.contains("Response verify OK") && said.contains("ica.pem: revoked"),
        "{said}"
    );
    let silent = party.ask(&old.id, "", "-issuer ica.pem -cert leaf.pem");
    assert!(silent.contains("unauthorized"), "{silent}");
    eventually("the key that answered for it is destroyed", async || {
        let ended = read(&plant, |tx| tx.ocsp_responders_in_state(ResponderState::Ended)).await;
        ended
            .iter()
            .any(|ended| ended.serial == served.serial)
            .then_some(())
    })
    .await;
    let new = plant.policy().await.issuing.unwrap();
    responder(&plant, &new.id).await;
    let again = plant.certify("press").await;
    party.keep(&again.chain);
    let said = party.ask_of_leaf(&new.id, "");
    assert!(said.contains("leaf.pem: good"), "{said}");
}

/// RFC 5019 6: a GET without a nonce may be kept by caches, and is the same until something changes; one with
/// a nonce may not.
#[tokio::test(flavor = "multi_thread")]
async fn a_get_without_a_nonce_may_be_kept_and_one_with_a_nonce_may_not() {
    let (plant, issuing, party) = open_with_a_leaf().await;
    let path = |options: &str| {
        let request = party.request(&format!("{options} -issuer ica.pem -cert leaf.pem"));
        let text = STANDARD.encode(request);
        let encoded = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        (
            format!("/ocsp/{}/{encoded}", issuing.id),
            format!("/ocsp/{}/{text}", issuing.id),
        )
    };
    let (encoded, plain) = path("-no_nonce");
    let (head, first) = send(&plant, "GET", &encoded, "", &[]).await;
    for line in [
        "HTTP/1.1 200",
        "content-type: application/ocsp-response",
        "cache-control: public, max-age=3600",
        "etag: \"",
        "expires: ",
        "last-modified: ",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    let (_, second) = send(&plant, "GET", &plain, "", &[]).await;
    assert_eq!(first, second, "signed once, whether slashes are encoded or not");
    let etag = head.lines().find(|line| line.starts_with("etag:")).unwrap();
    let condition = etag.replace("etag", "If-None-Match") + "\r\n";
    let (unchanged, nothing) = send(&plant, "GET", &encoded, &condition, &[]).await;
    assert!(
        unchanged.starts_with("HTTP/1.1 304") && nothing.is_empty(),
        "{unchanged}"
    );
    plant.revoke("press", false).await;
    let (changed, revoked) = send(&plant, "GET", &encoded, &condition, &[]).await;
    assert!(
        changed.starts_with("HTTP/1.1 200") && revoked != first,
        "{changed}"
    );
    let (head, _) = send(&plant, "GET", &path("").0, "", &[]).await;
    assert!(
        head.contains("cache-control: no-store") && !head.contains("etag"),
        "{head}"
    );
}

/// What is not an OCSP request, not for this CA, or not for any, is refused in the way of its layer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_for_a_ca_is_refused() {
    let plant = Plant::open_with(with_ocsp, false).await;
    let issuing = plant.policy().await.issuing.unwrap();
    let root = root(&plant, &issuing).await;
    responder(&plant, &root.id).await;
    let leaf = plant.certify("press").await;
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    let of_issuing = party.request("-issuer ica.pem -cert leaf.pem");
    let media_type = "Content-Type: application/ocsp-request\r\n";
    let at_root = format!("/ocsp/{}", root.id);
    let foreign = send(&plant, "POST", &at_root, media_type, &of_issuing).await;
    assert!(
        foreign.0.starts_with("HTTP/1.1 200") && foreign.0.contains("no-store"),
        "{}",
        foreign.0
    );
    assert_eq!(foreign.1, UNAUTHORIZED);
    let malformed = send(&plant, "POST", &at_root, media_type, &[0x30, 0]).await;
    assert_eq!(malformed.1, MALFORMED);
    let malformed = send(&plant, "GET", &format!("{at_root}/notbase64!"), "", &[]).await;
    assert_eq!(malformed.1, MALFORMED);
    let large = vec![0; 5_000];
    let nobody = format!("/ocsp/{}", "0a".repeat(16));
    for (method, path, header, body, status) in [
        ("POST", at_root.as_str(), "", &of_issuing, 415),
        ("POST", at_root.as_str(), media_type, &large, 413),
        ("POST", nobody.as_str(), media_type, &of_issuing, 404),
        ("POST", "/ocsp/0a", media_type, &of_issuing, 404),
        ("GET", at_root.as_str(), "", &Vec::new(), 405),
        ("DELETE", at_root.as_str(), "", &Vec::new(), 405),
    ] {
        let (head, _) = send(&plant, method, path, header, body).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{method} {path}: {head}"
        );
    }
}

/// Certificates say where to ask only when it is switched on; else there is nothing to ask.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_unless_it_is_switched_on() {
    let bases = ["http://pki.example".to_owned()];
    for is_on in [false, true] {
        let configure = |config: &mut Config| {
            with_ocsp(config);
            config.registry.publication = PublicAddresses::new(bases.clone(), is_on);
        };
        let plant = Plant::open_with(configure, false).await;
        let issuing = plant.policy().await.issuing.unwrap();
        let leaf = plant.certify("press").await;
        let party = RelyingParty::new(&plant);
        party.keep(&leaf.chain);
        let said = party.openssl("x509 -in leaf.pem -noout -ocsp_uri");
        let wanted = if is_on {
            format!("http://pki.example/ocsp/{}", issuing.id)
        } else {
            String::new()
        };
        assert_eq!(said.trim(), wanted);
        let request = party.request("-issuer ica.pem -cert leaf.pem");
        let media_type = "Content-Type: application/ocsp-request\r\n";
        let path = format!("/ocsp/{}", issuing.id);
        let (head, _) = send(&plant, "POST", &path, media_type, &request).await;
        let status = if is_on { 200 } else { 404 };
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
}

/// Our issuing CA answers for what it signed, whoever its root belongs to.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuing_ca_under_a_customers_root_answers_for_its_leaves() {
    let plant = Plant::open_external(with_ocsp).await;
    let customer = super::external_root::Customer::new();
    super::external_root::activate_with(&plant, &customer).await;
    let issuing = plant.policy().await.issuing.unwrap();
    responder(&plant, &issuing.id).await;
    let leaf = plant.certify("press").await;
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    let said = party.ask_of_leaf(&issuing.id, "");
    assert!(said.contains("leaf.pem: good"), "{said}");
}

/// A policy that is deleted leaves leaves that go on, and a credential an issuing CA: both can be asked about
/// after the root's key is destroyed, and the leaves be revoked.
#[tokio::test(flavor = "multi_thread")]
async fn what_deleted_cas_signed_can_be_asked_about_to_the_end() {
    let (plant, clock) = open_with_clock().await;
    let issuing = plant.policy().await.issuing.unwrap();
    let root = root(&plant, &issuing).await;
    responder(&plant, &issuing.id).await;
    let leaf = plant.certify("press").await;
    let registry = plant.registry();
    let (namespace, policy) = (namespace(), policy());
    let deleted = registry.delete_policy(&plant.caller, &namespace, &policy);
    deleted.await.unwrap();
    let deleted = registry.delete_credential(&plant.caller, &namespace);
    deleted.await.unwrap();
    pass(&clock, Duration::from_secs(20));
    eventually("the key of the root is destroyed", async || {
        let id = root.id.clone();
        read(&plant, move |tx| tx.key_destroyed_at(&id)).await
    })
    .await;
    let last = responder(&plant, &root.id).await;
    assert!(last.not_after >= issuing.not_after.unwrap());
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    let said = party.ask(&root.id, "", "-issuer root.pem -cert ica.pem");
    assert!(
        said.contains("Response verify OK") && said.contains("ica.pem: good"),
        "{said}"
    );
    let said = party.ask_of_leaf(&issuing.id, "");
    assert!(said.contains("leaf.pem: good"), "{said}");
    plant.revoke("press", false).await;
    let said = party.ask_of_leaf(&issuing.id, "-no_nonce");
    assert!(said.contains("leaf.pem: revoked"), "{said}");
}

async fn open_with_clock() -> (Plant, ManualClock) {
    let (server, clock) = TestServer::start_with_clock_configured(with_ocsp).await;
    (Plant::on_with_policy(server).await, clock)
}

fn pass(clock: &ManualClock, by: Duration) {
    let now: Timestamp = clock.now();
    clock.set(now.after(by));
}

/// The same responder answers after a restart; at half of its life another one does, and its key is
/// destroyed.
#[tokio::test(flavor = "multi_thread")]
async fn a_responder_survives_a_restart_and_is_replaced_at_half_of_its_life() {
    let (mut plant, clock) = open_with_clock().await;
    let issuing = plant.policy().await.issuing.unwrap();
    let first = responder(&plant, &issuing.id).await;
    let leaf = plant.certify("press").await;
    plant.server.restart().await;
    let party = RelyingParty::new(&plant);
    party.keep(&leaf.chain);
    let said = party.ask_of_leaf(&issuing.id, "");
    assert!(said.contains("leaf.pem: good"), "{said}");
    assert_eq!(responder(&plant, &issuing.id).await, first);
    pass(&clock, 3 * DAY);
    plant.server.restart().await;
    assert_eq!(responder(&plant, &issuing.id).await, first, "not yet half");
    pass(&clock, DAY);
    plant.server.restart().await;
    let second = eventually("another responder answers", async || {
        let now = responder(&plant, &issuing.id).await;
        (now.serial != first.serial).then_some(now)
    })
    .await;
    assert!(second.not_after > first.not_after);
    pass(&clock, DAY / 24);
    plant.server.restart().await;
    eventually("the key of the first is destroyed", async || {
        let ended = read(&plant, |tx| tx.ocsp_responders_in_state(ResponderState::Ended)).await;
        ended
            .iter()
            .any(|ended| ended.serial == first.serial)
            .then_some(())
    })
    .await;
}
