//! Renewal of certificates by connected devices (certificate-management.md 3.3).
//!
//! A request is written down before the device is told 202; from then on it comes to an outcome whatever
//! happens to this process, and the outcome is kept for the device until it expires. One for each device:
//! the row is the truth, and whoever finds it pending may work on it, for what ends it looks whether it
//! still is. A revocation rotates the device's identifier, and what was asked for before does not count.

mod accept;
mod counts;
mod deliver;
mod failure;
pub(crate) mod finish;
mod port;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::counts::RenewalCounters;
pub use self::counts::RenewalStep;
pub use self::deliver::RenewalReply;
pub use self::port::{CertificateIssuer, IssuerFuture};
use crate::service::HubService;

/// How long a request and its outcome are kept (certificate-management.md 1.13).
const KEPT: Duration = Duration::from_hours(12);
/// An outcome that takes longer than this is told late.
const LATE: Duration = Duration::from_secs(30);

impl HubService {
    /// Who issues certificates; without one every request is refused. Set once, before the program listens.
    pub fn issue_certificates_by(&self, issuer: Arc<dyn CertificateIssuer>) {
        // The first one stays.
        let _ = self.issuer().set(issuer);
    }
}
