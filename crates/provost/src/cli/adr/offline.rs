//! A credential whose root is kept offline: what it has to sign goes out as a folder and comes back as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use provost_device::http::Method;
use provost_pki::Certificate;
use provost_wire::own::registry::{OfflineImportView, OfflineRootView};
use serde_json::{Value, json};

use super::NamespaceFlag;
use super::registry::Registry;
use crate::cli::input::base64;
use crate::cli::{Context, Failure};
use crate::client::ClientError;
use crate::exchange::{self, Direction, Exchange, Manifest};
use crate::output::{say, warn};

/// Where the root that is kept offline is.
const PATH: &str = "/offlineRoot";

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Folder to make: signing requests, what the CRL has to list, and a manifest
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArguments {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Folder of `provost ca ceremony answer`, or of another CA: root.pem, root.crl, and an issuing CA in every
    /// other .pem; what is not new may be left out
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

/// Makes the credential.
pub(super) async fn create(registry: &mut Registry<'_>, location: &str) -> Result<(), Failure> {
    let body = json!({ "location": location });
    let made = registry.own_begin(Method::PUT, PATH, Some(&body)).await?;
    say("it waits for its root: make policies, then `provost adr credential export --to FOLDER`");
    registry.show(&made.body)
}

/// Shows what waits.
pub(super) async fn requests(namespace: NamespaceFlag, context: &Context) -> Result<(), Failure> {
    let mut registry = namespace.open(context)?;
    let shown = registry.own_get(PATH).await?;
    registry.show(&shown)
}

impl ExportArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.namespace.open(context)?;
        let shown = registry.own_get(PATH).await?;
        let view: OfflineRootView = serde_json::from_value(shown)
            .map_err(|_| ClientError::Unexpected("this is no root kept offline"))?;
        let written = exchange_of(&view).and_then(|exchange| exchange.write(&self.to));
        let manifest = written.map_err(Failure::Other)?.manifest;
        say(&format!(
            "wrote {}: {} requests",
            self.to.display(),
            view.requests.len()
        ));
        registry.show(&serde_json::to_value(manifest).unwrap_or_default())
    }
}

fn exchange_of(view: &OfflineRootView) -> anyhow::Result<Exchange> {
    let mut files = BTreeMap::new();
    for request in &view.requests {
        let request_pem = request.certificate_signing_request.clone().into_bytes();
        files.insert(format!("{}.csr", request.authority), request_pem);
    }
    let revoked = view.revoked.iter();
    let lines = revoked.map(|entry| format!("{} {} {}\n", entry.serial_number, entry.reason, entry.at));
    files.insert(
        exchange::REVOKED.to_owned(),
        lines.collect::<String>().into_bytes(),
    );
    let root = view
        .root_certificate
        .as_deref()
        .map(Certificate::from_text)
        .transpose()?;
    Ok(Exchange {
        manifest: Manifest {
            format: Direction::Requests,
            namespace: view.namespace.clone(),
            root_sha256: root.map(|root| root.certificate.sha256_thumbprint().to_string()),
            crl_number: u64::try_from(view.next_crl_number)?,
            crl_urls: view.crl_urls.clone(),
            certificate_urls: view.certificate_urls.clone(),
            files: BTreeMap::new(),
        },
        files,
    })
}

impl ImportArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let files = Exchange::read_answers(&self.from).map_err(Failure::Other)?;
        let body = body(&files).map_err(Failure::Other)?;
        let mut registry = self.namespace.open(context)?;
        let path = format!("{PATH}/answers");
        let answer = registry.own_begin(Method::POST, &path, Some(&body)).await?;
        let view: OfflineImportView = serde_json::from_value(answer.body.clone())
            .map_err(|_| ClientError::Unexpected("this does not say what was taken"))?;
        for reason in &view.warnings {
            warn(reason);
        }
        registry.show(&answer.body)
    }
}

fn body(files: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<Value> {
    let mut body = serde_json::Map::new();
    let mut chains = Vec::new();
    for (name, bytes) in files {
        if name == exchange::CRL {
            body.insert("crl".to_owned(), base64(bytes).into());
        } else if name == exchange::ROOT {
            body.insert("rootCertificate".to_owned(), std::str::from_utf8(bytes)?.into());
        } else if Path::new(name).extension().is_some_and(|ending| ending == "pem") {
            chains.push(Value::from(std::str::from_utf8(bytes)?));
        }
    }
    if body.is_empty() && chains.is_empty() {
        anyhow::bail!(
            "there is neither {} nor {} nor another .pem file",
            exchange::ROOT,
            exchange::CRL
        );
    }
    body.insert("certificateChains".to_owned(), chains.into());
    Ok(body.into())
}
