use provost_access::Permission as P;
use provost_model::AccessRight::{
    EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, RegistrationStatusWrite, RegistryRead,
    RegistryWrite, ServiceConnect,
};
use serde_json::{Value, json};

use super::device_registry::device_registry;
use super::{Door, Operation, World};

/// Every operation, each after those it needs.
pub(crate) fn catalogue(world: &World) -> Vec<Operation> {
    let mut all = enrollments();
    all.extend(groups());
    all.extend(device(world));
    all.extend(registrations());
    all.extend(shutting_out(world));
    all.extend(hub(world));
    all.extend(jobs());
    all.extend(fleet(world));
    all.extend(management(world));
    all.extend(own(world));
    all.extend(telemetry(world));
    all.extend(device_registry(world));
    all
}

fn keys() -> Value {
    let keys =
        json!({ "primaryKey": "a2V5a2V5a2V5a2V5a2V5a2V5", "secondaryKey": "a2V5a2V5a2V5a2V5a2V5a2V6" });
    json!({ "type": "symmetricKey", "symmetricKey": keys })
}

fn enrollments() -> Vec<Operation> {
    let (read, write) = (Door::Dps(EnrollmentRead), Door::Dps(EnrollmentWrite));
    let body = json!({ "registrationId": "press-1", "attestation": keys() });
    let item = json!({ "registrationId": "press-2", "attestation": keys() });
    vec![
        Operation::new(write, "PUT", "/enrollments/press-1")
            .body(body)
            .leaves("create", "enrollment", "press-1"),
        Operation::new(read, "GET", "/enrollments/press-1"),
        Operation::new(read, "POST", "/enrollments/query").body(json!({ "query": "*" })),
        Operation::new(read, "POST", "/enrollments/press-1/attestationmechanism").leaves(
            "reveal",
            "enrollment",
            "press-1",
        ),
        Operation::new(write, "POST", "/enrollments")
            .body(json!({ "mode": "create", "enrollments": [item] }))
            .leaves("create", "enrollment", "press-2"),
        Operation::new(write, "DELETE", "/enrollments/press-1")
            .status(204)
            .leaves("delete", "enrollment", "press-1"),
    ]
}

fn groups() -> Vec<Operation> {
    let (read, write) = (Door::Dps(EnrollmentRead), Door::Dps(EnrollmentWrite));
    let body = json!({ "enrollmentGroupId": "line-1", "attestation": keys() });
    let item = json!({ "enrollmentGroupId": "line-2", "attestation": keys() });
    vec![
        Operation::new(write, "PUT", "/enrollmentGroups/line-1")
            .body(body)
            .leaves("create", "enrollmentGroup", "line-1"),
        Operation::new(read, "GET", "/enrollmentGroups/line-1"),
        Operation::new(read, "POST", "/enrollmentGroups/query").body(json!({ "query": "*" })),
        Operation::new(read, "POST", "/enrollmentGroups/line-1/attestationmechanism").leaves(
            "reveal",
            "enrollmentGroup",
            "line-1",
        ),
        Operation::new(write, "POST", "/enrollmentGroups")
            .body(json!({ "mode": "create", "enrollmentGroups": [item] }))
            .leaves("create", "enrollmentGroup", "line-2"),
        Operation::new(write, "DELETE", "/enrollmentGroups/line-1")
            .status(204)
            .leaves("delete", "enrollmentGroup", "line-1"),
    ]
}

fn device(world: &World) -> Vec<Operation> {
    let base = format!("/{}/registrations/known", world.server.dps().id_scope);
    let body = json!({ "registrationId": "known" });
    vec![
        Operation::new(Door::Device, "GET", format!("{base}/operations/{{operation}}")),
        Operation::new(Door::Device, "POST", base.clone()).body(body.clone()),
        Operation::new(Door::Device, "PUT", format!("{base}/register"))
            .body(body)
            .status(202)
            .leaves("register", "registration", "known"),
    ]
}

fn registrations() -> Vec<Operation> {
    let read = Door::Dps(RegistrationStatusRead);
    vec![
        Operation::new(Door::Dps(EnrollmentRead), "POST", "/provost/explain")
            .body(json!({ "registrationId": "known" })),
        Operation::new(read, "GET", "/registrations/known"),
        Operation::new(read, "POST", "/registrations/line-2/query").body(json!({ "query": "*" })),
        Operation::new(
            Door::Dps(RegistrationStatusWrite),
            "DELETE",
            "/registrations/known",
        )
        .status(204)
        .leaves("delete", "registration", "known"),
    ]
}

