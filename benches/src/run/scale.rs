//! The same registrations in a store with few and with many enrollments.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Amounts, say};
use crate::load::Sample;
use crate::protocol::{Devices, Plan, Work};
use crate::seed::Seeding;
use crate::server::Server;

/// Of a round's devices, this share comes one at a time, for the latency without a queue.
const ALONE: u32 = 5;

/// Registrations in a freshly started server.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) started_in: Duration,
    /// Many at once, for the CPU time.
    pub(crate) crowd: Sample,
    /// One at a time, for the latency.
    pub(crate) alone: Sample,
}

/// All rounds.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) few: Vec<Visit>,
    pub(crate) many: Vec<Visit>,
    /// Size of the large store before the first round, bytes.
    pub(crate) store_bytes: u64,
    pub(crate) seeding: Duration,
}

/// Fills two stores, then visits them in turn.
pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<Scale> {
    let (template, many) = (work.join("few-template"), work.join("many-data"));
    fill(binary, &template, amounts.few, Seeding::Enrollments)?;
    let started = Instant::now();
    fill(binary, &many, amounts.many, Seeding::Enrollments)?;
    let seeding = started.elapsed();
    let store_bytes = fs::metadata(many.join("provost.db"))?.len();
    say(format!(
        "{} enrollments stored in {:.0} s",
        amounts.many,
        seeding.as_secs_f64()
    ));
    let mut scale = Scale {
        few: Vec::new(),
        many: Vec::new(),
        store_bytes,
        seeding,
    };
    for round in 0..=amounts.rounds {
        // Every enrollment of the small store is used up by one round.
        let few = work.join(format!("few-{round}"));
        copy_folder(&template, &few)?;
        let first = round * amounts.few;
        let visits = [(&few, amounts.few), (&many, amounts.many)]
            .map(|(data, population)| visit(amounts, binary, data, population, first));
        let [few, many] = visits;
        let (few, many) = (few?, many?);
        say(format!(
            "scale round {round}: {:.0} us at {}, {:.0} us at {}; start {:.0} ms and {:.0} ms",
            few.crowd.server_micros(),
            amounts.few,
            many.crowd.server_micros(),
            amounts.many,
            few.started_in.as_secs_f64() * 1e3,
            many.started_in.as_secs_f64() * 1e3,
        ));
        if round > 0 {
            scale.few.push(few);
            scale.many.push(many);
        }
    }
    Ok(scale)
}

fn visit(amounts: &Amounts, binary: &Path, data: &Path, population: u32, first: u32) -> Result<Visit> {
    let server = Server::start(binary, data)?;
    let alone = amounts.few / ALONE;
    let plan = |first, count, at_once| {
        anyhow::Ok(Plan {
            work: Work::RegisterHttps,
            devices: Devices::Numbered {
                population,
                first,
                count,
            },
            times: 1,
            at_once,
            per_second: None,
            port: server.ready.https_port()?,
            root_ca: server.ready.root_ca.clone(),
            id_scope: server.ready.id_scope.clone(),
            hub: server.ready.hub.clone(),
        })
    };
    let alone_plan = plan(first, alone, 1)?;
    let crowd_plan = plan(first + alone, amounts.few - alone, amounts.at_once)?;
    let started_in = server.started_in;
    let alone = Sample::take(server.pid(), &alone_plan)?;
    let crowd = Sample::take(server.pid(), &crowd_plan)?;
    server.stop()?;
    Ok(Visit {
        started_in,
        crowd,
        alone,
    })
}

/// Makes a data folder with so many enrollments, and what else the seeding brings.
pub(super) fn fill(binary: &Path, data: &Path, count: u32, seeding: Seeding) -> Result<()> {
    // The first start makes the provisioning service the enrollments belong to.
    Server::start(binary, data)?.stop()?;
    let status = Command::new(std::env::current_exe()?)
        .args(["seed", "--count", &count.to_string(), "--data"])
        .arg(data)
        .args((seeding == Seeding::Line).then_some("--line"))
        .args((seeding == Seeding::Tagged).then_some("--tagged"))
        .status()?;
    if status.success() {
        Ok(())
    } else {
        bail!("seeding ended with {status}")
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
