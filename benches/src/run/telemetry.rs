//! Telemetry over MQTT at QoS 1: the server that stores it, a floor that does not, and another broker.

use std::path::Path;

use anyhow::Result;

use super::group::Status;
use super::{Amounts, group, say};
use crate::certificates::Intermediate;
use crate::load::{Load, Sample};
use crate::mosquitto::{self, Keeping, Mosquitto};
use crate::process::commit_count;
use crate::protocol::{Devices, Plan, Work};
use crate::server::{Baseline, Server};

/// Devices that send.
const SENDERS: u32 = 50;

/// One round.
#[derive(Clone, Debug)]
pub(crate) struct TelemetryRound {
    /// Listener, TLS, packets and acknowledgements of messages that go nowhere.
    pub(crate) floor: Sample,
    /// On disk before the acknowledgement.
    pub(crate) product: Sample,
    /// Commits the product made for them.
    pub(crate) commits: u32,
    /// Acknowledged from memory, written every second.
    pub(crate) saving: Option<Sample>,
    /// Acknowledged from memory, not written.
    pub(crate) in_memory: Option<Sample>,
}

/// The rounds, and whom was compared with.
#[derive(Clone, Debug)]
pub(crate) struct Telemetry {
    pub(crate) rounds: Vec<TelemetryRound>,
    /// Absent when it is not installed.
    pub(crate) mosquitto: Option<String>,
}

pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<Telemetry> {
    let (file, data) = (work.join("senders"), work.join("telemetry-data"));
    let intermediate = Intermediate::new("senders")?;
    intermediate.write_devices(&file, SENDERS)?;
    let server = Server::start(binary, &data)?;
    group::put(&server, "senders", &intermediate.pem(), Status::Enabled)?;
    let floor = Baseline::start_acknowledging(&data)?;
    let bench = Bench {
        amounts,
        file: &file,
        work,
        server: &server,
        floor: &floor,
        mosquitto: mosquitto::version(),
    };
    let register = bench.plan(Work::RegisterHttps, server.ready.https_port()?);
    let mut load = Load::prepare(&Plan { times: 1, ..register })?;
    load.go()?;
    load.finish()?;
    let mut rounds = Vec::new();
    for number in 0..=amounts.telemetry_rounds {
        let round = bench.round(number)?;
        let note = if number == 0 { " (warm-up)" } else { "" };
        let other = |sample: &Option<Sample>| sample.as_ref().map_or(0.0, Sample::server_micros);
        say(format!(
            "telemetry {number}{note}: floor {:.2} us, stored {:.2} us ({} commits, {:.0}/s), mosquitto {:.2} us saving, {:.2} us in memory",
            round.floor.server_micros(),
            round.product.server_micros(),
            round.commits,
            round.product.per_second(),
            other(&round.saving),
            other(&round.in_memory),
        ));
        if number > 0 {
            rounds.push(round);
        }
    }
    let mosquitto = bench.mosquitto;
    drop(floor);
    server.stop()?;
    Ok(Telemetry { rounds, mosquitto })
}

struct Bench<'a> {
    amounts: &'a Amounts,
    file: &'a Path,
    work: &'a Path,
    server: &'a Server,
    floor: &'a Baseline,
    mosquitto: Option<String>,
}

impl Bench<'_> {
    fn round(&self, number: u32) -> Result<TelemetryRound> {
        let publish = |port| self.plan(Work::Publish, port);
        let floor = Sample::take(self.floor.pid(), &publish(self.floor.port))?;
        let before = commit_count(&self.server.database())?;
        let product = Sample::take(self.server.pid(), &publish(self.server.ready.mqtt_port()?))?;
        let commits = commit_count(&self.server.database())?.wrapping_sub(before);
        let other = |keeping: Keeping| -> Result<Option<Sample>> {
            if self.mosquitto.is_none() {
                return Ok(None);
            }
            // Each time anew: what it holds it holds in memory.
            let folder = self.work.join(format!("mosquitto-{number}-{keeping:?}"));
            let tls = self.server.data.join("tls");
            let broker = Mosquitto::start(&folder, &tls, &self.server.ready.root_ca, keeping)?;
            let mut plan = publish(broker.port);
            if keeping == Keeping::EverySecond {
                // It writes all it holds each time, so that more messages make each of them dearer.
                plan.times = (plan.times / 8).max(1);
            }
            Sample::take(broker.pid(), &plan).map(Some)
        };
        Ok(TelemetryRound {
            floor,
            product,
            commits,
            saving: other(Keeping::EverySecond)?,
            in_memory: other(Keeping::InMemory)?,
        })
    }

    fn plan(&self, work: Work, port: u16) -> Plan {
        let ready = &self.server.ready;
        Plan {
            work,
            devices: Devices::Certified {
                file: self.file.to_owned(),
                first: 0,
                count: SENDERS,
            },
            times: self.amounts.messages,
            at_once: SENDERS,
            per_second: None,
            port,
            root_ca: ready.root_ca.clone(),
            id_scope: ready.id_scope.clone(),
            hub: ready.hub.clone(),
        }
    }
}
