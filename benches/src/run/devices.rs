//! Registrations and hub connects against the bare handshake, round after round.

use std::path::Path;

use anyhow::Result;

use super::group::Status;
use super::memory::SessionMemory;
use super::{Amounts, group, memory, say};
use crate::certificates::Intermediate;
use crate::load::Sample;
use crate::process::commit_count;
use crate::profile::Profile;
use crate::protocol::{Devices, Plan, Work};
use crate::server::{Baseline, Server};

/// One round: the same certificates' handshakes, then their registrations, then their connects.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) handshake: Sample,
    pub(crate) https: Registrations,
    pub(crate) mqtt: Registrations,
    pub(crate) connect: Sample,
}

/// Registrations and the commits they took.
#[derive(Clone, Debug)]
pub(crate) struct Registrations {
    pub(crate) sample: Sample,
    pub(crate) commits: u32,
}

/// Everything one load of a round needs.
struct Bench<'a> {
    amounts: &'a Amounts,
    file: &'a Path,
    server: &'a Server,
    baseline: &'a Baseline,
    /// Where samples go, when wanted.
    profiles: Option<&'a Path>,
}

/// The rounds, and then the memory of sessions of the same devices.
pub(super) fn measure(
    amounts: &Amounts,
    binary: &Path,
    work: &Path,
    profiles: Option<&Path>,
) -> Result<(Vec<Round>, SessionMemory)> {
    let file = work.join("devices");
    let intermediate = Intermediate::new("press")?;
    // Every registration is a device's first: HTTPS and MQTT have their own.
    let count = (amounts.rounds + 1) * 2 * amounts.devices;
    say(format!("making {count} device certificates"));
    intermediate.write_devices(&file, count)?;

    let data = work.join("devices-data");
    let server = Server::start(binary, &data)?;
    group::put(&server, "presses", &intermediate.pem(), Status::Enabled)?;
    let baseline = Baseline::start(&data)?;
    let bench = Bench {
        amounts,
        file: &file,
        server: &server,
        baseline: &baseline,
        profiles,
    };
    let mut rounds = Vec::new();
    for number in 0..=amounts.rounds {
        let round = bench.round(number)?;
        let note = if number == 0 { " (warm-up)" } else { "" };
        say(format!(
            "round {number}{note}: handshake {:.0} us, register HTTPS {:.0} us, MQTT {:.0} us, connect {:.0} us",
            round.handshake.server_micros(),
            round.https.sample.server_micros(),
            round.mqtt.sample.server_micros(),
            round.connect.server_micros(),
        ));
        if number > 0 {
            rounds.push(round);
        }
    }
    drop(baseline);
    server.stop()?;
    let memory = memory::measure(amounts, binary, &data, &file)?;
    Ok((rounds, memory))
}

impl Bench<'_> {
    fn round(&self, number: u32) -> Result<Round> {
        let https = number * 2 * self.amounts.devices;
        let mqtt = https + self.amounts.devices;
        let (https_port, mqtt_port) = (self.server.ready.https_port()?, self.server.ready.mqtt_port()?);
        let handshake = self.plan(Work::Handshake, https, self.baseline.port);
        Ok(Round {
            handshake: self.sample(self.baseline.pid(), &handshake)?,
            https: self.register(&self.plan(Work::RegisterHttps, https, https_port))?,
            mqtt: self.register(&self.plan(Work::RegisterMqtt, mqtt, mqtt_port))?,
            connect: self.sample(self.server.pid(), &self.plan(Work::Connect, https, mqtt_port))?,
        })
    }

    fn register(&self, plan: &Plan) -> Result<Registrations> {
        let before = commit_count(&self.server.database())?;
        let sample = self.sample(self.server.pid(), plan)?;
        let commits = commit_count(&self.server.database())?.wrapping_sub(before);
        Ok(Registrations { sample, commits })
    }

    fn sample(&self, pid: u32, plan: &Plan) -> Result<Sample> {
        let Some(folder) = self.profiles else {
            return Sample::take(pid, plan);
        };
        // The warm-up's file is overwritten by the round that counts.
        let profile = Profile::start(pid, &folder.join(format!("{:?}.perf", plan.work)))?;
        let sample = Sample::take(pid, plan);
        profile.end()?;
        sample
    }

    fn plan(&self, work: Work, first: u32, port: u16) -> Plan {
        let ready = &self.server.ready;
        Plan {
            work,
            devices: Devices::Certified {
                file: self.file.to_owned(),
                first,
                count: self.amounts.devices,
            },
            times: 1,
            at_once: self.amounts.at_once,
            per_second: None,
            port,
            root_ca: ready.root_ca.clone(),
            id_scope: ready.id_scope.clone(),
            hub: ready.hub.clone(),
        }
    }
}
