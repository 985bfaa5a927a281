//! Every device of a plant is dropped at once and comes back (iot-hub-device-api.md 15).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use provost_device::hub::HubSession;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Amounts, holding, say};
use crate::client::Crowd;
use crate::process::{CpuTime, resident_kib};
use crate::protocol::Work;
use crate::server::Server;

/// How long a device waits after a failed try, the fixed pause of the Python SDK.
const PAUSE: Duration = Duration::from_secs(10);
/// How long all may take before the benchmark is broken.
const PATIENCE: Duration = Duration::from_mins(3);
/// What a server may tidy up before its memory is read.
const REST: Duration = Duration::from_secs(3);

/// What came of the drops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reconnects {
    pub(crate) devices: u32,
    /// From the drop to the last device's return, seconds, drop by drop.
    pub(crate) seconds: Vec<f64>,
    /// Tries that failed, drop by drop.
    pub(crate) failed: Vec<u32>,
    /// Server CPU seconds, drop by drop.
    pub(crate) server_cpu: Vec<f64>,
    /// Memory of the server with all of them connected: before the first drop, and after each.
    pub(crate) resident_kib: Vec<f64>,
}

impl Reconnects {
    /// Memory after the last return over memory before the first drop.
    pub(crate) fn memory_ratio(&self) -> f64 {
        let first = self.resident_kib.first().copied().unwrap_or_default();
        let last = self.resident_kib.last().copied().unwrap_or_default();
        last / first
    }
}

/// Works on the devices that registered for the rounds before.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path, file: &Path) -> Result<Reconnects> {
    let server = Server::start(binary, data)?;
    // Those before were disabled to see their sessions end.
    let devices = (file, amounts.sessions, amounts.sessions);
    let plan = holding::plan(&server, amounts, Work::Hold, devices)?;
    let crowd = Arc::new(Crowd::prepare(plan)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(storms(&server, &crowd, amounts))?;
    server.stop()?;
    Ok(found)
}

async fn storms(server: &Server, crowd: &Arc<Crowd>, amounts: &Amounts) -> Result<Reconnects> {
    let mut found = Reconnects {
        devices: u32::try_from(crowd.len())?,
        ..Reconnects::default()
    };
    let mut sessions = Vec::new();
    for (_, mut session) in holding::connect_all(crowd, amounts.at_once).await? {
        session.subscribe().await?;
        sessions.push(session);
    }
    sleep(REST).await;
    found.resident_kib.push(resident_kib(server.pid())?);
    for number in 1..=amounts.drops {
        let cpu = CpuTime::of(server.pid())?;
        let dropped = Instant::now();
        // The streams end without a DISCONNECT, as when a switch loses power.
        sessions.clear();
        let (back, failed) = timeout(PATIENCE, all_return(crowd))
            .await
            .context("not all devices came back")??;
        sessions = back;
        let seconds = dropped.elapsed().as_secs_f64();
        found.seconds.push(seconds);
        found.failed.push(failed);
        found
            .server_cpu
            .push(CpuTime::of(server.pid())?.seconds_since(cpu));
        sleep(REST).await;
        found.resident_kib.push(resident_kib(server.pid())?);
        say(format!(
            "reconnect {number}: {} devices back in {seconds:.1} s, {failed} failed tries",
            found.devices
        ));
    }
    Ok(found)
}

/// Every device connects at once, and after a failure every ten seconds; counts the failures.
async fn all_return(crowd: &Arc<Crowd>) -> Result<(Vec<HubSession>, u32)> {
    let failed = Arc::new(AtomicU32::new(0));
    let mut returning = JoinSet::new();
    for index in 0..crowd.len() {
        let (crowd, failed) = (Arc::clone(crowd), Arc::clone(&failed));
        returning.spawn(async move {
            loop {
                match come_back(&crowd, index).await {
                    Ok(session) => return session,
                    Err(_) => failed.fetch_add(1, Ordering::Relaxed),
                };
                sleep(PAUSE).await;
            }
        });
    }
    let mut sessions = Vec::new();
    while let Some(session) = returning.join_next().await {
        sessions.push(session?);
    }
    Ok((sessions, failed.load(Ordering::Relaxed)))
}

async fn come_back(crowd: &Crowd, index: usize) -> Result<HubSession> {
    let mut session = crowd.connect_one(index).await?;
    session.subscribe().await?;
    Ok(session)
}
