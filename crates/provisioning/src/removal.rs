//! Identities on hubs elsewhere that have to go.

use provost_model::{Action, Actor, Assignment, AuditEvent, Change, HubRemoval, Leased, RemovalAction};
use provost_store::{ReadTx, StoreError, WriteTx};

use crate::pending::pause;
use crate::{ProvisioningError, ProvisioningService};

/// Asks for the identity at a place on a hub elsewhere to be deleted or disabled as soon as can be. It
/// is done after the commit, and tried again for
/// [`crate::OutboundOptions::removal_patience`].
///
/// # Errors
/// [`StoreError`].
pub fn remove_elsewhere(
    tx: &WriteTx<'_>,
    place: Assignment,
    action: RemovalAction,
) -> Result<(), StoreError> {
    let removal = HubRemoval {
        action,
        ..HubRemoval::delete(place.hub, place.device_id, tx.now())
    };
    tx.put_hub_removal(&removal)?;
    tx.announce(&Change::Outbound)
}

impl ProvisioningService {
    /// Takes up to `limit` removals that are due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_removals(&self, limit: usize) -> Result<Vec<Leased<HubRemoval>>, StoreError> {
        let (now, holder) = (self.now(), self.random().uuid());
        let until = now.after(self.options().outbound.lease);
        self.store()
            .append(move |tx| tx.lease_hub_removals(now, until, &holder, limit))
            .await
    }

    /// Removes an identity from its hub, or sees to it that it is tried again. Given up after
    /// [`crate::OutboundOptions::removal_patience`], with a warning and an audit event.
    ///
    /// # Errors
    /// [`ProvisioningError::Store`]; the removal goes on when its lease is over.
    pub async fn run_removal(&self, mut removal: Leased<HubRemoval>) -> Result<(), ProvisioningError> {
        let Assignment { hub, device_id } = removal.work.place.clone();
        let name = hub.clone();
        let known = self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.remote_hub(&name))
            .await?;
        let Some(remote) = known else {
            return self.end_removal(removal, "the hub is gone").await;
        };
        let action = removal.work.action;
        let removed = self.remote_hubs().remove(&remote, &device_id, action).await;
        self.note_health(&hub, removed.as_ref().copied()).await?;
        let Err(error) = removed else {
            return self.end_removal(removal, "").await;
        };
        let now = self.now();
        if now.since(removal.work.asked_at) >= self.options().outbound.removal_patience {
            tracing::warn!(%hub, device = %device_id, %error, "identity is left on its hub");
            return self.end_removal(removal, &format!("given up: {error}")).await;
        }
        removal.work.attempts = removal.work.attempts.saturating_add(1);
        removal.work.due_at = now.after(pause(removal.work.attempts));
        self.store()
            .append(move |tx| tx.release_hub_removal(&removal, now))
            .await
            .map_err(ProvisioningError::Store)
    }

    async fn end_removal(&self, removal: Leased<HubRemoval>, detail: &str) -> Result<(), ProvisioningError> {
        let (detail, now) = (detail.to_owned(), self.now());
        let held = removal.clone();
        let is_ended = self
            .store()
            .write(move |tx| {
                if !tx.end_hub_removal(&held)? {
                    return Ok(tx.unchanged(false));
                }
                let action = match held.work.action {
                    RemovalAction::Delete => Action::Delete,
                    RemovalAction::Disable => Action::Update,
                };
                let place = &held.work.place;
                let (hub, device) = (place.hub.as_str(), place.device_id.as_str());
                let event = AuditEvent::new(Actor::System, action, "device", hub, device).with_detail(detail);
                Ok::<_, ProvisioningError>(tx.record(&event, true)?)
            })
            .await?;
        if is_ended {
            return Ok(());
        }
        // Another removal was asked for while this one was on its way.
        self.store()
            .append(move |tx| tx.release_hub_removal(&removal, now))
            .await
            .map_err(ProvisioningError::Store)
    }
}
