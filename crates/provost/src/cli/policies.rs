//! Shared access policies, the same for hubs and provisioning services.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::input::segment;
use super::{Context, Failure, OWN_API_VERSION};
use crate::client::ClientError;
use crate::output::Column;

const COLUMNS: [Column; 2] = [Column::new("name", "/keyName"), Column::new("rights", "/rights")];
const KEYS: [&str; 2] = ["primaryKey", "secondaryKey"];

/// Which key of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RenewedKey {
    /// A fresh primary key
    Primary,
    /// A fresh secondary key
    Secondary,
    /// Both change places
    Swap,
}

impl RenewedKey {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Swap => "swap",
        }
    }
}

/// What a policy is to be.
#[derive(Debug, Args)]
pub(super) struct PolicyValues {
    /// What its holder may do; a new policy needs it
    #[arg(long, visible_alias = "permissions", value_name = "RIGHT", num_args = 1.., value_delimiter = ',')]
    rights: Option<Vec<String>>,
    /// A key instead of a fresh one, base64
    #[arg(long, visible_alias = "pk", value_name = "KEY")]
    primary_key: Option<String>,
    /// A key instead of a fresh one, base64
    #[arg(long, visible_alias = "sk", value_name = "KEY")]
    secondary_key: Option<String>,
}

/// Policies below a path such as `/provost/hubs/hub`.
pub(super) struct Policies<'a> {
    pub(super) context: &'a Context,
    pub(super) owner: String,
}

impl Policies<'_> {
    pub(super) async fn list(&self, show_keys: bool) -> Result<(), Failure> {
        let mut policies = self.all().await?;
        if !show_keys {
            policies.iter_mut().for_each(hide_keys);
        }
        Ok(self.context.output.documents(&policies, &COLUMNS)?)
    }

    pub(super) async fn show(&self, name: &str) -> Result<(), Failure> {
        let policies = self.all().await?;
        let is_it = |policy: &&Value| policy.get("keyName").and_then(Value::as_str) == Some(name);
        let found = policies.iter().find(is_it);
        let found = found.ok_or_else(|| Failure::Usage(format!("there is no policy {name}")))?;
        Ok(self.context.output.document(found)?)
    }

    pub(super) async fn create(&self, name: &str, values: &PolicyValues) -> Result<(), Failure> {
        let has_name = |policy: &Value| policy.get("keyName").and_then(Value::as_str) == Some(name);
        if self.all().await?.iter().any(has_name) {
            return Err(Failure::Incomplete(format!("there is a policy {name} already")));
        }
        self.put(name, values).await
    }

    pub(super) async fn update(&self, name: &str, values: &PolicyValues) -> Result<(), Failure> {
        let has_name = |policy: &Value| policy.get("keyName").and_then(Value::as_str) == Some(name);
        if !self.all().await?.iter().any(has_name) {
            return Err(Failure::Incomplete(format!("there is no policy {name}")));
        }
        self.put(name, values).await
    }

    async fn put(&self, name: &str, values: &PolicyValues) -> Result<(), Failure> {
        let mut client = self.context.locator.management(OWN_API_VERSION)?;
        let body = json!({
            "rights": values.rights.as_ref().map(|rights| rights.join(", ")),
            "primaryKey": values.primary_key,
            "secondaryKey": values.secondary_key,
        });
        let made = client.put(&self.path(name), &body, None).await?;
        self.file_has(name, &made).await;
        Ok(self.context.output.document(&made)?)
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Failure> {
        let mut client = self.context.locator.management(OWN_API_VERSION)?;
        Ok(client.delete(&self.path(name), None).await?)
    }

    pub(super) async fn renew(&self, name: &str, which: RenewedKey) -> Result<(), Failure> {
        let mut client = self.context.locator.management(OWN_API_VERSION)?;
        let path = format!("{}/renewKey", self.path(name));
        let made = client
            .post(&path, &json!({ "policyKey": which.word() }), None)
            .await?;
        self.file_has(name, &made).await;
        Ok(self.context.output.document(&made)?)
    }

    /// What comes next reads the new key from the data folder.
    async fn file_has(&self, name: &str, policy: &Value) {
        let key = policy.get("primaryKey").and_then(Value::as_str);
        let is_it =
            |known: &crate::connection_file::PolicyKey| known.name == name && Some(known.key.as_str()) == key;
        let locator = &self.context.locator;
        locator
            .file_follows(|file| {
                let of_dps = file.dps.iter().flat_map(|dps| &dps.policies);
                let of_hubs = file.hubs.iter().flat_map(|hub| &hub.policies);
                of_dps.chain(of_hubs).any(is_it)
            })
            .await;
    }

    fn path(&self, name: &str) -> String {
        format!("{}/policies/{}", self.owner, segment(name))
    }

    async fn all(&self) -> Result<Vec<Value>, ClientError> {
        let mut client = self.context.locator.management(OWN_API_VERSION)?;
        let answer = client.get(&format!("{}/policies", self.owner)).await?;
        let items = answer.get("value").and_then(Value::as_array).cloned();
        items.ok_or(ClientError::Unexpected("no list in the answer"))
    }
}

/// Keys are shown where one policy is asked for by name.
fn hide_keys(policy: &mut Value) {
    for key in KEYS {
        if let Some(shown) = policy.get_mut(key) {
            *shown = Value::String("****".to_owned());
        }
    }
}
