//! The run: servers up, rounds interleaved, figures out.

pub(crate) mod blast_radius;
pub(crate) mod certificates;
pub(crate) mod devices;
mod group;
pub(crate) mod healing;
mod holding;
pub(crate) mod issuance;
pub(crate) mod jobs;
pub(crate) mod memory;
pub(crate) mod methods;
pub(crate) mod queries;
pub(crate) mod reconnect;
pub(crate) mod revoking;
pub(crate) mod scale;
pub(crate) mod shutting_out;
pub(crate) mod signing;
pub(crate) mod storm;
pub(crate) mod telemetry;

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::certificates::Piece;
use crate::machine;
use crate::report::{Report, storms_markdown, telemetry_markdown, write_block};

/// What to measure and how much of it.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Small counts: shows that everything works, its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Server binary [default: `provost` beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Put the results between the markers of this file
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Leave out the part with a million enrollments
    #[arg(long)]
    without_scale: bool,
    /// Only this part
    #[arg(long, value_enum, conflicts_with_all = ["write", "profile", "without_scale"])]
    only: Option<Part>,
    /// Rounds of loads that are measured in rounds, fewer or more than usual
    #[arg(long, value_name = "NUMBER", conflicts_with = "write", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Sample where the server spends its time and leave the samples in this folder; implies
    /// one round, without the part with a million enrollments
    #[arg(long, value_name = "FOLDER", conflicts_with = "write")]
    profile: Option<PathBuf>,
}

/// Parts that run alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Part {
    /// Refused devices that do not give up
    Storm,
    /// Messages of devices
    Telemetry,
    /// Certificates issued and revoked: the next three, each told as soon as it is done
    Certificates,
    /// From a signing request to a certificate on disk, the CA's key in each place
    Issuing,
    /// One device revoked among many, then the issuing CA of a fleet
    Revoking,
    /// A simulated fleet whose issuing CA is revoked
    Healing,
    /// Signatures with keys of CAs, in this process and in one of their own, sealed and in a token
    Signing,
}

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amounts {
    /// Rounds that count; one more goes first to warm up.
    pub(crate) rounds: u32,
    /// Devices per load and round.
    pub(crate) devices: u32,
    /// Devices at a time.
    pub(crate) at_once: u32,
    /// Sessions held.
    pub(crate) sessions: u32,
    /// Enrollments of the small and the large store.
    pub(crate) few: u32,
    pub(crate) many: u32,
    /// Rounds with a storm of refused devices, each of half a minute and more.
    pub(crate) storm_rounds: u32,
    /// Devices of the storm.
    pub(crate) refused: u32,
    /// Until the storm has used up its bursts and spread out; and how long it is looked at by itself.
    pub(crate) storm_warm_up: Duration,
    pub(crate) storm_seconds: u32,
    /// How often each good device registers meanwhile.
    pub(crate) good_times: u32,
    /// Devices that connect in loops, and disables meanwhile.
    pub(crate) hammering: u32,
    pub(crate) disables: u32,
    /// Sessions of those held that are ended.
    pub(crate) closed: u32,
    /// Devices connected while methods are called, and how many calls.
    pub(crate) callable: u32,
    pub(crate) calls: u32,
    /// Twins a job updates.
    pub(crate) twins: u32,
    /// Devices with tags, and how many queries.
    pub(crate) tagged: u32,
    pub(crate) queries: u32,
    /// How often all sessions are dropped at once.
    pub(crate) drops: u32,
    /// Rounds of telemetry, and messages of each device in one.
    pub(crate) telemetry_rounds: u32,
    pub(crate) messages: u32,
    /// Certificates issued in a round.
    pub(crate) issued: u32,
    /// Certificates in the store while devices are revoked, and how many of them are revoked.
    pub(crate) certificates: u32,
    pub(crate) revoked: u32,
}

const FULL: Amounts = Amounts {
    rounds: 7,
    devices: 4_000,
    at_once: 64,
    sessions: 5_000,
    few: 1_000,
    many: 1_000_000,
    storm_rounds: 3,
    refused: 2_000,
    storm_warm_up: Duration::from_secs(30),
    storm_seconds: 15,
    good_times: 200,
    hammering: 200,
    disables: 1_000,
    closed: 500,
    callable: 1_000,
    calls: 5_000,
    twins: 10_000,
    tagged: 100_000,
    queries: 1_000,
    drops: 3,
    telemetry_rounds: 5,
    messages: 4_000,
    issued: 10_000,
    certificates: 1_000_000,
    revoked: 100_000,
};
const QUICK: Amounts = Amounts {
    rounds: 2,
    devices: 100,
    at_once: 16,
    sessions: 150,
    few: 100,
    many: 2_000,
    storm_rounds: 1,
    refused: 100,
    storm_warm_up: Duration::from_secs(6),
    storm_seconds: 5,
    good_times: 10,
    hammering: 20,
    disables: 40,
    closed: 50,
    callable: 50,
    calls: 100,
    twins: 300,
    tagged: 2_000,
    queries: 50,
    drops: 2,
    telemetry_rounds: 2,
    messages: 200,
    issued: 200,
    certificates: 2_000,
    revoked: 200,
};

