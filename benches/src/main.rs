//! Measures speed and memory of the server against baselines of the same run.
//!
//! Every part is a process of its own, so that its CPU time can be read apart:
//! - [`run`] starts the others, reads their CPU time and memory, and reports;
//! - [`baseline_server`] completes a TLS handshake, answers one byte and closes, or acknowledges
//!   messages and forgets them: the floors;
//! - [`mosquitto`] is another broker, for comparison;
//! - [`client`] is a crowd of devices; [`protocol`] is what it is told and what it reports;
//! - [`issuing`] issues certificates, with nothing around it;
//! - [`seed`] fills a store with enrollments;
//! - the server under test is the release binary, started as anybody would start it.
//!
//! Ratios of one run mean something; the absolute figures move with the machine.

mod baseline_server;
mod certificates;
mod client;
mod issuing;
mod load;
mod machine;
mod mosquitto;
mod numbered;
mod operator;
mod process;
mod profile;
mod protocol;
mod report;
mod run;
mod seed;
mod server;
mod spread;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::issuing::KeyPlace;
use crate::run::RunArguments;
use crate::seed::Seeding;

// The allocator of the server, so that the baseline does not differ in it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures speed and memory against baselines of the same run.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(flatten)]
    run: RunArguments,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The other processes of a run.
#[derive(Debug, Subcommand)]
enum Role {
    /// Completes handshakes, answers one byte and closes; ends with its standard input
    BaselineServer {
        /// Chain of the server, PEM
        #[arg(long)]
        certificate: PathBuf,
        /// Key of the server, PEM
        #[arg(long)]
        key: PathBuf,
        /// Speaks MQTT and acknowledges messages instead
        #[arg(long)]
        acknowledges: bool,
    },
    /// Acts as many devices; told what to do on standard input
    Client,
    /// Issues certificates out of a folder of its own
    Issuing {
        /// Where the key of the issuing CA is
        #[arg(long, value_enum)]
        key: KeyPlace,
        /// An empty folder
        #[arg(long)]
        folder: PathBuf,
        /// Certificates in each round
        #[arg(long)]
        count: u32,
        /// Rounds that count
        #[arg(long)]
        rounds: u32,
    },
    /// Signs with the sealed keys of a folder for a program that started it
    Signer {
        /// The folder
        #[arg(long)]
        folder: PathBuf,
    },
    /// Signs in different ways and prints what that costs
    Signing {
        /// The program that can be a signer
        #[arg(long)]
        server: PathBuf,
        /// A folder for keys
        #[arg(long)]
        work: PathBuf,
        /// The PKCS#11 library with a token `provost`
        #[arg(long)]
        token: Option<PathBuf>,
        /// Rounds that count
        #[arg(long)]
        rounds: u32,
        /// Signatures in each
        #[arg(long)]
        count: u32,
    },
    /// Stores numbered individual enrollments in a data folder that was served once
    Seed {
        /// The data folder
        #[arg(long)]
        data: PathBuf,
        /// How many
        #[arg(long)]
        count: u32,
        /// As many records and identities of a group as well
        #[arg(long)]
        line: bool,
        /// Nothing but devices, with tags
        #[arg(long, conflicts_with = "line")]
        tagged: bool,
    },
}

fn main() -> Result<()> {
    let line = CommandLine::parse();
    match line.role {
        None => run::run(&line.run),
        Some(Role::BaselineServer {
            certificate,
            key,
            acknowledges,
        }) => baseline_server::run(&certificate, &key, acknowledges),
        Some(Role::Client) => client::run(),
        Some(Role::Issuing {
            key,
            folder,
            count,
            rounds,
        }) => issuing::run(key, &folder, count, rounds),
        Some(Role::Signer { folder }) => issuing::sign(&folder),
        Some(Role::Signing {
            server,
            work,
            token,
            rounds,
            count,
        }) => run::signing::run(&server, &work, token.as_deref(), rounds, count),
        Some(Role::Seed {
            data,
            count,
            line,
            tagged,
        }) => {
            let seeding = match (line, tagged) {
                (true, _) => Seeding::Line,
                (_, true) => Seeding::Tagged,
                _ => Seeding::Enrollments,
            };
            seed::run(&data, count, seeding)
        }
    }
}
