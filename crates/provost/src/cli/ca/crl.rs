use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use provost_pki::crl::Crl;
use provost_wire::own::registry::CrlView;
use serde_json::Value;
use tokio::time::sleep;

use crate::cli::adr::authority::{Which, write};
use crate::cli::adr::registry::Registry;
use crate::cli::cert::of_list;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::output::warn;

/// Between two looks for the first CRL of a CA, and how many there are.
const PAUSE: Duration = Duration::from_millis(200);
const LOOKS: usize = 50;

#[derive(Debug, Args)]
pub(in crate::cli) struct CrlArguments {
    #[command(flatten)]
    which: Which,
    /// Which part, where the CRL is cut into several
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    shard: u32,
    /// Write the CRL, PEM, instead of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl CrlArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.which.open(context)?;
        let ca = self.which.find(&mut registry).await?;
        let id = ca.get("id").and_then(Value::as_str).unwrap_or_default();
        let below = format!("/authorities/{}/crl?shard={}", segment(id), self.shard);
        let view = fetch(&mut registry, &below).await?;
        if view.untold > 0 {
            warn(&format!(
                "{} changes are not on it yet; it is being made anew",
                view.untold
            ));
        }
        if let Some(file) = self.out {
            return write(&file, &view.crl);
        }
        let crl = Crl::from_file_bytes(view.crl.as_bytes());
        let crl = crl.map_err(|_| ClientError::Unexpected("the CRL cannot be read"))?;
        registry.show(&of_list(&crl))
    }
}

/// The CRL of a CA. The first one is made soon after its CA, in the background: it is waited for.
async fn fetch(registry: &mut Registry<'_>, below: &str) -> Result<CrlView, Failure> {
    for _ in 1..LOOKS {
        match registry.own_get(below).await {
            Err(Failure::Client(error)) if error.is_status(404) => sleep(PAUSE).await,
            answer => return read(answer?),
        }
    }
    read(registry.own_get(below).await?)
}

fn read(answer: Value) -> Result<CrlView, Failure> {
    let view = serde_json::from_value(answer);
    Ok(view.map_err(|_| ClientError::Unexpected("this is no CRL"))?)
}
