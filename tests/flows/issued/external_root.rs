use provost_model::pem;
use provost_model::registry::ByorStatus;
use provost_registry::{ByorRevoke, RegistryError};
use provost_testkit::OpensslFolder;

use super::plant::{Plant, namespace, policy};

/// The customer's CA, kept with openssl.
pub(super) struct Customer {
    folder: OpensslFolder,
}

impl Customer {
    pub(super) fn new() -> Self {
        let folder = OpensslFolder::new();
        folder.run(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout root.key -out root.pem -days 3650 \
             -sha384 -subj /CN=customer-root -addext basicConstraints=critical,CA:TRUE,pathlen:1 \
             -addext keyUsage=critical,keyCertSign,cRLSign",
        );
        Self { folder }
    }

    /// Signs a request; answers the chain in PEM, root last.
    pub(super) fn sign(&self, request: &[u8], days: u32) -> String {
        self.folder.write("ica.csr", pem("CERTIFICATE REQUEST", request));
        self.folder.run(&format!(
            "x509 -req -in ica.csr -CA root.pem -CAkey root.key -CAcreateserial -days {days} -sha384 \
             -copy_extensions copy -out ica.pem"
        ));
        format!("{}{}", self.folder.text("ica.pem"), self.folder.text("root.pem"))
    }
}

pub(super) async fn request(plant: &Plant) -> Vec<u8> {
    let pending = plant.policy().await.pending;
    pending
        .and_then(|ca| ca.signing_request)
        .expect("a signing request")
}

/// Has the customer sign the request that waits, and takes the answer.
pub(super) async fn activate_with(plant: &Plant, customer: &Customer) {
    let chain = customer.sign(&request(plant).await, 800);
    activate(plant, &chain).await.unwrap();
    plant.synchronize().await;
}

pub(super) async fn activate(plant: &Plant, chain: &str) -> Result<(), RegistryError> {
    let done = plant
        .registry()
        .activate(&plant.caller, &namespace(), &policy(), chain)
        .await;
    done.map(|_| ())
}

impl Plant {
    /// With a policy under a customer's root that was activated and synchronized.
    pub(super) async fn open_active() -> Self {
        let (plant, customer) = (Self::open_external(|_| {}).await, Customer::new());
        let chain = customer.sign(&request(&plant).await, 800);
        Box::pin(activate(&plant, &chain)).await.unwrap();
        plant.synchronize().await;
        plant
    }
}

async fn status(plant: &Plant) -> Option<ByorStatus> {
    plant.policy().await.policy.byor_status()
}

