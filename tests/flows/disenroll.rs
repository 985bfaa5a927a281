//! Shutting out in one act (certificate-management.md ), and the blast
//! radius before it.

use std::time::Duration;

use provost_device::provisioning::RegistrationStatus;
use provost_model::ambient::SystemRandom;
use provost_model::{DeviceStatus, SymmetricKey};
use provost_pki::Sha256Thumbprint;
use provost_testkit::{
    Answer, Device, Enrollment, FixtureAuthority, Leaf, TestServer, Via, assigned, clients, connack_code,
    over_every_transport, refusal, signers,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);
/// CONNACK "server unavailable": told to a device that proved itself and is disabled.
const DISABLED: u8 = 3;
/// CONNACK "not authorized": told to a device the hub does not know.
const NOT_AUTHORIZED: u8 = 5;

/// A group under an intermediate, and two of its devices, registered.
struct Line {
    server: TestServer,
    issuer: FixtureAuthority,
    leaf: Leaf,
    press: Device,
    neighbour: Device,
}

impl Line {
    async fn new() -> Self {
        let issuer = FixtureAuthority::root("Line Root").intermediate("Line CA 1");
        let server = TestServer::start().await;
        let group = Enrollment::group("line").x509(&signers(&issuer));
        server.dps_api().put_enrollment(&group).await;
        let leaf = issuer.leaf("press-1");
        let press = Device::with_leaf(&leaf);
        let neighbour = Device::with_leaf(&issuer.leaf("press-2"));
        for device in [&press, &neighbour] {
            assigned(device.register(&server, Via::Https).await);
        }
        Self {
            server,
            issuer,
            leaf,
            press,
            neighbour,
        }
    }

    fn path(&self, what: &str) -> String {
        format!("/provost/dps/{}/{what}", self.server.dps().name)
    }

    async fn as_policy(&self, body: &Value) -> Answer {
        self.server.dps_api().post(&self.path("disenroll"), body).await
    }

    async fn as_admin(&self, body: &Value) -> Answer {
        self.server.own_api().post(&self.path("disenroll"), body).await
    }

    async fn radius(&self, body: &Value) -> Value {
        let path = self.path("blastRadius");
        self.server.dps_api().post(&path, body).await.ok()
    }

    /// Repeats an act until nothing is left of it; everything that was touched.
    async fn to_the_end(&self, body: &Value) -> Vec<Value> {
        let (mut body, mut touched) = (body.clone(), Vec::new());
        loop {
            let answer = self.as_admin(&body).await.ok();
            touched.extend(answer["touched"].as_array().unwrap().iter().cloned());
            let Some(continuation) = answer.get("continuation") else {
                return touched;
            };
            body["continuation"] = continuation.clone();
        }
    }

    async fn status_of(&self, id: &str) -> Option<DeviceStatus> {
        let identity = self.server.stored().identity(id).await;
        identity.map(|identity| identity.status)
    }
}

fn touched(kind: &str, id: &str, before: &str, after: &str) -> Value {
    json!({ "kind": kind, "id": id, "before": before, "after": after })
}

fn identity(line: &Line, id: &str, before: &str, after: &str) -> Value {
    let mut identity = touched("identity", id, before, after);
    identity["hub"] = json!(line.server.hub().name);
    identity
}

#[tokio::test]
async fn r_008_without_everywhere_the_hub_is_left_alone() {
    let line = Line::new().await;
    let mut session = line.press.connect(&line.server).await.unwrap();
    let answer = line.as_policy(&json!({ "registrationId": "press-1" })).await.ok();
    let expected = [
        touched("enrollment", "press-1", "absent", "disabled"),
        touched("registration", "press-1", "assigned", "absent"),
    ];
    assert_eq!(answer["touched"], json!(expected));
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Enabled));
    session.send_telemetry(b"{}", &[]).await.unwrap();
    line.press.connect(&line.server).await.unwrap();
}

#[tokio::test]
async fn r_026_a_device_of_a_group_is_blocked_without_its_certificate() {
    over_every_transport(async |via| {
        let line = Line::new().await;
        line.as_policy(&json!({ "registrationId": "press-1" })).await.ok();
        assert_eq!(
            refusal(line.press.register(&line.server, via).await),
            (401, 401_002),
            "{via:?}"
        );
        assert!(line.server.stored().registration("press-1").await.is_none());
        assigned(line.neighbour.register(&line.server, via).await);
        // Enabled again its own keys decide; deleted, the group does.
        line.server
            .dps_api()
            .delete("/enrollments/press-1")
            .await
            .no_content();
        assigned(line.press.register(&line.server, via).await);
    })
    .await;
}

