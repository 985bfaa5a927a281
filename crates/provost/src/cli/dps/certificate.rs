use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DpsName;
use crate::cli::certificates::{Certificates, SeenEtag, UploadValues};
use crate::cli::{Context, Failure};
use crate::client::ClientError;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CertificateVerb {
    /// Upload a CA certificate
    #[command(
        after_help = "Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost dps certificate create -n my-root --path certificates/root.pem --verified"
    )]
    Create(CreateArguments),
    /// Show one
    #[command(
        after_help = "Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost dps certificate create -n my-root --path certificates/root.pem --verified\n  \
        provost dps certificate show -n my-root"
    )]
    Show(NamedArguments),
    /// List all
    #[command(after_help = "Example:\n  provost dps certificate list --output table")]
    List(DpsName),
    /// Delete one; devices that chain to it are refused from then on
    #[command(
        after_help = "Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost dps certificate create -n old-root --path certificates/root.pem\n  \
        provost dps certificate delete -n old-root"
    )]
    Delete(ChangeArguments),
    /// Make the code that the proof of possession must carry as its common name
    #[command(
        after_help = "Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost dps certificate create -n my-ca --path certificates/root.pem\n  \
        provost dps certificate generate-verification-code -n my-ca"
    )]
    GenerateVerificationCode(ChangeArguments),
    /// Prove that you own the CA's key: upload a certificate it signed, with the code as common name
    #[command(after_help = "Example:\n  \
        samples/certificates.sh certificates press-0001\n  \
        provost dps certificate create -n my-ca --path certificates/root.pem\n  \
        provost dps certificate generate-verification-code -n my-ca --output table | tee code.txt\n  \
        code=$(awk '/verificationCode/ { print $2 }' code.txt)\n  \
        openssl req -new -newkey rsa:2048 -nodes -subj \"/CN=$code\" \\\n    \
        -keyout certificates/proof.key -out certificates/proof.csr\n  \
        openssl x509 -req -in certificates/proof.csr -set_serial 7 -out certificates/proof.pem \\\n    \
        -CA certificates/root.pem -CAkey certificates/root.key\n  \
        provost dps certificate verify -n my-ca --path certificates/proof.pem")]
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArguments {
    /// Name of the CA certificate
    #[arg(long = "certificate-name", short = 'n', value_name = "NAME")]
    name: String,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    named: NamedArguments,
    #[command(flatten)]
    upload: UploadValues,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArguments {
    #[command(flatten)]
    named: NamedArguments,
    #[command(flatten)]
    seen: SeenEtag,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// The proof, PEM or DER
    #[arg(long, short, value_name = "FILE")]
    path: PathBuf,
}

impl CertificateVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(CreateArguments { named, upload }) => {
                let certificates = named.open(context)?;
                certificates.create(&named.name, &upload).await
            }
            Self::Show(named) => named.open(context)?.show(&named.name).await,
            Self::List(dps) => open(&dps, context)?.list().await,
            Self::Delete(ChangeArguments { named, seen }) => {
                named.open(context)?.delete(&named.name, &seen).await
            }
            Self::GenerateVerificationCode(ChangeArguments { named, seen }) => {
                let certificates = named.open(context)?;
                certificates.generate_code(&named.name, &seen).await
            }
            Self::Verify(VerifyArguments { change, path }) => {
                let ChangeArguments { named, seen } = change;
                named.open(context)?.verify(&named.name, &path, &seen).await
            }
        }
    }
}

impl NamedArguments {
    fn open<'a>(&self, context: &'a Context) -> Result<Certificates<'a>, ClientError> {
        open(&self.dps, context)
    }
}

fn open<'a>(dps: &DpsName, context: &'a Context) -> Result<Certificates<'a>, ClientError> {
    let (client, path) = dps.management(context)?;
    Ok(Certificates {
        context,
        client,
        owner: path,
    })
}
