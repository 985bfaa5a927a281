use std::time::Duration;

use provost_model::ReprovisionState;
use provost_wire::own::ReprovisionView;
use serde_json::Value;
use tokio::time::sleep;

use super::{DEVICES, Runs};
use crate::cli::{Context, Failure, chain};
use crate::client::ClientError;
use crate::output::{bar, say, warn};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How following a run ended.
pub(super) enum Followed {
    /// The run ended, or paused.
    Ended(Box<ReprovisionView>),
    /// Whoever followed went away; the run goes on.
    Left,
}

impl Runs {
    /// Looks at a run until it ends or pauses, and shows how far it is.
    pub(super) async fn follow(&mut self, id: &str) -> Result<Followed, Failure> {
        tokio::select! {
            ended = self.look(id) => Ok(Followed::Ended(Box::new(ended?))),
            _ = tokio::signal::ctrl_c() => {
                say(&format!("the run goes on; look at it with `{}`, stop it with `{}`",
                    self.verb("show", id), self.verb("pause", id)));
                Ok(Followed::Left)
            }
        }
    }

    async fn look(&mut self, id: &str) -> Result<ReprovisionView, ClientError> {
        let progress = bar(0, "devices");
        loop {
            let run = match self.get(id).await {
                // A restart of the server does not end it: the run goes on afterwards.
                Err(error @ ClientError::Connection { .. }) => {
                    progress.suspend(|| warn(&format!("{}; trying again", chain(&error))));
                    sleep(PAUSE).await;
                    continue;
                }
                answer => view(answer?)?,
            };
            let devices = run.devices;
            progress.set_length(devices.total);
            progress.set_position(devices.returned + devices.failed + devices.not_returned + devices.skipped);
            progress.set_message(standing(&run));
            if run.status != "running" {
                progress.finish_and_clear();
                return Ok(run);
            }
            sleep(PAUSE).await;
        }
    }
}

/// Says how a run ended and lists who is not back; fails unless everybody is.
pub(super) async fn show_ended(
    runs: &mut Runs,
    run: &ReprovisionView,
    context: &Context,
) -> Result<(), Failure> {
    say(&format!("{} is {}: {}", run.id, run.status, standing(run)));
    let mut missing: Vec<Value> = Vec::new();
    for state in [
        ReprovisionState::Failed,
        ReprovisionState::NotReturned,
        ReprovisionState::Skipped,
    ] {
        missing.extend(runs.devices(&run.id, Some(state)).await?);
    }
    context.output.documents(&missing, &DEVICES)?;
    match run.status.as_str() {
        "completed" if missing.is_empty() => Ok(()),
        "completed" => {
            say(&format!(
                "call them again with `{} --retry-failed`",
                runs.verb("resume", &run.id)
            ));
            Err(Failure::Incomplete(format!(
                "{} devices are not back",
                missing.len()
            )))
        }
        "paused" => {
            say(&format!("go on with `{}`", runs.verb("resume", &run.id)));
            let reason = run.reason.as_deref().unwrap_or("somebody paused it");
            Err(Failure::Incomplete(format!("the run is paused: {reason}")))
        }
        status => Err(Failure::Incomplete(format!("the run is {status}"))),
    }
}

fn standing(run: &ReprovisionView) -> String {
    let devices = run.devices;
    let parts = [
        (devices.returned, "returned"),
        (devices.called + devices.left, "away"),
        (devices.pending, "pending"),
        (devices.failed, "failed"),
        (devices.not_returned, "not returned"),
        (devices.skipped, "skipped"),
    ];
    let named = parts
        .into_iter()
        .filter(|(count, name)| *count > 0 || *name == "returned");
    let named: Vec<String> = named.map(|(count, name)| format!("{count} {name}")).collect();
    named.join(", ")
}

fn view(run: Value) -> Result<ReprovisionView, ClientError> {
    serde_json::from_value(run).map_err(|_| ClientError::Unexpected("this is no run"))
}
