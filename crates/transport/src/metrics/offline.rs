use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use provost_model::Timestamp;
use provost_registry::OfflineNumbers;

use super::Metrics;

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct RootLabels {
    namespace: String,
    ca: String,
}

/// What waits for roots that are kept offline.
#[derive(Debug, Default)]
pub(super) struct OfflineRoots {
    next_update: Family<RootLabels, Gauge>,
    untold: Family<RootLabels, Gauge>,
    waiting: Family<RootLabels, Gauge>,
}

impl OfflineRoots {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "When the CRLs of roots kept offline want to be followed by others, in Unix time";
        registry.register(
            "offline_root_crl_next_update_seconds",
            help,
            self.next_update.clone(),
        );
        let help = "Revoked issuing CAs that the CRLs of roots kept offline do not list";
        registry.register("offline_root_crl_missing", help, self.untold.clone());
        let help = "Signing requests that wait for roots kept offline";
        registry.register("offline_root_requests", help, self.waiting.clone());
    }
}

impl Metrics {
    /// Shows how it stands with roots that are kept offline, and forgets those that are gone.
    pub(crate) fn show_offline_roots(&self, roots: &[OfflineNumbers]) {
        let shown = &self.offline_roots;
        for family in [&shown.next_update, &shown.untold, &shown.waiting] {
            family.clear();
        }
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        for numbers in roots {
            let labels = RootLabels {
                namespace: numbers.namespace.key().to_owned(),
                ca: numbers.root.id.to_string(),
            };
            // One without a CRL is as overdue as can be.
            let next = numbers.next_update.map_or(0, Timestamp::unix_seconds);
            shown.next_update.get_or_create(&labels).set(next);
            shown.untold.get_or_create(&labels).set(count(numbers.untold));
            shown.waiting.get_or_create(&labels).set(count(numbers.waiting));
        }
    }
}
