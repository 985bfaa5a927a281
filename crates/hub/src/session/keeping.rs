//! What a session is subscribed to, and what of it outlives the connection
//! (iot-hub-device-api.md 2.4): written when it changes, before the device is told that it is so.

use provost_model::twin::{DesiredNotification, difference};
use provost_store::{KeptSession, ReadTx, StoreError};

use super::{DeviceSession, Feature, Granted, Subscriptions};
use crate::HubError;
use crate::session::subscription::MAX_SUBSCRIPTIONS;

/// A kept session as it was found, with what the device has to be told.
struct Found {
    kept: KeptSession,
    notification: Option<DesiredNotification>,
    desired_version: i64,
}

impl DeviceSession {
    /// The device wants to hear something from now on.
    ///
    /// # Errors
    /// As [`Self::subscribe_all`].
    pub async fn subscribe(&self, feature: Feature) -> Result<(), HubError> {
        self.subscribe_all(&[(feature, Granted::AtMostOnce)]).await
    }

    /// The device wants to hear all of this from now on. In a session that is kept it is on disk
    /// when this returns.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::ArgumentInvalid`] for too many, [`HubError::Store`].
    pub async fn subscribe_all(&self, wanted: &[(Feature, Granted)]) -> Result<(), HubError> {
        let before = self.link().subscriptions();
        let mut after = before;
        for (feature, granted) in wanted {
            after.set(*feature, Some(*granted));
        }
        if after.len() > MAX_SUBSCRIPTIONS {
            return Err(HubError::ArgumentInvalid(format!(
                "a session has at most {MAX_SUBSCRIPTIONS} subscriptions"
            )));
        }
        self.place.subscribe(after);
        if before.get(Feature::Desired).is_none() && after.get(Feature::Desired).is_some() {
            // Heard from now on; what came before this version is not news.
            let (hub, id) = (self.hub().clone(), self.id().clone());
            let read = move |tx: &ReadTx<'_>| tx.desired_version(&hub, &id);
            let version = self.service.store().read(read).await?;
            self.link().raise_desired_version(version.unwrap_or(0));
        }
        if before == after {
            Ok(())
        } else {
            self.keep().await
        }
    }

    /// The device no longer wants to hear any of this.
    ///
    /// # Errors
    /// [`HubError::SessionClosed`], [`HubError::Store`].
    pub async fn unsubscribe_all(&self, unwanted: &[Feature]) -> Result<(), HubError> {
        let before = self.link().subscriptions();
        let mut after = before;
        for feature in unwanted {
            after.set(*feature, None);
        }
        self.place.subscribe(after);
        if before == after {
            Ok(())
        } else {
            self.keep().await
        }
    }

    /// Writes what is to outlive the connection.
    async fn keep(&self) -> Result<(), HubError> {
        if !self.link().is_kept {
            return Ok(());
        }
        // A session that took over restores what it finds after it ended this one: what this one
        // writes under the lock while it is open is found.
        let _turn = self.service.twin_locks().lock(self.hub(), self.id()).await;
        let generation = self.generation()?;
        let subscriptions = self.link().subscriptions();
        let listens = subscriptions.get(Feature::Desired).is_some();
        let (hub, id) = (self.hub().clone(), self.id().clone());
        self.service
            .store()
            .append(move |tx| {
                if subscriptions.is_empty() {
                    return tx.drop_session(&hub, &id);
                }
                tx.keep_session(&hub, &id, &generation, &subscriptions.to_text(), listens)
            })
            .await?;
        Ok(())
    }

    /// Goes on with the kept session, or forgets it when the device wants none. Before the device is
    /// told that it is admitted: from then on nothing it was subscribed to is missed.
    pub(crate) async fn resume(&mut self) -> Result<(), StoreError> {
        let link = self.place.link();
        // No write of desired properties falls between the reading and the listening.
        let _turn = self.service.twin_locks().lock(&link.hub, &link.id).await;
        if link.is_closed() {
            // Whoever took over goes on with it.
            return Ok(());
        }
        let Some(found) = self.find().await? else {
            return Ok(());
        };
        let generation = link.admitted().map(|admitted| admitted.generation_id.as_str());
        let (hub, id) = (link.hub.clone(), link.id.clone());
        if !link.is_kept || generation != Some(found.kept.generation_id.as_str()) {
            return self
                .service
                .store()
                .append(move |tx| tx.drop_session(&hub, &id))
                .await;
        }
        let subscriptions = subscriptions(&found.kept, &link.id)?;
        link.raise_desired_version(found.desired_version);
        self.place.subscribe(subscriptions);
        self.is_resumed = true;
        if let Some(notification) = found.notification {
            // Noted until it was sent.
            self.place.link().notify_desired(notification);
        }
        Ok(())
    }

    /// A notification of this version is on its way to the device: it need not be told again.
    ///
    /// # Errors
    /// [`StoreError`]; the device is told again on its return.
    pub async fn desired_was_sent(&self, version: i64) -> Result<(), StoreError> {
        let link = self.link();
        if !link.is_kept || version < link.desired_version() {
            return Ok(());
        }
        let (hub, id) = (link.hub.clone(), link.id.clone());
        self.service
            .store()
            .append(move |tx| tx.forget_desired_base(&hub, &id, version))
            .await
    }

    async fn find(&self) -> Result<Option<Found>, StoreError> {
        let (hub, id) = (self.hub().clone(), self.id().clone());
        let read = move |tx: &ReadTx<'_>| {
            let Some(kept) = tx.kept_session(&hub, &id)? else {
                return Ok(None);
            };
            let desired_version = tx.desired_version(&hub, &id)?.unwrap_or(0);
            let notification = match &kept.desired_base {
                Some(base) => tx.twin(&hub, &id)?.map(|twin| DesiredNotification {
                    patch: difference(base, &twin.desired.value),
                    version: twin.desired.version,
                }),
                None => None,
            };
            Ok(Some(Found {
                kept,
                notification,
                desired_version,
            }))
        };
        self.service.store().read(read).await
    }
}

/// What a kept session is subscribed to.
pub(crate) fn subscriptions(
    kept: &KeptSession,
    id: &provost_model::IdentityId,
) -> Result<Subscriptions, StoreError> {
    Subscriptions::parse(&kept.subscriptions).ok_or_else(|| StoreError::Inconsistent {
        table: "kept_session",
        column: "subscriptions",
        key: id.to_string(),
    })
}
