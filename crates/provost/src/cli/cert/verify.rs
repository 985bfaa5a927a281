use std::path::PathBuf;

use clap::Args;
use provost_model::ambient::SystemClock;
use provost_model::registry::SerialNumber;
use provost_model::{Clock, Timestamp};
use provost_pki::crl::Crl;
use provost_pki::{Certificate, PresentedChain, SignatureMemo, VerifiedChain, verify_chain};
use provost_wire::time::{iso_seconds, parse_iso};
use serde_json::json;

use super::files;
use super::ocsp::OcspArguments;
use crate::cli::{Context, Failure};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// The device's certificate first, then what it sends with it; PEM or DER
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What is trusted: a root or an intermediate, as registered at a hub; may be given several times
    #[arg(long, required = true, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// Refuse what this revocation list holds, and what has a list here that is too old
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// The instant judged at [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    #[command(flatten)]
    ocsp: OcspArguments,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    parse_iso(text).ok_or_else(|| "not a time like 2026-01-31T12:00:00Z".to_owned())
}

impl VerifyArguments {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let mut sent = files::certificates(&self.files)?;
        let anchors = files::certificates(&self.anchor)?;
        let lists: Vec<_> = self
            .crl
            .iter()
            .map(|path| files::revocation_list(path))
            .collect::<Result<_, _>>()?;
        if sent.is_empty() {
            return Err(Failure::usage("no certificate was given"));
        }
        let leaf = sent.remove(0);
        let refused = |text: String| Failure::Incomplete(text);
        let presented = PresentedChain::new(leaf, sent).map_err(|error| refused(error.to_string()))?;
        let at = self.at.unwrap_or_else(|| SystemClock.now());
        let chain = verify_chain(&presented, &anchors, &SignatureMemo::default(), at)
            .map_err(|error| refused(error.to_string()))?;
        for list in &lists {
            not_revoked(&chain, list, at).map_err(refused)?;
        }
        let path = std::iter::once(chain.leaf()).chain(chain.issuers());
        let path: Vec<_> = path.map(Certificate::subject_display).collect();
        let (at, until) = (iso_seconds(at), iso_seconds(chain.not_after()));
        let Some(asked) = self.ocsp.ask(&chain).await? else {
            let document = json!({ "verified": true, "at": at, "until": until, "path": path });
            return Ok(context.output.document(&document)?);
        };
        context.output.document(&json!({
            "verified": asked.refusal.is_none(),
            "at": at,
            "until": until,
            "path": path,
            "ocsp": asked.rows,
        }))?;
        asked.refusal.map_or(Ok(()), |refusal| Err(refused(refusal)))
    }
}

/// A list that none of the chain's CAs made is an error: it would check nothing.
fn not_revoked(chain: &VerifiedChain, list: &Crl, at: Timestamp) -> Result<(), String> {
    let of = list.issuer_display();
    let mut is_used = false;
    let below = std::iter::once(chain.leaf()).chain(chain.issuers());
    for (certificate, issuer) in below.zip(chain.issuers()) {
        if issuer.subject_der() != list.issuer_der() {
            continue;
        }
        list.verify(issuer)
            .map_err(|error| format!("the revocation list of {of}: {error}"))?;
        is_used = true;
        let is_fresh = list.this_update() <= at && list.next_update().is_none_or(|next| at <= next);
        if !is_fresh {
            return Err(format!("the revocation list of {of} is not of this time"));
        }
        let serial = SerialNumber::parse(&certificate.serial_hex());
        if let Some(entry) = serial.and_then(|serial| list.entry(&serial)) {
            return Err(format!(
                "certificate {} was revoked at {}",
                certificate.subject_display(),
                iso_seconds(entry.at)
            ));
        }
    }
    if is_used {
        Ok(())
    } else {
        Err(format!("no CA of the chain made the revocation list of {of}"))
    }
}
