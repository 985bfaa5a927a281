//! Counters for operators, in the text form Prometheus reads. Names are Azure's in Prometheus
//! spelling; labels take few values and never name a device. docs/METRICS.md lists all of them.

mod keys;
mod offline;
mod renewals;

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use provost_hub::{RenewalStep, TelemetryCounts};
use provost_model::registry::Ca;
use provost_model::{HubName, RegistrationState, ReprovisionCounts};

use self::keys::CaKeyUse;
use self::offline::OfflineRoots;
use self::renewals::Renewals;

/// The media type of [`Metrics::render`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct AttemptLabels {
    protocol: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct AttestationLabels {
    kind: &'static str,
    result: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct OperationLabels {
    service: &'static str,
    operation: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct HubLabel {
    hub: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ReprovisionLabels {
    hub: String,
    state: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct CaLabels {
    namespace: String,
    policy: String,
    ca: String,
    role: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct OcspLabel {
    status: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ListenerLabel {
    listener: &'static str,
}

/// What was done since the program started.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    registration_attempts: Family<AttemptLabels, Counter>,
    attestation_attempts: Family<AttestationLabels, Counter>,
    device_assignments: Family<HubLabel, Counter>,
    polls: Family<AttemptLabels, Counter>,
    service_operations: Family<OperationLabels, Counter>,
    hub_sessions: Family<HubLabel, Gauge>,
    telemetry_messages: Family<HubLabel, Counter>,
    telemetry_bytes: Family<HubLabel, Counter>,
    telemetry_removed: Family<HubLabel, Counter>,
    connections: Family<ListenerLabel, Gauge>,
    reprovision_devices: Family<ReprovisionLabels, Gauge>,
    ca_not_after: Family<CaLabels, Gauge>,
    ocsp_answers: Family<OcspLabel, Counter>,
    renewals: Renewals,
    offline_roots: OfflineRoots,
    ca_key_use: CaKeyUse,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("provost"),
            registration_attempts: Family::default(),
            attestation_attempts: Family::default(),
            device_assignments: Family::default(),
            polls: Family::default(),
            service_operations: Family::default(),
            hub_sessions: Family::default(),
            telemetry_messages: Family::default(),
            telemetry_bytes: Family::default(),
            telemetry_removed: Family::default(),
            connections: Family::default(),
            reprovision_devices: Family::default(),
            ca_not_after: Family::default(),
            ocsp_answers: Family::default(),
            renewals: Renewals::default(),
            offline_roots: OfflineRoots::default(),
            ca_key_use: CaKeyUse::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "registration_attempts",
            "Register requests of devices, by how they ended",
            self.registration_attempts.clone(),
        );
        registry.register(
            "attestation_attempts",
            "Proofs of devices that were judged",
            self.attestation_attempts.clone(),
        );
        registry.register(
            "device_assignments",
            "Registrations that ended with a hub",
            self.device_assignments.clone(),
        );
        registry.register(
            "registration_polls",
            "Polls and status lookups of devices, by how they ended",
            self.polls.clone(),
        );
        registry.register(
            "service_operations",
            "Requests of operators and back ends, by class of status",
            self.service_operations.clone(),
        );
        registry.register(
            "hub_sessions",
            "Devices connected to a hub on this node",
            self.hub_sessions.clone(),
        );
        registry.register(
            "telemetry_messages",
            "Device-to-cloud messages stored",
            self.telemetry_messages.clone(),
        );
        registry.register(
            "telemetry_bytes",
            "Bytes of the device-to-cloud messages stored",
            self.telemetry_bytes.clone(),
        );
        registry.register(
            "telemetry_removed",
            "Device-to-cloud messages removed by retention",
            self.telemetry_removed.clone(),
        );
        registry.register(
            "connections",
            "Open connections of a listener",
            self.connections.clone(),
        );
        self.register_background();
    }

    /// What work in the background counts.
    fn register_background(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "fleet_reprovision_devices",
            "Devices of runs over fleets that are under way, by their state",
            self.reprovision_devices.clone(),
        );
        let help = "When CAs that sign or are trusted end, in Unix time";
        registry.register("ca_not_after_seconds", help, self.ca_not_after.clone());
        let help = "Answers of the OCSP responder, by what they say";
        registry.register("ocsp_answers", help, self.ocsp_answers.clone());
        self.renewals.register(registry);
        self.offline_roots.register(registry);
        self.ca_key_use.register(registry);
    }

    /// Counts a register request.
    pub(crate) fn registration(&self, protocol: &'static str, outcome: &'static str, reason: &'static str) {
        let labels = AttemptLabels {
            protocol,
            outcome,
            reason,
        };
        self.registration_attempts.get_or_create(&labels).inc();
    }

    /// Counts where a registration ended.
    pub(crate) fn run(&self, protocol: &'static str, state: &RegistrationState) {
        let outcome = match state {
            RegistrationState::Assigned { hub, .. } => {
                self.device_assignments.get_or_create(&hub_label(hub)).inc();
                "assigned"
            }
            RegistrationState::Failed(_) => "failed",
            RegistrationState::Disabled => "disabled",
            // Waits for a webhook or a hub elsewhere; where it ends is not counted here.
            RegistrationState::Assigning => "assigning",
        };
        self.registration(protocol, outcome, "");
    }

    /// Counts a poll or a status lookup.
    pub(crate) fn poll(&self, protocol: &'static str, outcome: &'static str, reason: &'static str) {
        let labels = AttemptLabels {
            protocol,
            outcome,
            reason,
        };
        self.polls.get_or_create(&labels).inc();
    }

    /// Counts a proof that was judged.
    pub(crate) fn attestation(&self, kind: &'static str, result: &'static str, reason: &'static str) {
        let labels = AttestationLabels { kind, result, reason };
        self.attestation_attempts.get_or_create(&labels).inc();
    }

    /// Counts a request of an operator or a back end.
    pub(crate) fn operation(&self, service: &'static str, operation: &'static str, status: u16) {
        let status = match status {
            0..300 => "2xx",
            300..400 => "3xx",
            429 => "429",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.service_operations
            .get_or_create(&OperationLabels {
                service,
                operation,
                status,
            })
            .inc();
    }

    /// Counts an answer of the OCSP responder.
    pub(crate) fn ocsp_answer(&self, status: &'static str) {
        self.ocsp_answers.get_or_create(&OcspLabel { status }).inc();
    }

    /// Counts a connection of a listener for as long as the value lives.
    pub fn connection(&self, listener: &'static str) -> OpenConnection {
        let open = self.connections.get_or_create_owned(&ListenerLabel { listener });
        open.inc();
        OpenConnection(open)
    }

    /// All of them as text, with what the hubs count themselves.
    pub(crate) fn render(&self, hubs: &[HubNumbers], authorities: &[Ca]) -> String {
        for numbers in hubs {
            let label = hub_label(&numbers.hub);
            let connected = i64::try_from(numbers.sessions).unwrap_or(i64::MAX);
            self.hub_sessions.get_or_create(&label).set(connected);
            let telemetry = &numbers.telemetry;
            for (family, count) in [
                (&self.telemetry_messages, telemetry.messages),
                (&self.telemetry_bytes, telemetry.bytes),
                (&self.telemetry_removed, telemetry.removed),
            ] {
                // Counted by the hub; only shown here.
                family
                    .get_or_create(&label)
                    .inner()
                    .store(count, Ordering::Relaxed);
            }
        }
        self.show_reprovisions(hubs);
        self.renewals.show(hubs);
        self.show_authorities(authorities);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Metrics {
    /// Those that are gone must not stay on the alarm of whoever watches.
    fn show_authorities(&self, authorities: &[Ca]) {
        self.ca_not_after.clear();
        for ca in authorities {
            let labels = CaLabels {
                namespace: ca.namespace.key().to_owned(),
                policy: ca.policy.as_ref().map_or("", |policy| policy.key()).to_owned(),
                ca: ca.id.to_string(),
                role: ca.role.as_str(),
            };
            if let Some(end) = ca.not_after {
                self.ca_not_after.get_or_create(&labels).set(end.unix_seconds());
            }
        }
    }

    fn show_reprovisions(&self, hubs: &[HubNumbers]) {
        for numbers in hubs {
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
}

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

fn hub_label(hub: &HubName) -> HubLabel {
    HubLabel {
        hub: hub.key().to_owned(),
    }
}

/// An open connection, counted until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_names_types_labels_and_an_end() {
        let metrics = Metrics::default();
        metrics.registration("mqtt", "refused", "expired");
        metrics.attestation("x509", "refused", "expired");
        metrics.operation("dps", "enrollments", 204);
        metrics.operation("dps", "enrollments", 429);
        let open = metrics.connection("https");
        let hub = HubName::parse("Hub1").unwrap();
        metrics.run("http", &assigned(&hub));
        let telemetry = TelemetryCounts {
            messages: 7,
            bytes: 900,
            removed: 2,
        };
        let text = metrics.render(
            &[HubNumbers {
                hub,
                sessions: 3,
                telemetry,
                reprovisions: vec![ReprovisionCounts {
                    left: 4,
                    ..ReprovisionCounts::default()
                }],
                renewals: vec![(RenewalStep::Issued, 5), (RenewalStep::Refused(409_005), 1)],
                renewals_pending: 2,
            }],
            &[],
        );
        for line in [
            "# TYPE provost_registration_attempts counter",
            "provost_registration_attempts_total{protocol=\"mqtt\",outcome=\"refused\",reason=\"expired\"} 1",
            "provost_registration_attempts_total{protocol=\"http\",outcome=\"assigned\",reason=\"\"} 1",
            "provost_attestation_attempts_total{kind=\"x509\",result=\"refused\",reason=\"expired\"} 1",
            "provost_device_assignments_total{hub=\"hub1\"} 1",
            "provost_service_operations_total{service=\"dps\",operation=\"enrollments\",status=\"2xx\"} 1",
            "provost_service_operations_total{service=\"dps\",operation=\"enrollments\",status=\"429\"} 1",
            "provost_hub_sessions{hub=\"hub1\"} 3",
            "provost_telemetry_messages_total{hub=\"hub1\"} 7",
            "provost_telemetry_bytes_total{hub=\"hub1\"} 900",
            "provost_telemetry_removed_total{hub=\"hub1\"} 2",
            "provost_connections{listener=\"https\"} 1",
            "provost_fleet_reprovision_devices{hub=\"hub1\",state=\"left\"} 4",
            "provost_certificate_renewals_total{hub=\"hub1\",step=\"issued\",code=\"\"} 5",
            "provost_certificate_renewals_total{hub=\"hub1\",step=\"refused\",code=\"409005\"} 1",
            "provost_certificate_renewals_pending{hub=\"hub1\"} 2",
        ] {
            assert!(
                text.lines().any(|present| present == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        drop(open);
        let text = metrics.render(&[], &[]);
        assert!(
            text.contains("provost_connections{listener=\"https\"} 0\n"),
            "{text}"
        );
    }

    fn assigned(hub: &HubName) -> RegistrationState {
        RegistrationState::Assigned {
            hub: hub.clone(),
            device_id: provost_model::DeviceId::parse("press-1").unwrap(),
            substatus: provost_model::Substatus::InitialAssignment,
        }
    }
}