/// After the device's record was deleted: it registers anew for an administrator to shut it out.
fn shutting_out(world: &World) -> Vec<Operation> {
    let base = format!("/provost/dps/{}", world.server.dps().name);
    let read = Door::Dps(EnrollmentRead);
    let write = Door::Dps(RegistrationStatusWrite);
    vec![
        Operation::new(read, "GET", format!("{base}/quota")),
        Operation::new(read, "POST", format!("{base}/blastRadius"))
            .body(json!({ "enrollmentGroupId": "line-2" })),
        device(world).remove(2),
        Operation::new(
            Door::Dps(RegistrationStatusRead),
            "POST",
            format!("{base}/registrations/query"),
        )
        .body(json!({})),
        Operation::new(write, "POST", format!("{base}/registrations/delete"))
            .body(json!({ "all": true }))
            .leaves("delete", "registration", "*"),
        device(world).remove(2),
        Operation::new(Door::DpsAndAdmin, "POST", format!("{base}/disenroll"))
            .needs(&[P::ServicesWrite])
            .body(json!({ "registrationId": "known", "everywhere": true }))
            .leaves("disenroll", "enrollment", "known"),
    ]
}

fn hub(world: &World) -> Vec<Operation> {
    let (read, write, service) = (
        Door::Hub(RegistryRead),
        Door::Hub(RegistryWrite),
        Door::Hub(ServiceConnect),
    );
    let tags = json!({ "tags": { "hall": 7 } });
    vec![
        Operation::new(write, "PUT", "/devices/dev-1")
            .body(device_with_key(world))
            .leaves("create", "device", "dev-1"),
        Operation::new(read, "GET", "/devices/dev-1"),
        Operation::new(read, "GET", "/devices?top=10"),
        Operation::new(write, "POST", "/devices")
            .body(json!([{ "id": "dev-2", "importMode": "create" }]))
            .leaves("create", "device", "dev-2"),
        Operation::new(write, "POST", "/devices/keys/regenerate")
            .body(json!({ "policyKey": "primary", "devices": ["dev-2"] }))
            .leaves("update", "device", "dev-2"),
        Operation::new(service, "GET", "/configurations"),
        // Past the door it is said that it is not there.
        Operation::new(service, "GET", "/digitaltwins/dev-1").status(403),
        Operation::new(service, "POST", "/devices/query").body(json!({ "query": "SELECT * FROM devices" })),
        Operation::new(read, "GET", "/statistics/devices"),
        Operation::new(service, "GET", "/statistics/service"),
        Operation::new(service, "GET", "/twins/dev-1"),
        Operation::new(service, "PATCH", "/twins/dev-1")
            .body(tags.clone())
            .leaves("update", "twin", "dev-1"),
        Operation::new(service, "PUT", "/twins/dev-1")
            .body(tags.clone())
            .leaves("update", "twin", "dev-1"),
        // Nobody is connected: past the door it is 404103.
        Operation::new(service, "POST", "/twins/dev-1/methods")
            .body(json!({ "methodName": "m" }))
            .status(404),
        Operation::new(write, "PUT", "/devices/dev-1/modules/m1")
            .body(json!({ "deviceId": "dev-1", "moduleId": "m1" }))
            .status(201)
            .leaves("create", "module", "dev-1/m1"),
        Operation::new(read, "GET", "/devices/dev-1/modules"),
        Operation::new(read, "GET", "/devices/dev-1/modules/m1"),
        Operation::new(service, "GET", "/twins/dev-1/modules/m1"),
        Operation::new(service, "PATCH", "/twins/dev-1/modules/m1")
            .body(tags.clone())
            .leaves("update", "twin", "dev-1/m1"),
        Operation::new(service, "PUT", "/twins/dev-1/modules/m1")
            .body(tags)
            .leaves("update", "twin", "dev-1/m1"),
        Operation::new(service, "POST", "/twins/dev-1/modules/m1/methods")
            .body(json!({ "methodName": "m" }))
            .status(404),
        Operation::new(write, "DELETE", "/devices/dev-1/modules/m1")
            .status(204)
            .leaves("delete", "module", "dev-1/m1"),
    ]
    .into_iter()
    .chain(messages(world))
    .chain([Operation::new(write, "DELETE", "/devices/dev-1")
        .status(204)
        .leaves("delete", "device", "dev-1")])
    .collect()
}

fn device_with_key(world: &World) -> Value {
    let key = world.key.to_base64();
    let keys = json!({ "primaryKey": key, "secondaryKey": key });
    json!({ "deviceId": "dev-1", "authentication": { "type": "sas", "symmetricKey": keys } })
}

