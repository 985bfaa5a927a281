//! A query by a tag, over a hundred thousand devices (iot-hub-service-api.md 8).

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use provost_device::http::Method;
use serde_json::{Value, json};

use super::scale::fill;
use super::{Amounts, say};
use crate::numbered;
use crate::operator::Operator;
use crate::seed::{SITES, Seeding, site};
use crate::server::Server;
use crate::spread::quantile;

/// Milliseconds of each query and of each look-up, sorted.
#[derive(Clone, Debug)]
pub(crate) struct Queries {
    pub(crate) devices: u32,
    /// Twins one query gives.
    pub(crate) found: u32,
    pub(crate) query_ms: Vec<f64>,
    /// The baseline: reading one twin over the same connection.
    pub(crate) look_up_ms: Vec<f64>,
}

/// Asks a store of its own.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path) -> Result<Queries> {
    fill(binary, data, amounts.tagged, Seeding::Tagged)?;
    let server = Server::start(binary, data)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let queries = runtime.block_on(ask(&server, amounts))?;
    server.stop()?;
    std::fs::remove_dir_all(data)?;
    say(format!(
        "query of {} by a tag: {:.2} ms, p99 {:.2} ms",
        amounts.tagged,
        quantile(&queries.query_ms, 50),
        quantile(&queries.query_ms, 99)
    ));
    Ok(queries)
}

/// Queries and look-ups in turn, one at a time, over all tags.
async fn ask(server: &Server, amounts: &Amounts) -> Result<Queries> {
    let mut operator = Operator::connect(server).await?;
    let found = amounts.tagged / SITES;
    let (mut query_ms, mut look_up_ms) = (Vec::new(), Vec::new());
    for turn in 0..amounts.queries {
        let twin = format!("/twins/{}", numbered::id(turn % amounts.tagged));
        let started = Instant::now();
        operator.hub(Method::GET, &twin, None).await?;
        look_up_ms.push(started.elapsed().as_secs_f64() * 1e3);
        let site = site(turn);
        let query = json!({ "query": format!("SELECT * FROM devices WHERE tags.site = '{site}'") });
        let started = Instant::now();
        let items = operator.hub(Method::POST, "/devices/query", Some(&query)).await?;
        query_ms.push(started.elapsed().as_secs_f64() * 1e3);
        check(&items, &site, found)?;
    }
    query_ms.sort_by(f64::total_cmp);
    look_up_ms.sort_by(f64::total_cmp);
    Ok(Queries {
        devices: amounts.tagged,
        found,
        query_ms,
        look_up_ms,
    })
}

/// A fast answer that is wrong is none.
fn check(items: &Value, site: &str, found: u32) -> Result<()> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_right = |twin: &Value| twin.pointer("/tags/site").and_then(Value::as_str) == Some(site);
    if items.len() != usize::try_from(found)? || !items.iter().all(is_right) {
        bail!("{} twins and not {found} of {site}", items.len());
    }
    Ok(())
}
