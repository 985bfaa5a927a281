//! What this node did with renewals since it started.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use provost_model::HubName;
use provost_store::ReadTx;

use crate::HubError;
use crate::service::HubService;

/// Something that was done with a request for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RenewalStep {
    /// It was written down, and the device told 202.
    Accepted,
    /// The same request came again; the device was told 202 once more.
    Repeated,
    /// It was refused at once with this number (certificate-management.md 3.3).
    Refused(u32),
    /// It gave way to a later one of its device before it had an outcome.
    Replaced,
    /// A certificate was issued for it.
    Issued,
    /// It was accepted and came to nothing, with this number.
    Failed(u32),
    /// For the moment nothing can be issued; it is tried again.
    PutOff,
    /// The device was revoked or deleted, and it with it.
    Cancelled,
    /// The outcome was sent to the device.
    Delivered,
    /// The same, more than half a minute after it was asked for: the device or the issuer was away.
    DeliveredLate,
}

impl RenewalStep {
    /// A fixed word, for metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeated => "repeated",
            Self::Refused(_) => "refused",
            Self::Replaced => "replaced",
            Self::Issued => "issued",
            Self::Failed(_) => "failed",
            Self::PutOff => "putOff",
            Self::Cancelled => "cancelled",
            Self::Delivered => "delivered",
            Self::DeliveredLate => "deliveredLate",
        }
    }

    /// The number the device was told, if it was told one.
    pub fn code(self) -> Option<u32> {
        match self {
            Self::Refused(code) | Self::Failed(code) => Some(code),
            _ => None,
        }
    }
}

/// A renewal is rare beside anything else a device does, so one lock serves all hubs.
#[derive(Debug, Default)]
pub(crate) struct RenewalCounters(Mutex<HashMap<(HubName, RenewalStep), u64>>);

impl RenewalCounters {
    pub(super) fn add(&self, hub: &HubName, step: RenewalStep) {
        let mut counts = self.lock();
        let count = counts.entry((hub.clone(), step)).or_default();
        *count = count.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(HubName, RenewalStep), u64>> {
        // A count is changed in one step: nothing is half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HubService {
    /// How often each step was taken on this node since it started, for each hub that took any.
    pub fn renewal_counts(&self) -> Vec<(HubName, RenewalStep, u64)> {
        let counts = self.renewal_counters().lock();
        let of = |((hub, step), count): (&(HubName, RenewalStep), &u64)| (hub.clone(), *step, *count);
        counts.iter().map(of).collect()
    }

    /// How many requests of each hub wait for their outcome now, whichever node took them in.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn renewals_pending(&self) -> Result<Vec<(HubName, u64)>, HubError> {
        let pending = |tx: &ReadTx<'_>| tx.renewals_pending();
        Ok(self.store().read(pending).await?)
    }
}
