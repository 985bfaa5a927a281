//! Counters for operators, in the text form Prometheus reads. Names are Azure's in Prometheus
//! spelling; labels take few values and never name a device. docs/METRICS.md lists all of them.

mod authorities;
mod hubs;
mod keys;
mod offline;
mod renewals;
#[cfg(test)]
mod tests;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use provost_model::RegistrationState;
use provost_model::registry::Ca;

use self::authorities::Authorities;
pub(crate) use self::hubs::HubNumbers;
use self::hubs::{HubLabel, Hubs, hub_label};
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
    connections: Family<ListenerLabel, Gauge>,
    ocsp_answers: Family<OcspLabel, Counter>,
    hubs: Hubs,
    authorities: Authorities,
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
            connections: Family::default(),
            ocsp_answers: Family::default(),
            hubs: Hubs::default(),
            authorities: Authorities::default(),
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
            "connections",
            "Open connections of a listener",
            self.connections.clone(),
        );
        let help = "Answers of the OCSP responder, by what they say";
        registry.register("ocsp_answers", help, self.ocsp_answers.clone());
        self.hubs.register(registry);
        self.authorities.register(registry);
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
        self.hubs.show(hubs);
        self.renewals.show(hubs);
        self.authorities.show(authorities);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
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