#[tokio::test]
async fn r_082_everywhere_ends_entry_record_identity_and_session_at_once() {
    let line = Line::new().await;
    let mut session = line.press.connect(&line.server).await.unwrap();
    let before = line.server.stored().audit_events().await.len();
    let body = json!({ "registrationId": "press-1", "everywhere": true });
    let answer = line.as_admin(&body).await.ok();
    let expected = [
        identity(&line, "press-1", "enabled", "disabled"),
        touched("enrollment", "press-1", "absent", "disabled"),
        touched("registration", "press-1", "assigned", "absent"),
    ];
    assert_eq!(answer["touched"], json!(expected));
    assert_eq!(connack_code(line.press.connect(&line.server).await), DISABLED);
    assert!(session.closed(SOON).await, "the live session is closed");
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Disabled));
    assert_eq!(line.status_of("press-2").await, Some(DeviceStatus::Enabled));

    let events = line.server.stored().audit_events().await.split_off(before);
    let [event] = events.as_slice() else {
        panic!("{} events", events.len());
    };
    let hub = &line.server.hub().name;
    let named = format!(
        "identity {hub}/press-1: enabled to disabled; enrollment press-1: absent to disabled; \
         registration press-1: assigned to absent"
    );
    assert_eq!(
        (
            event.action.as_str(),
            event.kind.as_str(),
            event.key.as_str(),
            event.detail.as_str()
        ),
        ("disenroll", "enrollment", "press-1", named.as_str())
    );
    // Once more there is nothing left to do, and nothing to record.
    let again = line.as_admin(&body).await.ok();
    let same = |it: &Value| it["before"] == it["after"];
    assert!(again["touched"].as_array().unwrap().iter().all(same), "{again}");
    assert_eq!(line.server.stored().audit_events().await.len(), before + 1);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_does_nothing() {
    let line = Line::new().await;
    let mut session = line.press.connect(&line.server).await.unwrap();
    let events = line.server.stored().audit_events().await.len();
    let body = |dry_run: bool| {
        json!({ "registrationId": "PRESS-1", "everywhere": true, "entry": "delete", "identity": "delete",
                "dryRun": dry_run })
    };
    let dry = line.as_admin(&body(true)).await.ok();
    assert_eq!(line.server.stored().audit_events().await.len(), events);
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Enabled));
    assert!(line.server.stored().registration("press-1").await.is_some());
    session.send_telemetry(b"{}", &[]).await.unwrap();

    let mut done = line.as_admin(&body(false)).await.ok();
    assert_eq!((&dry["dryRun"], &done["dryRun"]), (&json!(true), &json!(false)));
    done["dryRun"] = json!(true);
    assert_eq!(dry, done);
    let warning = dry["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("group line would let the device in again"),
        "{warning}"
    );
    assert_eq!(line.status_of("press-1").await, None);
    assert!(session.closed(SOON).await);
    // As it was warned: deleting is no block.
    assigned(line.press.register(&line.server, Via::Https).await);
}

#[tokio::test]
async fn an_enrollment_of_its_own_is_disabled_or_deleted() {
    for (act, after) in [("disable", "disabled"), ("delete", "absent")] {
        let line = Line::new().await;
        let key = SymmetricKey::generate(&SystemRandom);
        let own = Enrollment::individual("robot").keys(Some(&key), None);
        line.server
            .dps_api()
            .put_enrollment(&own.clone().with("deviceId", "Robot#7"))
            .await;
        let robot = Device::with_key("robot", &key);
        assigned(robot.register(&line.server, Via::Https).await);
        let body = json!({ "registrationId": "robot", "everywhere": true, "entry": act, "identity": act });
        let answer = line.as_admin(&body).await.ok();
        let expected = [
            identity(&line, "Robot#7", "enabled", after),
            touched("enrollment", "robot", "enabled", after),
            touched("registration", "robot", "assigned", "absent"),
        ];
        assert_eq!(answer["touched"], json!(expected));
        let outcome = robot.register(&line.server, Via::Https).await;
        match act {
            "disable" => assert_eq!(outcome.unwrap().status, RegistrationStatus::Disabled),
            _ => assert_eq!(refusal(outcome), (401, 401_002)),
        }
    }
}

#[tokio::test]
async fn who_may_shut_out() {
    let line = Line::new().await;
    let everywhere = json!({ "registrationId": "press-1", "everywhere": true });
    line.as_policy(&everywhere).await.refused(403_001);
    line.as_admin(&json!({ "registrationId": "nobody" }))
        .await
        .refused(404_201);
    line.as_admin(&json!({ "enrollmentGroupId": "nothing" }))
        .await
        .refused(404_204);
    line.as_admin(&json!({ "certificate": "nothing" }))
        .await
        .refused(404_205);
    let foreign = json!({ "registrationId": "press-1" });
    let other = line.server.own_api();
    other
        .post("/provost/dps/other/disenroll", &foreign)
        .await
        .refused(404_206);
    let policy = line.server.dps_api();
    policy
        .post("/provost/dps/other/disenroll", &foreign)
        .await
        .refused(404_206);
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Enabled));
}

