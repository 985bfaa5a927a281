//! Devices with issued certificates: how soon a revocation is answered and felt, of one device among a million
//! certificates, and of the issuing CA of a whole fleet.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_attestation::symmetric::derive_device_key;
use provost_device::Target;
use provost_device::certificate::{DeviceCertificate, SigningRequest};
use provost_device::http::Method;
use provost_device::hub::{HubLogin, HubSession};
use provost_device::provisioning::{CSR_API_VERSION, PollDelay, Registration, Transport, register};
use provost_device::tls::{ClientTls, Roots, TlsVersion};
use provost_model::SymmetricKey;
use provost_model::ambient::SystemClock;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Amounts, say};
use crate::operator::Operator;
use crate::seed::issued;
use crate::server::Server;

const NAMESPACE: &str =
    "/subscriptions/bench/resourceGroups/bench/providers/Microsoft.DeviceRegistry/namespaces/plant";
pub(super) const GROUP: &str = "line";
const POLICY: &str = "line";
const KEEP_ALIVE: u16 = 1_177;
/// How long anything may take before the benchmark is broken.
const PATIENCE: Duration = Duration::from_mins(3);

/// What was found; all times in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Revoking {
    /// Until a revocation was answered, sorted.
    pub(crate) answered_ms: Vec<f64>,
    /// From the answer to the end of the live session, sorted; 0 when it ended before.
    pub(crate) closed_ms: Vec<f64>,
    /// A bare sync of a file beside the store, right after, sorted.
    pub(crate) sync_ms: Vec<f64>,
    /// Sessions when the issuer was revoked.
    pub(crate) fleet: usize,
    /// Until that was answered.
    pub(crate) issuer_answered_ms: f64,
    /// From the answer to the end of the last session of the fleet.
    pub(crate) fleet_closed_ms: f64,
    /// From the answer until the whole fleet was connected with certificates of the new issuing CA.
    pub(crate) fleet_back_ms: f64,
    /// Until the preview of a revocation of the issuer was answered.
    pub(crate) preview_ms: f64,
    /// Until a CRL of all that are revoked was made, from the store to the store.
    pub(crate) crl_ms: f64,
}

/// Everything a device needs to register and connect.
struct Fleet {
    target: Target,
    tls: ClientTls,
    roots: Roots,
    id_scope: String,
    hub: String,
    group_key: SymmetricKey,
    turns: Semaphore,
}

/// Seeds a store, then revokes.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path) -> Result<Revoking> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = Server::start(binary, data)?;
    let group_key = runtime.block_on(furnish(&server))?;
    server.stop()?;
    let began = Instant::now();
    let crl = issued::run(data, amounts.certificates, amounts.revoked)?;
    say(format!(
        "{} certificates stored in {:.0} s",
        amounts.certificates,
        began.elapsed().as_secs_f64()
    ));
    let server = Server::start(binary, data)?;
    let found = runtime.block_on(run(amounts, &server, group_key, data))?;
    server.stop()?;
    Ok(Revoking {
        crl_ms: crl.as_secs_f64() * 1e3,
        ..found
    })
}

/// Where the management plane has the policy.
pub(super) fn policy_path() -> String {
    format!("{NAMESPACE}/credentials/default/policies/{POLICY}")
}

