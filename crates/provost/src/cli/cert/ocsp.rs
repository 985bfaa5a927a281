//! Asking responders of CAs whether certificates are revoked.

use std::time::Duration;

use clap::Args;
use http::Uri;
use provost_device::http::{HttpClient, Method};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::RevocationReason;
use provost_model::{Clock, Random};
use provost_pki::ocsp::{MAX_OCSP_REPLY_BYTES, OcspQuestion, OcspReply, Told, Verdict};
use provost_pki::{Certificate, VerifiedChain};
use provost_wire::time::iso_seconds;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cli::Failure;

/// How long a responder may take to be reached, and again to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Instead of an address: those that the certificates name.
const FROM_CERTIFICATE: &str = "from-certificate";

#[derive(Debug, Args)]
pub(super) struct OcspArguments {
    /// Ask this responder about the device's certificate, `http://…`; or `from-certificate`: about each certificate
    /// below the anchor, the responder it names
    ///
    /// The document has a row for each: good, revoked, unknown, or unreachable when there is no answer that can be
    /// believed. The exit code is 0 when all are good and 1 otherwise.
    #[arg(long = "ocsp", value_name = "URL", conflicts_with = "at")]
    responder: Option<String>,
    /// Ask without a nonce, of responders that answer from what they signed before
    #[arg(long, requires = "responder")]
    no_nonce: bool,
}

/// What became of the questions.
pub(super) struct Asked {
    /// A row for each certificate that was asked about.
    pub(super) rows: Vec<Value>,
    /// What is wrong, when not all are good.
    pub(super) refusal: Option<String>,
}

/// What is asked, of whom.
struct Errand<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
    address: Uri,
}

impl OcspArguments {
    /// Asks; `None` when nothing was to be asked.
    ///
    /// # Errors
    /// [`Failure::Usage`] for an address that is none, [`Failure::Incomplete`] when no certificate names one.
    pub(super) async fn ask(&self, chain: &VerifiedChain) -> Result<Option<Asked>, Failure> {
        let Some(responder) = &self.responder else {
            return Ok(None);
        };
        let mut asked = Asked {
            rows: Vec::new(),
            refusal: None,
        };
        for errand in errands(responder, chain)? {
            let subject = errand.certificate.subject_display();
            let outcome = self.run(&errand).await;
            let word = match &outcome {
                Ok(told) => word(told.verdict),
                Err(_) => "unreachable",
            };
            asked
                .rows
                .push(row(&subject, &errand.address, word, outcome.as_ref()));
            let why = match &outcome {
                Ok(told) if told.verdict == Verdict::Good => continue,
                Ok(_) => String::new(),
                Err(reason) => format!(": {reason}"),
            };
            let refusal = format!("OCSP: certificate {subject} is {word}{why}");
            asked.refusal.get_or_insert(refusal);
        }
        Ok(Some(asked))
    }

    async fn run(&self, errand: &Errand<'_>) -> Result<Told, String> {
        let nonce = (!self.no_nonce).then(|| {
            let mut nonce = [0; 32];
            SystemRandom.fill(&mut nonce);
            nonce
        });
        let question = OcspQuestion::about(errand.certificate, errand.issuer, nonce)
            .ok_or("its serial number is longer than 20 bytes")?;
        let body = post(&errand.address, question.to_der()).await?;
        let told = OcspReply::from_der(&body)
            .and_then(|reply| reply.answers(&question, errand.issuer, SystemClock.now()));
        told.map_err(|error| error.to_string())
    }
}

fn errands<'a>(responder: &str, chain: &'a VerifiedChain) -> Result<Vec<Errand<'a>>, Failure> {
    let below = std::iter::once(chain.leaf()).chain(chain.issuers());
    let mut pairs = below.zip(chain.issuers());
    let errand = |(certificate, issuer), address: &str| {
        let address = parse(address)?;
        Ok(Errand {
            certificate,
            issuer,
            address,
        })
    };
    if responder != FROM_CERTIFICATE {
        let leaf = pairs.next().map(|pair| errand(pair, responder));
        return leaf.into_iter().collect();
    }
    let mut errands = Vec::new();
    for pair in pairs {
        if let Some(address) = pair.0.ocsp_addresses().first() {
            errands.push(errand(pair, address)?);
        }
    }
    if errands.is_empty() {
        return Err(Failure::Incomplete(
            "no certificate of the chain names an OCSP responder".to_owned(),
        ));
    }
    Ok(errands)
}

/// Plain HTTP alone: what is told is signed (RFC 5280 4.2.2.1).
fn parse(address: &str) -> Result<Uri, Failure> {
    let wrong = || Failure::usage(format!("{address}: not an address like http://ca.example/ocsp"));
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    let is_http = uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty());
    is_http.then_some(uri).ok_or_else(wrong)
}

async fn post(address: &Uri, request: Vec<u8>) -> Result<Vec<u8>, String> {
    let host = address.host().unwrap_or_default();
    let port = address.port_u16().unwrap_or(80);
    let reached = timeout(
        PATIENCE,
        TcpStream::connect((host.trim_matches(['[', ']']), port)),
    )
    .await;
    let stream = reached
        .map_err(|_elapsed| format!("{address} is not reached"))?
        .map_err(|error| format!("{address} is not reached: {error}"))?;
    let named = address.authority().map_or(host, |authority| authority.as_str());
    let said = |error: provost_device::DeviceError| format!("{address}: {error}");
    let mut client = HttpClient::over(stream, named.to_owned()).await.map_err(said)?;
    client.set_timeout(PATIENCE);
    client.set_max_answer(MAX_OCSP_REPLY_BYTES);
    let path = address.path_and_query().map_or("/", |path| path.as_str());
    let headers = [("content-type", "application/ocsp-request")];
    let answer = client
        .request(Method::POST, path, &headers, Some(request.into()))
        .await;
    let answer = answer.map_err(said)?;
    if answer.status.is_success() {
        return Ok(answer.body.to_vec());
    }
    Err(format!("{address} answers {}", answer.status))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Revoked { .. } => "revoked",
        Verdict::Unknown => "unknown",
    }
}

fn row(subject: &str, address: &Uri, word: &str, outcome: Result<&Told, &String>) -> Value {
    let of = [
        ("subject", json!(subject)),
        ("responder", json!(address.to_string())),
        ("status", json!(word)),
    ];
    let said = match outcome {
        Ok(told) => {
            let mut said = vec![
                ("thisUpdate", json!(iso_seconds(told.this_update))),
                ("nextUpdate", json!(told.next_update.map(iso_seconds))),
            ];
            if let Verdict::Revoked { at, reason } = told.verdict {
                said.push(("revokedAt", json!(iso_seconds(at))));
                said.push(("reason", json!(reason.map(RevocationReason::as_str))));
            }
            said
        }
        Err(reason) => vec![("message", json!(reason))],
    };
    let members = of.into_iter().chain(said);
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
}
