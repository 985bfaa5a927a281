//! `provost keys unused`: what is in the key places and in no row.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use provost_keys::{KeyProvider, SealedKeys, TokenKeys};
use provost_model::ambient::SystemRandom;
use provost_model::registry::KeyRef;
use provost_store::{StoreAddress, keys_in_use};
use provost_wire::time::iso_seconds;
use serde_json::{Value, json};

use crate::cli::backup::StoreArguments;
use crate::cli::{Context, Failure};
use crate::config::{KeysConfig, locate_keys};
use crate::output::{confirmed, say};
use crate::serve::Ambient;
use crate::serve::keys::open_sealed;

#[derive(Debug, Args)]
pub(crate) struct UnusedArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// File with the passphrase the sealed keys are opened with [default: as configured]
    #[arg(long, env = "PROVOST_KEYS_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// File of 32 random bytes instead
    #[arg(
        long,
        env = "PROVOST_KEYS_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "passphrase_file"
    )]
    key_file: Option<PathBuf>,
    /// Destroy them for ever
    #[arg(long)]
    destroy: bool,
    /// Do not ask
    #[arg(long, short, requires = "destroy")]
    yes: bool,
}

/// A key somewhere.
struct Listed {
    key: KeyRef,
    /// `file` or `token`.
    place: &'static str,
    label: String,
    /// A token does not say.
    created_at: Option<String>,
}

/// The places keys are in.
struct Places {
    sealed: Option<SealedKeys>,
    token: Option<TokenKeys>,
}

impl UnusedArguments {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let config = self.store.config.clone();
        let located = self.store.locate(context).map_err(Failure::Other)?;
        let keys = locate_keys(
            &located.data,
            config.as_deref(),
            self.passphrase_file,
            self.key_file,
        );
        let places = Places::open(&keys.map_err(Failure::Other)?)?;
        // In this order: a key that is made meanwhile is written down before.
        let listed = places.list()?;
        let unused = without_used(listed, &located.store)?;
        if unused.is_empty() {
            say("every key is in use");
        }
        if unused.is_empty() || !self.destroy {
            let rows: Vec<Value> = unused.into_iter().map(|key| key.row("unused")).collect();
            return Ok(context.output.rows(&rows)?);
        }
        let question = format!(
            "{} keys that nothing in the database has are destroyed for ever: {}. Go on?",
            unused.len(),
            unused
                .iter()
                .map(|key| key.key.0.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
        if !self.yes && !confirmed(&question)? {
            return Err(Failure::Incomplete("nothing was destroyed".to_owned()));
        }
        // The question may have stood for long.
        let mut rows = Vec::new();
        for key in without_used(unused, &located.store)? {
            places.destroy(&key.key)?;
            rows.push(key.row("destroyed"));
        }
        Ok(context.output.rows(&rows)?)
    }
}

fn without_used(mut listed: Vec<Listed>, store: &StoreAddress) -> Result<Vec<Listed>, Failure> {
    let used = keys_in_use(store).map_err(|error| Failure::Other(error.into()))?;
    let used: HashSet<KeyRef> = used.into_iter().collect();
    listed.retain(|key| !used.contains(&key.key));
    Ok(listed)
}

impl Listed {
    fn row(self, state: &str) -> Value {
        json!({
            "key": self.key.0,
            "label": self.label,
            "place": self.place,
            "createdAt": self.created_at,
            "state": state,
        })
    }
}

impl Places {
    fn open(config: &KeysConfig) -> Result<Self, Failure> {
        let sealed = config
            .has_sealed_keys()
            .then(|| open_sealed(config, &Ambient::default()));
        let token = match &config.token {
            None => None,
            Some(token) => {
                let options = token.options().map_err(Failure::Other)?;
                Some(TokenKeys::open(options, Arc::new(SystemRandom)).map_err(super::other)?)
            }
        };
        Ok(Self {
            sealed: sealed.transpose().map_err(Failure::Other)?,
            token,
        })
    }

    fn list(&self) -> Result<Vec<Listed>, Failure> {
        let mut listed = Vec::new();
        if let Some(sealed) = &self.sealed {
            for info in sealed.list().map_err(super::other)? {
                let info = info.map_err(super::other)?;
                listed.push(Listed {
                    key: info.key,
                    place: "file",
                    label: info.label,
                    created_at: Some(iso_seconds(info.created_at)),
                });
            }
        }
        if let Some(token) = &self.token {
            for info in token.list().map_err(super::other)? {
                listed.push(Listed {
                    key: info.key,
                    place: "token",
                    label: info.label,
                    created_at: None,
                });
            }
        }
        Ok(listed)
    }

    fn destroy(&self, key: &KeyRef) -> Result<(), Failure> {
        let in_token = key.0.starts_with("pkcs11:");
        let place: Option<&dyn KeyProvider> = if in_token {
            self.token.as_ref().map(|token| token as _)
        } else {
            self.sealed.as_ref().map(|sealed| sealed as _)
        };
        match place {
            Some(place) => place.destroy(key).map_err(super::other),
            None => Ok(()),
        }
    }
}
