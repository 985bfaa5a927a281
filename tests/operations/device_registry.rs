//! The operations of the Device Registry, in the life of one namespace.

use std::time::Duration;

use provost_access::Permission as P;
use provost_model::Clock;
use provost_model::ambient::SystemClock;
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, self_signed};
use serde_json::{Value, json};

use super::{Door, Operation, World};

const PLANT: &str = "plant";
const GROUP: &str = "/subscriptions/s1/resourceGroups/g1/providers";
const VERSION: &str = "?api-version=2026-03-01-preview";
const POLICY: &str = "credentials/default/policies/line-7";

pub(super) fn device_registry(world: &World) -> Vec<Operation> {
    let mut all = namespaces();
    all.extend(links(world));
    all.extend(credentials());
    all.extend(devices());
    all.extend(beside_the_contract());
    all.extend(revocation());
    all.extend(ends());
    all.extend(offline_root());
    all.extend(links_end(world));
    all
}

/// In the namespace, by Azure's contract; an empty path is the namespace itself.
fn arm(method: &'static str, below: &str, needs: &[P]) -> Operation {
    let slash = if below.is_empty() { "" } else { "/" };
    let path = format!("{GROUP}/Microsoft.DeviceRegistry/namespaces/{PLANT}{slash}{below}{VERSION}");
    Operation::new(Door::Management, method, path)
        .needs(needs)
        .of(PLANT)
}

/// In the namespace, beside the contract.
fn own(method: &'static str, below: &str, needs: &[P]) -> Operation {
    Operation::new(Door::Own, method, format!("/provost/namespaces/{PLANT}/{below}"))
        .needs(needs)
        .of(PLANT)
}

fn namespaces() -> Vec<Operation> {
    let list = format!("{GROUP}/Microsoft.DeviceRegistry/namespaces{VERSION}");
    vec![
        Operation::new(Door::Management, "GET", list).needs(&[P::NamespacesRead]),
        arm("PUT", "", &[P::NamespacesWrite])
            .body(json!({ "location": "local" }))
            .status(201)
            .leaves("create", "namespace", ""),
        arm("GET", "", &[P::NamespacesRead]),
        arm("PATCH", "", &[P::NamespacesWrite])
            .body(json!({ "tags": { "hall": "7" } }))
            .leaves("update", "namespace", ""),
        arm("POST", "migrate", &[P::NamespacesRead]).status(400),
    ]
}

/// Whoever links has to be in charge of the services and of the namespace.
const LINKS: [P; 2] = [P::ServicesWrite, P::NamespacesWrite];

fn links(world: &World) -> Vec<Operation> {
    let (dps, hub) = (&world.server.dps().name, &world.server.hub().name);
    let body = json!({ "namespace": PLANT });
    let id = format!("{GROUP}/Microsoft.DeviceRegistry/namespaces/{PLANT}");
    let of_hub = json!({ "properties": { "deviceRegistry": { "namespaceResourceId": id } } });
    let of_dps = json!({ "properties": { "deviceRegistryNamespace": { "resourceId": id } } });
    let devices = format!("{GROUP}/Microsoft.Devices");
    let ask = |door, method, path: String, needs: &[P]| Operation::new(door, method, path).needs(needs);
    let reads = [P::ServicesRead];
    vec![
        ask(Door::Own, "PUT", format!("/provost/hubs/{hub}/namespace"), &LINKS)
            .body(body.clone())
            .leaves("update", "namespaceLink", &format!("hub:{hub}")),
        ask(Door::Own, "GET", format!("/provost/hubs/{hub}/namespace"), &reads),
        ask(Door::Own, "PUT", format!("/provost/dps/{dps}/namespace"), &LINKS)
            .body(body)
            .leaves("update", "namespaceLink", &format!("dps:{dps}")),
        ask(Door::Own, "GET", format!("/provost/dps/{dps}/namespace"), &reads),
        ask(Door::Management, "GET", format!("{devices}/IotHubs"), &reads),
        ask(
            Door::Management,
            "GET",
            format!("{devices}/IotHubs/{hub}"),
            &reads,
        ),
        ask(
            Door::Management,
            "PATCH",
            format!("{devices}/IotHubs/{hub}"),
            &LINKS,
        )
        .body(of_hub)
        .leaves("update", "namespaceLink", &format!("hub:{hub}")),
        ask(
            Door::Management,
            "PATCH",
            format!("{devices}/provisioningServices/{dps}"),
            &LINKS,
        )
        .body(of_dps)
        .leaves("update", "namespaceLink", &format!("dps:{dps}")),
    ]
}

