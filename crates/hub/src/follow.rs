//! Acting on changes: sessions whose right is gone are closed, whoever took it away.
//!
//! DEVIATION: Azure closes a live session when its device is disabled or deleted; here also when the
//! key, thumbprint, policy or CA certificate that admitted it no longer stands, so that a revocation
//! takes effect when it is committed (iot-hub-device-api.md 3.3 and 17).

use std::sync::Arc;
use std::time::Duration;

use provost_model::twin::DesiredNotification;
use provost_model::{Change, DeviceId, HubName, IdentityId, Uuid};
use provost_store::{ReadTx, StoreError};
use tracing::{info, warn};

use crate::auth::Admitted;
use crate::service::HubService;
use crate::session::{CloseReason, Feature, Link};

/// Changes read at a time.
const PAGE: usize = 500;
/// How long a change made by another node may go unseen when its wake-up is lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl HubService {
    /// Follows the store's changes, for ever. Spawned by the program before it listens.
    ///
    /// Methods of this service that change a device look through the session table themselves,
    /// before they answer; this is for changes by provisioning, other nodes and other programs.
    pub async fn follow_changes(self) {
        let mut changed = self.store().changed();
        let mut last = None;
        loop {
            changed.mark_unchanged();
            match self.catch_up(last).await {
                Ok(number) => last = Some(number),
                Err(error) => warn!(error = &error as &dyn std::error::Error, "cannot read changes"),
            }
            // A closed channel means a closed store; the next look says so.
            let _ = tokio::time::timeout(LOOK_EVERY, changed.changed()).await;
        }
    }

    /// Acts on everything after the change numbered `last`; returns the number of the latest.
    /// The first time there is none, and after a time away changes may be gone before they were seen: then
    /// every session is looked at once.
    ///
    /// # Errors
    /// [`StoreError`]: some changes may have been acted on; acting on them again does no harm.
    pub async fn catch_up(&self, last: Option<i64>) -> Result<i64, StoreError> {
        let Some(mut last) = last else {
            return self.start_anew().await;
        };
        loop {
            let read = move |tx: &ReadTx<'_>| {
                let page = tx.changes_after(last, PAGE)?;
                Ok::<_, StoreError>((tx.missed_changes(last)?, page))
            };
            let (is_missed, page) = self.store().read(read).await?;
            if is_missed {
                info!(
                    last,
                    "changes were forgotten before they were seen; every session is looked at"
                );
                return self.start_anew().await;
            }
            let is_last_page = page.len() < PAGE;
            for numbered in page {
                match &numbered.change {
                    Change::Device { hub, device_id } => self.recheck_device(hub, device_id).await,
                    Change::Hub { hub } => self.recheck_all(|link, _| link.hub == *hub).await,
                    Change::Leaves { device } => self.recheck_leaves(*device).await,
                    Change::Desired { hub, id } => {
                        // A twin that cannot be read must not hide the changes after it.
                        if let Err(error) = self.tell_desired(hub, id).await {
                            warn!(
                                error = &error as &dyn std::error::Error,
                                hub = %hub,
                                device = %id,
                                "cannot tell a change of desired properties"
                            );
                        }
                    }
                    Change::CloudToDevice { hub, device_id } => self.wake_receiver(hub, device_id),
                    Change::Configuration => self.recheck_configuration().await?,
                    Change::Outbound => {}
                }
                last = numbered.number;
            }
            if is_last_page {
                return Ok(last);
            }
        }
    }

    async fn start_anew(&self) -> Result<i64, StoreError> {
        let last = self.store().read(last_change).await?;
        // Whoever connected before this number was known is judged by what stands now.
        self.recheck_all(|_, _| true).await;
        Ok(last)
    }

    /// After a committed change of a device or of one of its modules: their live sessions are closed
    /// unless what admitted them still stands, and those just being judged read the store again.
    pub async fn recheck_device(&self, hub: &HubName, device_id: &DeviceId) {
        for link in self.sessions().look_after_change(hub, device_id) {
            if let Some(reason) = self.broken(&link).await {
                self.end(&link, reason);
            }
        }
    }

    /// After a committed revocation of what the Device Registry issued to a device: sessions that came with one
    /// of its leaves are looked at, at whatever hub and by whatever name they came in.
    pub async fn recheck_leaves(&self, device: Uuid) {
        for (hub, device_id) in self.sessions().places_of_leaves(device) {
            self.recheck_device(&hub, &device_id).await;
        }
    }

    /// After a committed change of hubs, policies or CA certificates: what rests on one of these is
    /// looked at, and what belongs to a hub that is gone or was made anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recheck_configuration(&self) -> Result<(), StoreError> {
        let hubs = self.store().read(|tx: &ReadTx<'_>| tx.hubs()).await?;
        self.telemetry().forget_gone(&hubs);
        let stands = |link: &Link, admitted: &Admitted| {
            hubs.iter()
                .any(|hub| hub.name == link.hub && hub.created_at == admitted.hub_made_at)
        };
        self.recheck_all(|link, admitted| admitted.rests_on_configuration() || !stands(link, admitted))
            .await;
        Ok(())
    }

    /// After a committed change of policies or CA certificates, which `concerns` some sessions.
    pub(crate) async fn recheck_all(&self, concerns: impl Fn(&Link, &Admitted) -> bool) {
        let links = self.sessions().look_at_all(concerns);
        for link in links {
            if let Some(reason) = self.broken(&link).await {
                self.end(&link, reason);
            }
        }
    }

    /// When the store cannot say whether a session may go on, it may not.
    async fn broken(&self, link: &Arc<Link>) -> Option<CloseReason> {
        let admitted = link.admitted()?.clone();
        let (hub, id) = (link.hub.clone(), link.id.clone());
        let judged = self.store().read(move |tx| admitted.broken(tx, &hub, &id)).await;
        judged.unwrap_or(Some(CloseReason::Unavailable))
    }

    fn end(&self, link: &Arc<Link>, reason: CloseReason) {
        info!(hub = %link.hub, device = %link.id, reason = reason.as_str(), "closing a session");
        if self.sessions().evict(link, reason) {
            self.activity().connection_changed(link, self.now());
        }
    }

    /// Tells a live device of a change of its desired properties made by another node. The patch is
    /// not known here: the whole document is sent.
    async fn tell_desired(&self, hub: &HubName, id: &IdentityId) -> Result<(), StoreError> {
        let Some(link) = self.sessions().live(hub, id) else {
            return Ok(());
        };
        if !link.has_feature(Feature::Desired) {
            return Ok(());
        }
        let _turn = self.twin_locks().lock(hub, id).await;
        let (hub, id) = (hub.clone(), id.clone());
        let twin = self.store().read(move |tx| tx.twin(&hub, &id)).await?;
        if let Some(twin) = twin
            && twin.desired.version > link.desired_version()
        {
            link.notify_desired(DesiredNotification {
                patch: twin.desired.value,
                version: twin.desired.version,
            });
        }
        Ok(())
    }
}

fn last_change(tx: &ReadTx<'_>) -> Result<i64, StoreError> {
    tx.last_change()
}
