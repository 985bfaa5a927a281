//! Identities on hubs elsewhere that have to go.

use std::time::Duration;

use provost_model::{
    Action, Actor, Assignment, AuditEvent, Change, HubHealthState, HubRemoval, Leased, RemovalAction,
    Timestamp,
};
use provost_store::{ReadTx, StoreError, WriteTx};

use crate::pending::{pause_after, wait_for_turn};
use crate::{ProvisioningError, ProvisioningService};

/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// Most removals at one hub at a time. They have turns of their own: runs never take them all.
const TURNS: usize = 8;
/// The shortest time a removal waits for a turn.
const WAIT: Duration = Duration::from_secs(1);

/// Asks for the identity at a place on a hub elsewhere to be deleted or disabled as soon as can be. It
/// is done after the commit, and tried again for as long as the hub is known.
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
    /// When the earliest removal is due; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_removal(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store().read(|tx: &ReadTx<'_>| tx.next_hub_removal()).await
    }

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

    /// Removes an identity from its hub, or sees to it that it is tried again. It is never given up
    /// while the hub is known: whom it shuts out would be let in for ever.
    ///
    /// # Errors
    /// [`ProvisioningError::Store`]; the removal goes on when its lease is over.
    pub async fn run_removal(&self, mut removal: Leased<HubRemoval>) -> Result<(), ProvisioningError> {
        let Assignment { hub, device_id } = removal.work.place.clone();
        let Some((remote, health)) = self.find_hub(&hub).await? else {
            return self.end_removal(removal, "the hub is gone").await;
        };
        let is_down = health.state == HubHealthState::Unreachable;
        let limit = if is_down { 1 } else { TURNS };
        let Some(_turn) = self.turns().take(&format!("removals at {}", hub.key()), limit) else {
            let now = self.now();
            let wait = wait_for_turn(now.since(removal.work.asked_at), WAIT, self.random());
            removal.work.due_at = now.after(wait);
            return self.release_removal(removal).await;
        };
        let action = removal.work.action;
        let removed = self.remote_hubs().remove(&remote, &device_id, action).await;
        self.note_health(&hub, removed.as_ref().copied()).await;
        let Err(error) = removed else {
            return self.end_removal(removal, "").await;
        };
        removal.work.attempts = removal.work.attempts.saturating_add(1);
        let pause = pause_after(&error, removal.work.attempts, LONGEST_PAUSE);
        removal.work.due_at = self.now().after(pause);
        if error.passes() {
            tracing::debug!(%hub, device = %device_id, %error, "removal is tried again");
        } else {
            tracing::warn!(%hub, device = %device_id, %error, "identity is still on its hub; it is tried again");
        }
        self.release_removal(removal).await
    }

    async fn release_removal(&self, removal: Leased<HubRemoval>) -> Result<(), ProvisioningError> {
        let now = self.now();
        self.store()
            .append(move |tx| tx.release_hub_removal(&removal, now))
            .await
            .map_err(ProvisioningError::Store)
    }

    async fn end_removal(&self, removal: Leased<HubRemoval>, detail: &str) -> Result<(), ProvisioningError> {
        let detail = detail.to_owned();
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
        self.release_removal(removal).await
    }
}
