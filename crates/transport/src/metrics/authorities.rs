use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use provost_model::registry::Ca;

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct CaLabels {
    namespace: String,
    policy: String,
    ca: String,
    role: &'static str,
}

/// How long CAs that sign or are trusted last.
#[derive(Debug, Default)]
pub(super) struct Authorities {
    not_after: Family<CaLabels, Gauge>,
}

impl Authorities {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "When CAs that sign or are trusted end, in Unix time";
        registry.register("ca_not_after_seconds", help, self.not_after.clone());
    }

    /// Those that are gone must not stay on the alarm of whoever watches.
    pub(super) fn show(&self, authorities: &[Ca]) {
        self.not_after.clear();
        for ca in authorities {
            let labels = CaLabels {
                namespace: ca.namespace.key().to_owned(),
                policy: ca.policy.as_ref().map_or("", |policy| policy.key()).to_owned(),
                ca: ca.id.to_string(),
                role: ca.role.as_str(),
            };
            if let Some(end) = ca.not_after {
                self.not_after.get_or_create(&labels).set(end.unix_seconds());
            }
        }
    }
}
