use provost_model::{HubName, IdentityId};
use provost_store::{ReadTx, StoreError};

use super::{Admitted, DeviceCaller};
use crate::HubError;
use crate::service::HubService;
use crate::session::Link;

/// What somebody was admitted by, to be looked at once more in the transaction that acts on it: who
/// was shut out by what was committed before gets and settles nothing.
#[derive(Debug, Clone)]
pub(crate) struct Right {
    hub: HubName,
    id: IdentityId,
    admitted: Admitted,
}

impl Right {
    /// The right of a session; `None` while it is still being judged.
    pub(crate) fn of(link: &Link) -> Option<Self> {
        Some(Self::new(link, link.admitted()?))
    }

    pub(super) fn new(link: &Link, admitted: &Admitted) -> Self {
        Self {
            hub: link.hub.clone(),
            id: link.id.clone(),
            admitted: admitted.clone(),
        }
    }

    /// # Errors
    /// [`HubError::SessionClosed`] when it no longer stands, [`HubError::Store`].
    pub(crate) fn check(&self, tx: &ReadTx<'_>) -> Result<(), HubError> {
        match self.admitted.broken(tx, &self.hub, &self.id)? {
            None => Ok(()),
            Some(_) => Err(HubError::SessionClosed),
        }
    }
}

impl HubService {
    /// Whether whoever asks may go on; the store is read only when something changed.
    pub(crate) async fn check_right(&self, caller: &DeviceCaller) -> Result<(), HubError> {
        if !caller.begin_reading_again() {
            return Ok(());
        }
        let right = caller.right();
        let read = move |tx: &ReadTx<'_>| Ok::<_, StoreError>(right.check(tx));
        self.store().read(read).await?
    }
}
