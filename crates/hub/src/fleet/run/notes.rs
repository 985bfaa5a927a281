use provost_model::{DeviceId, DeviceStatus, ReprovisionState, ReprovisionStatus};
use provost_store::{AppendTx, ReadTx, ReprovisionNote, StoreError};

use super::call::CallEnd;
use super::{PAGE, Run};
use crate::jobs::patience;

impl Run {
    /// Notes what happened since the last look: calls that ended, devices that left, came back or
    /// are given up, devices that never connected.
    pub(super) async fn take_notes(&mut self) -> Result<(), StoreError> {
        let mut notes = self.of_calls();
        notes.extend(self.of_sessions());
        for chunk in notes.chunks(PAGE) {
            self.note(chunk.to_vec()).await?;
        }
        if self.run.status != ReprovisionStatus::Running {
            // A paused run gives nobody up that it does not call either.
            return Ok(());
        }
        let late = self.too_late();
        if !late.is_empty() {
            let notes = self.of_absent(late).await?;
            self.note(notes).await?;
        }
        Ok(())
    }

    /// Writes notes down; those that were taken are acted on. Answers which were.
    pub(super) async fn note(&mut self, notes: Vec<ReprovisionNote>) -> Result<Vec<bool>, StoreError> {
        if notes.is_empty() {
            return Ok(Vec::new());
        }
        let ((number, holder), now) = (self.held(), self.service.now());
        let written = notes.clone();
        let note = move |tx: &AppendTx<'_>| tx.note_devices((number, &holder), &written, now);
        let taken: Vec<bool> = patience::write(self.store(), note).await?;
        for (note, is_taken) in notes.iter().zip(&taken) {
            match note.state {
                ReprovisionState::Returned | ReprovisionState::Failed | ReprovisionState::NotReturned => {
                    self.away.remove(&note.device_id);
                }
                ReprovisionState::Pending if *is_taken => {
                    self.away.remove(&note.device_id);
                    let until = note.until.unwrap_or(now);
                    self.waiting.insert(note.device_id.clone(), until);
                }
                ReprovisionState::Skipped | ReprovisionState::Called => {
                    self.waiting.remove(&note.device_id);
                }
                ReprovisionState::Left | ReprovisionState::Pending => {}
            }
        }
        self.recount().await?;
        Ok(taken)
    }

    async fn recount(&mut self) -> Result<(), StoreError> {
        let (number, holder) = self.held();
        let held = self
            .store()
            .read(move |tx| tx.held_reprovision(number, &holder))
            .await?;
        if let Some(run) = held {
            self.run.counts = run.counts;
            self.run.status = run.status;
            self.was_paused |= run.status == ReprovisionStatus::Paused;
        }
        Ok(())
    }

    fn of_calls(&mut self) -> Vec<ReprovisionNote> {
        let mut notes = Vec::new();
        while let Some(ended) = self.calls.try_join_next() {
            let Ok((device, end)) = ended else {
                // Only at the end of the program.
                continue;
            };
            match end {
                CallEnd::Agreed | CallEnd::Cut => {
                    // Its time runs from its answer on; until now it had that for the answer as well.
                    let until = self.service.now().after(self.run.plan.return_within);
                    if let Some(away) = self.away.get_mut(&device) {
                        away.until = away.until.min(until);
                    }
                }
                CallEnd::Failed(reason) => {
                    notes.push(ReprovisionNote::new(device, ReprovisionState::Failed).because(reason));
                }
                CallEnd::NotSent => {
                    let until = self.service.now().after(self.run.plan.connect_within);
                    notes.push(ReprovisionNote {
                        until: Some(until),
                        ..ReprovisionNote::new(device, ReprovisionState::Pending)
                    });
                }
            }
        }
        notes
    }

    fn of_sessions(&mut self) -> Vec<ReprovisionNote> {
        let (now, accept_same) = (self.service.now(), self.run.plan.accept_same_credential);
        let mut away = std::mem::take(&mut self.away);
        let notes = away
            .iter_mut()
            .filter_map(|(device, away)| away.look(device, self.live(device).as_ref(), accept_same, now))
            .collect();
        self.away = away;
        notes
    }

    /// Devices whose time to connect is over, a page of them. Those who are there and only wait for
    /// their call have it anew.
    fn too_late(&mut self) -> Vec<DeviceId> {
        let now = self.service.now();
        let late = self.waiting.iter().filter(|(_, until)| **until <= now);
        let late: Vec<_> = late.map(|(device, _)| device.clone()).take(PAGE).collect();
        let (there, absent): (Vec<_>, Vec<_>) = late
            .into_iter()
            .partition(|device| self.listening(device).is_some());
        let until = now.after(self.run.plan.connect_within);
        self.waiting
            .extend(there.into_iter().map(|device| (device, until)));
        absent
    }

    async fn of_absent(&self, devices: Vec<DeviceId>) -> Result<Vec<ReprovisionNote>, StoreError> {
        let hub = self.hub().clone();
        let read = move |tx: &ReadTx<'_>| {
            devices
                .into_iter()
                .map(|device| {
                    let reason = match tx.device(&hub, &device)? {
                        None => "there is no such device any more",
                        Some(found) if found.status == DeviceStatus::Disabled => "it is disabled",
                        Some(_) => "it did not connect in time",
                    };
                    Ok(ReprovisionNote::new(device, ReprovisionState::Skipped).because(reason))
                })
                .collect()
        };
        self.store().scan(read).await
    }
}
