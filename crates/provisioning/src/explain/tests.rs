use provost_wire::own::{ExplainInput, ExplainedOutcome, Explanation};

use crate::fixture::{House, Made, disabled, id, pinned};
use crate::{ProvisioningError, ProvisioningOptions, RefusalRetention};

async fn device(house: &House, name: Option<&str>, chain: &[&Made]) -> Explanation {
    let certificates =
        (!chain.is_empty()).then(|| chain.iter().map(|made| made.certificate.to_pem()).collect());
    let input = ExplainInput::Device {
        registration_id: name.map(id),
        certificates,
    };
    house.service.explain(&house.caller, input).await.unwrap()
}

async fn refusal(house: &House, tracking_id: &str) -> Result<Explanation, ProvisioningError> {
    let tracking_id = tracking_id.to_owned();
    house
        .service
        .explain(&house.caller, ExplainInput::Refusal { tracking_id })
        .await
}

/// Refuses a device with this leaf as the transports do.
async fn refuse(house: &House, leaf: &Made, tracking_id: &str) {
    let proof = house.by_chain("press-1", leaf.with(&[]));
    let Err(ProvisioningError::Refused(refused)) = house.service.authenticate(proof).await else {
        panic!("not refused");
    };
    house.service.keep_refusal(tracking_id, &refused);
}

#[tokio::test]
async fn a_refusal_is_told_by_its_tracking_id() {
    let house = House::new().await;
    let root = Made::root("root");
    let leaf = root.ca("line").leaf("press-1");
    refuse(&house, &leaf, "t-1").await;

    let told = refusal(&house, "t-1").await.unwrap();
    assert_eq!(told.outcome, ExplainedOutcome::Refused);
    assert_eq!(told.tracking_id.as_deref(), Some("t-1"));
    assert_eq!(told.missing_issuer.as_deref(), Some("CN=line"));
    assert_eq!(told.chain[0].subject_name, "CN=press-1");
    assert_eq!(told.steps, ["no individual enrollment"]);
    let device_reads = told.device_is_told.unwrap();
    assert_eq!(
        (device_reads.error_code, device_reads.message.as_str()),
        (401_002, "CA certificate not found.")
    );

    assert_eq!(refusal(&house, "t-2").await.unwrap_err().code(), 404_207);
    let now = device(&house, Some("PRESS-1"), &[]).await;
    assert_eq!(now.recent_refusals.len(), 1);
    assert_eq!(now.recent_refusals[0].tracking_id, "t-1");
}

#[tokio::test]
async fn an_entry_is_shown_with_its_etag_and_who_changed_it() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    let shown = house.enroll("press-1", disabled(pinned(&leaf))).await.unwrap();

    for told in [
        device(&house, None, &[&leaf]).await,
        device(&house, Some("press-1"), &[]).await,
    ] {
        assert_eq!(told.outcome, ExplainedOutcome::Disabled, "{}", told.because);
        let entry = told.entry.unwrap();
        assert_eq!(entry.etag, Some(shown.entry.settings.etag.to_string()));
        assert_eq!(entry.provisioning_status.as_deref(), Some("disabled"));
        let change = entry.last_change.unwrap();
        assert_eq!(
            (change.action.as_str(), change.actor.starts_with("policy:")),
            ("create", true)
        );
    }
}

#[tokio::test]
async fn without_a_chain_it_says_what_the_device_has_to_show() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    let told = device(&house, Some("press-1"), &[]).await;
    assert_eq!(told.outcome, ExplainedOutcome::Undecided);
    let thumbprint = leaf.certificate.sha256_thumbprint().to_string();
    assert!(told.because.contains(&thumbprint), "{}", told.because);

    let nobody = device(&house, Some("press-2"), &[]).await;
    assert_eq!(nobody.outcome, ExplainedOutcome::Refused);
}

#[tokio::test]
async fn a_holder_of_the_certificate_is_named() {
    let house = House::new().await;
    let leaf = Made::alone("press-1");
    house.enroll("press-1", pinned(&leaf)).await.unwrap();
    assert_eq!(
        device(&house, None, &[&leaf]).await.outcome,
        ExplainedOutcome::Admitted
    );
    house.enroll("quarantine", disabled(pinned(&leaf))).await.unwrap();
    let told = device(&house, None, &[&leaf]).await;
    assert_eq!(told.outcome, ExplainedOutcome::Disabled);
    assert_eq!(told.held_by.unwrap().id, "quarantine");
    assert_eq!(told.entry.unwrap().id, "press-1");
}

#[tokio::test]
async fn the_oldest_refusals_are_forgotten() {
    let refusals = RefusalRetention {
        count: 2,
        ..RefusalRetention::default()
    };
    let options = ProvisioningOptions {
        refusals,
        ..ProvisioningOptions::default()
    };
    let house = House::with(options, &["one"]).await;
    let leaf = Made::alone("press-1");
    for tracking_id in ["t-1", "t-2", "t-3"] {
        refuse(&house, &leaf, tracking_id).await;
    }
    house.service.flush_refusals().await.unwrap();
    house.service.forget_refusals().await.unwrap();
    assert_eq!(refusal(&house, "t-1").await.unwrap_err().code(), 404_207);
    assert!(refusal(&house, "t-2").await.is_ok());
    assert!(refusal(&house, "t-3").await.is_ok());
}