/// Nobody holds the lock of the token `lost`: past the door it is 412002.
fn messages(world: &World) -> Vec<Operation> {
    let (service, hub) = (Door::Hub(ServiceConnect), &world.server.hub().name);
    let device =
        |method, path: &str| Operation::new(Door::HubDevice, method, format!("/devices/dev-1/{path}"));
    let feedback = "/messages/serviceBound/feedback";
    vec![
        Operation::new(
            service,
            "POST",
            format!("/provost/hubs/{hub}/devices/dev-1/messages"),
        )
        .body(json!({ "body": "aGk=", "ack": "full" }))
        .leaves("create", "message", "dev-1"),
        device("POST", "messages/events")
            .body(json!({ "t": 20 }))
            .status(204),
        device("GET", "messages/devicebound"),
        device("DELETE", "messages/devicebound/lost").status(412),
        device("DELETE", "messages/devicebound/lost?reject").status(412),
        device("POST", "messages/devicebound/lost/abandon").status(412),
        device("POST", "files")
            .body(json!({ "blobName": "b" }))
            .status(400),
        device("POST", "files/notifications")
            .body(json!({ "isSuccess": true }))
            .status(400),
        Operation::new(service, "DELETE", "/devices/dev-1/commands").leaves("delete", "message", "dev-1"),
        Operation::new(service, "GET", feedback),
        Operation::new(service, "DELETE", format!("{feedback}/lost")).status(412),
        Operation::new(service, "POST", format!("{feedback}/lost/abandon")).status(412),
    ]
}

/// The job begins in the far future: it changes nothing meanwhile.
fn jobs() -> Vec<Operation> {
    let (write, service) = (Door::Hub(RegistryWrite), Door::Hub(ServiceConnect));
    let body = json!({
        "jobId": "job-1",
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": { "methodName": "m" },
        "queryCondition": "*",
        "startTime": "2100-01-01T00:00:00Z",
    });
    vec![
        Operation::new(service, "PUT", "/jobs/v2/job-1")
            .body(body)
            .leaves("create", "job", "job-1"),
        Operation::new(service, "GET", "/jobs/v2/job-1"),
        Operation::new(service, "GET", "/jobs/v2/query?jobType=&jobStatus="),
        Operation::new(service, "POST", "/jobs/v2/job-1/cancel").leaves("update", "job", "job-1"),
        Operation::new(write, "GET", "/jobs"),
        // There is none: past the door it is 404002.
        Operation::new(write, "GET", "/jobs/job-1").status(404),
        // Not offered: past the door it is 403010.
        Operation::new(write, "POST", "/jobs/create")
            .body(json!({ "type": "export" }))
            .status(403),
    ]
}

/// A device that is never there: the run goes on until it is called off.
fn fleet(world: &World) -> Vec<Operation> {
    let service = Door::Hub(ServiceConnect);
    let base = format!("/provost/hubs/{}/fleet/reprovisions", world.server.hub().name);
    let ask = |method, path: &str| Operation::new(service, method, format!("{base}{path}"));
    let changes =
        |what: &str| ask("POST", &format!("/wave-1/{what}")).leaves("update", "fleetReprovision", "wave-1");
    vec![
        ask("POST", "")
            .body(json!({ "id": "wave-1", "query": "*", "connectWithinSeconds": 3600 }))
            .leaves("create", "fleetReprovision", "wave-1"),
        ask("GET", ""),
        ask("GET", "/wave-1"),
        ask("GET", "/wave-1/devices?state=pending"),
        changes("pause"),
        changes("resume"),
        changes("cancel"),
    ]
}

fn management(world: &World) -> Vec<Operation> {
    let kind = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Devices";
    let (dps, hub) = (&world.server.dps().name, &world.server.hub().name);
    let instance = format!("{kind}/provisioningServices/{dps}");
    let anchor = format!("{instance}/certificates/anchor");
    let upload = json!({ "properties": { "certificate": world.authority.pem() } });
    let ask = |method, path: String, needs: &[P]| Operation::new(Door::Management, method, path).needs(needs);
    let read = |path| ask("GET", path, &[P::ServicesRead]);
    let write = |method, path| ask(method, path, &[P::ServicesWrite]);
    let secrets = |method, path| ask(method, path, &[P::SecretsRead]);
    let owner = "provisioningserviceowner";
    vec![
        read(format!("{kind}/provisioningServices")),
        read(instance.clone()),
        secrets("POST", format!("{instance}/listkeys")).leaves("reveal", "accessPolicy", "*"),
        secrets("POST", format!("{instance}/keys/{owner}/listkeys")).leaves("reveal", "accessPolicy", owner),
        secrets("POST", format!("{kind}/IotHubs/{hub}/listkeys")).leaves("reveal", "accessPolicy", "*"),
        write("PUT", anchor.clone())
            .body(upload)
            .leaves("create", "caCertificate", "anchor"),
        read(format!("{instance}/certificates")),
        read(anchor.clone()),
        write("POST", format!("{anchor}/generateVerificationCode")).leaves(
            "update",
            "caCertificate",
            "anchor",
        ),
        write("POST", format!("{anchor}/verify")).leaves("verify", "caCertificate", "anchor"),
        write("DELETE", anchor)
            .status(204)
            .leaves("delete", "caCertificate", "anchor"),
    ]
}

