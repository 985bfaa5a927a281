//! A fleet of `provost simulate`, and how long it takes until every device of it has another certificate and
//! is back, after the issuing CA of all of them was revoked.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use provost_device::http::Method;
use serde_json::Value;
use tokio::time::sleep;

use super::{Amounts, revoking, say};
use crate::operator::Operator;
use crate::server::{Killed, Server};

/// The pause between two looks: times are found to within it.
const PAUSE: Duration = Duration::from_millis(50);
/// A fleet that is not there by then does not come.
const DEADLINE: Duration = Duration::from_mins(5);

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Healing {
    pub(crate) devices: u32,
    /// Until the fleet was onboarded and connected, from the start of the simulation, milliseconds.
    pub(crate) onboarded_ms: f64,
    /// From the answer to the revocation until all were back.
    pub(crate) back_ms: f64,
}

/// Starts both programs anew.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path) -> Result<Healing> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = Server::start(binary, data)?;
    runtime.block_on(revoking::furnish(&server))?;
    let fleet = fleet(amounts, binary, data)?;
    let found = runtime.block_on(watch(amounts.sessions, &server))?;
    drop(fleet);
    server.stop()?;
    std::fs::remove_dir_all(data)?;
    say(format!(
        "{} simulated devices: onboarded in {:.0} ms, all back after {:.0} ms",
        found.devices, found.onboarded_ms, found.back_ms
    ));
    Ok(found)
}

fn fleet(amounts: &Amounts, binary: &Path, data: &Path) -> Result<Killed> {
    let log = std::fs::File::create(data.with_extension("fleet.log"))?;
    let child = Command::new(binary)
        .args(["simulate", "--gid", revoking::GROUP, "--attestation", "symmetric"])
        .args(["--csr", "--stay", "--interval", "600", "--no-pause"])
        .args(["--devices", &amounts.sessions.to_string()])
        .args(["--concurrency", &amounts.at_once.to_string()])
        .env("PROVOST_DATA", data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    Ok(Killed(child))
}

async fn watch(devices: u32, server: &Server) -> Result<Healing> {
    let mut operator = Operator::connect(server).await?;
    let began = Instant::now();
    until(&mut operator, began, |connected| connected == u64::from(devices)).await?;
    let onboarded = began.elapsed();
    let before = issuer(&mut operator).await?;
    let path = format!("{}/revokeIssuer", revoking::policy_path());
    operator.admin(Method::POST, &path, None).await?;
    let answered = Instant::now();
    // The sessions of the revoked CA are closed first; whoever is there afterwards has a new certificate.
    until(&mut operator, answered, |connected| {
        connected < u64::from(devices)
    })
    .await?;
    until(&mut operator, answered, |connected| {
        connected == u64::from(devices)
    })
    .await?;
    let back = answered.elapsed();
    ensure!(
        issuer(&mut operator).await? != before,
        "the issuing CA is the old one"
    );
    Ok(Healing {
        devices,
        onboarded_ms: onboarded.as_secs_f64() * 1e3,
        back_ms: back.as_secs_f64() * 1e3,
    })
}

async fn until(operator: &mut Operator, began: Instant, is_so: impl Fn(u64) -> bool) -> Result<()> {
    loop {
        let statistics = operator.hub(Method::GET, "/statistics/service", None).await?;
        let connected = statistics.get("connectedDeviceCount").and_then(Value::as_u64);
        let connected = connected.context("no count of connected devices")?;
        if is_so(connected) {
            return Ok(());
        }
        if began.elapsed() > DEADLINE {
            bail!("{connected} devices are connected after {DEADLINE:?}");
        }
        sleep(PAUSE).await;
    }
}

async fn issuer(operator: &mut Operator) -> Result<String> {
    let policy = operator
        .admin(Method::GET, &revoking::policy_path(), None)
        .await?;
    let subject = policy.pointer("/properties/certificate/certificateAuthorityConfiguration/subject");
    let subject = subject
        .and_then(Value::as_str)
        .context("the policy has no issuing CA")?;
    Ok(subject.to_owned())
}
