//! `provost fleet`: a fleet that is told to register anew (docs/FLEET.md).

mod following;
mod reprovision;

use clap::{Args, Subcommand};
use provost_model::ReprovisionState;
use serde_json::{Value, json};

use self::following::{Followed, show_ended};
use super::hub::HubName;
use super::input::segment;
use super::{Context, Failure, OWN_API_VERSION};
use crate::client::{ApiClient, ClientError};
use crate::output::Column;

const RUNS: [Column; 9] = [
    Column::new("id", "/id"),
    Column::new("status", "/status"),
    Column::new("devices", "/devices/total"),
    Column::new("pending", "/devices/pending"),
    Column::new("returned", "/devices/returned"),
    Column::new("failed", "/devices/failed"),
    Column::new("not returned", "/devices/notReturned"),
    Column::new("skipped", "/devices/skipped"),
    Column::new("began", "/createdTimeUtc"),
];
const DEVICES: [Column; 5] = [
    Column::new("device", "/deviceId"),
    Column::new("state", "/state"),
    Column::new("reason", "/reason"),
    Column::new("called", "/calledTimeUtc"),
    Column::new("ended", "/endedTimeUtc"),
];
/// Devices a page.
const PAGE: usize = 1000;
/// More pages than this are a server that never ends.
const MAX_PAGES: usize = 100_000;

#[derive(Debug, Subcommand)]
pub(super) enum FleetCommand {
    /// Tell devices to register anew, at a pace, and wait until they are back
    #[command(after_help = "Example:\n  \
        provost fleet reprovision --query \"tags.site = 'hall-7'\" --pace 50/s --pause-on-failure 5% --yes")]
    Reprovision(Box<reprovision::ReprovisionArguments>),
    /// List runs, newest first
    #[command(after_help = "Example:\n  provost fleet list --output table")]
    List(HubName),
    /// Show how far a run is
    #[command(after_help = "Example:\n  \
        provost fleet reprovision --id wave-1 --query \"tags.site = 'hall-7'\" --yes --no-wait\n  \
        provost fleet show --id wave-1")]
    Show(RunName),
    /// Call nobody for now; devices that were called are still watched
    #[command(after_help = "Example:\n  \
        provost hub device create --device-id away-2\n  \
        provost fleet reprovision --id wave-2 --query '*' --connect-within 600 --yes --no-wait\n  \
        provost fleet pause --id wave-2\n  provost fleet cancel --id wave-2")]
    Pause(RunName),
    /// Go on with a paused run, or give those that failed another turn
    #[command(after_help = "Example:\n  \
        provost hub device create --device-id away-3\n  \
        provost fleet reprovision --id wave-3 --query '*' --connect-within 600 --yes --no-wait\n  \
        provost fleet pause --id wave-3\n  \
        provost fleet resume --id wave-3 --pause-on-failure 10% --no-wait\n  provost fleet cancel --id wave-3")]
    Resume(ResumeArguments),
    /// Call a run off; devices that were called are left to themselves
    #[command(after_help = "Example:\n  \
        provost hub device create --device-id away-4\n  \
        provost fleet reprovision --id wave-4 --query '*' --connect-within 600 --yes --no-wait\n  \
        provost fleet cancel --id wave-4")]
    Cancel(RunName),
    /// List what became of the devices of a run
    #[command(after_help = "Example:\n  \
        provost fleet reprovision --id wave-5 --query \"tags.site = 'hall-7'\" --yes\n  \
        provost fleet devices --id wave-5 --state notReturned")]
    Devices(DevicesArguments),
}

