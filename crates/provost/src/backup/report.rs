use provost_store::Reapplied;
use serde_json::{Value, json};

/// Adds what was shut out again, or that nothing was, to what a restore tells. `newer` names the database it
/// is from.
pub(crate) fn tell(report: &mut Value, newer: Option<&str>, done: &Reapplied) {
    let Value::Object(report) = report else { return };
    let (source, shut_out, renewed) = match newer {
        Some(name) => (name.to_owned(), shut_out(done), renewed(done)),
        None => (
            "none: what was revoked, disabled or deleted after the backup is let in again".to_owned(),
            Value::Null,
            Value::Null,
        ),
    };
    report.insert("revocationsFrom".to_owned(), source.into());
    report.insert("shutOutAgain".to_owned(), shut_out);
    report.insert("newerKept".to_owned(), renewed);
    report.insert(
        "crls".to_owned(),
        "published anew at the next start, with numbers above all earlier ones".into(),
    );
}

fn shut_out(done: &Reapplied) -> Value {
    json!({
        "certificates": done.revoked_certificates,
        "devicesWhoseCertificatesEnded": done.rotated_devices,
        "registryDevices": done.disabled_registry_devices,
        "hubDevices": done.disabled_hub_devices,
        "modules": done.removed_modules,
        "enrollments": done.disabled_entries,
        "cas": done.ended_cas,
        "caCertificates": done.removed_ca_certificates + done.unverified_ca_certificates,
        "accessPolicies": done.removed_policies,
        "adminTokens": done.removed_admin_tokens,
        "credentialPolicies": done.removed_credential_policies,
        "credentials": done.removed_credentials,
        "namespaceLinks": done.removed_links,
        "hubRemovals": done.removals,
        "madeAfterTheBackup": {
            "enrollments": done.made_entries,
            "registryDevices": done.made_registry_devices,
            "hubDevices": done.made_hub_devices,
            "cas": done.made_cas,
            "named": done.named,
        },
    })
}

/// Of what both databases know: where the newer one's keys, certificates or rights were taken.
fn renewed(done: &Reapplied) -> Value {
    json!({
        "issuedCertificates": done.issued_certificates,
        "registryDevices": done.replaced_registry_devices,
        "hubDevices": done.renewed_devices,
        "modules": done.renewed_modules,
        "enrollments": done.renewed_entries,
        "accessPolicies": done.renewed_policies,
        "adminTokens": done.changed_admin_tokens,
        "namespaceLinks": done.made_links,
    })
}