fn policy_body() -> Value {
    json!({ "properties": { "certificate": {
        "certificateAuthorityConfiguration": { "keyType": "ECC" },
        "leafCertificateConfiguration": { "validityPeriodInDays": 30 },
    } } })
}

fn credentials() -> Vec<Operation> {
    let days = json!({ "validityPeriodInDays": 45 });
    let patch = json!({ "properties": { "certificate": { "leafCertificateConfiguration": days } } });
    vec![
        arm("GET", "credentials", &[P::CredentialsRead]),
        arm("PUT", "credentials/default", &[P::CredentialsWrite])
            .body(json!({ "location": "local" }))
            .status(201)
            .leaves("create", "credential", "default"),
        arm("GET", "credentials/default", &[P::CredentialsRead]),
        arm("PATCH", "credentials/default", &[P::CredentialsWrite])
            .body(json!({ "tags": { "hall": "7" } }))
            .leaves("update", "credential", "default"),
        arm("PUT", POLICY, &[P::PoliciesWrite])
            .body(policy_body())
            .status(201)
            .leaves("create", "credentialPolicy", "line-7"),
        arm("GET", "credentials/default/policies", &[P::PoliciesRead]),
        arm("GET", POLICY, &[P::PoliciesRead]),
        arm("PATCH", POLICY, &[P::PoliciesWrite])
            .body(patch)
            .leaves("update", "credentialPolicy", "line-7"),
        arm("POST", "credentials/default/synchronize", &[P::CredentialsWrite])
            .status(202)
            .leaves("synchronize", "credential", "default"),
        // A policy under the namespace's own root waits for nobody.
        arm(
            "POST",
            &format!("{POLICY}/activateBringYourOwnRoot"),
            &[P::PoliciesWrite],
        )
        .body(json!({ "certificateChain": "none" }))
        .status(400),
    ]
}

fn devices() -> Vec<Operation> {
    let id = format!("{GROUP}/Microsoft.DeviceRegistry/namespaces/{PLANT}/{POLICY}");
    let body = json!({ "location": "local", "properties": { "policy": { "resourceId": id } } });
    vec![
        arm("PUT", "devices/press-9", &[P::DevicesWrite])
            .body(body)
            .status(201)
            .leaves("create", "registryDevice", "press-9"),
        arm("GET", "devices", &[P::DevicesRead]),
        arm("GET", "devices/press-9", &[P::DevicesRead]),
        arm("PATCH", "devices/press-9", &[P::DevicesWrite])
            .body(json!({ "properties": { "operatingSystemVersion": "2" } }))
            .leaves("update", "registryDevice", "press-9"),
    ]
}

/// Revoking a device takes both (certificate-management.md 1.9).
const REVOKES: [P; 2] = [P::DevicesRevoke, P::CredentialsWrite];

fn beside_the_contract() -> Vec<Operation> {
    let nobody = "0".repeat(32);
    let many = json!({ "devices": ["press-9"] });
    let operations = format!("{GROUP}/Microsoft.DeviceRegistry/locations/local");
    vec![
        own("GET", "certificates", &[P::DevicesRead]),
        // Nothing was issued to it: past the door it is not there.
        own("GET", "certificates/1", &[P::DevicesRead]).status(404),
        own(
            "POST",
            "certificates/1/revoke",
            &[P::DevicesRead, P::DevicesRevoke, P::CredentialsWrite],
        )
        .body(json!({}))
        .status(404),
        own("GET", "authorities", &[P::CredentialsRead]),
        own("GET", &format!("authorities/{nobody}"), &[P::CredentialsRead]).status(404),
        own("GET", &format!("authorities/{nobody}/crl"), &[P::CredentialsRead]).status(404),
        own("POST", "devices/press-9/revoke?dryRun=true", &[P::DevicesRead]),
        own("POST", "devices/revoke?dryRun=true", &[P::DevicesRead]).body(many),
        own(
            "POST",
            "policies/line-7/revokeIssuer?dryRun=true",
            &[P::PoliciesRead],
        ),
        own("GET", "operations", &[P::CredentialsRead]),
        // Which namespace an operation is of, only itself tells: of one that is not there nobody is
        // told anything.
        own("GET", "operations/none", &[]).status(404),
        Operation::new(
            Door::Management,
            "GET",
            format!("{operations}/operationStatuses/none{VERSION}"),
        )
        .status(404),
        Operation::new(
            Door::Management,
            "GET",
            format!("{operations}/operationResults/none{VERSION}"),
        )
        .status(404),
    ]
}

