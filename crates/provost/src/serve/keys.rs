//! The private keys of CAs: opened at the start, in the way the configuration names, by the process it names.

use std::sync::Arc;

use anyhow::{Context, Result};
use provost_keys::{KeyHome, KeyProvider, KeyRing, SealedKeys, SignerProcess, TokenKeys, make_key_file};
use tokio::task::JoinHandle;
use tracing::warn;

use super::Ambient;
use crate::config::{Config, KeysConfig, KeysProcess, OpenedBy};
use crate::signer;

/// The keys, wherever they are open.
#[derive(Clone)]
pub(crate) enum ServedKeys {
    /// In a process of their own.
    Own(Arc<SignerProcess>),
    /// In this one.
    Server(Arc<KeyRing>),
}

impl ServedKeys {
    /// What signs with them.
    pub(crate) fn provider(&self) -> Arc<dyn KeyProvider> {
        match self {
            Self::Own(signer) => Arc::clone(signer) as _,
            Self::Server(ring) => Arc::clone(ring) as _,
        }
    }

    /// Lets go of them; a process of their own has ended when this returns, so that others may open the folder alone.
    pub(super) async fn close(self) {
        if let Self::Own(signer) = self {
            // Nobody waits for it any more when it is cut off.
            let _ = tokio::task::spawn_blocking(move || signer.close()).await;
        }
    }
}

/// Begins to open the keys, where the server's threads need not wait: for the time a passphrase costs, a fraction of a second.
pub(super) fn begin(config: &Config, ambient: &Ambient) -> JoinHandle<Result<ServedKeys>> {
    let (keys, log, ambient) = (config.keys.clone(), config.log.clone(), ambient.clone());
    tokio::task::spawn_blocking(move || match &keys.process {
        KeysProcess::Server => Ok(ServedKeys::Server(Arc::new(open_ring(&keys, &ambient)?))),
        KeysProcess::Own(program) => {
            let settings = signer::settings(&keys, &log)?;
            let process = SignerProcess::start(signer::launcher(program), settings)?;
            Ok(ServedKeys::Own(Arc::new(process)))
        }
    })
}

/// The end of what was begun; fails when they cannot be opened at all, so that no CA is found out to be mute later.
pub(super) async fn opened(begun: JoinHandle<Result<ServedKeys>>) -> Result<ServedKeys> {
    let opened = begun.await.context("opening the keys was cut off")?;
    opened.context("cannot open the keys of the CAs")
}

/// Opens the keys in this process. Blocks.
pub(crate) fn open_ring(config: &KeysConfig, ambient: &Ambient) -> Result<KeyRing> {
    let Some(token) = &config.token else {
        let sealed = KeyHome::sealed(open_sealed(config, ambient)?);
        return Ok(KeyRing::new(sealed, Vec::new()));
    };
    let token = KeyHome::token(TokenKeys::open(token.options()?, Arc::clone(&ambient.random))?);
    // Keys that were sealed before the token came.
    let others = if config.has_sealed_keys() {
        vec![KeyHome::sealed(open_sealed(config, ambient)?)]
    } else {
        Vec::new()
    };
    Ok(KeyRing::new(token, others))
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
