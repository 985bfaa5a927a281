//! `provost audit`: the audit log shown, exported and verified.

mod following;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use provost_store::AuditHash;
use provost_wire::own::{AuditEventView, AuditPageView};
use serde_json::{Value, json};

use self::following::Following;
use super::{Context, Failure, OWN_API_VERSION};
use crate::client::{ApiClient, ClientError};

/// `provost audit`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Show what was done by whom, the latest last
    #[command(after_help = "Example:\n  provost audit show --after 10")]
    Show(Range),
    /// Write the log as JSON lines, one event a line
    #[command(after_help = "Example:\n  provost audit export --file audit.jsonl")]
    Export {
        /// Where to [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        range: Range,
    },
    /// Check that nothing of the log was changed, removed or moved; print its head to be noted
    #[command(after_help = "Example:\n  provost audit verify")]
    Verify {
        /// An exported log [default: that of the running server]
        #[arg(long, short, value_name = "FILE")]
        file: Option<PathBuf>,
        /// A hash noted earlier: the log must hold it
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<AuditHash>,
        /// The hash of the event before the first line, for a file that does not begin with the log
        #[arg(long, value_name = "HASH", value_parser = hash)]
        from: Option<AuditHash>,
    },
}

/// Which events.
#[derive(Debug, Args)]
pub(super) struct Range {
    /// Events after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: i64,
    /// At most so many events [default: all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

const COLUMNS: [&str; 9] = [
    "number", "at", "actor", "action", "kind", "scope", "key", "detail", "result",
];

impl AuditCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Show(range) => show(context, &range).await,
            Self::Export { file, range } => export(context, file.as_deref(), &range).await,
            Self::Verify { file, head, from } => {
                let mut following = Following::new(from, head);
                match &file {
                    Some(path) => follow_file(path, &mut following).map_err(Failure::Other)?,
                    None => follow_server(context, &mut following).await?,
                }
                let told = following.end().map_err(Failure::Other)?;
                Ok(context.output.document(&told)?)
            }
        }
    }
}

fn hash(text: &str) -> Result<AuditHash, String> {
    AuditHash::parse(text).ok_or_else(|| "a hash has 64 hexadecimal digits".to_owned())
}

/// One page of the running server's log.
async fn page(client: &mut ApiClient, after: i64) -> Result<AuditPageView, Failure> {
    let answer = client.get(&format!("/provost/audit?after={after}")).await?;
    let page = serde_json::from_value(answer);
    Ok(page.map_err(|_| ClientError::Unexpected("something that is no page of the audit log"))?)
}

/// Hands every event of the range to `take`.
async fn each(
    context: &Context,
    range: &Range,
    mut take: impl FnMut(AuditEventView) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut client = context.locator.management(OWN_API_VERSION)?;
    let (mut after, mut left) = (range.after, range.limit.unwrap_or(usize::MAX));
    loop {
        let page = page(&mut client, after).await?;
        let Some(last) = page.value.last() else {
            return Ok(());
        };
        after = last.number;
        for event in page.value {
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            take(event)?;
        }
    }
}

async fn show(context: &Context, range: &Range) -> Result<(), Failure> {
    let mut events = Vec::new();
    each(context, range, |event| {
        events.push(serde_json::to_value(&event).map_err(|error| Failure::Other(error.into()))?);
        Ok(())
    })
    .await?;
    let rows: Vec<Value> = events.into_iter().map(|event| shortened(&event)).collect();
    Ok(context.output.rows(&rows)?)
}

/// What fits a line.
fn shortened(event: &Value) -> Value {
    let member = |name: &&str| ((*name).to_owned(), event.get(*name).cloned().unwrap_or_default());
    Value::Object(COLUMNS.iter().map(member).collect())
}

async fn export(context: &Context, file: Option<&Path>, range: &Range) -> Result<(), Failure> {
    let mut out = match file {
        Some(path) => {
            let made = File::create(path).with_context(|| format!("cannot write {}", path.display()));
            Some(BufWriter::new(made.map_err(Failure::Other)?))
        }
        None => None,
    };
    each(context, range, |event| {
        let line = serde_json::to_string(&event).map_err(|error| Failure::Other(error.into()))?;
        match &mut out {
            Some(file) => writeln!(file, "{line}")?,
            None => context.output.line(&line)?,
        }
        Ok(())
    })
    .await?;
    if let Some(mut file) = out {
        file.flush()?;
        file.get_ref().sync_all()?;
    }
    Ok(())
}

fn follow_file(path: &Path, following: &mut Following) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()));
    for (number, line) in (1_u64..).zip(BufReader::new(file?).lines()) {
        let line = line.with_context(|| format!("line {number} cannot be read"))?;
        if line.trim().is_empty() {
            continue;
        }
        let event: AuditEventView = serde_json::from_str(&line)
            .map_err(|error| anyhow::anyhow!("line {number} is no event of an audit log: {error}"))?;
        following
            .follow(&event)
            .map_err(|error| anyhow::anyhow!("line {number}: {error}"))?;
    }
    Ok(())
}

async fn follow_server(context: &Context, following: &mut Following) -> Result<(), Failure> {
    let mut client = context.locator.management(OWN_API_VERSION)?;
    let mut after = 0;
    loop {
        let page = page(&mut client, after).await?;
        let Some(last) = page.value.last() else {
            if page.head != following.head().to_string() {
                return Err(Failure::Other(ended_early(&page.head)));
            }
            return Ok(());
        };
        after = last.number;
        for event in &page.value {
            following.follow(event).map_err(Failure::Other)?;
        }
    }
}

fn ended_early(head: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "the log ends before the event whose hash the server noted last, {head}: its end was removed"
    )
}

/// Says what was found.
fn told(count: u64, last: Option<i64>, head: AuditHash) -> Value {
    json!({ "status": "intact", "events": count, "last": last, "head": head.to_string() })
}

fn not_held(head: AuditHash) -> anyhow::Result<()> {
    bail!("the log does not hold the noted hash {head}: it was changed, or its end was removed")
}
