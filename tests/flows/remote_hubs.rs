//! Devices assigned to the hub of another server, which is reached over the registry REST API as an
//! operator reaches it.

use std::sync::Arc;
use std::time::Duration;

use provost::outbound::RegistryClient;
use provost_device::provisioning::{RegistrationOutcome, RegistrationStatus};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::{
    DeviceAuth, DeviceId, DeviceStatus, HostName, HubName, InitialTwin, KeyPair, PolicyName,
    RegistrationState, RemoteHub, RemovalAction, Substatus, SymmetricKey,
};
use provost_provisioning::{NewIdentity, RemoteHubs};
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, Leaf, Stored, TestServer, Via, assigned, clients, eventually,
    over_every_transport, signers,
};
use serde_json::{Value, json};

const FAR: &str = "far.localhost";

/// Two servers; the first one may assign devices to the hub of the second.
struct Pair {
    near: TestServer,
    far: TestServer,
}

impl Pair {
    async fn new() -> Self {
        Box::pin(Self::configured(|_| {})).await
    }

    async fn configured(configure: impl FnOnce(&mut provost::config::Config)) -> Self {
        let near = TestServer::start_configured(configure);
        let far = TestServer::start_configured(|config| {
            config.host = HostName::parse(FAR).expect("a host name");
        });
        let pair = Self {
            near: near.await,
            far: far.await,
        };
        pair.link(&pair.far.hub_key("iothubowner")).await;
        let link = format!("/provost/dps/{}/linkedHubs/far", pair.near.dps().name);
        let own = json!({ "applyAllocationPolicy": false });
        pair.near.own_api().put(&link, &own).await.ok();
        pair
    }

    /// Makes the far hub known with this key.
    async fn link(&self, key: &SymmetricKey) -> Value {
        let ca = self.far.connection.root_ca.as_ref().expect("a root");
        let body = json!({
            "name": "far",
            "connectionString": format!(
                "HostName={FAR}:{};SharedAccessKeyName=iothubowner;SharedAccessKey={}",
                self.port(),
                key.to_base64()
            ),
            "ca": std::fs::read_to_string(ca).expect("its certificate"),
        });
        self.near.own_api().post("/provost/hubs", &body).await.ok()
    }

    fn port(&self) -> &str {
        self.far.connection.https.rsplit_once(':').expect("a port").1
    }

    /// An enrollment with this device's key that is sent to a hub.
    async fn send(
        &self,
        device: &str,
        key: &SymmetricKey,
        host: &str,
        more: impl FnOnce(Enrollment) -> Enrollment,
    ) {
        let enrollment = Enrollment::individual(device)
            .keys(Some(key), None)
            .with("allocationPolicy", "static")
            .with("iotHubs", json!([host]));
        self.near.dps_api().put_enrollment(&more(enrollment)).await;
    }

    /// What the near server says of the far hub.
    async fn health(&self) -> Value {
        let hubs = self.near.own_api().get("/provost/hubs").await.ok();
        let hub = hubs["value"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|hub| hub["name"] == "far");
        hub.expect("the far hub")["remote"]["health"].clone()
    }

    async fn wait_for_health(&self, state: &str) -> Value {
        eventually(state, async || {
            let health = self.health().await;
            (health["state"] == state).then_some(health)
        })
        .await
    }
}

fn key() -> SymmetricKey {
    SymmetricKey::generate(&SystemRandom)
}

fn substatus(outcome: &RegistrationOutcome) -> &Value {
    &outcome.raw["registrationState"]["substatus"]
}

