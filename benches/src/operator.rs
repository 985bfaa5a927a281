//! An operator of the server under test, who knows what its connection file says.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_attestation::sas;
use provost_device::Target;
use provost_device::http::{HttpClient, Method};
use provost_device::tls::{ClientTls, Roots, TlsVersion};
use provost_model::ambient::SystemClock;
use provost_model::{Clock, SymmetricKey};
use serde_json::Value;

use crate::server::Server;

/// One kept connection, and a policy with all rights of each service.
pub(crate) struct Operator {
    client: HttpClient,
    dps: Access,
    hub: Access,
    admin: String,
}

struct Access {
    name: String,
    host: String,
    policy: &'static str,
    key: SymmetricKey,
}

impl Operator {
    pub(crate) async fn connect(server: &Server) -> Result<Self> {
        let connection: Value = serde_json::from_slice(&std::fs::read(server.data.join("connection.json"))?)?;
        let roots = Roots::from_pem(&std::fs::read(&server.ready.root_ca)?)?;
        let tls = ClientTls::new(&roots, None, TlsVersion::Any)?;
        let mut target = Target::new("127.0.0.1", server.ready.https_port()?);
        "localhost".clone_into(&mut target.server_name);
        Ok(Self {
            client: HttpClient::connect(&target, &tls).await?,
            dps: Access::read(&connection, "/dps/0", "provisioningserviceowner")?,
            hub: Access::read(&connection, "/hubs/0", "iothubowner")?,
            admin: std::fs::read_to_string(server.data.join("admin-token"))?,
        })
    }

    /// The name of the first provisioning service.
    pub(crate) fn dps_name(&self) -> &str {
        &self.dps.name
    }

    /// Asks the provisioning service.
    pub(crate) async fn dps(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let token = self.dps.token();
        ask(&mut self.client, &token, method, path, body).await
    }

    /// Asks the management plane.
    pub(crate) async fn admin(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let token = format!("Bearer {}", self.admin.trim());
        ask(&mut self.client, &token, method, path, body).await
    }

    /// Asks the hub.
    pub(crate) async fn hub(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let token = self.hub.token();
        ask(&mut self.client, &token, method, path, body).await
    }
}

impl Access {
    fn read(connection: &Value, at: &str, policy: &'static str) -> Result<Self> {
        let service = connection
            .pointer(at)
            .context("connection.json lacks a service")?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let policies = service.get("policies").and_then(Value::as_array);
        let found = policies
            .into_iter()
            .flatten()
            .find(|entry| text(entry, "name").is_some_and(|name| name == policy));
        let key = found
            .and_then(|entry| text(entry, "key"))
            .context("no owner policy")?;
        Ok(Self {
            name: text(service, "name").context("connection.json names no service")?,
            host: text(service, "host").context("connection.json names no host")?,
            policy,
            key: SymmetricKey::parse(&key)?,
        })
    }

    fn token(&self) -> String {
        let expires_at = SystemClock.now().after(Duration::from_mins(10));
        sas::sign(&self.host, &self.key, expires_at, Some(self.policy))
    }
}

async fn ask(
    client: &mut HttpClient,
    token: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let headers = [("authorization", token), ("if-match", "*")];
    // Creating says nothing of what there is.
    let creates = path.starts_with("/enrollmentGroups/");
    let headers = headers.get(..if creates { 1 } else { 2 }).unwrap_or_default();
    let body = body.map(|body| body.to_string().into());
    let version = if path.starts_with("/subscriptions/") {
        "2026-03-01-preview"
    } else if path.starts_with("/enrollmentGroups/") {
        "2025-07-01-preview"
    } else {
        "2021-10-01"
    };
    let joint = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{joint}api-version={version}");
    let answer = client.request(method, &path, headers, body).await?;
    if !answer.status.is_success() {
        let text = String::from_utf8_lossy(&answer.body);
        bail!("{path} was refused with {}: {text}", answer.status);
    }
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}