/// The life of a policy under a customer's root (certificate-management.md 3.8), with A-035: three steps,
/// and hubs trust after the third.
#[tokio::test(flavor = "multi_thread")]
async fn a_035_a_customers_root_takes_signing_activating_and_synchronizing() {
    let (plant, customer) = (Plant::open_external(|_| {}).await, Customer::new());
    assert_eq!(status(&plant).await, Some(ByorStatus::PendingActivation));
    assert!(plant.is_refused_a_certificate("press").await);
    let chain = customer.sign(&request(&plant).await, 800);
    activate(&plant, &chain).await.unwrap();
    assert_eq!(status(&plant).await, Some(ByorStatus::Active));
    assert!(plant.policy().await.issuing_thumbprint().is_some());
    let certified = plant.certify("press").await;
    assert_eq!(certified.chain.len(), 3);
    assert!(!plant.connects(&certified).await);
    plant.synchronize().await;
    assert!(plant.connects(&certified).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_breaks_a_rule_changes_nothing() {
    let (plant, customer) = (Plant::open_external(|_| {}).await, Customer::new());
    let request = request(&plant).await;
    let short = customer.sign(&request, 100);
    for (chain, rule) in [("", "unreadable"), (short.as_str(), "tooShort")] {
        let refused = activate(&plant, chain).await.unwrap_err();
        assert_eq!(refused.code(), "CertificateChainInvalid");
        assert!(refused.public_message().contains(rule), "{refused}");
        assert_eq!(status(&plant).await, Some(ByorStatus::PendingActivation));
    }
}

/// by default an external issuer is not revoked here, and nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_034_revoking_an_external_issuer_is_refused() {
    let (plant, customer) = (Plant::open_external(|_| {}).await, Customer::new());
    activate(&plant, &customer.sign(&request(&plant).await, 800))
        .await
        .unwrap();
    plant.synchronize().await;
    let certified = plant.certify("press").await;
    let before = plant.policy().await;
    let refused = plant
        .registry()
        .revoke_issuer(&plant.caller, &namespace(), &policy())
        .await;
    assert_eq!(refused.unwrap_err().code(), "ExternalIssuerNotRevocable");
    assert_eq!(plant.policy().await, before);
    assert!(plant.connects(&certified).await);
}

/// with the switch it is rotated: off the hubs, another request, the customer's CRL his own.
#[tokio::test(flavor = "multi_thread")]
async fn a_036_with_the_switch_an_external_issuer_is_rotated() {
    let rotate = |config: &mut provost::config::Config| config.registry.byor_revoke = ByorRevoke::Rotate;
    let (plant, customer) = (Plant::open_external(rotate).await, Customer::new());
    let first = request(&plant).await;
    activate(&plant, &customer.sign(&first, 800)).await.unwrap();
    plant.synchronize().await;
    let certified = plant.certify("press").await;
    let before = plant.policy().await.issuing_thumbprint();
    plant.revoke_issuer().await;
    assert_eq!(status(&plant).await, Some(ByorStatus::PendingActivation));
    assert!(plant.synchronized().await.is_empty());
    assert!(!plant.connects(&certified).await);
    let second = request(&plant).await;
    assert_ne!(first, second);
    let events = plant.server.stored().audit_events().await;
    let event = events.iter().rfind(|event| event.action == "revoke").unwrap();
    assert!(
        event.detail.contains("its owner's to publish"),
        "{}",
        event.detail
    );
    activate(&plant, &customer.sign(&second, 800)).await.unwrap();
    plant.synchronize().await;
    assert_ne!(plant.policy().await.issuing_thumbprint(), before);
    assert!(plant.connects(&plant.certify("press").await).await);
}

/// not while certificates stand.
#[tokio::test(flavor = "multi_thread")]
async fn a_042_an_external_policy_goes_after_its_certificates() {
    let plant = Plant::open_active().await;
    plant.certify("press").await;
    plant.certify("drill").await;
    let delete = async || {
        let registry = plant.registry();
        registry
            .delete_policy(&plant.caller, &namespace(), &policy())
            .await
    };
    let refused = delete().await.unwrap_err();
    assert_eq!(refused.code(), "CertificatesNotRevoked");
    assert!(
        refused.public_message().starts_with("2 certificates"),
        "{refused}"
    );
    plant.revoke("press", false).await;
    let refused = delete().await.unwrap_err();
    assert!(
        refused.public_message().starts_with("1 certificates"),
        "{refused}"
    );
    plant.revoke("drill", false).await;
    delete().await.unwrap();
}

/// what is not ours to publish is not claimed: the refusal says whose it is, and so does the log when
/// the switch lets it be rotated; no CRL of ours names the CA.
#[tokio::test(flavor = "multi_thread")]
async fn a_033_the_crl_of_an_external_root_is_its_owners() {
    let plant = Plant::open_active().await;
    let refused = plant
        .registry()
        .revoke_issuer(&plant.caller, &namespace(), &policy())
        .await
        .unwrap_err();
    assert!(
        refused.public_message().contains("on the CRL of its owner"),
        "{refused}"
    );
    let rotate = |config: &mut provost::config::Config| config.registry.byor_revoke = ByorRevoke::Rotate;
    let (plant, customer) = (Plant::open_external(rotate).await, Customer::new());
    activate(&plant, &customer.sign(&request(&plant).await, 800))
        .await
        .unwrap();
    let old = plant.policy().await.issuing.unwrap();
    assert_eq!(old.parent, None, "no CA of ours answers for it");
    plant.revoke_issuer().await;
    let events = plant.server.stored().audit_events().await;
    let ended = events.iter().rfind(|event| event.action == "revoke").unwrap();
    assert!(
        ended.detail.ends_with("its owner's to publish"),
        "{}",
        ended.detail
    );
}