/// Runs all of it and prints the result as Markdown.
pub(crate) fn run(arguments: &RunArguments) -> Result<()> {
    let mut amounts = if arguments.quick { QUICK } else { FULL };
    if let Some(folder) = &arguments.profile {
        std::fs::create_dir_all(folder)?;
        amounts.rounds = 1;
    }
    amounts.rounds = arguments.rounds.unwrap_or(amounts.rounds);
    if arguments.write.is_some() && (arguments.quick || arguments.without_scale) {
        bail!("only a whole run may be written down");
    }
    let program = std::env::current_exe()?;
    let folder = program.parent().context("this program has no folder")?;
    let binary = arguments.server.clone().unwrap_or_else(|| folder.join("provost"));
    // Beside the program: on the disk of the build, not in memory.
    let work = tempfile::tempdir_in(folder)?;
    let measured = if arguments.only == Some(Part::Storm) {
        storm::measure(&amounts, &binary, work.path()).map(|rounds| storms_markdown(&rounds))
    } else if let Some(pieces) = arguments.only.and_then(Part::pieces) {
        told_one_by_one(pieces, &amounts, &binary, work.path())
    } else if arguments.only == Some(Part::Signing) {
        signing::measure(&amounts, &binary, work.path())
    } else if arguments.only == Some(Part::Telemetry) {
        telemetry::measure(&amounts, &binary, work.path()).map(|found| telemetry_markdown(&found))
    } else {
        measure(arguments, &amounts, &binary, work.path()).map(|report| report.markdown())
    };
    match measured {
        Ok(text) => {
            write!(std::io::stdout(), "{text}")?;
            if let Some(path) = &arguments.write {
                write_block(path, &text)?;
            }
            Ok(())
        }
        Err(error) => {
            say(format!("the servers' logs stay in {}", work.keep().display()));
            Err(error)
        }
    }
}

impl Part {
    /// What of the certificates it is.
    fn pieces(self) -> Option<&'static [Piece]> {
        match self {
            Self::Certificates => Some(&Piece::ALL),
            Self::Issuing => Some(&[Piece::Issuing]),
            Self::Revoking => Some(&[Piece::Revoking]),
            Self::Healing => Some(&[Piece::Healing]),
            Self::Storm | Self::Telemetry | Self::Signing => None,
        }
    }
}

/// Prints each as soon as it is known, and leaves the last to the caller.
fn told_one_by_one(pieces: &[Piece], amounts: &Amounts, binary: &Path, work: &Path) -> Result<String> {
    let mut text = String::new();
    for piece in pieces {
        if !text.is_empty() {
            writeln!(std::io::stdout(), "{text}")?;
        }
        text = piece.measure(amounts, binary, work)?;
    }
    Ok(text)
}

fn measure(arguments: &RunArguments, amounts: &Amounts, binary: &Path, work: &Path) -> Result<Report> {
    let files = rlimit_of_files()?;
    if files < u64::from(amounts.sessions) + 500 {
        bail!(
            "{} sessions need more than {files} open files: raise `ulimit -n`",
            amounts.sessions
        );
    }
    let machine = machine::describe()?;
    let first = machine::yardstick()?;
    let (devices, memory) = devices::measure(amounts, binary, work, arguments.profile.as_deref())?;
    let shutting_out = arguments
        .profile
        .is_none()
        .then(|| shutting_out::measure(amounts, binary, &work.join("devices-data"), &work.join("devices")))
        .transpose()?;
    let living = arguments
        .profile
        .is_none()
        .then(|| Living::measure(amounts, binary, &work.join("devices-data"), &work.join("devices")))
        .transpose()?;
    let is_scaled = !arguments.without_scale && arguments.profile.is_none();
    let scale = is_scaled
        .then(|| scale::measure(amounts, binary, work))
        .transpose()?;
    let has_storm = arguments.profile.is_none();
    let storms = has_storm
        .then(|| storm::measure(amounts, binary, work))
        .transpose()?;
    let blast_radius = is_scaled
        .then(|| blast_radius::measure(amounts, binary, work))
        .transpose()?;
    let telemetry = has_storm
        .then(|| telemetry::measure(amounts, binary, work))
        .transpose()?;
    let certificates = has_storm
        .then(|| certificates::measure(amounts, binary, work))
        .transpose()?;
    let yardsticks = [first, machine::yardstick()?];
    Ok(Report {
        amounts: *amounts,
        is_quick: arguments.quick,
        machine,
        yardsticks,
        devices,
        memory,
        scale,
        storms: storms.unwrap_or_default(),
        shutting_out,
        blast_radius,
        living,
        telemetry,
        certificates,
    })
}

/// A fleet that lives at its hub.
#[derive(Clone, Debug)]
pub(crate) struct Living {
    pub(crate) methods: methods::MethodCalls,
    pub(crate) reconnects: reconnect::Reconnects,
    pub(crate) jobs: jobs::TwinJobs,
    pub(crate) queries: queries::Queries,
}

impl Living {
    fn measure(amounts: &Amounts, binary: &Path, data: &Path, file: &Path) -> Result<Self> {
        Ok(Self {
            methods: methods::measure(amounts, binary, data, file)?,
            reconnects: reconnect::measure(amounts, binary, data, file)?,
            jobs: jobs::measure(amounts, binary, &data.with_file_name("jobs-data"))?,
            queries: queries::measure(amounts, binary, &data.with_file_name("query-data"))?,
        })
    }
}

fn rlimit_of_files() -> Result<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .context("no limit of files")?;
    let soft = line
        .split_ascii_whitespace()
        .nth(3)
        .context("no limit of files")?;
    Ok(soft.parse().unwrap_or(u64::MAX))
}

/// Progress, to standard error.
fn say(line: impl Display) {
    // Progress that nobody reads is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}
