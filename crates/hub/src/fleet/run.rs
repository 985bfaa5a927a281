//! One run from where it is to its end.

mod call;
mod feed;
mod notes;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use provost_model::{
    DeviceId, HubName, IdentityId, Reprovision, ReprovisionState, ReprovisionStatus, Timestamp,
};
use provost_store::{ReadTx, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use self::call::CallEnd;
use super::watch::{Away, Called};
use super::worker::LEASE;
use crate::HubError;
use crate::jobs::patience;
use crate::service::HubService;
use crate::session::Link;

/// The pause between two looks at a run.
const TICK: Duration = Duration::from_millis(100);
/// How often the lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// The longest time a device has at least when a run is taken up again.
const GRACE: Duration = Duration::from_mins(1);
/// Devices read at a time.
const PAGE: usize = 500;

/// A run somebody works on.
#[expect(
    clippy::struct_field_names,
    reason = "the record of the run is called as the record is"
)]
pub(super) struct Run {
    service: HubService,
    /// As it stood at the last look.
    run: Reprovision,
    holder: Arc<str>,
    changed: watch::Receiver<u64>,
    renewed: Instant,
    /// It was seen to be paused, and not to go on since.
    was_paused: bool,
    /// Devices that were called and are not back.
    away: HashMap<DeviceId, Away>,
    /// Devices that were not there at their turn, and how long they are waited for.
    waiting: BTreeMap<DeviceId, Timestamp>,
    /// Those of them that were looked at last.
    looked_until: Option<DeviceId>,
    /// Devices whose turn is next.
    next: VecDeque<DeviceId>,
    /// The last device whose turn came; all had it when there is none more to read.
    turned_until: Option<DeviceId>,
    has_more: bool,
    /// When the pace allows the next call.
    may_call_at: Instant,
    calls: JoinSet<(DeviceId, CallEnd)>,
}

impl Run {
    pub(super) fn new(service: HubService, run: Reprovision, holder: Arc<str>) -> Self {
        let changed = service.fleet_signals().listen();
        Self {
            service,
            run,
            holder,
            changed,
            renewed: Instant::now(),
            was_paused: false,
            away: HashMap::new(),
            waiting: BTreeMap::new(),
            looked_until: None,
            next: VecDeque::new(),
            turned_until: None,
            has_more: true,
            may_call_at: Instant::now(),
            calls: JoinSet::new(),
        }
    }

    /// Works on the run to its end. What fails for want of a store is taken up again when the lease
    /// is over.
    pub(super) async fn work(mut self) {
        if let Err(error) = self.go_on().await {
            let run = &self.run.id;
            warn!(error = &error as &dyn std::error::Error, %run, "a run over a fleet was interrupted");
        }
    }

    async fn go_on(&mut self) -> Result<(), HubError> {
        self.recall().await?;
        while self.look().await? {
            self.take_notes().await?;
            self.pause_if_due().await?;
            if self.run.status == ReprovisionStatus::Running {
                self.feed().await?;
                if self.complete().await? {
                    return Ok(());
                }
            }
            // Told, or time to look: both go on with a look.
            let _ = timeout(TICK, self.changed.changed()).await;
        }
        Ok(())
    }

