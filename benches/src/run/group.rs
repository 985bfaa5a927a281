//! The enrollment groups certified devices belong to, made the way an operator makes them.

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

/// Whether the devices of a group get in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    Enabled,
    Disabled,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// Puts a group with this signing certificate (dps-service-api.md 3.2).
pub(super) fn put(server: &Server, id: &str, signing_certificate_pem: &str, status: Status) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let body = json!({
        "enrollmentGroupId": id,
        "provisioningStatus": status.word(),
        "attestation": {
            "type": "x509",
            "x509": { "signingCertificates": { "primary": { "certificate": signing_certificate_pem } } },
        },
    });
    runtime.block_on(request(server, id, &body))
}

async fn request(server: &Server, id: &str, body: &Value) -> Result<()> {
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

    let roots = Roots::from_pem(&std::fs::read(&server.ready.root_ca)?)?;
    let tls = ClientTls::new(&roots, None, TlsVersion::Any)?;
    let mut target = Target::new("127.0.0.1", server.ready.https_port()?);
    "localhost".clone_into(&mut target.server_name);
    let mut client = HttpClient::connect(&target, &tls).await?;
    let path = format!("/enrollmentGroups/{id}?api-version=2021-10-01");
    let headers = [("authorization", token.as_str())];
    let answer = client
        .request(Method::PUT, &path, &headers, Some(body.to_string().into()))
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
