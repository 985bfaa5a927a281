//! A direct method's way to a device and back, while a thousand are connected (iot-hub-service-api.md 9).

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_device::http::Method;
use provost_device::hub::{HubEvent, HubSession};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Amounts, holding, say};
use crate::client::Crowd;
use crate::operator::Operator;
use crate::protocol::Work;
use crate::server::Server;
use crate::spread::quantile;

/// How long a device waits for its next method.
const WAIT: Duration = Duration::from_mins(5);

/// Milliseconds of each call and of each look-up, sorted.
#[derive(Clone, Debug)]
pub(crate) struct MethodCalls {
    pub(crate) connected: u32,
    /// From the request of the back end to the device's answer in its hands.
    pub(crate) call_ms: Vec<f64>,
    /// The baseline: reading the same device's twin over the same connection.
    pub(crate) look_up_ms: Vec<f64>,
}

impl MethodCalls {
    /// Median of the calls over median of the look-ups.
    pub(crate) fn ratio(&self) -> f64 {
        quantile(&self.call_ms, 50) / quantile(&self.look_up_ms, 50)
    }
}

/// Works on the devices that registered for the rounds before.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path, file: &Path) -> Result<MethodCalls> {
    let server = Server::start(binary, data)?;
    // Those before were disabled to see their sessions end.
    let devices = (file, amounts.sessions, amounts.callable);
    let plan = holding::plan(&server, amounts, Work::Hold, devices)?;
    let crowd = Arc::new(Crowd::prepare(plan)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let calls = runtime.block_on(async {
        let mut answering = JoinSet::new();
        for (_, mut session) in holding::connect_all(&crowd, amounts.at_once).await? {
            session.subscribe().await?;
            answering.spawn(answer(session));
        }
        let calls = call(&server, &crowd, amounts.calls).await?;
        if let Some(ended) = answering.try_join_next() {
            ended?.context("a device went away")?;
        }
        answering.shutdown().await;
        anyhow::Ok(calls)
    })?;
    server.stop()?;
    say(format!(
        "methods: {:.2} ms, p99 {:.2} ms, {:.2} times a look-up",
        quantile(&calls.call_ms, 50),
        quantile(&calls.call_ms, 99),
        calls.ratio()
    ));
    Ok(calls)
}

/// A device that answers every method.
async fn answer(mut session: HubSession) -> Result<()> {
    while let Some(event) = session.next_event(WAIT).await? {
        if let HubEvent::Method { rid, .. } = event {
            session.answer_method(&rid, 200, b"{}").await?;
        }
    }
    bail!("no method came for {WAIT:?}")
}

/// Calls and look-ups in turn, one at a time, over all devices.
async fn call(server: &Server, crowd: &Crowd, calls: u32) -> Result<MethodCalls> {
    let mut operator = Operator::connect(server).await?;
    let body = json!({ "methodName": "ping", "payload": {}, "responseTimeoutInSeconds": 30 });
    let (mut call_ms, mut look_up_ms) = (Vec::new(), Vec::new());
    for turn in 0..calls as usize {
        let id = crowd.id(turn % crowd.len()).context("a device")?;
        let twin = format!("/twins/{id}");
        let started = Instant::now();
        operator.hub(Method::GET, &twin, None).await?;
        look_up_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        operator
            .hub(Method::POST, &format!("{twin}/methods"), Some(&body))
            .await?;
        call_ms.push(started.elapsed().as_secs_f64() * 1e3);
    }
    call_ms.sort_by(f64::total_cmp);
    look_up_ms.sort_by(f64::total_cmp);
    Ok(MethodCalls {
        connected: u32::try_from(crowd.len())?,
        call_ms,
        look_up_ms,
    })
}