#[tokio::test]
async fn r_092_a_group_is_ended_with_the_identities_of_its_devices() {
    let line = Line::new().await;
    let mut sessions = Vec::new();
    for device in [&line.press, &line.neighbour] {
        sessions.push(device.connect(&line.server).await.unwrap());
    }
    let group = json!({ "enrollmentGroupId": "LINE", "everywhere": true });
    let touched = line.to_the_end(&group).await;
    assert_eq!(
        touched.len(),
        5,
        "a group, two identities, two records: {touched:?}"
    );
    for (device, session) in [&line.press, &line.neighbour].into_iter().zip(&mut sessions) {
        assert_eq!(connack_code(device.connect(&line.server).await), DISABLED);
        assert!(session.closed(SOON).await);
        let outcome = device.register(&line.server, Via::Https).await.unwrap();
        assert_eq!(outcome.status, RegistrationStatus::Disabled);
    }
}

#[tokio::test]
async fn a_certificate_is_ended_in_every_entry_by_name_text_or_thumbprint() {
    let line = Line::new().await;
    let api = line.server.dps_api();
    let second = Enrollment::group("line-b").x509(&signers(&line.issuer));
    api.put_enrollment(&second).await;
    let thumbprint = Sha256Thumbprint::of(line.issuer.der()).to_string();
    for text in [line.issuer.pem(), thumbprint.clone(), thumbprint.to_lowercase()] {
        let radius = line.radius(&json!({ "certificate": text })).await;
        let ids: Vec<&Value> = radius["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["id"])
            .collect();
        assert_eq!(ids, [&json!("line"), &json!("line-b")], "{text}");
        assert_eq!(radius["devices"], 2);
    }
    line.to_the_end(&json!({ "certificate": thumbprint })).await;
    for group in ["line", "line-b"] {
        let shown = api.get(&format!("/enrollmentGroups/{group}")).await.ok();
        assert_eq!(shown["provisioningStatus"], "disabled");
    }
    // Without `everywhere` the devices keep their records and identities.
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Enabled));
    assert!(line.server.stored().registration("press-1").await.is_some());
}

#[tokio::test]
async fn a_device_that_was_blocked_first_is_ended_with_its_group() {
    let line = Line::new().await;
    let own = Enrollment::individual("press-1").keys(Some(&SymmetricKey::generate(&SystemRandom)), None);
    line.server.dps_api().put_enrollment(&own.disabled()).await;
    assert!(line.press.register(&line.server, Via::Https).await.is_err());
    let leaf_block = Enrollment::individual("press-1")
        .x509(&clients(&line.leaf, None))
        .disabled();
    line.server.dps_api().put_enrollment(&leaf_block).await;
    let outcome = line.press.register(&line.server, Via::Https).await.unwrap();
    assert_eq!(outcome.status, RegistrationStatus::Disabled);
    assert_eq!(
        line.radius(&json!({ "enrollmentGroupId": "line" })).await["devices"],
        2
    );

    let body = json!({ "enrollmentGroupId": "line", "everywhere": true });
    line.to_the_end(&body).await;
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Disabled));
}

#[tokio::test]
async fn a_group_that_is_deleted_everywhere_stays_until_its_devices_are_ended() {
    let line = Line::new().await;
    let body =
        json!({ "enrollmentGroupId": "line", "everywhere": true, "entry": "delete", "identity": "delete" });
    // Cut off after the first request: nobody comes in, and beginning again finds the rest.
    let first = line.as_admin(&body).await.ok();
    assert!(first["continuation"].is_string(), "{first:#}");
    assert_eq!(line.status_of("press-1").await, Some(DeviceStatus::Enabled));
    let outcome = line.press.register(&line.server, Via::Https).await.unwrap();
    assert_eq!(outcome.status, RegistrationStatus::Disabled);
    line.to_the_end(&body).await;
    for id in ["press-1", "press-2"] {
        assert_eq!(line.status_of(id).await, None);
    }
    assert_eq!(
        line.server.dps_api().get("/enrollmentGroups/line").await.status,
        404
    );
}

