use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use provost_device::DeviceError;
use provost_device::hub::{HubLogin, HubSession};
use provost_model::ambient::SystemClock;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::arguments::SimulateArguments;
use super::crowd::crowd;
use super::network::Network;
use super::reason;
use super::registering::Provisioned;
use super::statistics::Latencies;
use crate::output::bar;

/// Seconds; the SDKs' own choice is of this order.
const KEEP_ALIVE: u16 = 240;
/// System properties: JSON in UTF-8.
pub(super) const PROPERTIES: [(&str, &str); 2] = [("$.ct", "application/json"), ("$.ce", "utf-8")];

/// Devices at their hubs.
pub(super) struct Connections {
    sessions: Vec<HubSession>,
    took_each: Vec<Duration>,
    pub(super) failures: BTreeMap<String, usize>,
    /// The whole phase.
    pub(super) took: Duration,
}

impl Connections {
    pub(super) fn count(&self) -> usize {
        self.took_each.len()
    }

    /// From the first byte of TCP to CONNACK.
    pub(super) fn latencies(&self) -> Latencies {
        self.took_each.iter().copied().collect()
    }

    pub(super) fn into_sessions(self) -> Vec<HubSession> {
        self.sessions
    }
}

/// Messages hubs have acknowledged.
pub(super) struct Messages {
    pub(super) sent: usize,
    pub(super) failures: BTreeMap<String, usize>,
    /// The whole phase.
    pub(super) took: Duration,
}

/// Connects all devices to their hubs, so many at a time.
pub(super) async fn connect_all(
    arguments: &SimulateArguments,
    network: &Network,
    devices: Vec<Provisioned>,
) -> Connections {
    let progress = bar(u64::try_from(devices.len()).unwrap_or(u64::MAX), "connecting");
    let network = Arc::new(network.clone());
    let start = |device: Provisioned| {
        let network = Arc::clone(&network);
        async move {
            let began = Instant::now();
            let session = connect(&network, &device).await;
            session.map(|session| (session, began.elapsed()))
        }
    };
    let began = Instant::now();
    let results = crowd(devices, arguments.concurrency, start, |_| progress.inc(1)).await;
    let took = began.elapsed();
    progress.finish_and_clear();
    let mut connections = Connections {
        sessions: Vec::new(),
        took_each: Vec::new(),
        failures: BTreeMap::new(),
        took,
    };
    for result in results {
        match result {
            Ok((session, took)) => {
                connections.sessions.push(session);
                connections.took_each.push(took);
            }
            Err(error) => {
                let reason = reason::of_device_error(&error);
                *connections.failures.entry(reason).or_default() += 1;
            }
        }
    }
    connections
}

pub(super) async fn connect(network: &Network, device: &Provisioned) -> Result<HubSession, DeviceError> {
    let (tls, key) = match &device.operational {
        Some(operational) => (&operational.tls, None),
        None => (&device.proof.tls, device.proof.key.as_ref()),
    };
    let login = HubLogin {
        hub: &device.hub,
        device_id: &device.device_id,
        key,
        keep_alive: KEEP_ALIVE,
    };
    HubSession::connect(&network.hub(&device.hub), tls, &login, &SystemClock).await
}

/// Lets every connected device send its messages and say goodbye.
pub(super) async fn send_all(arguments: &SimulateArguments, sessions: Vec<HubSession>) -> Messages {
    let (count, pause) = (arguments.messages, arguments.interval);
    let devices = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
    let progress = bar(devices.saturating_mul(count.into()), "sending");
    let start = |session: HubSession| {
        let progress = progress.clone();
        async move {
            let mut sent = 0;
            let result = send(session, count, pause, || {
                sent += 1;
                progress.inc(1);
            })
            .await;
            (sent, result)
        }
    };
    let began = Instant::now();
    let results = crowd(sessions, u32::MAX, start, |_| ()).await;
    let took = began.elapsed();
    progress.finish_and_clear();
    let mut messages = Messages {
        sent: 0,
        failures: BTreeMap::new(),
        took,
    };
    for (sent, result) in results {
        messages.sent += sent;
        if let Err(error) = result {
            let reason = reason::of_device_error(&error);
            *messages.failures.entry(reason).or_default() += 1;
        }
    }
    messages
}

async fn send(
    mut session: HubSession,
    count: u32,
    pause: Duration,
    mut acknowledged: impl FnMut(),
) -> Result<(), DeviceError> {
    // A pause of zero would be refused, and the ticks are what spaces the messages.
    let mut ticks = interval(pause.max(Duration::from_micros(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for sequence in 0..count {
        if !pause.is_zero() {
            ticks.tick().await;
        }
        let payload = json!({ "sequence": sequence, "temperature": 20 + sequence % 7 }).to_string();
        session.send_telemetry(payload.as_bytes(), &PROPERTIES).await?;
        acknowledged();
    }
    session.disconnect().await;
    Ok(())
}
