use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use provost_model::{DeviceId, ReprovisionState, ReprovisionStatus};
use provost_store::{AppendTx, ReadTx, ReprovisionNote, StoreError};
use provost_wire::json;
use tokio::time::Instant;

use super::super::watch::{Away, Called};
use super::call::call;
use super::{PAGE, Run, TICK, graced};
use crate::HubError;
use crate::auth::Admitted;
use crate::jobs::{matching, patience};
use crate::session::{Feature, Link};

/// Calls under way at a time, whatever the pace.
const CALLS_AT_ONCE: usize = 1_000;
/// Devices waited for at a time; the rest has its turn later.
const WAITING: usize = 100_000;
/// Of those, how many are looked at in one go.
const LOOKED_AT: usize = 5_000;
/// Falls behind by no more than this are made up for.
const SLACK: Duration = TICK.saturating_mul(2);
/// Steps through the devices of the hub in one go.
const STEPS: usize = 10;

impl Run {
    /// Finds devices, and calls as many as may be called now.
    pub(super) async fn feed(&mut self) -> Result<(), HubError> {
        self.expand().await?;
        self.look_for_lost();
        let allowed = self.allowed();
        let mut present = self.present_of_waiting(allowed);
        self.next_in_turn(allowed, &mut present).await?;
        self.spend(present.len());
        Ok(self.call_all(present).await?)
    }

    /// Devices that have another turn while the run goes on are not always seen to have it: what is
    /// pending and nowhere here is read again.
    fn look_for_lost(&mut self) {
        let is_idle = !self.has_more && self.next.is_empty() && self.calls.is_empty();
        if is_idle && self.run.counts.pending > self.waiting.len() as u64 {
            self.turn_anew();
        }
    }

