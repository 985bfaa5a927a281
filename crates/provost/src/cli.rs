//! The command line: verbs, flags and their help. Each family of verbs has its own file.
//!
//! Nouns, verbs and flags follow `az iot dps` and `az iot hub` (dps-service-api.md 5.2,
//! iot-hub-service-api.md 17), so that what people know works here.

mod adr;
mod audit;
mod backup;
mod ca;
mod cert;
mod certificates;
mod connection_string;
mod dps;
mod explain;
mod failure;
mod fleet;
mod hub;
mod input;
mod keys;
mod owner;
mod policies;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};
use provost_model::Secret;

pub use self::failure::Failure;
pub(crate) use self::failure::chain;
pub(crate) use self::input::segment;
use crate::client::Locator;
use crate::config::{DEFAULT_DATA, ServeArguments};
use crate::output::{Format, Output};
use crate::simulate::{AuthorityVerb, SimulateArguments};

/// Device provisioning, IoT hub and certificates in one program, with Azure's contracts.
#[derive(Debug, Parser)]
#[command(
    name = "provost",
    version,
    max_term_width = 110,
    disable_help_subcommand = true,
    disable_help_flag = true
)]
#[command(after_help = "Start here:\n  provost serve\n  provost dps show\n  provost simulate --devices 100")]
pub struct CommandLine {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

/// Options of every verb that talks to a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// Data folder of the server [default: ./provost-data]
    // Without a default of its own: `serve` takes the folder of its configuration file before it.
    #[arg(long, global = true, env = "PROVOST_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Connection string of another server, instead of the data folder
    #[arg(
        long,
        global = true,
        env = "PROVOST_LOGIN",
        hide_env_values = true,
        value_name = "STRING"
    )]
    login: Option<String>,
    /// Root certificate of the server, PEM [default: the one in the data folder]
    #[arg(long, global = true, env = "PROVOST_ROOT_CA", value_name = "FILE")]
    root_ca: Option<PathBuf>,
    /// Admin token [default: the one in the data folder]
    #[arg(
        long = "token",
        id = "admin_token",
        global = true,
        env = "PROVOST_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<String>,
    /// How data is printed [default: table on a terminal, else json]
    #[arg(long, short, global = true, env = "PROVOST_OUTPUT", value_name = "FORMAT")]
    output: Option<Format>,
    /// Print help
    #[arg(long, short, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

/// Sent with requests outside of Azure's contracts; nothing depends on it yet.
pub(crate) const OWN_API_VERSION: &str = "2026-11-01";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = "Example:\n  provost serve --data ./provost-data")]
    Serve(Box<ServeArguments>),
    /// Holds the keys of CAs for a server, which starts it; nothing for people
    #[command(hide = true)]
    Signer,
    /// Print a connection string for back ends and SDKs
    ConnectionString(connection_string::ConnectionStringArguments),
    /// Admin tokens for the management API: make, list, delete
    Token(token::TokenArguments),
    /// The provisioning service: enrollments, groups, CA certificates, registrations, linked hubs
    #[command(subcommand)]
    Dps(dps::DpsCommand),
    Explain(explain::ExplainArguments),
    /// The Device Registry: namespaces, credentials, policies, devices, certificates
    #[command(subcommand)]
    Adr(adr::AdrCommand),
    /// The hub: devices, twins, methods, telemetry
    #[command(subcommand)]
    Hub(hub::HubCommand),
    /// Certificates, signing requests and revocation lists in files
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// A fleet that is told to register anew: runs over many devices
    #[command(subcommand)]
    Fleet(fleet::FleetCommand),
    /// The audit log: who did what; shown, exported, verified
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copies of a data folder: database, sealed keys, TLS root
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// The sealed keys of CAs, without a server
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The CAs of a namespace and their CRLs; and CAs apart from a server: a root kept offline
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// Provision and connect simulated devices over real TLS, and measure
    Simulate(Box<SimulateArguments>),
    /// The authority in a folder that signs simulated devices, to try a roll of its intermediate
    #[command(subcommand)]
    SimulateAuthority(AuthorityVerb),
}

/// What a verb works with.
pub(crate) struct Context {
    pub(crate) locator: Locator,
    pub(crate) output: Output,
}

impl GlobalOptions {
    fn into_context(self) -> Context {
        Context {
            locator: Locator {
                data: self.data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA)),
                login: self.login.map(Secret::new),
                root_ca: self.root_ca,
                token: self.token.map(Secret::new),
            },
            output: Output::new(self.output),
        }
    }
}

/// Reads the arguments of the process and does what they say. Exit codes: 0 done, 1 refused or
/// failed, 2 wrong usage.
pub fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(line: CommandLine) -> Result<(), Failure> {
    let global = line.global;
    match line.command {
        Command::Serve(arguments) => crate::serve::run(*arguments).map_err(Failure::Other),
        Command::Signer => crate::signer::run().map_err(Failure::Other),
        command => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(talk(command, &global.into_context()))
        }
    }
}

/// Every verb that is a client of a running server.
async fn talk(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Serve(_) | Command::Signer => Ok(()),
        Command::ConnectionString(arguments) => arguments.run(context).await,
        Command::Token(arguments) => arguments.run(context).await,
        Command::Dps(command) => Box::pin(command.run(context)).await,
        Command::Explain(arguments) => arguments.run(context).await,
        Command::Adr(command) => Box::pin(command.run(context)).await,
        Command::Hub(command) => Box::pin(command.run(context)).await,
        Command::Fleet(command) => Box::pin(command.run(context)).await,
        Command::Audit(command) => Box::pin(command.run(context)).await,
        Command::Backup(command) => command.run(context),
        Command::Keys(command) => command.run(context),
        Command::Ca(command) => Box::pin(command.run(context)).await,
        Command::Simulate(arguments) => Box::pin(crate::simulate::run(*arguments, context)).await,
        Command::Cert(command) => Box::pin(command.run(context)).await,
        Command::SimulateAuthority(verb) => verb.run(context.output),
    }
}

#[cfg(test)]
mod tests;
