//! The enrollment group every certified device belongs to, made the way an operator makes it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_attestation::sas;
use provost_device::Target;
use provost_device::http::{HttpClient, Method};
use provost_device::tls::{ClientTls, Roots, TlsVersion};
use provost_model::ambient::SystemClock;
use provost_model::{Clock, SymmetricKey};
use serde_json::{Value, json};

use crate::server::Server;

const POLICY: &str = "provisioningserviceowner";

/// Puts a group with this signing certificate (dps-service-api.md 3.2).
pub(super) fn put(server: &Server, signing_certificate_pem: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(request(server, signing_certificate_pem))
}

async fn request(server: &Server, signing_certificate_pem: &str) -> Result<()> {
    let connection: Value = serde_json::from_slice(&std::fs::read(server.data.join("connection.json"))?)?;
    let dps = connection
        .pointer("/dps/0")
        .context("connection.json names no provisioning service")?;
    let host = dps
        .get("host")
        .and_then(Value::as_str)
        .context("connection.json names no host")?;
    let policies = dps
        .get("policies")
        .and_then(Value::as_array)
        .context("connection.json has no policies")?;
    let policy = policies
        .iter()
        .find(|policy| policy.get("name").is_some_and(|name| name == POLICY));
    let key = policy
        .and_then(|policy| policy.get("key"))
        .and_then(Value::as_str)
        .context("no owner policy")?;
    let expires_at = SystemClock.now().after(Duration::from_mins(10));
    let token = sas::sign(host, &SymmetricKey::parse(key)?, expires_at, Some(POLICY));

    let body = json!({
        "enrollmentGroupId": "presses",
        "attestation": {
            "type": "x509",
            "x509": { "signingCertificates": { "primary": { "certificate": signing_certificate_pem } } },
        },
    });
    let roots = Roots::from_pem(&std::fs::read(&server.ready.root_ca)?)?;
    let tls = ClientTls::new(&roots, None, TlsVersion::Any)?;
    let mut target = Target::new("127.0.0.1", server.ready.https_port()?);
    "localhost".clone_into(&mut target.server_name);
    let mut client = HttpClient::connect(&target, &tls).await?;
    let path = "/enrollmentGroups/presses?api-version=2021-10-01";
    let headers = [("authorization", token.as_str())];
    let answer = client
        .request(Method::PUT, path, &headers, Some(body.to_string().into()))
        .await?;
    if !answer.status.is_success() {
        bail!(
            "the group was refused with {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    Ok(())
}
