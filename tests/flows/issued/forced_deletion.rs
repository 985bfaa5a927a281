//! Deleting what certificates still hang on, and what is told of them.

use std::sync::atomic::{AtomicU64, Ordering};

use provost_testkit::eventually;
use provost_wire::own::registry::{IssuedPageView, OrphansView};
use serde_json::Value;

use super::plant::{Certified, Plant, namespace, policy};

const NAMESPACE: &str = "/provost/namespaces/plant-7";
const POLICY: &str = "policies/line-7";
const CREDENTIAL: &str = "credentials/default";

async fn delete(plant: &Plant, below: &str) -> OrphansView {
    let answer = plant
        .server
        .own_api()
        .delete(&format!("{NAMESPACE}/{below}"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

async fn standing(plant: &Plant, query: &str) -> IssuedPageView {
    let path = format!("{NAMESPACE}/certificates?{query}");
    let answer = plant.server.own_api().get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_value(answer.body).unwrap()
}

fn serial(certified: &Certified) -> String {
    certified.certificate.leaf().serial_hex()
}

fn devices(orphans: &OrphansView) -> Vec<&str> {
    let mut devices: Vec<&str> = orphans.orphaned.iter().map(|it| it.device.as_str()).collect();
    devices.sort_unstable();
    devices
}

/// the way out for who cannot revoke first says whom it leaves behind, before and after.
#[tokio::test(flavor = "multi_thread")]
async fn a_043_a_forced_policy_deletion_lists_what_is_orphaned() {
    let plant = Plant::open_active().await;
    let press = [plant.certify("press").await, plant.certify("press").await];
    let drill = plant.certify("drill").await;
    plant.certify("lathe").await;
    plant.revoke("lathe", false).await;
    let plain = plant
        .server
        .own_api()
        .delete(&format!("{NAMESPACE}/{POLICY}"))
        .await;
    assert_eq!(
        (plain.status, &plain.body["error"]["code"]),
        (409, &"CertificatesNotRevoked".into())
    );
    let would = delete(&plant, &format!("{POLICY}?force=true&dryRun=true")).await;
    assert!(would.dry_run);
    let path = format!("{NAMESPACE}/{POLICY}?force=true");
    let before = plant.server.stored().audit_events().await.len();
    let done = plant.server.own_api().delete(&path).await;
    let done: OrphansView = serde_json::from_value(done.body).unwrap();
    assert_eq!(
        OrphansView {
            dry_run: false,
            ..would
        },
        done
    );
    assert_eq!((done.certificates, done.devices, done.has_more), (3, 2, false));
    assert_eq!(devices(&done), ["drill", "press", "press"]);
    let mut told: Vec<String> = done.orphaned.iter().map(|it| it.serial_number.clone()).collect();
    let mut expected = vec![serial(&press[0]), serial(&press[1]), serial(&drill)];
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    // They are found by their CA afterwards, page by page, and go on at the hub.
    let [ca] = done.authorities.as_slice() else {
        panic!("{:?}", done.authorities);
    };
    let first = standing(&plant, &format!("standingOf={ca}&top=2")).await;
    let next = first.continuation.clone().expect("there are more");
    let rest = standing(&plant, &format!("standingOf={ca}&top=2&continuation={next}")).await;
    let mut paged: Vec<String> = [&first, &rest]
        .into_iter()
        .flat_map(|page| page.value.iter().map(|it| it.serial_number.clone()))
        .collect();
    paged.sort();
    assert_eq!(paged, expected);
    assert!(plant.connects(&drill).await);
    let events = plant.server.stored().audit_events().await;
    let [event] = &events[before..] else {
        panic!("{} events", events.len() - before);
    };
    let was: Value = serde_json::from_str(&event.before).unwrap();
    assert_eq!((&was["standing"], &was["devices"]), (&3.into(), &2.into()));
    assert_eq!(was["named"].as_array().map(Vec::len), Some(3));
    assert_eq!(event.kind, "credentialPolicy");
}

/// A-043 for the credential, whose plain deletion stays refused: with its policies in one act.
#[tokio::test(flavor = "multi_thread")]
async fn a_043_a_forced_credential_deletion_takes_its_policies_along() {
    let plant = Plant::open_active().await;
    let press = plant.certify("press").await;
    let path = format!("{NAMESPACE}/{CREDENTIAL}");
    let plain = plant.server.own_api().delete(&path).await;
    assert_eq!(
        (plain.status, &plain.body["error"]["code"]),
        (409, &"CredentialHasPolicies".into())
    );
    let would = delete(&plant, &format!("{CREDENTIAL}?dryRun=true")).await;
    assert_eq!((would.certificates, devices(&would)), (1, vec!["press"]));
    let registry = plant.registry();
    assert!(registry.credential(&plant.caller, &namespace()).await.is_ok());
    let done = delete(&plant, &format!("{CREDENTIAL}?force=true")).await;
    assert_eq!(done.policies, ["line-7"]);
    assert_eq!(
        OrphansView {
            dry_run: true,
            ..done
        },
        would
    );
    let policy = registry.policy(&plant.caller, &namespace(), &policy()).await;
    assert_eq!(policy.unwrap_err().code(), "ResourceNotFound");
    let credential = registry.credential(&plant.caller, &namespace()).await;
    assert_eq!(credential.unwrap_err().code(), "ResourceNotFound");
    assert!(plant.is_refused_a_certificate("press").await);
    assert!(plant.connects(&press).await);
}

/// What is issued while it is counted is counted, too: whoever has a certificate in the end is told of.
#[tokio::test(flavor = "multi_thread")]
async fn a_043_certificates_issued_during_a_forced_deletion_are_among_the_orphaned() {
    let plant = Plant::open_active().await;
    let issued = AtomicU64::new(0);
    let register = async |line: u32| {
        for number in 0..60 {
            if plant
                .is_refused_a_certificate(&format!("press-{line}-{number}"))
                .await
            {
                return;
            }
            issued.fetch_add(1, Ordering::SeqCst);
        }
    };
    let delete = async {
        eventually("some have certificates", async || {
            (issued.load(Ordering::SeqCst) >= 12).then_some(())
        })
        .await;
        delete(&plant, &format!("{POLICY}?force=true")).await
    };
    let (done, ..) = tokio::join!(delete, register(1), register(2), register(3));
    let issued = issued.load(Ordering::SeqCst);
    assert!(issued < 180, "it was deleted meanwhile");
    assert_eq!((done.certificates, done.devices), (issued, issued));
}