/// Namespace, credential, policy, links, and a group whose devices are issued certificates.
pub(super) async fn furnish(server: &Server) -> Result<SymmetricKey> {
    let mut operator = Operator::connect(server).await?;
    let located = json!({ "location": "local", "properties": {} });
    operator.admin(Method::PUT, NAMESPACE, Some(&located)).await?;
    let credential = format!("{NAMESPACE}/credentials/default");
    operator.admin(Method::PUT, &credential, Some(&located)).await?;
    let policy = json!({ "properties": { "certificate": {
        "certificateAuthorityConfiguration": { "keyType": "ECC" },
        "leafCertificateConfiguration": { "validityPeriodInDays": 30 },
    } } });
    operator.admin(Method::PUT, &policy_path(), Some(&policy)).await?;
    let link = json!({ "namespace": "plant" });
    for kind in ["hubs/hub", "dps/dps"] {
        let path = format!("/provost/{kind}/namespace");
        operator.admin(Method::PUT, &path, Some(&link)).await?;
    }
    let path = format!("{credential}/synchronize");
    operator.admin(Method::POST, &path, None).await?;
    let path = format!("/enrollmentGroups/{GROUP}");
    let group = json!({
        "enrollmentGroupId": GROUP,
        "attestation": { "type": "symmetricKey" },
        "credentialPolicyName": POLICY,
    });
    operator.dps(Method::PUT, &path, Some(&group)).await?;
    let mechanism = format!("{path}/attestationmechanism");
    let mechanism = operator.dps(Method::POST, &mechanism, Some(&json!({}))).await?;
    let key = mechanism.pointer("/symmetricKey/primaryKey");
    let key = key.and_then(|key| key.as_str()).context("the group has no key")?;
    Ok(SymmetricKey::parse(key)?)
}

async fn run(amounts: &Amounts, server: &Server, group_key: SymmetricKey, data: &Path) -> Result<Revoking> {
    let roots = Roots::from_pem(&std::fs::read(&server.ready.root_ca)?)?;
    let mut target = Target::new("127.0.0.1", server.ready.mqtt_port()?);
    "localhost".clone_into(&mut target.server_name);
    let fleet = Arc::new(Fleet {
        target,
        tls: ClientTls::new(&roots, None, TlsVersion::Tls13)?,
        roots,
        id_scope: server.ready.id_scope.clone(),
        hub: server.ready.hub.clone(),
        group_key,
        turns: Semaphore::new(amounts.at_once as usize),
    });
    let mut operator = Operator::connect(server).await?;
    let mut sessions = fleet.arrive(0..amounts.sessions).await?;
    say(format!("{} devices connected", sessions.len()));
    let one_by_one = sessions.split_off(sessions.len().saturating_sub(amounts.closed as usize));
    let (answered_ms, closed_ms) = one_by_one_revoked(&mut operator, one_by_one).await?;
    let sync_ms = bare_syncs(&data.join("bare-sync"))?;
    say(format!("{} devices revoked", answered_ms.len()));
    let count = sessions.len();
    let mut watching = JoinSet::new();
    for (id, mut session) in sessions {
        watching.spawn(async move { (session.closed(PATIENCE).await, Instant::now(), id) });
    }
    let path = format!("/provost/namespaces/plant/policies/{POLICY}/revokeIssuer?dryRun=true");
    let asked = Instant::now();
    operator.admin(Method::POST, &path, None).await?;
    let preview = asked.elapsed();
    let path = format!("{}/revokeIssuer", policy_path());
    let asked = Instant::now();
    operator.admin(Method::POST, &path, None).await?;
    let answered = Instant::now();
    let mut last = answered;
    while let Some(ended) = timeout(PATIENCE, watching.join_next()).await? {
        let (is_closed, at, id) = ended?;
        if !is_closed {
            bail!("the session of {id} is not closed");
        }
        last = last.max(at);
    }
    let numbers = 0..u32::try_from(count)?;
    let back = fleet.arrive(numbers).await?;
    let fleet_back_ms = answered.elapsed().as_secs_f64() * 1e3;
    for (_, session) in back {
        session.disconnect().await;
    }
    Ok(Revoking {
        answered_ms,
        closed_ms,
        sync_ms,
        fleet: count,
        issuer_answered_ms: (answered - asked).as_secs_f64() * 1e3,
        fleet_closed_ms: (last - answered).as_secs_f64() * 1e3,
        fleet_back_ms,
        preview_ms: preview.as_secs_f64() * 1e3,
        crl_ms: 0.0,
    })
}

