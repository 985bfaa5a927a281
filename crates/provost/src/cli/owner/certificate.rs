//! CA certificates of a hub or a provisioning service.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Owner, example};
use crate::cli::certificates::{Certificates, SeenEtag, UploadValues};
use crate::cli::{Context, Failure};
use crate::client::ClientError;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CertificateVerb<O: Owner> {
    /// Upload a CA certificate
    #[command(
        after_help = example::<O>("Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost {noun} certificate create -n my-root --path certificates/root.pem --verified")
    )]
    Create(CreateArguments<O>),
    /// Show one
    #[command(
        after_help = example::<O>("Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost {noun} certificate create -n my-root --path certificates/root.pem --verified\n  \
        provost {noun} certificate show -n my-root")
    )]
    Show(NamedArguments<O>),
    /// List all
    #[command(after_help = example::<O>("Example:\n  provost {noun} certificate list --output table"))]
    List(O),
    /// Delete one; devices that chain to it are refused from then on
    #[command(
        after_help = example::<O>("Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost {noun} certificate create -n old-root --path certificates/root.pem\n  \
        provost {noun} certificate delete -n old-root")
    )]
    Delete(ChangeArguments<O>),
    /// Make the code that the proof of possession must carry as its common name
    #[command(
        after_help = example::<O>("Example:\n  samples/certificates.sh certificates press-0001\n  \
        provost {noun} certificate create -n my-ca --path certificates/root.pem\n  \
        provost {noun} certificate generate-verification-code -n my-ca")
    )]
    GenerateVerificationCode(ChangeArguments<O>),
    /// Prove that you own the CA's key: upload a certificate it signed, with the code as common name
    #[command(after_help = example::<O>("Example:\n  \
        samples/certificates.sh certificates press-0001\n  \
        provost {noun} certificate create -n my-ca --path certificates/root.pem\n  \
        provost {noun} certificate generate-verification-code -n my-ca --output table | tee code.txt\n  \
        code=$(awk '/verificationCode/ { print $2 }' code.txt)\n  \
        openssl req -new -newkey rsa:2048 -nodes -subj \"/CN=$code\" \\\n    \
        -keyout certificates/proof.key -out certificates/proof.csr\n  \
        openssl x509 -req -in certificates/proof.csr -set_serial 7 -out certificates/proof.pem \\\n    \
        -CA certificates/root.pem -CAkey certificates/root.key\n  \
        provost {noun} certificate verify -n my-ca --path certificates/proof.pem"))]
    Verify(VerifyArguments<O>),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArguments<O: Owner> {
    /// Name of the CA certificate
    #[arg(long = "certificate-name", short = 'n', value_name = "NAME")]
    name: String,
    #[command(flatten)]
    owner: O,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments<O: Owner> {
    #[command(flatten)]
    named: NamedArguments<O>,
    #[command(flatten)]
    upload: UploadValues,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArguments<O: Owner> {
    #[command(flatten)]
    named: NamedArguments<O>,
    #[command(flatten)]
    seen: SeenEtag,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments<O: Owner> {
    #[command(flatten)]
    change: ChangeArguments<O>,
    /// The proof, PEM or DER
    #[arg(long, short, value_name = "FILE")]
    path: PathBuf,
}

impl<O: Owner> CertificateVerb<O> {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(CreateArguments { named, upload }) => {
                let certificates = named.open(context).await?;
                certificates.create(&named.name, &upload).await
            }
            Self::Show(named) => named.open(context).await?.show(&named.name).await,
            Self::List(owner) => open(&owner, context).await?.list().await,
            Self::Delete(ChangeArguments { named, seen }) => {
                named.open(context).await?.delete(&named.name, &seen).await
            }
            Self::GenerateVerificationCode(ChangeArguments { named, seen }) => {
                let certificates = named.open(context).await?;
                certificates.generate_code(&named.name, &seen).await
            }
            Self::Verify(VerifyArguments { change, path }) => {
                let ChangeArguments { named, seen } = change;
                named.open(context).await?.verify(&named.name, &path, &seen).await
            }
        }
    }
}

impl<O: Owner> NamedArguments<O> {
    async fn open<'a>(&self, context: &'a Context) -> Result<Certificates<'a>, ClientError> {
        open(&self.owner, context).await
    }
}

async fn open<'a>(owner: &impl Owner, context: &'a Context) -> Result<Certificates<'a>, ClientError> {
    let (client, path) = owner.management(context).await?;
    Ok(Certificates {
        context,
        client,
        owner: path,
    })
}
