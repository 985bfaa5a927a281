//! What enrollments of single devices and enrollment groups have in common: the flags of their
//! verbs, and what the verbs do.

use std::fmt::Debug;

use clap::Args;
use serde_json::{Map, Value, json};

use super::DpsName;
use super::attestation::{AttestationArguments, AttestationType, Holder, RemoveArguments};
use super::secrets::{fetch_keys, hide_keys};
use super::settings::SettingsArguments;
use crate::cli::input::segment;
use crate::cli::{Context, Failure};
use crate::output::Column;

/// The flags that name an entry, and with them which kind of entry it is.
pub(in crate::cli) trait EntryId: Args + Debug {
    /// Where entries of this kind are in the service API.
    const COLLECTION: &'static str;
    /// The member of the body that repeats the ID.
    const ID_MEMBER: &'static str;
    /// Whose certificates an entry of this kind names.
    const HOLDER: Holder;
    /// What a table shows.
    const COLUMNS: &'static [Column];
    /// Flags only this kind has.
    type Own: OwnSettings;

    fn id(&self) -> &str;
    fn dps(&self) -> &DpsName;

    /// Where the entry of this ID is.
    fn path_of(id: &str) -> String {
        format!("/{}/{}", Self::COLLECTION, segment(id))
    }
}

/// Settings that only one kind of entry has.
pub(in crate::cli) trait OwnSettings: Args + Debug {
    /// Writes the flags that were given into the body and leaves the rest as it is.
    fn apply(&self, entry: &mut Map<String, Value>) -> Result<(), Failure>;
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments<I: EntryId> {
    #[command(flatten)]
    entry: I,
    /// How devices prove themselves [default: what the other flags say]
    #[arg(long, visible_alias = "at")]
    attestation_type: Option<AttestationType>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    own: I::Own,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments<I: EntryId> {
    #[command(flatten)]
    entry: I,
    /// Show the symmetric keys
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    dps: DpsName,
    /// At most so many
    #[arg(long)]
    top: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments<I: EntryId> {
    #[command(flatten)]
    entry: I,
    /// Only if it still has this etag [default: whatever is there]
    #[arg(long, short)]
    etag: Option<String>,
    #[command(flatten)]
    attestation: AttestationArguments,
    #[command(flatten)]
    remove: RemoveArguments,
    #[command(flatten)]
    own: I::Own,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Show symmetric keys in the answer
    #[arg(long, visible_alias = "keys")]
    show_keys: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments<I: EntryId> {
    #[command(flatten)]
    entry: I,
    /// Only if it still has this etag
    #[arg(long, short)]
    etag: Option<String>,
}

impl<I: EntryId> CreateArguments<I> {
    /// Where the entry goes, and what is sent there.
    pub(super) fn request(&self) -> Result<(String, Value), Failure> {
        let attestation = self.attestation.create(self.attestation_type, I::HOLDER)?;
        let mut body = Map::new();
        body.insert(I::ID_MEMBER.to_owned(), json!(self.entry.id()));
        body.insert("attestation".to_owned(), attestation);
        self.own.apply(&mut body)?;
        self.settings.apply(&mut body)?;
        Ok((I::path_of(self.entry.id()), Value::Object(body)))
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (path, body) = self.request()?;
        let mut client = self.entry.dps().client(context)?;
        let made = client.put(&path, &body, None).await?;
        show(context, made, self.show_keys)
    }
}

impl<I: EntryId> ShowArguments<I> {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.entry.dps().client(context)?;
        let path = I::path_of(self.entry.id());
        let mut found = client.get(&path).await?;
        if self.show_keys {
            fetch_keys(&mut client, &path, &mut found).await?;
        }
        show(context, found, self.show_keys)
    }
}

impl ListArguments {
    pub(super) async fn run<I: EntryId>(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.dps.client(context)?;
        let path = format!("/{}/query", I::COLLECTION);
        let mut items = client.query(&path, self.top).await?;
        items.iter_mut().for_each(hide_keys);
        Ok(context.output.documents(&items, I::COLUMNS)?)
    }
}

impl<I: EntryId> UpdateArguments<I> {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.entry.dps().client(context)?;
        let path = I::path_of(self.entry.id());
        let mut entry = client.get(&path).await?;
        fetch_keys(&mut client, &path, &mut entry).await?;
        if let Some(attestation) = entry.get_mut("attestation") {
            self.attestation.update(attestation, I::HOLDER, self.remove)?;
        }
        if let Some(members) = entry.as_object_mut() {
            self.own.apply(members)?;
            self.settings.apply(members)?;
        }
        let etag = self.etag.as_deref().unwrap_or("*");
        let made = client.put(&path, &entry, Some(etag)).await?;
        show(context, made, self.show_keys)
    }
}

impl<I: EntryId> DeleteArguments<I> {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut client = self.entry.dps().client(context)?;
        Ok(client
            .delete(&I::path_of(self.entry.id()), self.etag.as_deref())
            .await?)
    }
}

/// Shows an entry as the answer of the command.
fn show(context: &Context, mut entry: Value, show_keys: bool) -> Result<(), Failure> {
    if !show_keys {
        hide_keys(&mut entry);
    }
    Ok(context.output.document(&entry)?)
}
