//! Who hangs on a group, of as many devices as an instance may have.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_device::http::Method;
use serde_json::{Value, json};

use super::scale::fill;
use super::{Amounts, say};
use crate::operator::Operator;
use crate::seed::{LINE, Seeding};
use crate::server::Server;

/// How long each answer took, the first of a freshly started server among them.
#[derive(Clone, Debug)]
pub(crate) struct BlastRadius {
    pub(crate) took: Vec<Duration>,
}

/// Asks a store with `many` individual enrollments and as many records of one group, half of them of
/// devices that have an enrollment of their own as well.
pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<BlastRadius> {
    let data = work.join("line-data");
    fill(binary, &data, amounts.many, Seeding::Line)?;
    let server = Server::start(binary, &data)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let took = runtime.block_on(ask(&server, amounts))?;
    server.stop()?;
    std::fs::remove_dir_all(&data)?;
    let slowest = took.iter().max().copied().unwrap_or_default();
    say(format!(
        "blast radius of {}: at most {:.0} ms",
        amounts.many,
        slowest.as_secs_f64() * 1e3
    ));
    Ok(BlastRadius { took })
}

async fn ask(server: &Server, amounts: &Amounts) -> Result<Vec<Duration>> {
    let mut operator = Operator::connect(server).await?;
    let path = format!("/provost/dps/{}/blastRadius", operator.dps_name());
    let body = json!({ "enrollmentGroupId": LINE });
    let mut took = Vec::new();
    for _ in 0..=amounts.rounds {
        let started = Instant::now();
        let radius = operator.dps(Method::POST, &path, Some(&body)).await?;
        took.push(started.elapsed());
        check(&radius, amounts.many)?;
    }
    Ok(took)
}

/// A fast answer that is wrong is none.
fn check(radius: &Value, many: u32) -> Result<()> {
    for (pointer, expected) in [
        ("/devices", many),
        ("/withIdentity", many),
        ("/stillAdmitted/byOwnEnrollment", many / 2),
    ] {
        let found = radius.pointer(pointer).and_then(Value::as_u64);
        if found.context("a count is missing")? != u64::from(expected) {
            bail!("{pointer} is {found:?} and not {expected}: {radius}");
        }
    }
    Ok(())
}
