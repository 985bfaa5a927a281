//! A server identity that follows its files, so that a renewed certificate needs no restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::{IdentityError, ServerIdentity};

/// What [`ReloadingIdentity::reload_if_changed`] did.
#[derive(Debug)]
pub enum Reload {
    /// The files are the ones already in use, or were already found unusable.
    Unchanged,
    /// New handshakes use the new files.
    Reloaded,
    /// The files changed and cannot be used; the old identity stays.
    Kept(IdentityError),
}

/// Modification time and size of both files; None for a file that is not there.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// Shows the certificate of two PEM files and looks for newer ones when asked.
#[derive(Debug)]
pub struct ReloadingIdentity {
    certificate: PathBuf,
    key: PathBuf,
    seen: Mutex<Stamp>,
    current: RwLock<ServerIdentity>,
}

impl ReloadingIdentity {
    /// Reads the files for the first time.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        // The stamp is taken before the content: a change in between is seen at the next look.
        let seen = stamp(certificate, key);
        let current = ServerIdentity::from_pem_files(certificate, key)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            seen: Mutex::new(seen),
            current: RwLock::new(current),
        })
    }

    /// The identity new handshakes use.
    pub fn current(&self) -> ServerIdentity {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the files again when their modification time or size changed; to be called every
    /// few seconds. Two short system calls when nothing changed.
    pub fn reload_if_changed(&self) -> Reload {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.certificate, &self.key);
        if *seen == now {
            return Reload::Unchanged;
        }
        *seen = now;
        match ServerIdentity::from_pem_files(&self.certificate, &self.key) {
            Ok(identity) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity;
                tracing::info!(certificate = %self.certificate.display(), "server certificate reloaded");
                Reload::Reloaded
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "new server certificate is not usable, the old one stays");
                Reload::Kept(error)
            }
        }
    }
}

impl ResolvesServerCert for ReloadingIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.certified_key())
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified_key())
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}