fn revocation() -> Vec<Operation> {
    let many = json!({ "devices": ["press-9"] });
    vec![
        arm("POST", "devices/press-9/revoke", &REVOKES)
            .body(json!({ "disable": true }))
            .status(202)
            .leaves("revoke", "registryDevice", "press-9"),
        own("POST", "devices/press-9/revoke", &REVOKES)
            .body(json!({ "reason": "keyCompromise" }))
            .status(202)
            .leaves("revoke", "registryDevice", "press-9"),
        own("POST", "devices/revoke", &REVOKES)
            .body(many)
            .leaves("revoke", "registryDevice", "press-9"),
        arm("POST", &format!("{POLICY}/revokeIssuer"), &[P::PoliciesWrite])
            .status(202)
            .leaves("revoke", "credentialPolicy", "line-7")
            .goes_on(),
        own("POST", "policies/line-7/revokeIssuer", &[P::PoliciesWrite])
            .status(202)
            .leaves("revoke", "credentialPolicy", "line-7")
            .goes_on(),
    ]
}

/// A credential that goes with its policies.
const BOTH: [P; 2] = [P::CredentialsWrite, P::PoliciesWrite];

fn ends() -> Vec<Operation> {
    vec![
        own("DELETE", "policies/line-7?dryRun=true", &[P::PoliciesWrite]),
        own("DELETE", "policies/line-7?force=true", &[P::PoliciesWrite]).leaves(
            "delete",
            "credentialPolicy",
            "line-7",
        ),
        own("DELETE", "policies/line-7", &[P::PoliciesWrite]).status(404),
        arm("PUT", POLICY, &[P::PoliciesWrite])
            .body(policy_body())
            .status(201)
            .leaves("create", "credentialPolicy", "line-7"),
        arm("DELETE", POLICY, &[P::PoliciesWrite])
            .status(204)
            .leaves("delete", "credentialPolicy", "line-7"),
        arm("DELETE", "devices/press-9", &[P::DevicesWrite])
            .status(204)
            .leaves("delete", "registryDevice", "press-9"),
        own("DELETE", "credentials/default?dryRun=true", &BOTH),
        own("DELETE", "credentials/default?force=true", &BOTH).leaves("delete", "credential", "default"),
        own("DELETE", "credentials/default", &[P::CredentialsWrite]).status(404),
        arm("PUT", "credentials/default", &[P::CredentialsWrite])
            .body(json!({ "location": "local" }))
            .status(201)
            .leaves("create", "credential", "default"),
        arm("DELETE", "credentials/default", &[P::CredentialsWrite])
            .status(204)
            .leaves("delete", "credential", "default"),
    ]
}

/// A root that somebody keeps elsewhere.
fn root_certificate() -> String {
    let key = KeyPair::generate(KeyAlgorithm::P384).unwrap();
    let now = SystemClock.now();
    let order = Issuance {
        subject: &SubjectName::common_name("kept-offline").unwrap(),
        public_key_der: &key.public_key_der().unwrap(),
        profile: &Profile::NamespaceRoot,
        not_before: now.before(Duration::from_mins(1)),
        not_after: now.after(Duration::from_hours(24 * 3650)),
        serial: &[1; 16],
    };
    self_signed(&order, &key).unwrap().to_pem()
}

fn offline_root() -> Vec<Operation> {
    vec![
        own("PUT", "offlineRoot", &[P::CredentialsWrite])
            .body(json!({}))
            .status(201)
            .leaves("create", "credential", "default"),
        own("GET", "offlineRoot", &[P::CredentialsRead]),
        own("POST", "offlineRoot/answers", &[P::CredentialsWrite])
            .body(json!({ "rootCertificate": root_certificate() }))
            .leaves("activate", "credential", "default"),
        arm("DELETE", "credentials/default", &[P::CredentialsWrite])
            .status(204)
            .leaves("delete", "credential", "default"),
    ]
}

fn links_end(world: &World) -> Vec<Operation> {
    let (dps, hub) = (&world.server.dps().name, &world.server.hub().name);
    let unlink = |path: String| {
        Operation::new(Door::Own, "DELETE", path)
            .needs(&LINKS)
            .status(204)
    };
    vec![
        unlink(format!("/provost/hubs/{hub}/namespace")).leaves(
            "delete",
            "namespaceLink",
            &format!("hub:{hub}"),
        ),
        unlink(format!("/provost/dps/{dps}/namespace")).leaves(
            "delete",
            "namespaceLink",
            &format!("dps:{dps}"),
        ),
        arm("DELETE", "", &[P::NamespacesWrite])
            .status(204)
            .leaves("delete", "namespace", ""),
    ]
}
