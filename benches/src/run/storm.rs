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
/// Until the storm has used up its bursts and spread out: several of the longest waits a device is told.
const WARM_UP: Duration = Duration::from_secs(20);

/// One round: the good devices alone, the storm alone, both.
#[derive(Clone, Debug)]
pub(crate) struct StormRound {
    pub(crate) handshake: Sample,
    pub(crate) quiet: Sample,
    pub(crate) storm: Storm,
    pub(crate) stormy: Sample,
}

/// The storm alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storm {
    /// Server CPU microseconds of one attempt, its handshake included.
    pub(crate) server_micros: f64,
    pub(crate) per_second: f64,
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
        (self.storm.server_micros - handshake) / (self.quiet.server_micros() - handshake)
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
            "storm {number}: {:.0} attempts/s of {:.0} us, {:.0} % throttled; good devices p99 {:.1} ms without, {:.1} ms with",
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
        let handshake = self.plan(Work::Handshake, self.baseline.port);
        let register = self.plan(Work::RegisterHttps, self.server.ready.https_port()?);
        // The first registration of a device makes more than those that follow.
        Sample::take(self.server.pid(), &Plan { times: 1, ..register.clone() })?;
        let handshake = Sample::take(self.baseline.pid(), &handshake)?;
        let quiet = Sample::take(self.server.pid(), &register)?;
        let mut load = Load::prepare(&self.storm()?)?;
        load.rage()?;
        std::thread::sleep(WARM_UP);
        let storm = self.alone(&mut load)?;
        let stormy = Sample::take(self.server.pid(), &register)?;
        load.attempts()?;
        load.finish()?;
        Ok(StormRound {
            handshake,
            quiet,
            storm,
            stormy,
        })
    }

    fn alone(&self, load: &mut Load) -> Result<Storm> {
        let seconds = self.amounts.storm_seconds;
        let (cpu, before) = (CpuTime::of(self.server.pid())?, load.attempts()?);
        std::thread::sleep(Duration::from_secs(seconds.into()));
        let (cpu, after) = (CpuTime::of(self.server.pid())?.seconds_since(cpu), load.attempts()?);
        let answered = f64::from(after.answered - before.answered).max(1.0);
        Ok(Storm {
            server_micros: cpu * 1e6 / answered,
            per_second: answered / f64::from(seconds),
            throttled: f64::from(after.throttled - before.throttled) / answered,
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
