use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::DpsName;
use crate::cli::input::{certificate_base64, segment};
use crate::cli::{Context, Failure};
use crate::client::{ApiClient, ClientError};
use crate::output::Column;

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
    /// Name of the CA certificate in the service
    #[arg(long = "certificate-name", short = 'n', value_name = "NAME")]
    name: String,
    #[command(flatten)]
    dps: DpsName,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    named: NamedArguments,
    /// The certificate, PEM or DER
    #[arg(long, short, value_name = "FILE")]
    path: PathBuf,
    /// Trust it at once, on your word that its key is yours
    #[arg(
        long,
        short,
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    verified: bool,
    /// Replace the certificate that has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArguments {
    #[command(flatten)]
    named: NamedArguments,
    /// Only if the certificate still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    #[command(flatten)]
    change: ChangeArguments,
    /// The proof, PEM or DER
    #[arg(long, short, value_name = "FILE")]
    path: PathBuf,
}

const COLUMNS: [Column; 5] = [
    Column::new("name", "/name"),
    Column::new("verified", "/properties/isVerified"),
    Column::new("subject", "/properties/subject"),
    Column::new("expiry", "/properties/expiry"),
    Column::new("thumbprint", "/properties/thumbprint"),
];

impl CertificateVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(named) => {
                let (mut client, path) = named.open(context)?;
                Ok(context.output.document(&client.get(&path).await?)?)
            }
            Self::List(dps) => {
                let (mut client, path) = dps.management(context)?;
                let answer = client.get(&format!("{path}/certificates")).await?;
                let items = answer.get("value").and_then(Value::as_array);
                let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
                Ok(context.output.documents(items, &COLUMNS)?)
            }
            Self::Delete(change) => {
                let (mut client, path) = change.named.open(context)?;
                Ok(client.delete(&path, Some(change.if_match())).await?)
            }
            Self::GenerateVerificationCode(change) => {
                let (mut client, path) = change.named.open(context)?;
                let path = format!("{path}/generateVerificationCode");
                let made = client.post(&path, &json!({}), Some(change.if_match())).await?;
                Ok(context.output.document(&made)?)
            }
            Self::Verify(arguments) => {
                let (mut client, path) = arguments.change.named.open(context)?;
                let body = json!({ "certificate": certificate_base64(&arguments.path)? });
                let path = format!("{path}/verify");
                let if_match = arguments.change.if_match();
                let verified = client.post(&path, &body, Some(if_match)).await?;
                Ok(context.output.document(&verified)?)
            }
        }
    }
}

impl NamedArguments {
    /// Requests to the management plane, and the path of the certificate there.
    fn open(&self, context: &Context) -> Result<(ApiClient, String), ClientError> {
        let (client, path) = self.dps.management(context)?;
        Ok((client, format!("{path}/certificates/{}", segment(&self.name))))
    }
}

impl ChangeArguments {
    fn if_match(&self) -> &str {
        self.etag.as_deref().unwrap_or("*")
    }
}

impl CreateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let certificate = certificate_base64(&self.path)?;
        let body = json!({ "properties": { "certificate": certificate, "isVerified": self.verified } });
        let (mut client, path) = self.named.open(context)?;
        let made = client.put(&path, &body, self.etag.as_deref()).await?;
        Ok(context.output.document(&made)?)
    }
}
