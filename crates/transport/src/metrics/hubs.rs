use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use provost_hub::{RenewalStep, TelemetryCounts};
use provost_model::{HubName, ReprovisionCounts};

/// What a hub counts itself.
#[derive(Debug)]
pub(crate) struct HubNumbers {
    pub(crate) hub: HubName,
    pub(crate) sessions: usize,
    pub(crate) telemetry: TelemetryCounts,
    /// Of the runs over its fleet that are under way.
    pub(crate) reprovisions: Vec<ReprovisionCounts>,
    /// What was done with requests for certificates on this node.
    pub(crate) renewals: Vec<(RenewalStep, u64)>,
    /// Those that wait for their outcome, on any node.
    pub(crate) renewals_pending: u64,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
pub(super) struct HubLabel {
    hub: String,
}

pub(super) fn hub_label(hub: &HubName) -> HubLabel {
    HubLabel {
        hub: hub.key().to_owned(),
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ReprovisionLabels {
    hub: String,
    state: &'static str,
}

/// What hubs count themselves: here it is only shown.
#[derive(Debug, Default)]
pub(super) struct Hubs {
    sessions: Family<HubLabel, Gauge>,
    messages: Family<HubLabel, Counter>,
    bytes: Family<HubLabel, Counter>,
    removed: Family<HubLabel, Counter>,
    reprovision_devices: Family<ReprovisionLabels, Gauge>,
}

impl Hubs {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Devices connected to a hub on this node";
        registry.register("hub_sessions", help, self.sessions.clone());
        let help = "Device-to-cloud messages stored";
        registry.register("telemetry_messages", help, self.messages.clone());
        let help = "Bytes of the device-to-cloud messages stored";
        registry.register("telemetry_bytes", help, self.bytes.clone());
        let help = "Device-to-cloud messages removed by retention";
        registry.register("telemetry_removed", help, self.removed.clone());
        let help = "Devices of runs over fleets that are under way, by their state";
        registry.register(
            "fleet_reprovision_devices",
            help,
            self.reprovision_devices.clone(),
        );
    }

    pub(super) fn show(&self, hubs: &[HubNumbers]) {
        for numbers in hubs {
            let label = hub_label(&numbers.hub);
            let connected = i64::try_from(numbers.sessions).unwrap_or(i64::MAX);
            self.sessions.get_or_create(&label).set(connected);
            let telemetry = &numbers.telemetry;
            for (family, count) in [
                (&self.messages, telemetry.messages),
                (&self.bytes, telemetry.bytes),
                (&self.removed, telemetry.removed),
            ] {
                let counter = family.get_or_create(&label);
                counter.inner().store(count, Ordering::Relaxed);
            }
            self.show_reprovisions(numbers);
        }
    }

    fn show_reprovisions(&self, numbers: &HubNumbers) {
        let sum = |count: fn(&ReprovisionCounts) -> u64| -> i64 {
            let sum = numbers.reprovisions.iter().map(count).sum::<u64>();
            i64::try_from(sum).unwrap_or(i64::MAX)
        };
        for (state, count) in [
            ("pending", sum(|counts| counts.pending)),
            ("called", sum(|counts| counts.called)),
            ("left", sum(|counts| counts.left)),
            ("returned", sum(|counts| counts.returned)),
            ("failed", sum(|counts| counts.failed)),
            ("notReturned", sum(|counts| counts.not_returned)),
            ("skipped", sum(|counts| counts.skipped)),
        ] {
            let hub = numbers.hub.key().to_owned();
            let labels = ReprovisionLabels { hub, state };
            self.reprovision_devices.get_or_create(&labels).set(count);
        }
    }
}
