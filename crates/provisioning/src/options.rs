use std::time::Duration;

use provost_model::GeoOrder;

use crate::{Quotas, RefusalRetention};

/// Switches of the service; the defaults are what the real service does, as far as it is known.
#[derive(Debug, Clone)]
pub struct ProvisioningOptions {
    /// A group's signing certificate is an anchor by itself unless this is set; then the path has to
    /// go on to a verified CA certificate of the instance (dps-service-api.md 6.4).
    pub signing_certificates_need_verified_ca: bool,
    /// A PUT without `If-Match` replaces a different record instead of failing
    /// (dps-service-api.md 2.3).
    pub allow_blind_overwrite: bool,
    /// A CA certificate uploaded as verified stays unverified until its possession is proven
    /// (dps-service-api.md 4.4).
    pub require_proof_of_possession: bool,
    /// How long a decision may be acted upon without making it again. What it rests on is checked in
    /// the transaction all the same: the device's own enrollment or its absence, every group and CA
    /// certificate of the instance, the disabled entries that hold a certificate of the device.
    pub decision_ttl: Duration,
    /// What is kept of refusals; a count of 0 keeps none.
    pub refusals: RefusalRetention,
    /// How much there may be of everything.
    pub quotas: Quotas,
    /// Which hubs are near, for the allocation policy `geoLatency`.
    pub geo: GeoOrder,
    /// Work outside the program.
    pub outbound: OutboundOptions,
}

/// How patient work outside the program is.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// Most tries of a webhook in one run.
    pub webhook_attempts: u32,
    /// How long a run goes on trying a hub elsewhere that does not answer.
    pub hub_patience: Duration,
    /// How long a worker holds a piece of work; longer than any one step takes.
    pub lease: Duration,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self {
            webhook_attempts: 3,
            hub_patience: Duration::from_mins(5),
            lease: Duration::from_mins(1),
        }
    }
}

impl Default for ProvisioningOptions {
    fn default() -> Self {
        Self {
            // DEVIATION: the real service is documented to want a verified CA above a signing
            // certificate; an operator who puts a certificate into a group has said that he trusts
            // it, and without this a group could not work with one certificate alone.
            signing_certificates_need_verified_ca: false,
            allow_blind_overwrite: false,
            require_proof_of_possession: false,
            decision_ttl: Duration::from_secs(1),
            refusals: RefusalRetention::default(),
            quotas: Quotas::default(),
            geo: GeoOrder::default(),
            outbound: OutboundOptions::default(),
        }
    }
}
