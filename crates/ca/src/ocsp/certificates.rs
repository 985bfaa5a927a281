use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use provost_model::CertificateDer;
use provost_model::registry::{Ca, CaId, SerialNumber};
use provost_pki::Certificate;

/// More CAs than anybody asks about at a time.
const CAPACITY: usize = 1024;

/// The certificate of a CA, read.
pub(super) struct ReadCertificate {
    der: CertificateDer,
    pub(super) certificate: Certificate,
    pub(super) serial: Option<SerialNumber>,
}

/// The certificates of CAs that were asked about: each is read once, and again when it is another one.
#[derive(Default)]
pub(super) struct CaCertificates {
    known: Mutex<HashMap<CaId, Arc<ReadCertificate>>>,
}

impl CaCertificates {
    /// That of a CA; `None` when it has none, or one that cannot be read.
    pub(super) fn of(&self, ca: &Ca) -> Option<Arc<ReadCertificate>> {
        let der = ca.certificate.as_ref()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = known.get(&ca.id).filter(|read| read.der == *der) {
            return Some(Arc::clone(read));
        }
        drop(known);
        let certificate = Certificate::from_der(&der.0).ok()?;
        let read = Arc::new(ReadCertificate {
            der: der.clone(),
            serial: SerialNumber::parse(&certificate.serial_hex()),
            certificate,
        });
        known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(ca.id.clone(), Arc::clone(&read));
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use provost_model::Clock;

    use super::*;
    use crate::CaKeys;
    use crate::fixture::{CountedKeys, HandClock, a_ca};

    #[test]
    fn a_certificate_is_read_once_and_again_when_it_is_another_one() {
        let keys = CaKeys::new(Arc::new(CountedKeys::default()));
        let now = HandClock(AtomicI64::new(1_780_000_000)).now();
        let certificates = CaCertificates::default();
        let mut ca = a_ca(&keys, now, 365);
        let first = certificates.of(&ca).unwrap();
        assert!(Arc::ptr_eq(&first, &certificates.of(&ca).unwrap()));
        ca.certificate = a_ca(&keys, now, 30).certificate;
        let second = certificates.of(&ca).unwrap();
        assert!(second.certificate.der() != first.certificate.der());
        ca.certificate = None;
        assert!(certificates.of(&ca).is_none());
    }
}
