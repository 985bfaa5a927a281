use provost_model::Timestamp;
use provost_model::registry::CaId;
use provost_store::{CrlPart, ReadTx, Store, StoreError};

/// What anybody may read of our CAs: CRLs that are out, and certificates.
#[derive(Clone)]
pub struct Publications {
    store: Store,
}

/// A CRL that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedCrl {
    /// Its number; another CRL of the same part has another.
    pub number: i64,
    /// Since when it stands.
    pub this_update: Timestamp,
    /// When the next one is promised at the latest.
    pub next_update: Timestamp,
    /// Its bytes.
    pub der: Vec<u8>,
}

impl Publications {
    /// What this store holds.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The CRL of a part; `None` when there is no such part or no CRL of it yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn crl(&self, part: CrlPart) -> Result<Option<PublishedCrl>, StoreError> {
        let read = move |tx: &ReadTx<'_>| tx.crl(&part);
        let Some(crl) = self.store.scan(read).await? else {
            return Ok(None);
        };
        let (Some(this_update), Some(next_update), Some(der)) = (crl.this_update, crl.next_update, crl.der)
        else {
            return Ok(None);
        };
        Ok(Some(PublishedCrl {
            number: crl.number,
            this_update,
            next_update,
            der,
        }))
    }

    /// The certificate of a CA in DER; `None` when there is no such CA or it has none yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn certificate(&self, ca: CaId) -> Result<Option<Vec<u8>>, StoreError> {
        let read = move |tx: &ReadTx<'_>| tx.ca(&ca);
        let found = self.store.read(read).await?;
        Ok(found.and_then(|ca| ca.certificate).map(|der| der.0))
    }
}
