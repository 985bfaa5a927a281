//! Good devices while refused ones do not give up (certificate-management.md R-010).

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::group::Status;
use super::{Amounts, group, say};
use crate::certificates::Intermediate;
use crate::load::{Load, Sample};
use crate::process::CpuTime;
use crate::protocol::{Devices, Plan, Work};
use crate::server::{Baseline, Server};

/// Devices that register while the storm rages; all of them at a time.
const GOOD: u32 = 50;

/// One round: the good devices alone, the storm alone, both; then what the storm is compared with.
#[derive(Clone, Debug)]
pub(crate) struct StormRound {
    pub(crate) quiet: Sample,
    pub(crate) storm: Storm,
    pub(crate) stormy: Sample,
    /// As many a second as the storm had attempts: an idle server spends more on each.
    pub(crate) handshake: Sample,
    pub(crate) accepted: Sample,
}

/// The storm alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storm {
    /// Server CPU microseconds of one attempt, its handshake included.
    pub(crate) server_micros: f64,
    pub(crate) per_second: u32,
    /// Share of the attempts that were told to wait.
    pub(crate) throttled: f64,
}

impl StormRound {
    /// How much longer the slowest of the good devices take.
    pub(crate) fn latency_ratio(&self) -> f64 {
        self.stormy.report.p99_ms / self.quiet.report.p99_ms
    }

    /// Server CPU of a refused attempt over that of an accepted one, both beyond the handshake.
    pub(crate) fn cost_ratio(&self) -> f64 {
        let handshake = self.handshake.server_micros();
        (self.storm.server_micros - handshake) / (self.accepted.server_micros() - handshake)
    }
}

struct Bench<'a> {
    amounts: &'a Amounts,
    good: &'a Path,
    broken: &'a Path,
    server: &'a Server,
    baseline: &'a Baseline,
}

/// The rounds, on a server of their own.
pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<Vec<StormRound>> {
    let (good, broken) = (work.join("good"), work.join("broken"));
    let (presses, wrecks) = (Intermediate::new("press")?, Intermediate::new("wreck")?);
    presses.write_devices(&good, GOOD)?;
    wrecks.write_devices(&broken, amounts.refused)?;
    let data = work.join("storm-data");
    let server = Server::start(binary, &data)?;
    group::put(&server, "presses", &presses.pem(), Status::Enabled)?;
    group::put(&server, "wrecks", &wrecks.pem(), Status::Disabled)?;
    let baseline = Baseline::start(&data)?;
    let bench = Bench {
        amounts,
        good: &good,
        broken: &broken,
        server: &server,
        baseline: &baseline,
    };
    let mut rounds = Vec::new();
    for number in 1..=amounts.storm_rounds {
        let round = bench.round()?;
        say(format!(
            "storm {number}: {} attempts/s of {:.0} us, {:.0} % throttled; good devices p99 {:.1} ms without, {:.1} ms with",
            round.storm.per_second,
            round.storm.server_micros,
            round.storm.throttled * 100.0,
            round.quiet.report.p99_ms,
            round.stormy.report.p99_ms,
        ));
        rounds.push(round);
    }
    drop(baseline);
    server.stop()?;
    Ok(rounds)
}

impl Bench<'_> {
    fn round(&self) -> Result<StormRound> {
        let register = self.plan(Work::RegisterHttps, self.server.ready.https_port()?);
        // The first registration of a device makes more than those that follow.
        let once = Plan {
            times: 1,
            ..register.clone()
        };
        Sample::take(self.server.pid(), &once)?;
        let quiet = Sample::take(self.server.pid(), &register)?;
        let mut load = Load::prepare(&self.storm()?)?;
        load.rage()?;
        std::thread::sleep(self.amounts.storm_warm_up);
        let storm = self.alone(&mut load)?;
        let stormy = Sample::take(self.server.pid(), &register)?;
        load.attempts()?;
        load.finish()?;
        let paced = |plan| Plan {
            per_second: Some(storm.per_second),
            times: (storm.per_second * self.amounts.storm_seconds / GOOD).max(1),
            ..plan
        };
        let handshake = paced(self.plan(Work::Handshake, self.baseline.port));
        Ok(StormRound {
            quiet,
            storm,
            stormy,
            handshake: Sample::take(self.baseline.pid(), &handshake)?,
            accepted: Sample::take(self.server.pid(), &paced(register))?,
        })
    }

    fn alone(&self, load: &mut Load) -> Result<Storm> {
        let seconds = self.amounts.storm_seconds;
        let (cpu, before) = (CpuTime::of(self.server.pid())?, load.attempts()?);
        std::thread::sleep(Duration::from_secs(seconds.into()));
        let (cpu, after) = (
            CpuTime::of(self.server.pid())?.seconds_since(cpu),
            load.attempts()?,
        );
        let answered = (after.answered - before.answered).max(1);
        Ok(Storm {
            server_micros: cpu * 1e6 / f64::from(answered),
            per_second: answered / seconds,
            throttled: f64::from(after.throttled - before.throttled) / f64::from(answered),
        })
    }

    fn plan(&self, work: Work, port: u16) -> Plan {
        let ready = &self.server.ready;
        Plan {
            work,
            devices: Devices::Certified {
                file: self.good.to_owned(),
                first: 0,
                count: GOOD,
            },
            times: self.amounts.good_times,
            at_once: GOOD,
            per_second: None,
            port,
            root_ca: ready.root_ca.clone(),
            id_scope: ready.id_scope.clone(),
            hub: ready.hub.clone(),
        }
    }

    fn storm(&self) -> Result<Plan> {
        let devices = Devices::Certified {
            file: self.broken.to_owned(),
            first: 0,
            count: self.amounts.refused,
        };
        Ok(Plan {
            devices,
            ..self.plan(Work::Storm, self.server.ready.https_port()?)
        })
    }
}
