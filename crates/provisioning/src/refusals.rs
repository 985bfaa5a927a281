//! Keeps why devices were refused, so that the operator can ask later (see [`crate::explain`]).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::explain;
use crate::{ProvisioningService, Refusal, Trace};
use provost_model::{DpsName, RegistrationId, Timestamp};
use provost_pki::PresentedChain;
use provost_store::{StoreError, StoredRefusal};

/// Refusals that may wait for it; in a storm the rest is only logged.
const MOST_WAITING: usize = 2000;
/// Refusals written in one append.
const BATCH: usize = 200;

/// A device that was refused: the reason and how it was found. The device learns no more than
/// [`crate::ProvisioningError::code`] and [`crate::ProvisioningError::public_message`].
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What was looked at.
    pub trace: Trace,
    /// Which instance it came to.
    pub dps: DpsName,
    /// Who it says it is.
    pub registration_id: RegistrationId,
    /// The certificates it sent.
    pub chain: Option<PresentedChain>,
    /// When it was judged.
    pub at: Timestamp,
}

/// For how long refusals are kept, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalRetention {
    /// Older ones are forgotten.
    pub age: Duration,
    /// The oldest of more than these are forgotten.
    pub count: usize,
}

impl Default for RefusalRetention {
    /// A week, 100,000.
    fn default() -> Self {
        Self {
            age: Duration::from_hours(7 * 24),
            count: 100_000,
        }
    }
}

/// Refusals that are not on disk yet.
#[derive(Debug, Default)]
pub(crate) struct WaitingRefusals(Mutex<VecDeque<Waiting>>);

#[derive(Debug, Clone)]
struct Waiting {
    tracking_id: String,
    refused: Refused,
}

impl WaitingRefusals {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvisioningService {
    /// Keeps a refusal under the tracking id the device was told. Costs no more than memory here:
    /// refusing has to stay cheaper than admitting.
    pub fn keep_refusal(&self, tracking_id: &str, refused: &Refused) {
        let mut waiting = self.waiting_refusals().lock();
        if waiting.len() < MOST_WAITING && self.options().refusals.count > 0 {
            waiting.push_back(Waiting {
                tracking_id: tracking_id.to_owned(),
                refused: refused.clone(),
            });
        }
    }

    /// Writes what waits. The program calls it every second.
    ///
    /// # Errors
    /// [`StoreError`]; what could not be written is lost.
    pub async fn flush_refusals(&self) -> Result<(), StoreError> {
        loop {
            let batch: Vec<Waiting> = {
                let mut waiting = self.waiting_refusals().lock();
                let size = waiting.len().min(BATCH);
                waiting.drain(..size).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            self.store()
                .append(move |tx| {
                    for Waiting { tracking_id, refused } in &batch {
                        let stored = StoredRefusal {
                            tracking_id: tracking_id.clone(),
                            at: refused.at,
                            explanation: String::from_utf8_lossy(
                                &explain::refused(tracking_id, refused).to_json(),
                            )
                            .into_owned(),
                        };
                        tx.append_refusal(&refused.dps, &refused.registration_id, &stored)?;
                    }
                    Ok::<_, StoreError>(())
                })
                .await?;
        }
    }

    /// Forgets refusals that are too old or too many. The program calls it every minute: looking for
    /// them costs the one writer more than writing a few.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_refusals(&self) -> Result<(), StoreError> {
        let RefusalRetention { age, count } = self.options().refusals;
        let before = self.now().before(age);
        self.store()
            .append(move |tx| tx.prune_refusals(before, count).map(|_| ()))
            .await
    }
}
