//! `provost keys`: the sealed keys of a data folder, without a server.

mod unused;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use provost_keys::{KekSource, SealedKeys, is_passphrase_wanted, rewrap};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::KeyRef;
use provost_wire::time::iso_seconds;
use serde_json::json;

use super::{Context, Failure};
use crate::config::{KeysEnvironment, OpenedBy};
use crate::output::confirmed;

/// Verbs around sealed keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the sealed keys and open each, to see whether it can be used
    #[command(after_help = "Example:\n  provost keys check")]
    Check(OpenArguments),
    /// List the keys that no CA has or is about to have, and destroy them when told to
    ///
    /// Sealed files, and keys in the token that are named as ours are: with a token that another
    /// installation uses, too, its keys are among them.
    #[command(after_help = "Example:\n  provost keys unused\n  \
        provost keys unused --destroy --yes")]
    Unused(unused::UnusedArguments),
    /// Seal the keys with another passphrase or key file; the server must be stopped
    #[command(after_help = "Example:\n  \
        (umask 077; echo 'correct horse battery' > old; echo 'staple of the year' > new)\n  \
        provost ca ceremony root --folder root --passphrase-file old\n  \
        provost keys rewrap --folder root/keys --passphrase-file old --new-passphrase-file new")]
    Rewrap(RewrapArguments),
    /// Destroy a key for ever, one that no CA needs
    #[command(
        after_help = "Example:\n  (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase\n  \
        provost keys check --folder root/keys --passphrase-file passphrase -o json \\\n    \
        | grep -o 'sealed:[0-9a-f]*' > key\n  \
        provost keys destroy --folder root/keys --passphrase-file passphrase \\\n    \
        --key \"$(cat key)\" --yes"
    )]
    Destroy(DestroyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct OpenArguments {
    /// Folder of the keys [default: keys of the data folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// File with the passphrase they are sealed with [default: `PROVOST_KEYS_PASSPHRASE`]
    #[arg(long, env = "PROVOST_KEYS_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// File of 32 random bytes instead [default: kek of the folder]
    #[arg(
        long,
        env = "PROVOST_KEYS_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "passphrase_file"
    )]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RewrapArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// File with the new passphrase
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// File of 32 random bytes instead
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_file")]
    new_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// The key, as `check` shows it
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl OpenArguments {
    fn folder(&self, context: &Context) -> PathBuf {
        self.folder
            .clone()
            .unwrap_or_else(|| context.locator.data.join("keys"))
    }

    fn source(&self, context: &Context) -> Result<KekSource, Failure> {
        let named = self
            .passphrase_file
            .clone()
            .map(OpenedBy::PassphraseFile)
            .or_else(|| self.key_file.clone().map(OpenedBy::KeyFile));
        let opened_by = match named {
            Some(named) => named,
            None => match KeysEnvironment::read().passphrase() {
                Some(passphrase) => passphrase,
                None => own_key_file(&self.folder(context))?,
            },
        };
        opened_by.source().map_err(Failure::Other)
    }

    fn open(&self, context: &Context) -> Result<SealedKeys, Failure> {
        let folder = self.folder(context);
        if !folder.join("kek.json").exists() {
            return Err(Failure::usage(format!(
                "{} holds no sealed keys",
                folder.display()
            )));
        }
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let source = self.source(context)?;
        SealedKeys::open(&folder, &source, Duration::ZERO, clock, random).map_err(other)
    }
}

/// The key file that the server made, where it did.
fn own_key_file(folder: &Path) -> Result<OpenedBy, Failure> {
    if is_passphrase_wanted(folder).map_err(other)? == Some(true) {
        return Err(Failure::usage(format!(
            "the keys in {} are sealed with a passphrase: give --passphrase-file",
            folder.display()
        )));
    }
    Ok(OpenedBy::OwnKeyFile(folder.join("kek")))
}

fn other(error: provost_keys::KeyProviderError) -> Failure {
    Failure::Other(error.into())
}

impl KeysCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Check(arguments) => check(&arguments, context),
            // PostgreSQL is waited for here.
            Self::Unused(arguments) => tokio::task::block_in_place(|| arguments.run(context)),
            Self::Rewrap(arguments) => arguments.run(context),
            Self::Destroy(arguments) => arguments.run(context),
        }
    }
}

fn check(arguments: &OpenArguments, context: &Context) -> Result<(), Failure> {
    let keys = arguments.open(context)?;
    let mut rows = Vec::new();
    let mut unusable = 0;
    for (key, checked) in keys.check_all().map_err(other)? {
        rows.push(match checked {
            Ok(info) => json!({
                "key": info.key.0,
                "label": info.label,
                "algorithm": info.algorithm.map(provost_keys::KeyAlgorithm::as_str),
                "createdAt": iso_seconds(info.created_at),
                "state": "usable",
            }),
            Err(error) => {
                unusable += 1;
                json!({ "key": key.0, "state": error.to_string() })
            }
        });
    }
    context.output.rows(&rows)?;
    match unusable {
        0 => Ok(()),
        count => Err(Failure::Incomplete(format!("{count} keys cannot be used"))),
    }
}

impl RewrapArguments {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let new = match (self.new_passphrase_file, self.new_key_file) {
            (Some(path), None) => OpenedBy::PassphraseFile(path),
            (None, Some(path)) => OpenedBy::KeyFile(path),
            _ => {
                return Err(Failure::usage(
                    "--new-passphrase-file or --new-key-file is needed",
                ));
            }
        };
        let new = new.source().map_err(Failure::Other)?;
        let old = self.open.source(context)?;
        let folder = self.open.folder(context);
        let done = rewrap(&folder, &old, &new, &SystemRandom).map_err(other)?;
        let unusable: Vec<_> = done.unusable.iter().map(|(_, error)| error.to_string()).collect();
        context
            .output
            .document(&json!({ "keys": done.keys, "unusable": unusable }))?;
        match unusable.len() {
            0 => Ok(()),
            count => Err(Failure::Incomplete(format!(
                "{count} keys cannot be used, before and after"
            ))),
        }
    }
}

impl DestroyArguments {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let keys = self.open.open(context)?;
        let question = format!(
            "{} is destroyed for ever; a CA that has it never signs again. Go on?",
            self.key
        );
        if !self.yes && !confirmed(&question)? {
            return Err(Failure::Incomplete("nothing was destroyed".to_owned()));
        }
        let key = KeyRef(self.key);
        keys.check(&key).map_err(other)?;
        provost_keys::KeyProvider::destroy(&keys, &key).map_err(other)?;
        Ok(context.output.document(&json!({ "destroyed": key.0 }))?)
    }
}