#[track_caller]
fn failed(outcome: &RegistrationOutcome) -> (i64, String) {
    assert_eq!(outcome.status, RegistrationStatus::Failed, "{}", outcome.raw);
    let message = outcome.raw["registrationState"]["errorMessage"].as_str();
    (
        outcome.error_code.expect("a code"),
        message.expect("a message").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_made_on_a_hub_elsewhere_and_connects_there() {
    let pair = Box::pin(Pair::new()).await;
    let twin = json!({ "tags": { "hall": 7 }, "properties": { "desired": { "speed": 3 } } });
    over_every_transport(async |via| {
        let (id, key) = (format!("press-{via:?}").to_lowercase(), key());
        pair.send(&id, &key, FAR, |enrollment| {
            enrollment.with("initialTwin", twin.clone())
        })
        .await;
        let device = Device::with_key(&id, &key);
        let outcome = assigned(device.register(&pair.near, via).await);
        assert_eq!(outcome.assigned_hub.as_deref(), Some(FAR));
        let identity = pair
            .far
            .stored()
            .identity(&id)
            .await
            .expect("it is on the far hub");
        assert!(matches!(identity.auth, DeviceAuth::Sas(keys) if keys.primary == key));
        let stored = pair.far.stored().twin(&id).await.expect("its twin");
        assert_eq!(
            (&stored.tags["hall"], &stored.desired.value["speed"]),
            (&json!(7), &json!(3))
        );
        assert!(pair.near.stored().identity(&id).await.is_none());
        device
            .connect(&pair.far)
            .await
            .expect("it connects to the far hub");
        assert!(device.connect(&pair.near).await.is_err());
        // Once more: the same assignment, and the twin as it is now.
        let path = format!("/twins/{id}");
        pair.far
            .hub_api()
            .patch(&path, &json!({ "tags": { "hall": 8 } }))
            .await
            .ok();
        let again = assigned(device.register(&pair.near, via).await);
        assert_eq!(substatus(&again), "reprovisionedToInitialAssignment");
        assert_eq!(
            pair.far.stored().twin(&id).await.expect("its twin").tags["hall"],
            8
        );
    })
    .await;
    assert_eq!(pair.wait_for_health("healthy").await["error"], Value::Null);
}

/// R-007, on a hub elsewhere: its thumbprint is the one of the certificate shown last. A device that
/// was disabled there stays disabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_certificate_reaches_the_hub_elsewhere_and_wakes_nobody() {
    let pair = Box::pin(Pair::new()).await;
    let root = FixtureAuthority::root("Far Root");
    let (old, new) = (root.leaf("press-1"), root.leaf("press-1"));
    let both = Enrollment::individual("press-1")
        .x509(&clients(&old, Some(&new)))
        .with("iotHubs", json!([FAR]));
    pair.near.dps_api().put_enrollment(&both).await;
    let thumbprint = async || match pair
        .far
        .stored()
        .identity("press-1")
        .await
        .expect("it is there")
        .auth
    {
        DeviceAuth::SelfSigned(slots) => slots.primary.expect("a thumbprint"),
        other => panic!("{other:?}"),
    };
    assigned(Device::with_leaf(&old).register(&pair.near, Via::Mqtt).await);
    assert_eq!(thumbprint().await, old.sha256());
    let stored = pair.far.hub_api().get("/devices/press-1").await.ok();
    let mut disabled = stored;
    disabled["status"] = json!("disabled");
    disabled["statusReason"] = json!("stolen");
    pair.far
        .hub_api()
        .put_if("/devices/press-1", "*", &disabled)
        .await
        .ok();
    assigned(Device::with_leaf(&new).register(&pair.near, Via::Https).await);
    assert_eq!(thumbprint().await, new.sha256());
    let after = pair.far.hub_api().get("/devices/press-1").await.ok();
    assert_eq!(
        (&after["status"], &after["statusReason"]),
        (&json!("disabled"), &json!("stolen"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_of_a_group_go_elsewhere_too() {
    let pair = Box::pin(Pair::new()).await;
    let root = FixtureAuthority::root("Line Root");
    let group = Enrollment::group("line")
        .x509(&signers(&root))
        .with("iotHubs", json!([FAR]));
    pair.near.dps_api().put_enrollment(&group).await;
    let leaf: Leaf = root.leaf("press-9");
    let outcome = assigned(Device::with_leaf(&leaf).register(&pair.near, Via::Mqtt).await);
    assert_eq!(
        outcome.raw["registrationState"]["x509"]["enrollmentGroupId"],
        "line"
    );
    Device::with_leaf(&leaf)
        .connect(&pair.far)
        .await
        .expect("it connects");
}

/// What is not new is not made, for nobody wrote it down; what a try that was cut off left half-made
/// is made whole, and stays disabled if an operator disabled it meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_made_only_when_new_and_made_whole_with_its_status() {
    let pair = Box::pin(Pair::new()).await;
    let ca = pair.far.connection.root_ca.as_ref().expect("a root");
    let hub = RemoteHub {
        name: HubName::parse("far").expect("a name"),
        host: HostName::parse(FAR).expect("a host name"),
        port: pair.port().parse().expect("a port"),
        policy: PolicyName::parse("iothubowner").expect("a name"),
        key: pair.far.hub_key("iothubowner"),
        ca: Some(std::fs::read_to_string(ca).expect("its certificate")),
    };
    let mut identity = NewIdentity {
        device_id: DeviceId::parse("press-1").expect("an id"),
        auth: DeviceAuth::Sas(KeyPair {
            primary: key(),
            secondary: key(),
        }),
        iot_edge: false,
        initial_twin: InitialTwin::default(),
    };
    let client = RegistryClient::new(Arc::new(SystemClock), Duration::from_secs(10)).expect("a client");
    let far = pair.far.stored();
    let gone = client.provision(&hub, &identity, false).await;
    assert!(gone.as_ref().is_err_and(|error| error.passes()), "{gone:?}");
    assert!(far.identity("press-1").await.is_none());

    client.provision(&hub, &identity, true).await.expect("it is made");
    let api = pair.far.hub_api();
    let mut disabled = api.get("/devices/press-1").await.ok();
    disabled["status"] = json!("disabled");
    api.put_if("/devices/press-1", "*", &disabled).await.ok();
    let tags = json!({ "hall": 7 });
    identity.initial_twin.tags = tags.as_object().cloned().expect("an object");
    client
        .provision(&hub, &identity, true)
        .await
        .expect("it is made whole");
    let made = far.identity("press-1").await.expect("it is there");
    assert_eq!((made.status, made.auth), (DeviceStatus::Disabled, identity.auth));
    assert_eq!(far.twin("press-1").await.expect("its twin").tags["hall"], 7);
}

/// dps-device-api.md 8.2, between a hub of this server and one elsewhere, both ways.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_moves_takes_its_twin_along_or_starts_anew() {
    let pair = Box::pin(Pair::new()).await;
    let near_host = pair.near.hub().host.clone();
    let initial = json!({ "tags": { "from": "enrollment" } });
    for (id, migrate, said, tag) in [
        ("mover", true, "deviceDataMigrated", "device"),
        ("starter", false, "deviceDataReset", "enrollment"),
    ] {
        let key = key();
        let device = Device::with_key(id, &key);
        let policy = json!({ "updateHubAssignment": true, "migrateDeviceData": migrate });
        let with = |enrollment: Enrollment| {
            enrollment
                .with("initialTwin", initial.clone())
                .with("reprovisionPolicy", policy.clone())
        };
        pair.send(id, &key, &near_host, with).await;
        assigned(device.register(&pair.near, Via::Https).await);
        let twin = format!("/twins/{id}");
        let tags = json!({ "tags": { "from": "device" } });
        pair.near.hub_api().patch(&twin, &tags).await.ok();

        pair.send(id, &key, FAR, with).await;
        let there = assigned(device.register(&pair.near, Via::Mqtt).await);
        assert_eq!(
            (there.assigned_hub.as_deref(), substatus(&there)),
            (Some(FAR), &json!(said))
        );
        assert_eq!(
            pair.far.stored().twin(id).await.expect("its twin").tags["from"],
            tag
        );
        assert!(
            pair.near.stored().identity(id).await.is_none(),
            "the old identity is gone"
        );

        pair.far.hub_api().patch(&twin, &tags).await.ok();
        pair.send(id, &key, &near_host, with).await;
        let back = assigned(device.register(&pair.near, Via::Https).await);
        assert_eq!(
            (back.assigned_hub.as_deref(), substatus(&back)),
            (Some(near_host.as_str()), &json!(said))
        );
        assert_eq!(
            pair.near.stored().twin(id).await.expect("its twin").tags["from"],
            tag
        );
        eventually("the identity elsewhere is gone", async || {
            pair.far.stored().identity(id).await.is_none().then_some(())
        })
        .await;
        device.connect(&pair.near).await.expect("it connects");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_never_a_device_stays_elsewhere_and_its_credential_is_kept_new() {
    let pair = Box::pin(Pair::new()).await;
    let (first, second) = (key(), key());
    let never = json!({ "updateHubAssignment": false, "migrateDeviceData": false });
    let stay = |enrollment: Enrollment| enrollment.with("reprovisionPolicy", never.clone());
    pair.send("rock", &first, FAR, stay).await;
    assigned(
        Device::with_key("rock", &first)
            .register(&pair.near, Via::Https)
            .await,
    );
    pair.send("rock", &second, &pair.near.hub().host.clone(), stay)
        .await;
    let outcome = assigned(
        Device::with_key("rock", &second)
            .register(&pair.near, Via::Https)
            .await,
    );
    assert_eq!(outcome.assigned_hub.as_deref(), Some(FAR));
    Device::with_key("rock", &second)
        .connect(&pair.far)
        .await
        .expect("the new key");
    assert!(Device::with_key("rock", &first).connect(&pair.far).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_ends_in_400209_names_the_hub_and_is_shown_nowhere() {
    let pair = Box::pin(Pair::new()).await;
    let (wrong, device_key) = (key(), key());
    let shown = pair.link(&wrong).await;
    assert!(!shown.to_string().contains(&wrong.to_base64()), "{shown}");
    assert!(shown.to_string().contains("SharedAccessKey=****"), "{shown}");
    pair.send("press-1", &device_key, FAR, |enrollment| enrollment)
        .await;
    let device = Device::with_key("press-1", &device_key);
    let outcome = device.register(&pair.near, Via::Mqtt).await.expect("an outcome");
    let (code, message) = failed(&outcome);
    assert_eq!(code, 400_209);
    assert!(
        message.contains(FAR) && message.contains("IotHubUnauthorized"),
        "{message}"
    );
    let health = pair.wait_for_health("unauthorized").await;
    assert!(
        health["error"]
            .as_str()
            .expect("an error")
            .contains("IotHubUnauthorized"),
        "{health}"
    );
    assert!(
        !pair
            .near
            .own_api()
            .get("/provost/hubs")
            .await
            .ok()
            .to_string()
            .contains(&wrong.to_base64())
    );

    // The key is rolled by giving the connection string again.
    pair.link(&pair.far.hub_key("iothubowner")).await;
    assigned(device.register(&pair.near, Via::Mqtt).await);
    pair.wait_for_health("healthy").await;
}

/// What lies elsewhere and does not answer is tried again; others go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_for_a_hub_that_is_down_and_others_do_not() {
    let mut pair = Box::pin(Pair::new()).await;
    pair.far.keep_ports();
    pair.far.stop().await;
    let (key, other) = (key(), key());
    pair.send("patient", &key, FAR, |enrollment| enrollment).await;
    let host = pair.near.hub().host.clone();
    pair.send("lucky", &other, &host, |enrollment| enrollment).await;
    let device = Device::with_key("patient", &key);
    assert_eq!(device.ask(&pair.near).await.expect("an answer"), 202);
    pair.wait_for_health("unreachable").await;
    assigned(
        Device::with_key("lucky", &other)
            .register(&pair.near, Via::Https)
            .await,
    );
    let shown = pair.near.dps_api().get("/registrations/patient").await.ok();
    assert_eq!(
        (&shown["status"], shown.get("assignedHub")),
        (&json!("assigning"), None)
    );

    pair.far.restart().await;
    eventually("the run ends by itself", async || {
        let record = pair
            .near
            .stored()
            .registration("patient")
            .await
            .expect("a record");
        matches!(
            record.state,
            RegistrationState::Assigned {
                substatus: Substatus::InitialAssignment,
                ..
            }
        )
        .then_some(())
    })
    .await;
    device.connect(&pair.far).await.expect("it connects");
    pair.wait_for_health("healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stays_down_ends_in_400209() {
    let configure = |config: &mut provost::config::Config| {
        config.outbound.hub_patience = Duration::from_secs(2);
    };
    let mut pair = Box::pin(Pair::configured(configure)).await;
    pair.far.stop().await;
    let key = key();
    pair.send("press-1", &key, FAR, |enrollment| enrollment).await;
    let outcome = Device::with_key("press-1", &key)
        .register(&pair.near, Via::Https)
        .await;
    let (code, message) = failed(&outcome.expect("an outcome"));
    assert_eq!(code, 400_209);
    assert!(
        message.contains(FAR) && message.contains("cannot be reached"),
        "{message}"
    );
}

/// whoever is disabled while his run waits is not let in by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_disabled_while_it_waits_is_not_let_in() {
    let mut pair = Box::pin(Pair::new()).await;
    pair.far.keep_ports();
    pair.far.stop().await;
    let key = key();
    pair.send("thief", &key, FAR, |enrollment| enrollment).await;
    let device = Device::with_key("thief", &key);
    assert_eq!(device.ask(&pair.near).await.expect("an answer"), 202);
    pair.wait_for_health("unreachable").await;
    pair.send("thief", &key, FAR, Enrollment::disabled).await;
    pair.far.restart().await;
    eventually("the run ends", async || {
        let record = pair.near.stored().registration("thief").await.expect("a record");
        (record.state == RegistrationState::Disabled).then_some(())
    })
    .await;
    assert!(pair.far.stored().identity("thief").await.is_none());
}

/// Waits for the audit events of so many removals.
async fn written_down(stored: &Stored, count: usize) {
    eventually("the removals are written down", async || {
        let events = stored.audit_events().await;
        let removals = events
            .iter()
            .filter(|event| event.kind == "device" && event.key == "leaver");
        (removals.count() == count).then_some(())
    })
    .await;
}

/// What a disenrollment asks of hubs elsewhere: the device is disabled or deleted there.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_elsewhere_is_disabled_and_deleted_on_request() {
    let pair = Box::pin(Pair::new()).await;
    let key = key();
    pair.send("leaver", &key, FAR, |enrollment| enrollment).await;
    let device = Device::with_key("leaver", &key);
    assigned(device.register(&pair.near, Via::Https).await);
    device.connect(&pair.far).await.expect("it connects");
    let near = pair.near.stored();
    near.remove_elsewhere("far", "leaver", RemovalAction::Disable)
        .await;
    eventually("it is disabled", async || {
        let identity = pair.far.stored().identity("leaver").await.expect("it is there");
        (identity.status == DeviceStatus::Disabled).then_some(())
    })
    .await;
    assert!(device.connect(&pair.far).await.is_err());
    // Registering again does not wake it.
    assigned(device.register(&pair.near, Via::Https).await);
    assert!(device.connect(&pair.far).await.is_err());
    near.remove_elsewhere("far", "leaver", RemovalAction::Delete)
        .await;
    eventually("it is gone", async || {
        pair.far.stored().identity("leaver").await.is_none().then_some(())
    })
    .await;
    // One that is asked for while another is on its way takes its place: the first ends first.
    written_down(near, 2).await;
    // Nobody minds that it is gone already.
    near.remove_elsewhere("far", "leaver", RemovalAction::Delete)
        .await;
    written_down(near, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disenrolled_everywhere_a_device_is_shut_out_elsewhere_too() {
    let pair = Box::pin(Pair::new()).await;
    let key = key();
    pair.send("press-1", &key, FAR, |enrollment| enrollment).await;
    let device = Device::with_key("press-1", &key);
    assigned(device.register(&pair.near, Via::Mqtt).await);
    assert!(pair.far.stored().identity("press-1").await.is_some());

    let path = format!("/provost/dps/{}/disenroll", pair.near.dps().name);
    let everywhere = json!({ "registrationId": "press-1", "everywhere": true });
    let answer = pair.near.own_api().post(&path, &everywhere).await.ok();
    let far = answer["touched"].as_array().expect("a list").iter();
    let far = far.filter(|touched| touched["hub"] == "far").count();
    assert_eq!(far, 1, "{answer:#}");
    eventually("the identity is disabled elsewhere", async || {
        let identity = pair.far.stored().identity("press-1").await?;
        (identity.status == DeviceStatus::Disabled).then_some(())
    })
    .await;
    assert!(pair.near.stored().registration("press-1").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_of_this_server_and_elsewhere_share_their_names() {
    let pair = Box::pin(Pair::new()).await;
    let api = pair.near.own_api();
    let string = "HostName=other.example;SharedAccessKeyName=p;SharedAccessKey=a2V5a2V5a2V5a2V5a2V5a2V5";
    let own = json!({ "name": pair.near.hub().name, "connectionString": string });
    assert_eq!(api.post("/provost/hubs", &own).await.status, 400);
    let moved = json!({ "name": "far", "connectionString": string });
    assert_eq!(api.post("/provost/hubs", &moved).await.status, 400);
    let taken = json!({ "name": "far" });
    assert_eq!(api.post("/provost/hubs", &taken).await.status, 400);
    let hubs = api.get("/provost/hubs").await.ok();
    assert_eq!(hubs["value"].as_array().expect("a list").len(), 2);
    assert!(
        hubs["value"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|hub| hub.get("remote").is_none())
    );
}
