use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use provost_model::registry::{CaId, DelegatedResponder, SerialNumber};
use provost_pki::Certificate;

use crate::{CaError, CaKeys, CaSigner};

/// A delegated responder, ready to sign.
pub(super) struct Voice {
    serial: SerialNumber,
    pub(super) certificate: Certificate,
    pub(super) signer: CaSigner,
}

/// The responders in use, one for each CA: reading a certificate and asking a token for a public key is
/// done once.
#[derive(Default)]
pub(super) struct Voices {
    known: Mutex<HashMap<CaId, Arc<Voice>>>,
}

impl Voices {
    /// The responder of a row. May wait for a disk or a token.
    ///
    /// # Errors
    /// [`CaError`].
    pub(super) fn of(&self, row: &DelegatedResponder, keys: &CaKeys) -> Result<Arc<Voice>, CaError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(voice) = known.get(&row.ca).filter(|voice| voice.serial == row.serial) {
            return Ok(Arc::clone(voice));
        }
        drop(known);
        let der = row.certificate.as_ref().map_or(&[][..], |der| &der.0);
        let voice = Arc::new(Voice {
            serial: row.serial.clone(),
            certificate: Certificate::from_der(der)?,
            signer: keys.signer(&row.key)?,
        });
        known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(row.ca.clone(), Arc::clone(&voice));
        Ok(voice)
    }
}
