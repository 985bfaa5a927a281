use std::path::PathBuf;

use clap::{Args, Subcommand};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_pki::Certificate;
use provost_wire::time::iso;
use serde_json::{Value, json};

use super::authority::AuthorityError;
use super::authority_folder::{AuthorityFolder, CaFiles};
use crate::cli::Failure;
use crate::output::Output;

/// `provost simulate-authority`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityVerb {
    /// Make a root and an intermediate, unless they are there
    #[command(
        after_help = "Example:\n  provost simulate-authority create --authority authority\n  \
        provost dps enrollment-group create --gid line-2 --certificate-path authority/intermediate.pem"
    )]
    Create(FolderArguments),
    /// Put a new intermediate in the place of the one that is there, which is kept under a number
    #[command(
        after_help = "Example:\n  provost simulate-authority create --authority authority\n  \
        provost dps enrollment-group create --gid line-2 --certificate-path authority/intermediate.pem\n  \
        provost simulate-authority roll --authority authority\n  \
        provost dps enrollment-group update --gid line-2 \\\n    \
        --secondary-certificate-path authority/intermediate.pem"
    )]
    Roll(FolderArguments),
}

#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// The folder: root.pem, root.key, intermediate.pem, intermediate.key
    #[arg(long, value_name = "DIR")]
    authority: PathBuf,
}

impl AuthorityVerb {
    pub(crate) fn run(self, output: Output) -> Result<(), Failure> {
        let document = self.document().map_err(|error| Failure::Other(error.into()))?;
        Ok(output.document(&document)?)
    }

    fn document(&self) -> Result<Value, AuthorityError> {
        let (Self::Create(arguments) | Self::Roll(arguments)) = self;
        let folder = AuthorityFolder::open(&arguments.authority, &SystemClock, &SystemRandom)?;
        let previous = match self {
            Self::Create(_) => None,
            Self::Roll(_) => Some(folder.roll(&SystemClock, &SystemRandom)?),
        };
        let files = folder.intermediate();
        let issuer: Certificate = files.read()?.into_ca().certificate;
        let path = |files: CaFiles| files.certificate.display().to_string();
        Ok(json!({
            "certificate": path(files),
            "subject": issuer.subject_display(),
            "thumbprint": issuer.sha256_thumbprint().to_string(),
            "validUntil": iso(issuer.not_after()),
            "previous": previous.map(path),
        }))
    }
}
