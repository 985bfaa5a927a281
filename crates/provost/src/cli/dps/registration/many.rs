//! Records of the whole instance, chosen by group, by age, or as orphans.

use clap::Args;
use provost_wire::time::parse_iso;
use serde_json::{Value, json};

use crate::cli::dps::DpsName;
use crate::cli::input::{confirm, segment, set};
use crate::cli::{Context, Failure};
use crate::client::{ApiClient, ClientError};
use crate::output::say;

/// Which records; each flag narrows.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Selection {
    /// Name of the group they came in through, whether or not it still exists
    #[arg(long, visible_aliases = ["gid", "group-id"], value_name = "ID")]
    pub(super) enrollment_group_id: Option<String>,
    /// Only those whose device last registered before this time, as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    updated_before: Option<String>,
    /// Only those whose group or enrollment no longer exists
    #[arg(long)]
    orphans_only: bool,
}

fn time(text: &str) -> Result<String, String> {
    match parse_iso(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a time is written as 2026-01-31T12:00:00Z".to_owned()),
    }
}

impl Selection {
    /// Nothing but perhaps a group.
    pub(super) fn is_plain(&self) -> bool {
        self.updated_before.is_none() && !self.orphans_only
    }

    fn body(&self) -> Value {
        json!({
            "enrollmentGroupId": self.enrollment_group_id,
            "updatedBefore": self.updated_before,
            "orphansOnly": self.orphans_only,
        })
    }
}

/// The records, all pages of them; at most `top` when given.
pub(super) async fn list(
    dps: &DpsName,
    selection: &Selection,
    top: Option<usize>,
    context: &Context,
) -> Result<Vec<Value>, Failure> {
    let (mut client, path) = open(dps, context)?;
    let mut body = selection.body();
    let mut items = Vec::new();
    loop {
        let rest = top.map_or(usize::MAX, |top| top.saturating_sub(items.len()));
        if rest == 0 {
            return Ok(items);
        }
        set(&mut body, "top", json!(rest.min(1000)));
        let answer = client.post(&format!("{path}/query"), &body, None).await?;
        let page = answer.get("value").and_then(Value::as_array);
        items.extend_from_slice(page.ok_or(ClientError::Unexpected("no list in the answer"))?);
        match answer.get("continuation") {
            Some(continuation) => set(&mut body, "continuation", continuation.clone()),
            None => return Ok(items),
        }
    }
}

/// Deletes the records after it said how many there are; answers how many were deleted, or would be.
pub(super) async fn delete(
    dps: &DpsName,
    selection: &Selection,
    dry_run: bool,
    yes: bool,
    context: &Context,
) -> Result<Value, Failure> {
    let (mut client, path) = open(dps, context)?;
    let path = format!("{path}/delete");
    let mut body = selection.body();
    // Whoever asked for everything said so in a flag.
    set(&mut body, "all", json!(true));
    set(&mut body, "dryRun", json!(true));
    let total = count(&client.post(&path, &body, None).await?)?;
    if dry_run {
        return Ok(json!({ "count": total, "dryRun": true }));
    }
    if !yes {
        confirm(&format!("Delete {total} registration records?"))?;
    }
    set(&mut body, "dryRun", json!(false));
    let mut deleted = 0;
    loop {
        let answer = client.post(&path, &body, None).await?;
        deleted += count(&answer)?;
        match answer.get("continuation") {
            Some(continuation) => set(&mut body, "continuation", continuation.clone()),
            None => return Ok(json!({ "count": deleted, "dryRun": false })),
        }
        say(&format!("{deleted} of {total} records deleted"));
    }
}

fn open(dps: &DpsName, context: &Context) -> Result<(ApiClient, String), ClientError> {
    let name = dps.instance(context)?.name;
    let path = format!("/provost/dps/{}/registrations", segment(&name));
    Ok((dps.client(context)?, path))
}

fn count(answer: &Value) -> Result<u64, ClientError> {
    let count = answer.get("count").and_then(Value::as_u64);
    count.ok_or(ClientError::Unexpected("no count in the answer"))
}