fn own(world: &World) -> Vec<Operation> {
    let dps = &world.server.dps().name;
    let links = format!("/provost/dps/{dps}/linkedHubs");
    let ask = |method, path: String, needs: &[P]| Operation::new(Door::Own, method, path).needs(needs);
    let read = |path| ask("GET", path, &[P::ServicesRead]);
    let write = |method, path| ask(method, path, &[P::ServicesWrite]);
    let secrets = |method, path| ask(method, path, &[P::SecretsRead]);
    let policy = |method, path| ask(method, path, &[P::ServicesWrite, P::SecretsRead]);
    let owner = |method, path| ask(method, path, &[P::Everything]);
    vec![
        Operation::new(Door::Open, "GET", "/provost/health"),
        read("/provost/metrics".to_owned()),
        ask("GET", "/provost/audit".to_owned(), &[P::AuditRead]),
        owner("POST", "/provost/adminTokens".to_owned())
            .body(json!({ "name": "second" }))
            .leaves("create", "adminToken", "second"),
        owner("GET", "/provost/adminTokens".to_owned()),
        owner("DELETE", "/provost/adminTokens/second".to_owned())
            .status(204)
            .leaves("delete", "adminToken", "second"),
        read("/provost/hubs".to_owned()),
        write("POST", "/provost/hubs".to_owned())
            .body(json!({ "name": "hub2", "host": "hub2.localhost" }))
            .leaves("create", "hub", "hub2"),
        read("/provost/hubs/hub2".to_owned()),
        read("/provost/dps".to_owned()),
        write("POST", "/provost/dps".to_owned())
            .body(json!({ "name": "dps2", "host": "dps2.localhost" }))
            .leaves("create", "dps", "dps2"),
        read("/provost/dps/dps2".to_owned()),
        write("DELETE", "/provost/dps/dps2".to_owned())
            .status(204)
            .leaves("delete", "dps", "dps2"),
        // No webhook was asked for it: past the door it is 404202.
        Operation::new(
            Door::Dps(RegistrationStatusRead),
            "GET",
            format!("/provost/dps/{dps}/registrations/known/allocation"),
        )
        .status(404),
        read(links.clone()),
        write("PUT", format!("{links}/hub2"))
            .body(json!({ "allocationWeight": 2 }))
            .leaves("update", "linkedHub", "hub2"),
        read(format!("{links}/hub2")),
        write("DELETE", format!("{links}/hub2"))
            .status(204)
            .leaves("delete", "linkedHub", "hub2"),
        policy("PUT", "/provost/hubs/hub2/policies/extra".to_owned())
            .body(json!({ "rights": "RegistryRead" }))
            .leaves("create", "accessPolicy", "extra"),
        secrets("GET", "/provost/hubs/hub2/policies".to_owned()).leaves("reveal", "accessPolicy", "*"),
        policy("POST", "/provost/hubs/hub2/policies/extra/renewKey".to_owned())
            .body(json!({ "policyKey": "swap" }))
            .leaves("update", "accessPolicy", "extra"),
        write("DELETE", "/provost/hubs/hub2/policies/extra".to_owned())
            .status(204)
            .leaves("delete", "accessPolicy", "extra"),
        write("DELETE", "/provost/hubs/hub2".to_owned())
            .status(204)
            .leaves("delete", "hub", "hub2"),
    ]
}

fn telemetry(world: &World) -> Vec<Operation> {
    let base = format!("/provost/hubs/{}", world.server.hub().name);
    let group = format!("{base}/consumerGroups/dashboard");
    let ask = |method, path: String| Operation::new(Door::Hub(ServiceConnect), method, path);
    vec![
        ask("GET", format!("{base}/telemetry?after=0")),
        ask("GET", format!("{base}/telemetry/events?wait=0")),
        ask("GET", format!("{base}/telemetry/partitions")),
        ask("PUT", group.clone()).leaves("create", "consumerGroup", "dashboard"),
        ask("GET", format!("{base}/consumerGroups")),
        ask("GET", group.clone()),
        // How far a reader came is no change of anything.
        ask("PUT", format!("{group}/partitions/0/checkpoint")).body(json!({ "sequenceNumber": 0 })),
        ask("DELETE", group)
            .status(204)
            .leaves("delete", "consumerGroup", "dashboard"),
    ]
}
