use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::Secret;

use super::*;
use crate::ProvisioningOptions;
use crate::fixture::{House, Made};

fn name(text: &str) -> CertificateName {
    CertificateName::parse(text).unwrap()
}

fn upload(made: &Made, is_verified: Option<bool>) -> AuthorityUpload {
    AuthorityUpload {
        text: STANDARD.encode(made.certificate.to_pem()),
        is_verified,
    }
}

async fn put(house: &House, upload: AuthorityUpload, if_match: &str) -> Result<CertificateAuthority, u32> {
    let (dps, if_match) = (
        AuthorityOwner::Dps(house.instance.name.clone()),
        IfMatch::parse(Some(if_match)),
    );
    let put = house
        .service
        .put_authority(&house.admin, dps, name("Root"), upload, if_match);
    put.await
        .map(|shown| shown.authority)
        .map_err(|error| error.code())
}

async fn code(house: &House, if_match: &str) -> Result<CertificateAuthority, u32> {
    let (dps, if_match) = (
        AuthorityOwner::Dps(house.instance.name.clone()),
        IfMatch::parse(Some(if_match)),
    );
    let code = house
        .service
        .generate_verification_code(&house.admin, dps, name("root"), if_match);
    code.await
        .map(|shown| shown.authority)
        .map_err(|error| error.code())
}

async fn verify(house: &House, answer: &Made, if_match: &str) -> Result<CertificateAuthority, u32> {
    let (dps, if_match) = (
        AuthorityOwner::Dps(house.instance.name.clone()),
        IfMatch::parse(Some(if_match)),
    );
    let text = answer.certificate.to_pem();
    let verify = house
        .service
        .verify_authority(&house.admin, dps, name("root"), &text, if_match);
    verify
        .await
        .map(|shown| shown.authority)
        .map_err(|error| error.code())
}

#[tokio::test]
async fn possession_is_proven_with_the_code_of_the_current_state() {
    let house = House::new().await;
    let root = Made::root("root");
    let uploaded = put(&house, upload(&root, None), "").await.unwrap();
    assert!(!uploaded.is_verified);
    assert_eq!(
        verify(&house, &root.leaf("guess"), "*").await.unwrap_err(),
        400_053,
        "no code yet"
    );
    assert_eq!(
        code(&house, "").await.unwrap_err(),
        400_004,
        "If-Match is required"
    );
    assert_eq!(code(&house, "old").await.unwrap_err(), 412_205);
    let first = code(&house, uploaded.etag.as_str()).await.unwrap();
    let second = code(&house, "*").await.unwrap();
    let text = |authority: &CertificateAuthority| {
        authority
            .verification_code
            .as_ref()
            .map(Secret::expose)
            .cloned()
            .unwrap()
    };
    assert_eq!(text(&second).len(), 48);
    let (void, good) = (root.leaf(&text(&first)), root.leaf(&text(&second)));
    assert_eq!(verify(&house, &void, "*").await.unwrap_err(), 400_053);
    let stranger = Made::root("root").leaf(&text(&second));
    assert_eq!(verify(&house, &stranger, "*").await.unwrap_err(), 400_053);
    assert_eq!(
        verify(&house, &good, first.etag.as_str()).await.unwrap_err(),
        412_205
    );
    let verified = verify(&house, &good, second.etag.as_str()).await.unwrap();
    assert!(verified.is_verified && verified.verification_code.is_none());
    assert_eq!(
        verify(&house, &good, "*").await.unwrap_err(),
        400_053,
        "a code is used once"
    );
}

#[tokio::test]
async fn verified_on_upload_is_a_switch() {
    let root = Made::root("root");
    let house = House::new().await;
    assert!(
        put(&house, upload(&root, Some(true)), "")
            .await
            .unwrap()
            .is_verified
    );
    let options = ProvisioningOptions {
        require_proof_of_possession: true,
        ..ProvisioningOptions::default()
    };
    let strict = House::with(options, &[]).await;
    assert!(
        !put(&strict, upload(&root, Some(true)), "")
            .await
            .unwrap()
            .is_verified
    );
}

