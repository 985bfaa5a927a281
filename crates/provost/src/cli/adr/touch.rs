//! What a revocation touches, told before it is asked for.

use provost_wire::own::registry::TouchView;
use serde_json::Value;

use super::registry::Registry;
use crate::cli::Failure;
use crate::cli::input::confirm;
use crate::client::ClientError;
use crate::output::{say, warn};

/// Tells what would be touched, and asks unless that is not wanted.
pub(super) async fn tell_and_ask(
    registry: &mut Registry<'_>,
    below: &str,
    body: Option<&Value>,
    question: &str,
    yes: bool,
) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let touched = preview(registry, below, body).await?;
    for line in in_words(&touched) {
        say(&line);
    }
    if touched.stranded > 0 {
        warn(&format!(
            "{} of them cannot get a new certificate by themselves: no enabled enrollment names the policy",
            touched.stranded
        ));
    }
    match touched.replacement.as_deref() {
        Some("spareTookOver") => say("the spare, signed in advance, takes over at once"),
        Some("waitsForOfflineRoot") => {
            warn("there is no spare: nothing is issued until the root kept offline signed another one");
        }
        Some("waitsForExternalCa") => warn("nothing is issued until your CA signed another one"),
        _ => {}
    }
    warn("this cannot be taken back");
    confirm(question)
}

/// What would be touched.
pub(super) async fn preview(
    registry: &mut Registry<'_>,
    below: &str,
    body: Option<&Value>,
) -> Result<TouchView, Failure> {
    let path = format!("{below}?dryRun=true");
    let answer = registry
        .own_begin(provost_device::http::Method::POST, &path, body)
        .await?;
    let view = serde_json::from_value(answer.body);
    Ok(view.map_err(|_| ClientError::Unexpected("this does not say what is touched"))?)
}

fn in_words(touched: &TouchView) -> Vec<String> {
    vec![
        format!(
            "{} certificates of {} devices stop working; {} are connected now",
            touched.certificates, touched.devices, touched.connected
        ),
        format!(
            "{} can get a new certificate by themselves, by registering again",
            touched.can_renew
        ),
    ]
}
