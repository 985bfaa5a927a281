//! `provost simulate`: devices that prove themselves, register, connect and send, over real TLS.
//!
//! Three phases, each measured by itself: all devices register, then all connect, then all send. With
//! `--stay` the devices instead live at their hubs from then on (`staying`).
//! What was needed for it (a root, an intermediate, a group) is made before and can be taken away
//! afterwards.

mod arguments;
mod attestation;
mod authority;
mod authority_folder;
mod authority_verbs;
mod cleanup;
mod crowd;
mod enrollment;
mod network;
mod operational;
mod reason;
mod registering;
mod report;
mod sending;
mod statistics;
mod staying;

use provost_model::ambient::SystemRandom;

pub use self::arguments::SimulateArguments;
pub(crate) use self::authority_verbs::AuthorityVerb;

use self::enrollment::Enrollment;
use self::network::Network;
use self::report::Report;
use crate::cli::{Context, Failure};
use crate::output::say;

/// Does what the arguments say; a failure when any device failed.
pub(crate) async fn run(arguments: SimulateArguments, context: &Context) -> Result<(), Failure> {
    let network = Network::find(&arguments, &context.locator)?;
    let enrollment = Enrollment::prepare(&arguments, context, &SystemRandom).await?;
    say(&format!(
        "{} devices through enrollment group {}",
        arguments.devices, enrollment.group_id
    ));
    let report = if arguments.staying.stay {
        Box::pin(live(&arguments, &network, &enrollment)).await?
    } else {
        tokio::select! {
            report = Box::pin(work(&arguments, &network, &enrollment)) => Some(report),
            _ = tokio::signal::ctrl_c() => None,
        }
    };
    if let Some(report) = &report {
        report.print(context.output)?;
    }
    if arguments.cleanup {
        let hubs = report.as_ref().map(Report::hubs);
        cleanup::run(&arguments, context, &enrollment, hubs).await?;
    }
    let report = report.ok_or_else(|| Failure::Incomplete("interrupted".to_owned()))?;
    report.verdict()
}

async fn work(arguments: &SimulateArguments, network: &Network, enrollment: &Enrollment) -> Report {
    let registered = registering::all(arguments, network, enrollment).await;
    let mut report = Report::new(arguments.devices, &registered);
    if arguments.connects() {
        let connected = sending::connect_all(arguments, network, registered.into_devices()).await;
        report.add_connects(&connected);
        let sent = sending::send_all(arguments, connected.into_sessions()).await;
        report.add_messages(&sent);
    }
    report
}

/// Registers all devices and lets them live; `None` when it was interrupted before.
async fn live(
    arguments: &SimulateArguments,
    network: &Network,
    enrollment: &Enrollment,
) -> Result<Option<Report>, Failure> {
    let registered = tokio::select! {
        registered = Box::pin(registering::all(arguments, network, enrollment)) => registered,
        _ = tokio::signal::ctrl_c() => return Ok(None),
    };
    let mut report = Report::new(arguments.devices, &registered);
    let devices = registered.into_devices();
    let stayed = Box::pin(staying::stay(arguments, network, enrollment, devices)).await?;
    report.add_stayed(&stayed);
    Ok(Some(report))
}