    async fn expand(&mut self) -> Result<(), HubError> {
        if self.run.is_expanded {
            return Ok(());
        }
        let condition = matching::check(&self.run.plan.condition)?;
        for _ in 0..STEPS {
            let after = self.run.found_until.clone();
            let found = matching::step(&self.service, self.hub(), &condition, after).await?;
            let (number, holder) = self.held();
            let next = found.next.clone();
            let expand = move |tx: &AppendTx<'_>| {
                let is_expanded = found.next.is_none();
                tx.expand_reprovision(
                    (number, &holder),
                    &found.devices,
                    found.next.as_ref(),
                    is_expanded,
                )
            };
            let is_held: Result<bool, StoreError> = patience::write(self.store(), expand).await;
            if !is_held? {
                return Ok(());
            }
            self.has_more = true;
            self.run.is_expanded = next.is_none();
            self.run.found_until = next;
            if self.run.is_expanded {
                break;
            }
        }
        // What was written down counts from the next look on.
        self.run.counts.pending = self.run.counts.pending.max(1);
        Ok(())
    }

    /// How many devices may be called now.
    fn allowed(&self) -> usize {
        let interval = self.run.plan.pace.interval();
        let now = Instant::now();
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let since = now.saturating_duration_since(self.may_call_at.max(earliest));
        let is_due = self.may_call_at <= now;
        let by_pace = if is_due {
            usize::try_from(since.as_nanos() / interval.as_nanos().max(1))
                .unwrap_or(usize::MAX)
                .saturating_add(1)
        } else {
            0
        };
        let most = self
            .run
            .plan
            .at_most_away
            .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        by_pace
            .min(CALLS_AT_ONCE.saturating_sub(self.calls.len()))
            .min(most.saturating_sub(self.away.len()))
            .min(PAGE)
    }

    /// Counts calls against the pace.
    fn spend(&mut self, calls: usize) {
        if calls == 0 {
            return;
        }
        let now = Instant::now();
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.may_call_at =
            self.may_call_at.max(earliest) + self.run.plan.pace.interval().saturating_mul(calls);
    }

    /// Those who were waited for and are there now; some are looked at in each go.
    fn present_of_waiting(&mut self, allowed: usize) -> Vec<(DeviceId, Arc<Link>)> {
        let mut present = Vec::new();
        if allowed == 0 {
            return present;
        }
        let from = self.looked_until.take().map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        for device in self
            .waiting
            .range((from, Bound::Unbounded))
            .map(|(device, _)| device)
            .take(LOOKED_AT)
        {
            last = Some(device.clone());
            if let Some(link) = self.listening(device) {
                present.push((device.clone(), link));
                if present.len() >= allowed {
                    break;
                }
            }
        }
        self.looked_until = last;
        present
    }

    /// Those whose turn comes now; who of them is not there is waited for from now on.
    async fn next_in_turn(
        &mut self,
        allowed: usize,
        present: &mut Vec<(DeviceId, Arc<Link>)>,
    ) -> Result<(), StoreError> {
        let mut absent = Vec::new();
        while present.len() < allowed && self.waiting.len() + absent.len() < WAITING {
            let Some(device) = self.next_device().await? else {
                break;
            };
            match self.listening(&device) {
                Some(link) => present.push((device, link)),
                None => absent.push(device),
            }
            if absent.len() >= PAGE {
                break;
            }
        }
        if absent.is_empty() {
            return Ok(());
        }
        let until = self.service.now().after(self.run.plan.connect_within);
        self.waiting
            .extend(absent.iter().map(|device| (device.clone(), until)));
        let number = self.run.number;
        let wait = move |tx: &AppendTx<'_>| tx.wait_for_devices(number, &absent, until);
        patience::write(self.store(), wait).await
    }

    async fn next_device(&mut self) -> Result<Option<DeviceId>, StoreError> {
        while self.next.is_empty() && self.has_more {
            let (number, after) = (self.run.number, self.turned_until.clone());
            let read = move |tx: &ReadTx<'_>| {
                tx.reprovision_devices(number, Some(ReprovisionState::Pending), after.as_ref(), PAGE)
            };
            let rows = self.store().scan(read).await?;
            self.has_more = rows.len() == PAGE || !self.run.is_expanded;
            let (is_end, now) = (rows.len() < PAGE, self.service.now());
            if let Some(last) = rows.last() {
                self.turned_until = Some(last.device_id.clone());
            }
            for row in rows {
                match row.until {
                    // Waited for before a restart, or since.
                    Some(until) => {
                        let until = graced(until, now, self.run.plan.connect_within);
                        self.waiting.entry(row.device_id).or_insert(until);
                    }
                    None => self.next.push_back(row.device_id),
                }
            }
            if is_end {
                break;
            }
        }
        Ok(self.next.pop_front())
    }

    pub(super) fn listening(&self, device: &DeviceId) -> Option<Arc<Link>> {
        self.live(device)
            .filter(|link| link.has_feature(Feature::Methods))
    }

    /// Notes that devices are called, and calls those of whom it could be noted.
    async fn call_all(&mut self, present: Vec<(DeviceId, Arc<Link>)>) -> Result<(), StoreError> {
        let plan = self.run.plan.clone();
        let until = self
            .service
            .now()
            .after(plan.response_timeout)
            .after(plan.return_within);
        let certificate = |link: &Arc<Link>| link.admitted().and_then(Admitted::certificate);
        let notes = present.iter().map(|(device, link)| ReprovisionNote {
            until: Some(until),
            certificate: certificate(link),
            ..ReprovisionNote::new(device.clone(), ReprovisionState::Called)
        });
        let taken = self.note(notes.collect()).await?;
        let payload: Arc<[u8]> = plan
            .payload
            .as_ref()
            .map(json::to_bytes)
            .unwrap_or_default()
            .into();
        for ((device, link), is_taken) in present.into_iter().zip(taken) {
            if !is_taken {
                // Paused in between: its turn is the next one.
                if self.run.status != ReprovisionStatus::Running {
                    self.next.push_front(device);
                }
                continue;
            }
            let away = Away {
                called: Called::Through(Arc::downgrade(&link)),
                certificate: certificate(&link),
                until,
                has_left: false,
                is_unchanged: false,
            };
            self.away.insert(device.clone(), away);
            let (name, payload, wait) = (plan.method.clone(), Arc::clone(&payload), plan.response_timeout);
            self.calls
                .spawn(async move { (device, call(link, &name, &payload, wait).await) });
        }
        Ok(())
    }
}
