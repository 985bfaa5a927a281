//! CA certificates, the same for hubs and provisioning services (dps-service-api.md 4.4,
//! iot-hub-service-api.md 14).

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::input::{certificate_base64, segment};
use super::{Context, Failure};
use crate::client::{ApiClient, ClientError};
use crate::output::Column;

const COLUMNS: [Column; 5] = [
    Column::new("name", "/name"),
    Column::new("verified", "/properties/isVerified"),
    Column::new("subject", "/properties/subject"),
    Column::new("expiry", "/properties/expiry"),
    Column::new("thumbprint", "/properties/thumbprint"),
];

/// What is uploaded, and on what condition.
#[derive(Debug, Args)]
pub(super) struct UploadValues {
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

/// The state a change expects.
#[derive(Debug, Args)]
pub(super) struct SeenEtag {
    /// Only if the certificate still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
}

impl SeenEtag {
    fn if_match(&self) -> &str {
        self.etag.as_deref().unwrap_or("*")
    }
}

/// The certificates of a hub or a service: requests to the management plane, and their path there.
pub(super) struct Certificates<'a> {
    pub(super) context: &'a Context,
    pub(super) client: ApiClient,
    /// Ends before `/certificates`.
    pub(super) owner: String,
}

impl Certificates<'_> {
    pub(super) async fn create(mut self, name: &str, upload: &UploadValues) -> Result<(), Failure> {
        let certificate = certificate_base64(&upload.path)?;
        let body = json!({ "properties": { "certificate": certificate, "isVerified": upload.verified } });
        let path = self.path(name);
        let made = self.client.put(&path, &body, upload.etag.as_deref()).await?;
        Ok(self.context.output.document(&made)?)
    }

    pub(super) async fn show(mut self, name: &str) -> Result<(), Failure> {
        let path = self.path(name);
        Ok(self.context.output.document(&self.client.get(&path).await?)?)
    }

    pub(super) async fn list(mut self) -> Result<(), Failure> {
        let answer = self.client.get(&format!("{}/certificates", self.owner)).await?;
        let items = answer.get("value").and_then(Value::as_array);
        let items = items.ok_or(ClientError::Unexpected("no list in the answer"))?;
        Ok(self.context.output.documents(items, &COLUMNS)?)
    }

    pub(super) async fn delete(mut self, name: &str, seen: &SeenEtag) -> Result<(), Failure> {
        let path = self.path(name);
        Ok(self.client.delete(&path, Some(seen.if_match())).await?)
    }

    pub(super) async fn generate_code(mut self, name: &str, seen: &SeenEtag) -> Result<(), Failure> {
        let path = format!("{}/generateVerificationCode", self.path(name));
        let made = self.client.post(&path, &json!({}), Some(seen.if_match())).await?;
        Ok(self.context.output.document(&made)?)
    }

    pub(super) async fn verify(mut self, name: &str, proof: &Path, seen: &SeenEtag) -> Result<(), Failure> {
        let body = json!({ "certificate": certificate_base64(proof)? });
        let path = format!("{}/verify", self.path(name));
        let verified = self.client.post(&path, &body, Some(seen.if_match())).await?;
        Ok(self.context.output.document(&verified)?)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/certificates/{}", self.owner, segment(name))
    }
}