    /// Remembers those that were called before a restart: their sessions are watched anew.
    async fn recall(&mut self) -> Result<(), StoreError> {
        for state in [ReprovisionState::Called, ReprovisionState::Left] {
            let mut after = None;
            loop {
                let (number, begin) = (self.run.number, after.take());
                let read =
                    move |tx: &ReadTx<'_>| tx.reprovision_devices(number, Some(state), begin.as_ref(), PAGE);
                let rows = self.store().scan(read).await?;
                let (is_last, now) = (rows.len() < PAGE, self.service.now());
                after = rows.last().map(|row| row.device_id.clone());
                for row in rows {
                    let away = Away {
                        called: Called::At(row.called_at.unwrap_or(now)),
                        certificate: row.certificate,
                        until: graced(row.until.unwrap_or(now), now, self.run.plan.return_within),
                        has_left: state == ReprovisionState::Left,
                        is_unchanged: false,
                    };
                    self.away.insert(row.device_id, away);
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads the run as it stands; `false` when it is nobody's to work on any more, or ended.
    async fn look(&mut self) -> Result<bool, StoreError> {
        let (number, holder) = self.held();
        let held = self
            .store()
            .read(move |tx| tx.held_reprovision(number, &holder))
            .await?;
        let Some(run) = held.filter(|run| !run.status.is_ended()) else {
            return Ok(false);
        };
        let goes_on = self.was_paused && run.status == ReprovisionStatus::Running;
        if goes_on {
            // Those that are waited for have their time anew.
            self.waiting.clear();
            self.was_paused = false;
        }
        // Those that failed have another turn; whoever waits is found again.
        let has_others = self.run.is_expanded && run.counts.pending > self.run.counts.pending;
        if goes_on || has_others {
            self.turn_anew();
        }
        self.was_paused |= run.status == ReprovisionStatus::Paused;
        self.run = run;
        if self.renewed.elapsed() >= RENEW_EVERY {
            let ((number, holder), until) = (self.held(), self.service.now().after(LEASE));
            let renew = move |tx: &provost_store::AppendTx<'_>| tx.renew_reprovision(number, &holder, until);
            if !patience::write(self.store(), renew).await? {
                return Ok(false);
            }
            self.renewed = Instant::now();
        }
        Ok(true)
    }

    async fn pause_if_due(&mut self) -> Result<(), StoreError> {
        if self.run.status != ReprovisionStatus::Running {
            return Ok(());
        }
        let Some(reason) = self.run.must_pause() else {
            return Ok(());
        };
        let ((number, holder), told) = (self.held(), reason.clone());
        let pause = move |tx: &provost_store::AppendTx<'_>| tx.pause_reprovision(number, &holder, &reason);
        if patience::write(self.store(), pause).await? {
            warn!(run = %self.run.id, hub = %self.run.hub, reason = told, "a run over a fleet is paused");
        }
        self.run.status = ReprovisionStatus::Paused;
        self.was_paused = true;
        Ok(())
    }

    /// All that are pending have their turn from the first on.
    fn turn_anew(&mut self) {
        self.next.clear();
        self.turned_until = None;
        self.has_more = true;
    }

    async fn complete(&mut self) -> Result<bool, StoreError> {
        let counts = self.run.counts;
        if !self.run.is_expanded || counts.pending > 0 || counts.away() > 0 || !self.calls.is_empty() {
            return Ok(false);
        }
        let ((number, holder), now) = (self.held(), self.service.now());
        let complete = move |tx: &provost_store::AppendTx<'_>| tx.complete_reprovision(number, &holder, now);
        let is_complete = patience::write(self.store(), complete).await?;
        if is_complete {
            info!(
                run = %self.run.id, hub = %self.run.hub, returned = counts.returned, failed = counts.failed,
                not_returned = counts.not_returned, skipped = counts.skipped, "a run over a fleet has ended"
            );
        }
        Ok(is_complete)
    }

    fn live(&self, device: &DeviceId) -> Option<Arc<Link>> {
        self.service
            .sessions()
            .live(self.hub(), &IdentityId::device(device.clone()))
    }

    fn held(&self) -> (i64, Arc<str>) {
        (self.run.number, Arc::clone(&self.holder))
    }

    fn hub(&self) -> &HubName {
        &self.run.hub
    }

    fn store(&self) -> &Store {
        self.service.store()
    }
}

/// The time a device has when a run is taken up again: what it had, or a while from now on. It may
/// have had no way to use it.
fn graced(until: Timestamp, now: Timestamp, within: Duration) -> Timestamp {
    until.max(now.after(within.min(GRACE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_waited_for_while_nobody_looked_has_a_while_to_come() {
        let at = Timestamp::from_unix_seconds;
        let long = Duration::from_mins(2);
        assert_eq!(graced(at(10), at(1_000), long), at(1_060));
        assert_eq!(graced(at(10), at(1_000), Duration::from_secs(5)), at(1_005));
        assert_eq!(graced(at(1_100), at(1_000), long), at(1_100));
    }
}