#[tokio::test]
async fn the_blast_radius_counts_devices_sessions_and_ways_back() {
    let line = Line::new().await;
    let api = line.server.dps_api();
    let _session = line.press.connect(&line.server).await.unwrap();
    let stranger = SymmetricKey::generate(&SystemRandom);
    let own = Enrollment::individual("press-2").keys(Some(&stranger), None);
    api.put_enrollment(&own).await;
    let group = json!({ "enrollmentGroupId": "line" });
    let expected = json!({
        "entries": [{ "kind": "enrollmentGroup", "id": "line", "provisioningStatus": "enabled" }],
        "individualEnrollments": 0,
        "caCertificates": [],
        "devices": 2,
        "withIdentity": 2,
        "connected": 1,
        "below": { "groups": [], "devices": 0 },
        "stillAdmitted": { "byOwnEnrollment": 1, "byOtherGroupWhenDeleted": 0, "otherGroups": [] },
    });
    assert_eq!(line.radius(&group).await, expected);
    line.server
        .hub_api()
        .delete("/devices/press-2")
        .await
        .no_content();
    assert_eq!(line.radius(&group).await["withIdentity"], 1);

    // A group of the certificate above lets the other one in, once this group is deleted.
    let above = FixtureAuthority::root("Hall Root");
    let issuer = above.intermediate("Hall CA");
    for (id, authority) in [("hall", &issuer), ("site", &above)] {
        let group = Enrollment::group(id).x509(&signers(authority));
        api.put_enrollment(&group).await;
    }
    let device = Device::with_leaf(&issuer.leaf("crane-1"));
    assigned(device.register(&line.server, Via::Https).await);
    let radius = line.radius(&json!({ "enrollmentGroupId": "hall" })).await;
    let ways = json!({ "byOwnEnrollment": 0, "byOtherGroupWhenDeleted": 1, "otherGroups": ["site"] });
    assert_eq!(radius["stillAdmitted"], ways);
    // The other way round there is nobody above.
    let radius = line.radius(&json!({ "enrollmentGroupId": "site" })).await;
    assert_eq!(radius["stillAdmitted"]["otherGroups"], json!([]));
    assert_eq!(radius["below"], json!({ "groups": ["hall"], "devices": 1 }));
}

/// A registered, connected device with an enrollment of its own.
async fn enrolled(server: &TestServer) -> (Enrollment, Device) {
    let key = SymmetricKey::generate(&SystemRandom);
    let enrollment = Enrollment::individual("press-1").keys(Some(&key), None);
    server.dps_api().put_enrollment(&enrollment).await;
    let device = Device::with_key("press-1", &key);
    assigned(device.register(server, Via::Mqtt).await);
    (enrollment, hub_device(server, "press-1").await)
}

/// The device as the hub knows it.
async fn hub_device(server: &TestServer, id: &str) -> Device {
    let shown = server.hub_api().get(&format!("/devices/{id}")).await.ok();
    let key = &shown["authentication"]["symmetricKey"]["primaryKey"];
    Device::with_key(id, &SymmetricKey::parse(key.as_str().unwrap()).unwrap())
}

#[tokio::test]
async fn r_105_a_plan_is_scripted_end_to_end() {
    let server = TestServer::start().await;
    let (dps, hub, management) = (server.dps_api(), server.hub_api(), server.management());
    let root = FixtureAuthority::root("Plan Root");
    let name = &server.dps().name;
    let anchor = format!(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/{name}/certificates/anchor"
    );
    let upload = json!({ "properties": { "certificate": root.pem(), "isVerified": true } });
    management.put(&anchor, &upload).await.ok();
    let group = Enrollment::group("line").authority("anchor");
    dps.put_enrollment(&group).await;
    let leaf = root.leaf("press-2");
    let member = Device::with_leaf(&leaf);
    assigned(member.register(&server, Via::Https).await);
    let (individual, device) = enrolled(&server).await;
    let mut sessions = [
        device.connect(&server).await.unwrap(),
        member.connect(&server).await.unwrap(),
    ];

    dps.put_enrollment(&individual.clone().disabled()).await;
    dps.put_enrollment(&group.clone().disabled()).await;
    for id in ["press-1", "press-2"] {
        dps.delete(&format!("/registrations/{id}")).await.no_content();
        hub.delete(&format!("/devices/{id}")).await.no_content();
    }
    for session in &mut sessions {
        assert!(session.closed(SOON).await);
    }
    management.delete(&anchor).await.no_content();
    dps.delete(&individual.path()).await.no_content();
    dps.delete(&group.path()).await.no_content();
    for device in [&device, &member] {
        assert_eq!(
            refusal(device.register(&server, Via::Https).await),
            (401, 401_002)
        );
        assert_eq!(connack_code(device.connect(&server).await), NOT_AUTHORIZED);
    }
    assert_eq!(server.stored().registrations().await, []);
    assert_eq!(server.stored().identities().await, []);
}
