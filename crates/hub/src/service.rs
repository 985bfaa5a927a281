use std::fmt;
use std::sync::{Arc, OnceLock};

use provost_model::{
    Assignment, Clock, DeviceId, HostName, Hub, HubName, IdentityId, MAX_PARTITIONS, QueueLimits, Random,
    Retention, Timestamp,
};
use provost_pki::SignatureMemo;
use provost_store::Store;
use tokio::sync::Semaphore;

use crate::activity::Activity;
use crate::device_locks::DeviceLocks;
use crate::jobs::{JobOptions, JobSignals};
use crate::renewal::RenewalCounters;
use crate::session::{Link, SessionTable};
use crate::telemetry::Intakes;
use crate::{CertificateIssuer, HubError};

/// What a hub service works with.
pub struct HubOptions {
    /// The truth.
    pub store: Store,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where keys and tags come from.
    pub random: Arc<dyn Random>,
    /// How much telemetry each hub keeps.
    pub retention: Retention,
    /// How the queues of cloud-to-device messages work.
    pub messages: QueueLimits,
    /// Partitions of a hub that has none yet; 1 to [`provost_model::MAX_PARTITIONS`].
    pub telemetry_partitions: u16,
    /// How jobs are run.
    pub jobs: JobOptions,
    /// Strict mode: a certificate that stands on the CRL of its CA is refused too. Off, the
    /// identifier in it decides alone.
    pub refuse_revoked_serials: bool,
    /// Renewal errors bear the numbers the real service was seen to send (409004, 400037) instead of those of
    /// the SDKs' tables (409005, 400040).
    pub measured_renewal_codes: bool,
}

/// Every hub of the program. Cheap to clone.
#[derive(Clone)]
pub struct HubService {
    inner: Arc<Inner>,
}

struct Inner {
    options: HubOptions,
    sessions: Arc<SessionTable>,
    activity: Activity,
    telemetry: Intakes,
    twin_locks: DeviceLocks,
    signatures: SignatureMemo,
    jobs: JobSignals,
    fleet: JobSignals,
    issuer: OnceLock<Arc<dyn CertificateIssuer>>,
    renewal_turns: Semaphore,
    renewal_counters: RenewalCounters,
}

impl HubService {
    /// A service over a store. Starts nothing: [`Self::follow_changes`], [`Self::keep_activity`],
    /// [`Self::keep_messages`], [`Self::trim_telemetry`], [`Self::run_jobs`], [`Self::forget_jobs`],
    /// [`Self::keep_renewals`] and [`Self::run_reprovisions`] are for the program to spawn.
    pub fn new(options: HubOptions) -> Self {
        let inner = Inner {
            options,
            sessions: Arc::new(SessionTable::new()),
            activity: Activity::default(),
            telemetry: Intakes::default(),
            twin_locks: DeviceLocks::new(),
            signatures: SignatureMemo::new(SignatureMemo::DEFAULT_CAPACITY),
            jobs: JobSignals::default(),
            fleet: JobSignals::default(),
            issuer: OnceLock::new(),
            renewal_turns: Semaphore::new(crate::renewal::finish::AT_A_TIME),
            renewal_counters: RenewalCounters::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The hub reached under a host name, with or without a port.
    ///
    /// # Errors
    /// [`HubError::HubNotFound`], [`HubError::Store`].
    pub async fn hub_by_host(&self, host: &str) -> Result<Hub, HubError> {
        let host = HostName::parse(without_port(host)).map_err(|_| HubError::HubNotFound)?;
        let hub = self.store().read(move |tx| tx.hub_by_host(&host)).await?;
        hub.filter(|hub| !hub.is_remote).ok_or(HubError::HubNotFound)
    }

    /// Whether a device or module is connected to this node.
    pub fn is_connected(&self, hub: &HubName, id: &IdentityId) -> bool {
        self.sessions().live(hub, id).is_some()
    }

    /// How many devices of a hub are connected to this node.
    pub fn connected_devices(&self, hub: &HubName) -> usize {
        self.sessions().connected(hub)
    }

    /// The devices of a hub connected to this node, in any order.
    pub(crate) fn connected_ids(&self, hub: &HubName) -> Vec<DeviceId> {
        let live = self.sessions().look_up_live();
        let of_hub = |link: &&Arc<Link>| link.hub == *hub && link.id.is_device();
        live.iter()
            .filter(of_hub)
            .map(|link| link.device_id().clone())
            .collect()
    }

    /// Every device connected to this node, itself or by a module, of every hub.
    pub fn live_devices(&self) -> Vec<Assignment> {
        let live = self.sessions().look_up_live();
        let place = |link: &Arc<Link>| Assignment {
            hub: link.hub.clone(),
            device_id: link.device_id().clone(),
        };
        live.iter().map(place).collect()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.options.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.options.clock.now()
    }

    pub(crate) fn random(&self) -> &Arc<dyn Random> {
        &self.inner.options.random
    }

    /// Who has one works on a renewal.
    pub(crate) fn renewal_turns(&self) -> &Semaphore {
        &self.inner.renewal_turns
    }

    pub(crate) fn renewal_counters(&self) -> &RenewalCounters {
        &self.inner.renewal_counters
    }

    pub(crate) fn retention(&self) -> Retention {
        self.inner.options.retention
    }

    pub(crate) fn queue_limits(&self) -> QueueLimits {
        self.inner.options.messages
    }

    pub(crate) fn telemetry_partitions(&self) -> u16 {
        self.inner.options.telemetry_partitions.clamp(1, MAX_PARTITIONS)
    }

    pub(crate) fn sessions(&self) -> &Arc<SessionTable> {
        &self.inner.sessions
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.inner.activity
    }

    pub(crate) fn telemetry(&self) -> &Intakes {
        &self.inner.telemetry
    }

    pub(crate) fn twin_locks(&self) -> &DeviceLocks {
        &self.inner.twin_locks
    }

    pub(crate) fn job_options(&self) -> &JobOptions {
        &self.inner.options.jobs
    }

    pub(crate) fn job_signals(&self) -> &JobSignals {
        &self.inner.jobs
    }

    pub(crate) fn refuses_revoked_serials(&self) -> bool {
        self.inner.options.refuse_revoked_serials
    }

    pub(crate) fn measured_renewal_codes(&self) -> bool {
        self.inner.options.measured_renewal_codes
    }

    pub(crate) fn issuer(&self) -> &OnceLock<Arc<dyn CertificateIssuer>> {
        &self.inner.issuer
    }

    pub(crate) fn fleet_signals(&self) -> &JobSignals {
        &self.inner.fleet
    }

    pub(crate) fn signatures(&self) -> &SignatureMemo {
        &self.inner.signatures
    }
}

impl fmt::Debug for HubService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubService")
    }
}

/// A host without the port some clients leave on it; an IPv6 address keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_removed_and_addresses_kept() {
        for (host, expected) in [
            ("hub.example", "hub.example"),
            ("hub.example:8883", "hub.example"),
            ("[::1]:8883", "[::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), expected);
        }
    }
}
