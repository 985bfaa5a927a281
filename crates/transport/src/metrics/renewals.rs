use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{HubLabel, HubNumbers, hub_label};

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct RenewalLabels {
    hub: String,
    step: &'static str,
    code: String,
}

/// Requests of connected devices for another certificate, as the hubs count them.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    steps: Family<RenewalLabels, Counter>,
    pending: Family<HubLabel, Gauge>,
}

impl Renewals {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "certificate_renewals",
            "Requests of connected devices for another certificate, by what was done with them",
            self.steps.clone(),
        );
        registry.register(
            "certificate_renewals_pending",
            "Those that wait for their outcome",
            self.pending.clone(),
        );
    }

    pub(super) fn show(&self, hubs: &[HubNumbers]) {
        for numbers in hubs {
            let pending = i64::try_from(numbers.renewals_pending).unwrap_or(i64::MAX);
            self.pending.get_or_create(&hub_label(&numbers.hub)).set(pending);
            for (step, count) in &numbers.renewals {
                let labels = RenewalLabels {
                    hub: numbers.hub.key().to_owned(),
                    step: step.word(),
                    code: step.code().map(|code| code.to_string()).unwrap_or_default(),
                };
                let counter = self.steps.get_or_create(&labels);
                counter.inner().store(*count, Ordering::Relaxed);
            }
        }
    }
}
