use std::ops::RangeInclusive;
use std::time::Duration;

use provost_ca::PublicAddresses;
use provost_pki::activation::ActivationRules;
use provost_pki::{CsrRules, IdentifierStyle};

const DAY: Duration = Duration::from_hours(24);

/// What revoking the issuer of a policy under a customer's root does (certificate-management.md U-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByorRevoke {
    /// It is refused: the CRL that would tell of it is the customer's.
    #[default]
    Refuse,
    /// The issuing CA leaves the hubs, and a new signing request waits for the customer.
    Rotate,
}

/// Switches of the Device Registry; the defaults are those of certificate-management.md 8.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// How many days leaves of a policy may be valid.
    pub validity_days: RangeInclusive<u32>,
    /// How long a day of a leaf's validity lasts: less than a day for trials, where a fleet lives through
    /// many lifetimes in a minute.
    pub leaf_day: Duration,
    /// Most policies of one credential.
    pub policies_per_credential: usize,
    /// What revoking an external issuer does.
    pub byor_revoke: ByorRevoke,
    /// How long before its end an external issuing CA gets a new signing request.
    pub byor_renewal_window: Duration,
    /// Policies under a root that is kept offline ask for a spare issuing CA, too, signed in advance: it takes the
    /// place of one that is revoked, at once.
    pub offline_spares: bool,
    /// How long a root is valid.
    pub root_validity: Duration,
    /// How long an issuing CA of ours is valid; it is renewed at a third left.
    pub issuing_validity: Duration,
    /// How long before now what is signed begins to be valid, for clocks that are slow.
    pub backdate: Duration,
    /// How long certificates that expired are kept; for ever when `None`.
    pub keep_expired: Option<Duration>,
    /// Leaves that are signed at a time: as many as there are processors, or as a token takes.
    pub signing_threads: usize,
    /// Into how many parts the CRLs of new issuing CAs are cut.
    pub shards: u32,
    /// Which keys devices may bring.
    pub csr: CsrRules,
    /// How leaves carry the identifier of their device.
    pub identifier: IdentifierStyle,
    /// What is asked of the certificate of an external issuing CA.
    pub activation: ActivationRules,
    /// What certificates say about where to find CRLs and CAs.
    pub publication: PublicAddresses,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            validity_days: 7..=90,
            leaf_day: DAY,
            policies_per_credential: 1,
            byor_revoke: ByorRevoke::default(),
            byor_renewal_window: 60 * DAY,
            offline_spares: true,
            root_validity: 3650 * DAY,
            issuing_validity: 365 * DAY,
            backdate: Duration::from_mins(1),
            keep_expired: Some(365 * DAY),
            signing_threads: std::thread::available_parallelism().map_or(1, usize::from),
            shards: 1,
            csr: CsrRules::default(),
            identifier: IdentifierStyle::default(),
            activation: ActivationRules::default(),
            publication: PublicAddresses::default(),
        }
    }
}
