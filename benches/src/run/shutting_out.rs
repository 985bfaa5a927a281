//! A refusal is never late: devices that connect again and again while they are disabled, and how soon
//! a live session ends.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_device::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Amounts, holding, say};
use crate::client::Crowd;
use crate::operator::Operator;
use crate::protocol::Work;
use crate::server::Server;

/// Operators at work at a time.
const OPERATORS: u32 = 4;
/// How long anything may take before the benchmark is broken.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_PAUSE: Duration = Duration::from_millis(1);

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct ShuttingOut {
    pub(crate) disables: u32,
    /// Connects begun after the answer and ended before the device was enabled again.
    pub(crate) tries: u32,
    /// Those of them that succeeded.
    pub(crate) late: u32,
    /// Milliseconds from the answer to the end of the live session, sorted; 0 when it ended before.
    pub(crate) closing_ms: Vec<f64>,
}

/// A device that connects in a loop.
#[derive(Default)]
struct Hammer {
    /// Even: enabled or about to be; odd: disabled, and that was answered.
    epoch: AtomicU32,
    tries: AtomicU32,
    late: AtomicU32,
}

/// Works on the devices that registered for the rounds before.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path, file: &Path) -> Result<ShuttingOut> {
    let server = Server::start(binary, data)?;
    let plan = |first, count| holding::plan(&server, amounts, Work::Hold, (file, first, count));
    let hammering = Arc::new(Crowd::prepare(plan(0, amounts.hammering)?)?);
    let held = Arc::new(Crowd::prepare(plan(0, amounts.sessions)?)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let (tries, late) = reconnects(&server, &hammering, amounts.disables).await?;
        let closing_ms = closings(&server, &held, amounts).await?;
        anyhow::Ok(ShuttingOut {
            disables: amounts.disables,
            tries,
            late,
            closing_ms,
        })
    })?;
    server.stop()?;
    say(format!(
        "shutting out: {} late of {} tries during {} disables",
        found.late, found.tries, found.disables
    ));
    Ok(found)
}

/// Disables and enables devices in turn while all of them connect in loops.
async fn reconnects(server: &Server, crowd: &Arc<Crowd>, disables: u32) -> Result<(u32, u32)> {
    let count = crowd.len();
    let hammers: Arc<Vec<Hammer>> = Arc::new((0..count).map(|_| Hammer::default()).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let mut looping = JoinSet::new();
    for index in 0..count {
        let (crowd, hammers, stop) = (Arc::clone(crowd), Arc::clone(&hammers), Arc::clone(&stop));
        looping.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                if let Some(hammer) = hammers.get(index) {
                    hammer.strike(&crowd, index).await;
                }
            }
        });
    }
    let mut operators = JoinSet::new();
    for first in 0..OPERATORS {
        let mut operator = Operator::connect(server).await?;
        let (crowd, hammers) = (Arc::clone(crowd), Arc::clone(&hammers));
        operators.spawn(async move {
            // Each has devices of its own.
            for turn in (first..disables).step_by(OPERATORS as usize) {
                let index = turn as usize % count;
                let id = crowd.id(index).context("a device")?;
                let hammer = hammers.get(index).context("a device")?;
                shut_out_and_let_in(&mut operator, id, hammer).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = timeout(PATIENCE, operators.join_next()).await? {
        ended??;
    }
    stop.store(true, Ordering::SeqCst);
    while timeout(PATIENCE, looping.join_next()).await?.is_some() {}
    let sum = |of: fn(&Hammer) -> &AtomicU32| {
        hammers
            .iter()
            .map(|hammer| of(hammer).load(Ordering::SeqCst))
            .sum()
    };
    Ok((sum(|hammer| &hammer.tries), sum(|hammer| &hammer.late)))
}

async fn shut_out_and_let_in(operator: &mut Operator, id: &str, hammer: &Hammer) -> Result<()> {
    set_status(operator, id, "disabled").await?;
    let before = hammer.tries.load(Ordering::SeqCst);
    hammer.epoch.fetch_add(1, Ordering::SeqCst);
    let tried = async {
        while hammer.tries.load(Ordering::SeqCst) == before {
            sleep(LOOK_PAUSE).await;
        }
    };
    timeout(PATIENCE, tried)
        .await
        .context("a device does not try any more")?;
    hammer.epoch.fetch_add(1, Ordering::SeqCst);
    set_status(operator, id, "enabled").await
}

impl Hammer {
    async fn strike(&self, crowd: &Crowd, index: usize) {
        let begun = self.epoch.load(Ordering::SeqCst);
        let connected = crowd.connect_one(index).await;
        let ended = self.epoch.load(Ordering::SeqCst);
        // Only a try that lay between the answer and the device being enabled again says something.
        if begun == ended && begun % 2 == 1 {
            self.late
                .fetch_add(u32::from(connected.is_ok()), Ordering::SeqCst);
            self.tries.fetch_add(1, Ordering::SeqCst);
        }
        if let Ok(session) = connected {
            session.disconnect().await;
        }
    }
}

async fn set_status(operator: &mut Operator, id: &str, status: &str) -> Result<()> {
    let path = format!("/devices/{id}");
    let mut device = operator.hub(Method::GET, &path, None).await?;
    let members = device.as_object_mut().context("no device")?;
    members.insert("status".to_owned(), json!(status));
    let device = Value::Object(std::mem::take(members));
    operator.hub(Method::PUT, &path, Some(&device)).await.map(drop)
}

/// Disables devices one after the other while all are connected.
async fn closings(server: &Server, crowd: &Arc<Crowd>, amounts: &Amounts) -> Result<Vec<f64>> {
    let sessions = holding::connect_all(crowd, amounts.at_once).await?;
    let mut operator = Operator::connect(server).await?;
    let mut closing_ms = Vec::new();
    for (index, mut session) in sessions.into_iter().take(amounts.closed as usize) {
        let watching = tokio::spawn(async move {
            let is_closed = session.closed(PATIENCE).await;
            is_closed.then(Instant::now)
        });
        let id = crowd.id(index).context("a device")?;
        set_status(&mut operator, id, "disabled").await?;
        let answered = Instant::now();
        let Some(closed) = watching.await? else {
            bail!("the session of {id} is not closed");
        };
        closing_ms.push(closed.saturating_duration_since(answered).as_secs_f64() * 1e3);
    }
    closing_ms.sort_by(f64::total_cmp);
    Ok(closing_ms)
}
