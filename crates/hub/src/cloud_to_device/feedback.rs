use provost_model::{AccessRight, Feedback, LockToken};

use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// Feedback in one answer (iot-hub-service-api.md 13).
const BATCH: usize = 64;

/// Feedback that a back end holds until it completes or abandons it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackBatch {
    /// Names it.
    pub token: LockToken,
    /// Oldest first, at least one.
    pub records: Vec<Feedback>,
}

impl HubService {
    /// The oldest feedback that nobody holds, at most 64 records; `None` when there is none. It comes
    /// back when it is not completed within the time of a lock. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn receive_feedback(&self, caller: &ServiceCaller) -> Result<Option<FeedbackBatch>, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, now) = (caller.hub().clone(), self.now());
        let asked = hub.clone();
        let is_any = self.store().read(move |tx| tx.has_feedback(&asked, now)).await?;
        if !is_any {
            return Ok(None);
        }
        let until = now.after(self.queue_limits().lock);
        let token = LockToken::new(self.random().uuid());
        let held = token.clone();
        let records = self
            .store()
            .append(move |tx| Ok::<_, HubError>(tx.take_feedback(&hub, now, (&held, until), BATCH)?))
            .await?;
        Ok((!records.is_empty()).then_some(FeedbackBatch { token, records }))
    }

    /// Removes feedback that was read. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::LockLost`], [`HubError::Store`].
    pub async fn complete_feedback(&self, caller: &ServiceCaller, token: &LockToken) -> Result<(), HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, token, now) = (caller.hub().clone(), token.clone(), self.now());
        let completed = self
            .store()
            .append(move |tx| Ok::<_, HubError>(tx.complete_feedback(&hub, &token, now)?))
            .await?;
        if completed {
            Ok(())
        } else {
            Err(HubError::LockLost)
        }
    }

    /// Gives feedback back to whoever asks next. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::LockLost`], [`HubError::Store`].
    pub async fn abandon_feedback(&self, caller: &ServiceCaller, token: &LockToken) -> Result<(), HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let (hub, token, now) = (caller.hub().clone(), token.clone(), self.now());
        let abandoned = self
            .store()
            .append(move |tx| Ok::<_, HubError>(tx.abandon_feedback(&hub, &token, now)?))
            .await?;
        if abandoned {
            Ok(())
        } else {
            Err(HubError::LockLost)
        }
    }
}