/// Which run of which hub.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct RunName {
    /// Name of the run
    #[arg(long, value_name = "NAME")]
    id: String,
    #[command(flatten)]
    hub: HubName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArguments {
    #[command(flatten)]
    run: RunName,
    /// Another limit from now on, as for `fleet reprovision`
    #[arg(long, value_name = "LIMIT")]
    pause_on_failure: Option<String>,
    /// Call those again that failed, did not return or were skipped
    #[arg(long)]
    retry_failed: bool,
    /// Do not wait until the devices are back
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DevicesArguments {
    #[command(flatten)]
    run: RunName,
    /// Only in this state: pending, called, left, returned, failed, notReturned or skipped
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<ReprovisionState>,
}

/// Requests about the runs of one hub.
pub(super) struct Runs {
    client: ApiClient,
    base: String,
    /// The flag that names the hub in what is said to be typed next.
    hub: Option<String>,
}

impl FleetCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Reprovision(arguments) => arguments.run(context).await,
            Self::List(hub) => {
                let mut runs = Runs::of(&hub, context).await?;
                let listed = runs.list().await?;
                Ok(context.output.documents(&listed, &RUNS)?)
            }
            Self::Show(name) => {
                let mut runs = Runs::of(&name.hub, context).await?;
                Ok(context.output.document(&runs.get(&name.id).await?)?)
            }
            Self::Pause(name) => change(&name, "pause", context).await,
            Self::Cancel(name) => change(&name, "cancel", context).await,
            Self::Resume(arguments) => arguments.run(context).await,
            Self::Devices(arguments) => {
                let mut runs = Runs::of(&arguments.run.hub, context).await?;
                let devices = runs.devices(&arguments.run.id, arguments.state).await?;
                Ok(context.output.documents(&devices, &DEVICES)?)
            }
        }
    }
}

async fn change(name: &RunName, what: &str, context: &Context) -> Result<(), Failure> {
    let mut runs = Runs::of(&name.hub, context).await?;
    let changed = runs
        .post(&format!("/{}/{what}", segment(&name.id)), &Value::Null)
        .await?;
    Ok(context.output.document(&changed)?)
}

impl ResumeArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut runs = Runs::of(&self.run.hub, context).await?;
        let body = json!({ "pauseOnFailure": self.pause_on_failure, "retryFailed": self.retry_failed });
        let path = format!("/{}/resume", segment(&self.run.id));
        let resumed = runs.post(&path, &body).await?;
        if self.no_wait {
            return Ok(context.output.document(&resumed)?);
        }
        match runs.follow(&self.run.id).await? {
            Followed::Ended(run) => show_ended(&mut runs, &run, context).await,
            Followed::Left => Err(Failure::Incomplete("the run goes on".to_owned())),
        }
    }
}

impl Runs {
    async fn of(hub: &HubName, context: &Context) -> Result<Self, ClientError> {
        let instance = hub.instance(context).await?;
        Ok(Self {
            client: context.locator.client(&instance, OWN_API_VERSION)?,
            base: format!("/provost/hubs/{}/fleet/reprovisions", segment(&instance.name)),
            hub: hub.named().map(str::to_owned),
        })
    }

    async fn list(&mut self) -> Result<Vec<Value>, ClientError> {
        let answer = self.client.get(&self.base).await?;
        let items = answer.get("value").and_then(Value::as_array);
        items
            .cloned()
            .ok_or(ClientError::Unexpected("no list in the answer"))
    }

    async fn get(&mut self, id: &str) -> Result<Value, ClientError> {
        self.client.get(&format!("{}/{}", self.base, segment(id))).await
    }

    /// Posts below the runs; an empty path makes one.
    async fn post(&mut self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.client
            .post(&format!("{}{path}", self.base), body, None)
            .await
    }

    /// All devices of a run, of one state alone when asked.
    async fn devices(
        &mut self,
        id: &str,
        state: Option<ReprovisionState>,
    ) -> Result<Vec<Value>, ClientError> {
        let state = state.map(ReprovisionState::as_str).unwrap_or_default();
        let base = format!("{}/{}/devices?limit={PAGE}&state={state}", self.base, segment(id));
        let mut devices = Vec::new();
        let mut after = String::new();
        for _ in 0..MAX_PAGES {
            let page = self
                .client
                .get(&format!("{base}&after={}", segment(&after)))
                .await?;
            let value = page.get("value").and_then(Value::as_array);
            devices.extend(
                value
                    .cloned()
                    .ok_or(ClientError::Unexpected("no list in the answer"))?,
            );
            match page.get("next").and_then(Value::as_str) {
                None => return Ok(devices),
                Some(next) => next.clone_into(&mut after),
            }
        }
        Err(ClientError::Unexpected("pages without end"))
    }

    /// What a verb about a run is typed as.
    fn verb(&self, verb: &str, id: &str) -> String {
        let hub = self
            .hub
            .as_ref()
            .map(|hub| format!(" --hub-name {hub}"))
            .unwrap_or_default();
        format!("provost fleet {verb} --id {id}{hub}")
    }
}

fn state(text: &str) -> Result<ReprovisionState, String> {
    ReprovisionState::ALL
        .into_iter()
        .find(|state| state.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| "is no state of a device".to_owned())
}
