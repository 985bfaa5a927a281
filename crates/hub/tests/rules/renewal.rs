//! Renewal with an issuer that waits when it is told to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provost_hub::{
    CertificateIssuer, DeviceSession, Feature, HubService, IssuerFuture, RenewalReply, RenewalStep,
    SessionEvent,
};
use provost_model::ambient::SystemRandom;
use provost_model::registry::{
    CaId, CertificateRefusal, CertificateRequest, Completion, DeviceIdentifier, PreparedCertificate,
};
use provost_model::{Assignment, CertificateDer, CredentialPolicyName, NamespaceName};
use provost_store::{StoreError, WriteTx};
use provost_wire::ApiVersion;
use serde_json::{Value, json};

use crate::house::{device, event};
use crate::managed::Plant;

/// Issues what it is asked for, unless it is closed: then it says that it cannot now.
#[derive(Default)]
pub(crate) struct Issuer {
    pub(crate) is_closed: AtomicBool,
    asked: AtomicUsize,
    pub(crate) completed: Mutex<Vec<String>>,
    moves: AtomicUsize,
}

/// What a certificate for a request may look like.
pub(crate) fn prepared(request: &CertificateRequest, number: i64) -> PreparedCertificate {
    PreparedCertificate {
        number,
        namespace: NamespaceName::parse("plant").unwrap(),
        device: request.device.clone(),
        device_id: request.device_id.clone(),
        policy: CredentialPolicyName::parse("line-7").unwrap(),
        ca: CaId::generate(&SystemRandom),
        identifier: DeviceIdentifier::generate(&SystemRandom),
        key_sha256: [0; 32],
        is_new_device: false,
        certificate: CertificateDer(vec![1]),
        issuers: Vec::new(),
        not_after: provost_model::Timestamp::from_unix_seconds(0),
    }
}

impl CertificateIssuer for Issuer {
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> IssuerFuture<'a, Result<PreparedCertificate, CertificateRefusal>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let prepared = if self.is_closed.load(Ordering::SeqCst) {
            Err(CertificateRefusal::Unavailable)
        } else {
            Ok(prepared(request, i64::try_from(number).unwrap()))
        };
        Box::pin(std::future::ready(prepared))
    }

    fn complete(
        &self,
        _tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError> {
        if self.moves.load(Ordering::SeqCst) > 0 {
            self.moves.fetch_sub(1, Ordering::SeqCst);
            return Ok(Completion::Moved);
        }
        let text = format!("{} of {}", prepared.number, at.device_id);
        self.completed.lock().unwrap().push(text);
        Ok(Completion::Issued)
    }
}

pub(crate) async fn plant(is_closed: bool) -> (Plant, Arc<Issuer>, DeviceSession) {
    let plant = Plant::new().await;
    let issuer = Arc::new(Issuer::default());
    issuer.is_closed.store(is_closed, Ordering::SeqCst);
    plant
        .house
        .service
        .issue_certificates_by(Arc::clone(&issuer) as Arc<dyn CertificateIssuer>);
    let identifier = plant.onboard("press-1").await;
    let session = plant.connect("press-1", &plant.leaf("press-1", identifier)).await;
    let session = session.unwrap();
    session.subscribe(Feature::CredentialResponses).await.unwrap();
    (plant, issuer, session)
}

pub(crate) async fn ask(
    session: &DeviceSession,
    rid: &str,
    csr: &str,
    replace: impl Into<Value>,
) -> (u16, Value) {
    let body = json!({ "id": "press-1", "csr": csr, "replace": replace.into() }).to_string();
    let reply = session.renew(rid, body.as_bytes()).await.unwrap().unwrap();
    assert_eq!(reply.rid, rid);
    read(&reply)
}

