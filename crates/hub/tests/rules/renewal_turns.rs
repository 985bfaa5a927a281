//! Many devices renew at once: so many are worked on at a time, and the others wait for their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use provost_hub::{CertificateIssuer, DeviceSession, Feature, IssuerFuture, SessionEvent};
use provost_model::Assignment;
use provost_model::registry::{CertificateRefusal, CertificateRequest, Completion, PreparedCertificate};
use provost_store::{ReadTx, StoreError, WriteTx};
use serde_json::json;
use tokio::sync::watch;

use crate::house::event;
use crate::managed::Plant;
use crate::renewal::prepared;

/// How many the hub works on at a time.
const AT_A_TIME: usize = 32;
const DEVICES: usize = AT_A_TIME + 8;
const SOON: Duration = Duration::from_secs(20);

/// Holds everything it is asked for until it is opened.
struct Gate {
    is_open: watch::Sender<bool>,
    inside: AtomicUsize,
    most: AtomicUsize,
    asked: AtomicUsize,
}

impl Gate {
    async fn pass(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        let mut is_open = self.is_open.subscribe();
        is_open.wait_for(|is_open| *is_open).await.unwrap();
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl CertificateIssuer for Gate {
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> IssuerFuture<'a, Result<PreparedCertificate, CertificateRefusal>> {
        Box::pin(async move {
            self.pass().await;
            Ok(prepared(request, 1))
        })
    }

    fn complete(
        &self,
        _tx: &WriteTx<'_>,
        _prepared: &PreparedCertificate,
        _at: &Assignment,
    ) -> Result<Completion, StoreError> {
        Ok(Completion::Issued)
    }
}

async fn asking(plant: &Plant, id: &str) -> DeviceSession {
    let identifier = plant.onboard(id).await;
    let session = plant.connect(id, &plant.leaf(id, identifier)).await.unwrap();
    session.subscribe(Feature::CredentialResponses).await.unwrap();
    let body = json!({ "id": id, "csr": "AAAA" }).to_string();
    let reply = session.renew("first", body.as_bytes()).await.unwrap().unwrap();
    assert_eq!(reply.status, 202, "{id} does not wait to be told that");
    session
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("it comes to that");
}

#[tokio::test]
async fn renewals_beyond_a_number_wait_for_their_turn_and_one_called_off_meanwhile_costs_nothing() {
    let plant = Plant::new().await;
    let gate = Arc::new(Gate {
        is_open: watch::Sender::new(false),
        inside: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
    });
    plant
        .house
        .service
        .issue_certificates_by(Arc::clone(&gate) as Arc<dyn CertificateIssuer>);
    let mut sessions = Vec::new();
    for number in 0..AT_A_TIME {
        sessions.push(asking(&plant, &format!("press-{number}")).await);
    }
    until(|| gate.inside.load(Ordering::SeqCst) == AT_A_TIME).await;
    for number in AT_A_TIME..DEVICES {
        sessions.push(asking(&plant, &format!("press-{number}")).await);
    }
    // The last one is revoked while it waits.
    plant.revoke(&format!("press-{}", DEVICES - 1)).await;
    drop(sessions.pop());
    assert_eq!(gate.inside.load(Ordering::SeqCst), AT_A_TIME);
    gate.is_open.send_replace(true);
    for session in &sessions {
        let told = async {
            loop {
                assert!(matches!(event(session).await, SessionEvent::Renewal));
                if let Some(reply) = session.take_renewal().await.unwrap() {
                    return reply.status;
                }
            }
        };
        assert_eq!(tokio::time::timeout(SOON, told).await.expect("an outcome"), 200);
    }
    let store = plant.house.store.clone();
    let is_done = async {
        while !store
            .read(|tx: &ReadTx<'_>| tx.renewals_pending())
            .await
            .unwrap()
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, is_done)
        .await
        .expect("nothing is left");
    assert_eq!(gate.most.load(Ordering::SeqCst), AT_A_TIME);
    assert_eq!(gate.asked.load(Ordering::SeqCst), DEVICES - 1);
}
