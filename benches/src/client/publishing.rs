//! Devices that send telemetry as fast as it is acknowledged.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use provost_device::hub::HubSession;
use tokio::task::JoinSet;

use super::Crowd;
use crate::protocol::Report;
use crate::spread::quantile;

/// Messages of a device without their PUBACK.
const WINDOW: usize = 32;
/// Payload: JSON as devices send it, of this many bytes.
const PAYLOAD: usize = 200;

pub(super) async fn connect(crowd: &Arc<Crowd>) -> Result<Vec<HubSession>> {
    let mut sessions = Vec::new();
    for position in 0..crowd.len() {
        sessions.push(crowd.connect_one(position).await?);
    }
    Ok(sessions)
}

/// Every device sends `count` messages; done are messages, the times are those of whole devices.
pub(super) async fn publish(sessions: Vec<HubSession>, count: u32) -> Result<(Report, Vec<HubSession>)> {
    let started = Instant::now();
    let mut sending = JoinSet::new();
    for mut session in sessions {
        sending.spawn(async move {
            let payload = format!(
                "{{\"temperature\":21.5,\"note\":\"{}\"}}",
                "x".repeat(PAYLOAD - 30)
            );
            let sent = session
                .send_telemetry_all(payload.as_bytes(), count, WINDOW)
                .await;
            (session, sent, started.elapsed())
        });
    }
    let (mut held, mut times, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(ended) = sending.join_next().await {
        let (session, sent, time) = ended?;
        held.push(session);
        match sent {
            Ok(()) => times.push(time.as_secs_f64() * 1e3),
            Err(error) => failures.push(format!("{:#}", anyhow::Error::from(error))),
        }
    }
    times.sort_by(f64::total_cmp);
    let report = Report {
        done: u32::try_from(times.len())? * count,
        failed: u32::try_from(failures.len())? * count,
        first_failure: failures.into_iter().next(),
        wall_seconds: started.elapsed().as_secs_f64(),
        p50_ms: quantile(&times, 50),
        p99_ms: quantile(&times, 99),
    };
    Ok((report, held))
}