fn read(reply: &RenewalReply) -> (u16, Value) {
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

/// The outcome, once it is there.
pub(crate) async fn outcome(session: &DeviceSession) -> (u16, String) {
    loop {
        assert!(matches!(event(session).await, SessionEvent::Renewal));
        if let Some(reply) = session.take_renewal().await.unwrap() {
            return (reply.status, reply.rid);
        }
    }
}

/// Runs what the program spawns, until the session hears of an outcome.
async fn outcome_by(service: HubService, session: &DeviceSession) -> (u16, String) {
    tokio::select! {
        () = service.keep_renewals() => panic!("it goes on for ever"),
        outcome = outcome(session) => outcome,
    }
}

#[tokio::test]
async fn while_one_is_pending_another_waits_or_replaces_it() {
    let (plant, issuer, session) = plant(true).await;
    let (status, first) = ask(&session, "first", "AAAA", Value::Null).await;
    assert_eq!(status, 202);
    let (status, told) = ask(&session, "other", "BBBB", Value::Null).await;
    assert_eq!((status, &told["errorCode"]), (409, &json!(409_005)));
    assert_eq!(told["info"]["requestId"], "first");
    assert_eq!(told["info"]["correlationId"], first["correlationId"]);
    assert_eq!(told["info"]["operationExpires"], first["operationExpires"]);
    let (status, told) = ask(&session, "other", "BBBB", json!("wrong")).await;
    assert_eq!((status, &told["errorCode"]), (412, &json!(412_001)));
    assert_eq!(told["info"], json!({ "requestId": "wrong" }));
    // The same again goes on.
    let (status, again) = ask(&session, "first", "AAAA", Value::Null).await;
    assert_eq!((status, again), (202, first));
    // Not in a loop.
    let (status, told) = ask(&session, "other", "BBBB", json!("first")).await;
    assert_eq!((status, &told["errorCode"]), (429, &json!(429_002)));
    assert_eq!(told["retryAfter"], 2);
    plant.house.clock.advance(Duration::from_secs(2));
    assert_eq!(ask(&session, "other", "BBBB", json!("first")).await.0, 202);
    plant.house.clock.advance(Duration::from_secs(2));
    assert_eq!(ask(&session, "third", "CCCC", json!("*")).await.0, 202);
    issuer.is_closed.store(false, Ordering::SeqCst);
    plant.house.clock.advance(Duration::from_secs(1));
    let outcome = outcome_by(plant.house.service.clone(), &session).await;
    assert_eq!(outcome, (200, "third".to_owned()));
    assert_eq!(
        issuer.completed.lock().unwrap().len(),
        1,
        "the others were cancelled"
    );
}

#[tokio::test]
async fn what_was_accepted_is_finished_by_the_next_server_and_kept_for_the_device() {
    let (plant, issuer, session) = plant(true).await;
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    drop(session);
    issuer.is_closed.store(false, Ordering::SeqCst);
    plant.house.clock.advance(Duration::from_secs(1));
    let next = plant.house.second_node();
    next.issue_certificates_by(Arc::clone(&issuer) as Arc<dyn CertificateIssuer>);
    let identifier = plant.registered("press-1").await;
    let session = plant
        .connect("press-1", &plant.leaf("press-1", identifier))
        .await
        .unwrap();
    let work = tokio::spawn(next.keep_renewals());
    let is_done = async {
        while issuer.completed.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), is_done)
        .await
        .unwrap();
    work.abort();
    // Not listening: nothing comes, and nothing is lost.
    assert_eq!(session.take_renewal().await.unwrap(), None);
    session.subscribe(Feature::CredentialResponses).await.unwrap();
    // Written in the same transaction as completed; the commit may take a moment.
    let told = async {
        loop {
            if let Some(reply) = session.take_renewal().await.unwrap() {
                return reply;
            }
            tokio::task::yield_now().await;
        }
    };
    let reply = tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    assert_eq!((reply.status, reply.rid.as_str()), (200, "first"));
    assert_eq!(session.take_renewal().await.unwrap(), None, "told once");
}

#[tokio::test]
async fn after_twelve_hours_it_is_forgotten() {
    let (plant, _issuer, session) = plant(false).await;
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    assert_eq!(outcome(&session).await.0, 200);
    // Told again on request.
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    assert_eq!(outcome(&session).await.0, 200);
    plant.house.clock.advance(Duration::from_hours(12));
    assert_eq!(
        ask(&session, "first", "BBBB", Value::Null).await.0,
        202,
        "a new one"
    );
}