/// What the disk takes for a commit's worth, with nothing around it.
fn bare_syncs(path: &Path) -> Result<Vec<f64>> {
    const TIMES: u64 = 200;
    const BYTES: usize = 32 * 1024;
    let file = std::fs::File::create(path)?;
    let (mut took_ms, pages) = (Vec::new(), vec![1; BYTES]);
    for number in 0..TIMES {
        file.write_all_at(&pages, number * BYTES as u64)?;
        let began = Instant::now();
        file.sync_data()?;
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took_ms.sort_by(f64::total_cmp);
    Ok(took_ms)
}

/// Revokes one device after the other while all are connected.
async fn one_by_one_revoked(
    operator: &mut Operator,
    sessions: Vec<(String, HubSession)>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut answered_ms, mut closed_ms) = (Vec::new(), Vec::new());
    for (id, mut session) in sessions {
        let watching = tokio::spawn(async move {
            let is_closed = session.closed(PATIENCE).await;
            is_closed.then(Instant::now)
        });
        let path = format!("{NAMESPACE}/devices/{id}/revoke");
        let asked = Instant::now();
        operator
            .admin(Method::POST, &path, Some(&json!({ "disable": false })))
            .await?;
        let answered = Instant::now();
        let Some(closed) = watching.await? else {
            bail!("the session of {id} is not closed");
        };
        answered_ms.push((answered - asked).as_secs_f64() * 1e3);
        closed_ms.push(closed.saturating_duration_since(answered).as_secs_f64() * 1e3);
    }
    answered_ms.sort_by(f64::total_cmp);
    closed_ms.sort_by(f64::total_cmp);
    Ok((answered_ms, closed_ms))
}

impl Fleet {
    /// Registers devices for certificates and connects them with these, so many at a time, in order.
    async fn arrive(self: &Arc<Self>, numbers: std::ops::Range<u32>) -> Result<Vec<(String, HubSession)>> {
        let mut arriving = JoinSet::new();
        for number in numbers {
            let fleet = Arc::clone(self);
            arriving.spawn(async move { Ok::<_, anyhow::Error>((number, fleet.one(number).await?)) });
        }
        let mut arrived = Vec::new();
        while let Some(ended) = timeout(PATIENCE, arriving.join_next()).await? {
            let (number, session) = ended??;
            arrived.push((number, session));
        }
        arrived.sort_by_key(|(number, _)| *number);
        let named = |(number, session): (u32, HubSession)| (id(number), session);
        Ok(arrived.into_iter().map(named).collect())
    }

    async fn one(&self, number: u32) -> Result<HubSession> {
        let _turn = self.turns.acquire().await?;
        let id = id(number);
        let certificate = Box::pin(self.certificate(&id)).await?;
        let tls = ClientTls::new(&self.roots, Some(certificate.identity()), TlsVersion::Tls13)?;
        let login = HubLogin {
            hub: &self.hub,
            device_id: &id,
            key: None,
            keep_alive: KEEP_ALIVE,
        };
        let connected = Box::pin(HubSession::connect(&self.target, &tls, &login, &SystemClock)).await;
        connected.with_context(|| format!("{id} does not connect"))
    }

    async fn certificate(&self, id: &str) -> Result<DeviceCertificate> {
        let request = SigningRequest::new(id)?;
        let key = derive_device_key(&self.group_key, id);
        let registration = Registration {
            target: &self.target,
            tls: &self.tls,
            transport: Transport::Mqtt,
            id_scope: &self.id_scope,
            registration_id: id,
            key: Some(&key),
            api_version: CSR_API_VERSION,
            payload: None,
            csr: Some(request.csr()),
            poll_delay: PollDelay::Fixed(Duration::ZERO),
            patience: PATIENCE,
        };
        let outcome = register(&registration, &SystemClock).await?;
        let chain = outcome.issued_chain;
        request
            .answered(chain)
            .with_context(|| format!("{id} got no certificate: {}", outcome.raw))
    }
}

fn id(number: u32) -> String {
    format!("fleet-{number:06}")
}
