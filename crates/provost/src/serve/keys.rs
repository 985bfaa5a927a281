//! The private keys of CAs: opened at the start, in the way the configuration names.

use std::sync::Arc;

use anyhow::{Context, Result};
use provost_keys::{KeyHome, KeyProvider, KeyRing, SealedKeys, TokenKeys, make_key_file};
use tracing::warn;

use super::Ambient;
use crate::config::{KeysConfig, OpenedBy};

/// Opens the keys; fails when they cannot be opened at all, so that no CA is found out to be mute later.
///
/// Blocks for the time a passphrase costs, a fraction of a second.
pub(crate) fn open(config: &KeysConfig, ambient: &Ambient) -> Result<Arc<dyn KeyProvider>> {
    let Some(token) = &config.token else {
        let sealed = KeyHome::sealed(open_sealed(config, ambient)?);
        return Ok(Arc::new(KeyRing::new(sealed, Vec::new())));
    };
    let token = KeyHome::token(TokenKeys::open(token.options()?, Arc::clone(&ambient.random))?);
    // Keys that were sealed before the token came.
    let others = if config.has_sealed_keys() {
        vec![KeyHome::sealed(open_sealed(config, ambient)?)]
    } else {
        Vec::new()
    };
    Ok(Arc::new(KeyRing::new(token, others)))
}

/// The same as [`open`] where the server's threads must not wait.
pub(super) async fn open_in_background(
    config: &KeysConfig,
    ambient: &Ambient,
) -> Result<Arc<dyn KeyProvider>> {
    let (config, ambient) = (config.clone(), ambient.clone());
    tokio::task::spawn_blocking(move || open(&config, &ambient))
        .await
        .context("opening the keys was cut off")?
        .context("cannot open the keys of the CAs")
}

/// Opens the sealed keys alone.
pub(crate) fn open_sealed(config: &KeysConfig, ambient: &Ambient) -> Result<SealedKeys> {
    let source = match &config.opened_by {
        // Keys that are there were sealed by another one: making it anew would only hide that it is lost.
        OpenedBy::OwnKeyFile(path) if !path.exists() && config.has_sealed_keys() => {
            anyhow::bail!(
                "the keys in {} were sealed with a key that is not at {} any more; put it back, or configure what \
                 opens them under [keys]",
                config.folder.display(),
                path.display()
            );
        }
        OpenedBy::OwnKeyFile(path) => {
            let (source, made) = make_key_file(path, &*ambient.random)?;
            if made {
                warn!(
                    path = %path.display(),
                    "made the key that seals the keys of CAs beside them: whoever can read this folder can use \
                     them. Configure a passphrase, a key file elsewhere or a systemd credential under [keys]"
                );
            }
            source
        }
        other => other.source()?,
    };
    let (clock, random) = (Arc::clone(&ambient.clock), Arc::clone(&ambient.random));
    Ok(SealedKeys::open(
        &config.folder,
        &source,
        config.hold,
        clock,
        random,
    )?)
}
