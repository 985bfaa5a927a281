use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use provost_ca::{CaError, CaKeys, CaSigner};
use provost_model::registry::{Ca, CaId};
use provost_pki::Certificate;

/// A CA ready to sign: its certificate read, its key found.
pub(crate) struct Issuer {
    pub(crate) certificate: Certificate,
    pub(crate) signer: CaSigner,
}

/// CAs that signed lately, so that neither certificate nor public key is read for every leaf. What a CA may
/// do is never asked here: that stands in the store.
#[derive(Default)]
pub(crate) struct Issuers {
    known: Mutex<HashMap<CaId, Arc<Issuer>>>,
}

/// More CAs than anybody signs with at a time.
const CAPACITY: usize = 256;

impl Issuers {
    /// The issuer of a CA that signed lately.
    pub(crate) fn known(&self, id: &CaId) -> Option<Arc<Issuer>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).map(Arc::clone)
    }

    /// The issuer of a CA that has a certificate. Waits for the key provider.
    pub(crate) fn learn(&self, ca: &Ca, keys: &CaKeys) -> Result<Arc<Issuer>, CaError> {
        let der = ca.certificate.as_ref().map(|der| der.0.as_slice());
        let issuer = Arc::new(Issuer {
            certificate: Certificate::from_der(der.unwrap_or_default())?,
            signer: keys.signer(&ca.key)?,
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(ca.id.clone(), Arc::clone(&issuer));
        Ok(issuer)
    }
}
