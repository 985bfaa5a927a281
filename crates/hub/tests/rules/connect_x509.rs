use std::time::Duration;

use provost_hub::{ConnectRefusal, ConnectRequest, DeviceSession};
use provost_model::{DeviceAuthKind, IfMatch, Slots};
use provost_pki::PresentedChain;
use provost_wire::hub::service::{AuthInput, DeviceInput};

use crate::certificates::{lone_leaf, root};
use crate::house::{HOST, House, identity, keys, reason};

async fn connect(house: &House, id: &str, chain: &PresentedChain) -> Result<DeviceSession, ConnectRefusal> {
    let request = ConnectRequest {
        host: HOST,
        id: &identity(id),
        sas: None,
        certificates: Some(chain),
        is_kept: false,
    };
    house.service.connect(request).await
}

fn by_thumbprint(primary: String, secondary: Option<String>) -> DeviceInput {
    DeviceInput {
        authentication: Some(AuthInput {
            kind: Some(DeviceAuthKind::SelfSigned),
            thumbprints: Slots {
                primary: Some(primary),
                secondary,
            },
            ..AuthInput::default()
        }),
        ..DeviceInput::default()
    }
}

fn by_authority() -> DeviceInput {
    DeviceInput {
        authentication: Some(AuthInput {
            kind: Some(DeviceAuthKind::CertificateAuthority),
            ..AuthInput::default()
        }),
        ..DeviceInput::default()
    }
}

#[tokio::test]
async fn d02_thumbprints_of_either_kind_slot_and_case() {
    let house = House::new().await;
    let leaf = lone_leaf("anything", house.now());
    let sha1 = leaf.certificate.sha1_thumbprint().to_string();
    let sha256 = leaf.certificate.sha256_thumbprint().to_string();
    let other = "AB".repeat(20);
    for (number, (primary, secondary)) in [
        (sha1.clone(), None),
        (sha256.clone(), None),
        (sha1.to_lowercase(), None),
        (other.clone(), Some(sha1.clone())),
        (other.clone(), Some(sha256.to_lowercase())),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("d{number}");
        house
            .put(&id, by_thumbprint(primary, secondary), IfMatch::Absent)
            .await;
        assert!(
            connect(&house, &id, &leaf.presented(&[])).await.is_ok(),
            "{number}"
        );
    }
    house
        .put("other", by_thumbprint(other, None), IfMatch::Absent)
        .await;
    assert_eq!(
        reason(connect(&house, "other", &leaf.presented(&[])).await),
        "thumbprintMismatch"
    );
}

#[tokio::test]
async fn expired_pinned_certificate_is_refused() {
    let house = House::new().await;
    let leaf = lone_leaf("d1", house.now());
    let thumbprint = leaf.certificate.sha256_thumbprint().to_string();
    house
        .put("d1", by_thumbprint(thumbprint, None), IfMatch::Absent)
        .await;
    house.clock.advance(Duration::from_hours(25));
    assert_eq!(
        reason(connect(&house, "d1", &leaf.presented(&[])).await),
        "expired"
    );
}

#[tokio::test]
async fn d03_chain_to_a_verified_ca() {
    let house = House::new().await;
    let now = house.now();
    let root = root("root", now);
    let intermediate = root.intermediate("intermediate", now);
    let leaf = intermediate.leaf("d1", now);
    for id in ["d1", "D1"] {
        house.put(id, by_authority(), IfMatch::Absent).await;
    }
    let chain = leaf.presented(&[&intermediate]);
    assert_eq!(reason(connect(&house, "d1", &chain).await), "unknownIssuer");
    house.register_ca(&root, false).await;
    assert_eq!(reason(connect(&house, "d1", &chain).await), "unknownIssuer");
    house.register_ca(&root, true).await;
    let session = connect(&house, "d1", &chain).await.unwrap();
    // To the end of the last second of the leaf.
    let end = leaf.certificate.not_after().after(Duration::from_secs(1));
    assert_eq!(session.expires_at(), Some(end));
    assert_eq!(reason(connect(&house, "D1", &chain).await), "commonNameMismatch");
    let without_intermediate = leaf.presented(&[]);
    assert_eq!(
        reason(connect(&house, "d1", &without_intermediate).await),
        "unknownIssuer"
    );
    house.remove_ca().await;
    assert_eq!(reason(connect(&house, "d1", &chain).await), "unknownIssuer");
}

#[tokio::test]
async fn registered_intermediate_is_an_anchor() {
    let house = House::new().await;
    let now = house.now();
    let intermediate = root("root", now).intermediate("intermediate", now);
    house.register_ca(&intermediate, true).await;
    house.put("d1", by_authority(), IfMatch::Absent).await;
    let chain = intermediate.leaf("d1", now).presented(&[]);
    assert!(connect(&house, "d1", &chain).await.is_ok());
}

#[tokio::test]
async fn proof_must_be_of_the_registered_kind() {
    let house = House::new().await;
    let now = house.now();
    let leaf = lone_leaf("d1", now);
    let key = keys(&house.create("sas").await).primary;
    let thumbprint = leaf.certificate.sha1_thumbprint().to_string();
    house
        .put("pinned", by_thumbprint(thumbprint, None), IfMatch::Absent)
        .await;
    let chain = leaf.presented(&[]);
    assert_eq!(reason(connect(&house, "sas", &chain).await), "wrongProof");
    assert_eq!(reason(house.connect_with_key("pinned", &key).await), "wrongProof");
    let policy = house.policy_keys("device").await.primary;
    let token = house.token(HOST, &policy, Some("device"));
    assert_eq!(
        reason(house.connect_with_token("pinned", &token).await),
        "wrongProof"
    );
    // A certificate beside the password of a sas device is passed over.
    let token = house.token(&format!("{HOST}/devices/sas"), &key, None);
    let request = ConnectRequest {
        host: HOST,
        id: &identity("sas"),
        sas: Some(&token),
        certificates: Some(&chain),
        is_kept: false,
    };
    assert!(house.service.connect(request).await.is_ok());
}