#[tokio::test]
async fn another_certificate_starts_anew_and_the_same_keeps_its_state() {
    let house = House::new().await;
    let (root, other) = (Made::root("root"), Made::root("other"));
    let first = put(&house, upload(&root, Some(true)), "").await.unwrap();
    let same = put(&house, upload(&root, None), "").await.unwrap();
    assert!(same.is_verified);
    assert_ne!(same.etag, first.etag);
    assert_eq!(
        put(&house, upload(&other, None), first.etag.as_str())
            .await
            .unwrap_err(),
        412_205
    );
    assert!(
        !put(&house, upload(&other, None), same.etag.as_str())
            .await
            .unwrap()
            .is_verified
    );
}

#[tokio::test]
async fn uploads_are_bounded_and_must_hold_a_certificate() {
    let options = ProvisioningOptions {
        quotas: crate::Quotas {
            ca_certificates: 1,
            ..crate::Quotas::default()
        },
        ..ProvisioningOptions::default()
    };
    let house = House::with(options, &[]).await;
    let text = |text: &str| AuthorityUpload {
        text: text.to_owned(),
        is_verified: None,
    };
    let root = Made::root("root");
    let key = root.key.to_pkcs8_pem().unwrap().expose().clone();
    for bad in ["", "x y", &key] {
        assert_eq!(put(&house, text(bad), "").await.unwrap_err(), 400_000);
    }
    assert_eq!(put(&house, upload(&root, None), "*").await.unwrap_err(), 404_205);
    put(&house, upload(&root, None), "").await.unwrap();
    let dps = AuthorityOwner::Dps(house.instance.name.clone());
    let second = house.service.put_authority(
        &house.admin,
        dps,
        name("two"),
        upload(&root, None),
        IfMatch::Absent,
    );
    assert_eq!(second.await.unwrap_err().code(), 403_102);
}

///
#[tokio::test]
async fn delete_asks_for_the_state_it_deletes() {
    let house = House::new().await;
    let stored = put(&house, upload(&Made::root("root"), None), "").await.unwrap();
    let delete = |if_match| {
        let dps = AuthorityOwner::Dps(house.instance.name.clone());
        house
            .service
            .delete_authority(&house.admin, dps, name("root"), if_match)
    };
    assert_eq!(delete(IfMatch::Absent).await.unwrap_err().code(), 400_004);
    assert_eq!(
        delete(IfMatch::parse(Some("old"))).await.unwrap_err().code(),
        412_205
    );
    let dps = AuthorityOwner::Dps(house.instance.name.clone());
    assert_eq!(
        house
            .service
            .list_authorities(&house.admin, dps.clone())
            .await
            .unwrap()
            .len(),
        1
    );
    delete(IfMatch::Tag(stored.etag)).await.unwrap();
    let get = house.service.get_authority(&house.admin, dps, name("root")).await;
    assert_eq!(get.unwrap_err().code(), 404_205);
}

#[tokio::test]
async fn only_a_known_bearer_token_is_an_administrator() {
    let house = House::new().await;
    let made = provost_attestation::admin::AdminToken::generate(&provost_model::ambient::SystemRandom);
    let unknown = format!("Bearer {}", made.expose());
    for authorization in [None, Some("Bearer x"), Some("Basic x"), Some(unknown.as_str())] {
        let outcome = house.service.authenticate_admin(authorization).await;
        assert_eq!(outcome.unwrap_err().code(), 401_000);
    }
    assert_eq!(house.admin.name(), "ops");
    let instances = house.service.instances(&house.admin).await.unwrap();
    let scope = instances[0].id_scope.as_str();
    assert!(scope.starts_with("0ne") && scope.len() == 11, "{scope}");
    let hubs = house
        .service
        .linked_hubs(&house.admin, house.instance.name.clone())
        .await
        .unwrap();
    assert_eq!(hubs.len(), 1);
}
