//! Deleting by force: what that orphans, told before it is done.

use clap::Args;
use provost_device::http::Method;
use provost_wire::own::registry::OrphansView;
use serde_json::Value;

use super::Confirmation;
use super::registry::Registry;
use crate::cli::Failure;
use crate::cli::input::confirm;
use crate::client::ClientError;
use crate::output::{say, warn};

/// Certificates that are named before it is asked; the answer names up to 100.
const NAMED: usize = 5;

/// Whether what certificates hang on is deleted all the same.
#[derive(Debug, Args)]
pub(super) struct Force {
    /// Delete it though certificates stand; says which, and answers with them
    #[arg(long)]
    pub(super) force: bool,
    /// Say which certificates a deletion would orphan and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Answers what would be orphaned, or does it after it was told and asked.
pub(super) async fn force_or_preview(
    registry: &mut Registry<'_>,
    below: &str,
    (force, confirmation): (&Force, &Confirmation),
    question: &str,
) -> Result<(), Failure> {
    let would = send(registry, &format!("{below}?dryRun=true")).await?;
    if force.dry_run {
        return registry.show(&would);
    }
    if !confirmation.yes {
        let orphans: Result<OrphansView, _> = serde_json::from_value(would);
        let orphans = orphans.map_err(|_| ClientError::Unexpected("this does not say what is orphaned"))?;
        for line in in_words(&orphans) {
            say(&line);
        }
        warn("this cannot be taken back");
        confirm(question)?;
    }
    let done = send(registry, &format!("{below}?force=true")).await?;
    registry.show(&done)
}

async fn send(registry: &mut Registry<'_>, below: &str) -> Result<Value, Failure> {
    Ok(registry.own_begin(Method::DELETE, below, None).await?.body)
}

fn in_words(orphans: &OrphansView) -> Vec<String> {
    let mut lines = vec![format!(
        "{} certificates of {} devices go on until they expire; no policy renews or revokes them any more",
        orphans.certificates, orphans.devices
    )];
    let named = orphans.orphaned.iter().take(NAMED);
    lines.extend(named.map(|one| format!("  {} {} until {}", one.device, one.serial_number, one.not_after)));
    if orphans.certificates > NAMED as u64 {
        let all = orphans.authorities.iter();
        lines.extend(all.map(|ca| format!("  all: provost adr certificate list --standing-of {ca}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_few_are_found_by_their_ca() {
        let orphans = |certificates| OrphansView {
            dry_run: true,
            policies: vec!["line-7".to_owned()],
            authorities: vec!["ab".repeat(16)],
            certificates,
            devices: 1,
            orphaned: Vec::new(),
            has_more: false,
        };
        assert_eq!(in_words(&orphans(1)).len(), 1);
        let many = in_words(&orphans(6));
        let hint = format!(
            "  all: provost adr certificate list --standing-of {}",
            "ab".repeat(16)
        );
        assert_eq!(many.last(), Some(&hint));
    }
}
