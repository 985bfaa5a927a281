//! Certificates, signing requests and revocation lists in files: read, linted, verified as a hub would.
//! Needs no server.

mod files;
mod ocsp;
mod show;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use provost_pki::lint::{self, Finding, Severity};
use serde_json::{Value, json};

use self::files::Read;
pub(super) use self::show::of_list;
use self::verify::VerifyArguments;
use super::{Context, Failure};
use crate::output::Column;

#[derive(Debug, Subcommand)]
pub(super) enum CertCommand {
    /// Show what certificates, signing requests and revocation lists say
    #[command(after_help = "Example:\n  provost cert inspect certificates/intermediate.pem")]
    Inspect(Files),
    /// Look for broken rules; ends with exit code 1 when there is one
    #[command(
        after_help = "Example:\n  provost cert lint --issuer certificates/root.pem \\\n    \
                            certificates/intermediate.pem"
    )]
    Lint(LintArguments),
    /// Judge a device's chain as a hub does: to the nearest anchor, root or not
    #[command(
        after_help = "Example:\n  provost cert verify --anchor certificates/root.pem \\\n    \
                            certificates/press-0001.pem certificates/intermediate.pem"
    )]
    Verify(VerifyArguments),
}

/// What is read.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Certificates, signing requests, revocation lists; PEM or DER
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LintArguments {
    #[command(flatten)]
    files: Files,
    /// Certificate of the CA that issued them: certificates are judged under it, and lists need it
    #[arg(long, value_name = "FILE")]
    issuer: Option<PathBuf>,
}

const LINT_COLUMNS: [Column; 4] = [
    Column::new("subject", "/subject"),
    Column::new("severity", "/severity"),
    Column::new("code", "/code"),
    Column::new("message", "/message"),
];

impl CertCommand {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Inspect(files) => {
                let read = files::read_all(&files.files)?;
                match read.as_slice() {
                    [one] => Ok(context.output.document(&show::document(one))?),
                    many => {
                        let documents: Vec<_> = many.iter().map(show::document).collect();
                        Ok(context.output.documents(&documents, &show::COLUMNS)?)
                    }
                }
            }
            Self::Lint(arguments) => arguments.run(context),
            Self::Verify(arguments) => arguments.run(context).await,
        }
    }
}

impl LintArguments {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        let issuer = self.issuer.as_deref().map(files::certificate).transpose()?;
        let mut rows = Vec::new();
        let mut errors = 0;
        for read in files::read_all(&self.files.files)? {
            let findings = match (&read, &issuer) {
                (Read::Certificate(made), Some(issuer)) => lint::issued(made, issuer),
                (Read::Certificate(made), None) => lint::certificate(made),
                (Read::List(list), Some(issuer)) => lint::crl(list, issuer),
                (Read::List(_), None) => {
                    return Err(Failure::usage("a revocation list is linted with --issuer"));
                }
                (Read::Request(_), _) => {
                    return Err(Failure::usage(
                        "a signing request is not linted; inspect shows it",
                    ));
                }
            };
            errors += findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .count();
            rows.extend(findings.iter().map(|finding| row(&read, finding)));
        }
        context.output.documents(&rows, &LINT_COLUMNS)?;
        if errors == 0 {
            return Ok(());
        }
        Err(Failure::Incomplete(format!("{errors} rules are broken")))
    }
}

fn row(read: &Read, finding: &Finding) -> Value {
    json!({
        "subject": read.name(),
        "severity": finding.severity.to_string(),
        "code": finding.code,
        "message": finding.message,
    })
}
