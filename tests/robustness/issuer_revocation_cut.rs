use std::path::Path;
use std::sync::Arc;

use provost_model::ambient::SystemClock;
use provost_model::registry::{CaId, CaState, CredentialPolicy};
use provost_model::{AuthorityOwner, CredentialPolicyName, HubName, NamespaceName};
use provost_store::{ReadTx, Store, StoreAddress, StoreError, StoreOptions};
use provost_testkit::{ChildServer, Endpoints, eventually};
use serde_json::json;

const ROUNDS: usize = 6;
const NAMESPACE: &str =
    "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant";
const VERSION: &str = "?api-version=2026-03-01-preview";

/// What the store says between two lives of the server.
struct State {
    policy: CredentialPolicy,
    /// The CAs the hub trusts from policies.
    trusted: Vec<CaId>,
    active: Vec<CaId>,
    running: usize,
}

/// The process dies without a warning at any step of revoking an issuing CA; the hub trusts the old one or
/// the new one at every moment, and the next process ends what was begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_of_an_issuer_survives_a_power_cut_at_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ChildServer::start(&data).await;
    set_up(&server).await;
    let hub = server.hub_name();
    server.kill().await;
    let mut before = state(&data, &hub).await;
    for round in 0..ROUNDS {
        let server = ChildServer::start(&data).await;
        let endpoints = Endpoints::clone(&server);
        let asked = tokio::spawn(async move {
            let path = format!("{NAMESPACE}/credentials/default/policies/line-7/revokeIssuer{VERSION}");
            // The answer may never come.
            endpoints.own_api().post(&path, &json!({})).await;
        });
        // Each round dies a little later: from before the row of the operation to after its end.
        let store = open(&data).await;
        eventually("the round's step", async || {
            let seen = read(&store, &hub).await;
            let is_begun = seen.running > 0 || seen.policy.issuing != before.policy.issuing;
            let is_done = seen.policy.issuing != before.policy.issuing;
            (if round % 2 == 0 { is_begun } else { is_done }).then_some(())
        })
        .await;
        server.kill().await;
        asked.abort();
        let cut = read(&store, &hub).await;
        assert_eq!(cut.trusted.len(), 1, "round {round}: the hub trusts one CA");
        assert_eq!(cut.policy.issuing.as_ref(), cut.trusted.first(), "round {round}");
        let server = ChildServer::start(&data).await;
        eventually("the operation ends", async || {
            (read(&store, &hub).await.running == 0).then_some(())
        })
        .await;
        let after = read(&store, &hub).await;
        assert_ne!(after.policy.issuing, before.policy.issuing, "round {round}");
        assert_eq!(after.policy.issuing.as_ref(), after.trusted.first());
        assert_eq!(after.active, after.trusted, "one issuing CA signs");
        before = after;
        server.kill().await;
    }
}

pub(super) async fn set_up(server: &ChildServer) {
    let api = server.own_api();
    let at = |below: &str| format!("{NAMESPACE}{below}{VERSION}");
    let place = json!({ "location": "local" });
    assert_eq!(api.put(&at(""), &place).await.status, 201);
    let link = json!({ "namespace": "plant" });
    let hub = format!("/provost/hubs/{}/namespace", server.hub().name);
    assert!(api.put(&hub, &link).await.status < 300);
    assert_eq!(api.put(&at("/credentials/default"), &place).await.status, 201);
    let certificate = json!({
        "certificateAuthorityConfiguration": { "keyType": "ECC" },
        "leafCertificateConfiguration": { "validityPeriodInDays": 30 },
    });
    let policy = json!({ "properties": { "certificate": certificate } });
    assert_eq!(
        api.put(&at("/credentials/default/policies/line-7"), &policy)
            .await
            .status,
        201
    );
    let synchronized = api
        .post(&at("/credentials/default/synchronize"), &json!({}))
        .await;
    assert_eq!(synchronized.status, 202);
}

pub(super) async fn open(data: &Path) -> Store {
    let options = StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 10,
    };
    Store::open(options).await.expect("the store opens")
}

async fn state(data: &Path, hub: &HubName) -> State {
    read(&open(data).await, hub).await
}

async fn read(store: &Store, hub: &HubName) -> State {
    let owner = AuthorityOwner::Hub(hub.clone());
    let look = move |tx: &ReadTx<'_>| {
        let namespace = NamespaceName::parse("plant").unwrap();
        let policy = tx.credential_policy(&namespace, &CredentialPolicyName::parse("line-7").unwrap())?;
        let trusted = tx.certificate_authorities(&owner)?;
        let cas = tx.cas(&namespace)?;
        let issuing = cas
            .iter()
            .filter(|ca| ca.policy.is_some() && ca.state == CaState::Active);
        Ok::<_, StoreError>(State {
            policy: policy.expect("the policy"),
            trusted: trusted
                .into_iter()
                .filter_map(|it| it.synchronized)
                .map(|from| from.ca)
                .collect(),
            active: issuing.map(|ca| ca.id.clone()).collect(),
            running: tx.running_registry_operations()?.len(),
        })
    };
    store.read(look).await.expect("the store answers")
}