#[tokio::test]
async fn a_revocation_cancels_what_is_pending() {
    let (plant, issuer, session) = plant(true).await;
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    plant.revoke("press-1").await;
    let hub = plant.house.hub.name.clone();
    plant.house.service.recheck_device(&hub, &device("press-1")).await;
    issuer.is_closed.store(false, Ordering::SeqCst);
    plant.house.clock.advance(Duration::from_secs(1));
    let identifier = plant.registered("press-1").await;
    let session = plant
        .connect("press-1", &plant.leaf("press-1", identifier))
        .await
        .unwrap();
    session.subscribe(Feature::CredentialResponses).await.unwrap();
    assert_eq!(session.take_renewal().await.unwrap(), None);
    // The next one is not in its way.
    assert_eq!(ask(&session, "second", "BBBB", Value::Null).await.0, 202);
    assert_eq!(outcome(&session).await, (200, "second".to_owned()));
    assert_eq!(issuer.completed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_moved_meanwhile_is_prepared_anew() {
    let (_plant, issuer, session) = plant(false).await;
    issuer.moves.store(2, Ordering::SeqCst);
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    assert_eq!(outcome(&session).await, (200, "first".to_owned()));
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn without_a_policy_the_precondition_fails() {
    let (plant, _issuer, session) = plant(false).await;
    plant.change("press-1", |device| device.policy = None).await;
    let (status, told) = ask(&session, "first", "AAAA", Value::Null).await;
    assert_eq!((status, &told["errorCode"]), (412, &json!(412_005)));
}

#[tokio::test]
async fn a_name_that_is_none_is_told() {
    let (_plant, _issuer, session) = plant(false).await;
    let reply = session.renew("-ab-", b"{}").await.unwrap().unwrap();
    assert_eq!(read(&reply).1["errorCode"], 400_004);
}

/// How often a step was counted.
fn counted(service: &HubService, wanted: RenewalStep) -> u64 {
    let counts = service.renewal_counts();
    let of = counts.iter().filter(|(_, step, _)| *step == wanted);
    of.map(|(_, _, count)| count).sum()
}

#[tokio::test]
async fn a_session_of_an_older_version_is_told_so() {
    let (plant, issuer, session) = plant(false).await;
    for version in ["2021-04-12", ""] {
        let session = plant
            .connect(
                "press-1",
                &plant.leaf("press-1", plant.registered("press-1").await),
            )
            .await
            .unwrap()
            .speaking(ApiVersion::new(version));
        session.subscribe(Feature::CredentialResponses).await.unwrap();
        let (status, told) = ask(&session, "first", "AAAA", Value::Null).await;
        assert_eq!((status, &told["errorCode"]), (400, &json!(400_001)), "{version}");
    }
    drop(session);
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 0);
    let refused = RenewalStep::Refused(400_001);
    assert_eq!(counted(&plant.house.service, refused), 2);
}

#[tokio::test]
async fn what_nothing_could_be_issued_for_in_twelve_hours_ends_with_a_number() {
    let (plant, issuer, session) = plant(true).await;
    let service = &plant.house.service;
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    plant.house.clock.advance(Duration::from_hours(12));
    let told = async {
        loop {
            assert!(matches!(event(&session).await, SessionEvent::Renewal));
            if let Some(reply) = session.take_renewal().await.unwrap() {
                return read(&reply);
            }
        }
    };
    let (status, told) = tokio::select! {
        () = service.clone().keep_renewals() => panic!("it goes on for ever"),
        told = told => told,
    };
    assert_eq!((status, &told["errorCode"]), (429, &json!(429_003)));
    assert_eq!(told["retryAfter"], 30);
    assert_eq!(counted(service, RenewalStep::Failed(429_003)), 1);
    assert_eq!(counted(service, RenewalStep::DeliveredLate), 1);
    assert!(service.renewals_pending().await.unwrap().is_empty());
    // The same request is a new one then.
    issuer.is_closed.store(false, Ordering::SeqCst);
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    assert_eq!(outcome(&session).await, (200, "first".to_owned()));
}

#[tokio::test]
async fn every_step_of_a_renewal_is_counted() {
    let (plant, issuer, session) = plant(true).await;
    let service = &plant.house.service;
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    assert_eq!(ask(&session, "first", "AAAA", Value::Null).await.0, 202);
    assert_eq!(ask(&session, "other", "BBBB", Value::Null).await.0, 409);
    plant.house.clock.advance(Duration::from_secs(2));
    issuer.is_closed.store(false, Ordering::SeqCst);
    assert_eq!(ask(&session, "other", "BBBB", json!("*")).await.0, 202);
    assert_eq!(outcome(&session).await, (200, "other".to_owned()));
    for (step, expected) in [
        (RenewalStep::Accepted, 2),
        (RenewalStep::Repeated, 1),
        (RenewalStep::Refused(409_005), 1),
        (RenewalStep::Replaced, 1),
        (RenewalStep::Issued, 1),
        (RenewalStep::Delivered, 1),
    ] {
        assert_eq!(counted(service, step), expected, "{step:?}");
    }
}
