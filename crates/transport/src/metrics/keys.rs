use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use provost_ca::SignatureCounts;
use provost_model::registry::{Ca, KeyRef};

use super::Metrics;

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct KeyLabels {
    ca: String,
    key: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct SignatureLabels {
    ca: String,
    key: String,
    outcome: &'static str,
}

/// How the keys of CAs are used.
#[derive(Debug, Default)]
pub(super) struct CaKeyUse {
    signatures: Family<SignatureLabels, Counter>,
    seconds: Family<KeyLabels, Counter<f64, AtomicU64>>,
    usable: Gauge,
}

impl CaKeyUse {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Signatures asked of keys of CAs since the start of the program, by how that ended";
        registry.register("ca_signatures", help, self.signatures.clone());
        let help = "Time those took, waiting for the key's place included";
        registry.register_with_unit("ca_signature", help, Unit::Seconds, self.seconds.clone());
        let help = "Whether the keys of CAs can be used";
        registry.register("ca_keys_usable", help, self.usable.clone());
    }
}

impl Metrics {
    /// Shows how the keys of CAs are used; of a CA that is gone the key alone is known.
    pub(crate) fn show_key_use(
        &self,
        signatures: &[(KeyRef, SignatureCounts)],
        authorities: &[Ca],
        are_usable: bool,
    ) {
        let shown = &self.ca_key_use;
        shown.usable.set(are_usable.into());
        shown.signatures.clear();
        shown.seconds.clear();
        for (key, counts) in signatures {
            let ca = authorities.iter().find(|ca| ca.key == *key);
            let ca = ca.map_or_else(String::new, |ca| ca.id.to_string());
            for (outcome, count) in [("signed", counts.signed), ("failed", counts.failed)] {
                let labels = SignatureLabels {
                    ca: ca.clone(),
                    key: key.0.clone(),
                    outcome,
                };
                shown.signatures.get_or_create(&labels).inc_by(count);
            }
            let labels = KeyLabels {
                ca,
                key: key.0.clone(),
            };
            shown
                .seconds
                .get_or_create(&labels)
                .inc_by(counts.took.as_secs_f64());
        }
    }
}
