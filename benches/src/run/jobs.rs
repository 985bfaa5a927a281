//! A job over many twins, from the request until every device had its turn (iot-hub-service-api.md 10).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_device::http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Amounts, say};
use crate::operator::Operator;
use crate::server::Server;

/// Devices made by one request.
const BULK: u32 = 100;
/// The pause between two looks: the time is found to within it.
const PAUSE: Duration = Duration::from_millis(20);
/// A job that takes longer than this has failed.
const DEADLINE: Duration = Duration::from_mins(5);

/// Seconds each job took.
#[derive(Clone, Debug)]
pub(crate) struct TwinJobs {
    pub(crate) devices: u32,
    pub(crate) seconds: Vec<f64>,
}

pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path) -> Result<TwinJobs> {
    let server = Server::start(binary, data)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let seconds = runtime.block_on(async {
        let mut operator = Operator::connect(&server).await?;
        fill(&mut operator, amounts.twins).await?;
        let mut seconds = Vec::new();
        // One more goes first to warm up.
        for round in 0..=amounts.rounds {
            let took = run(&mut operator, amounts.twins, round).await?;
            if round > 0 {
                seconds.push(took.as_secs_f64());
            }
        }
        anyhow::Ok(seconds)
    })?;
    server.stop()?;
    std::fs::remove_dir_all(data)?;
    let slowest = seconds.iter().copied().fold(0.0, f64::max);
    say(format!(
        "job of {} twin updates: at most {slowest:.2} s",
        amounts.twins
    ));
    Ok(TwinJobs {
        devices: amounts.twins,
        seconds,
    })
}

async fn fill(operator: &mut Operator, twins: u32) -> Result<()> {
    let items: Vec<Value> = (0..twins)
        .map(|number| json!({ "id": format!("twin-{number:06}"), "importMode": "create" }))
        .collect();
    for bulk in items.chunks(BULK as usize) {
        operator.hub(Method::POST, "/devices", Some(&json!(bulk))).await?;
    }
    Ok(())
}

async fn run(operator: &mut Operator, twins: u32, round: u32) -> Result<Duration> {
    let path = format!("/jobs/v2/bench-{round}");
    let body = json!({
        "type": "scheduleUpdateTwin",
        "queryCondition": "*",
        "updateTwin": { "etag": "*", "tags": { "wave": round }, "properties": { "desired": { "rate": round } } },
    });
    let started = Instant::now();
    operator.hub(Method::PUT, &path, Some(&body)).await?;
    loop {
        sleep(PAUSE).await;
        let job = operator.hub(Method::GET, &path, None).await?;
        let took = started.elapsed();
        match job.get("status").and_then(Value::as_str) {
            Some("completed") => {
                let done = job
                    .pointer("/deviceJobStatistics/succeededCount")
                    .and_then(Value::as_u64);
                // A fast job that leaves devices out is none.
                if done.context("no statistics")? != u64::from(twins) {
                    bail!("{twins} twins, but {job}");
                }
                return Ok(took);
            }
            _ if took > DEADLINE => bail!("still at it: {job}"),
            _ => {}
        }
    }
}
