//! Plugs who issues certificates into provisioning.

use provost_model::Assignment;
use provost_model::registry::{CertificateRefusal, CertificateRequest, Completion, PreparedCertificate};
use provost_provisioning::{CertificateIssuer, PortFuture};
use provost_store::{StoreError, WriteTx};

/// As long as the Device Registry is not served, every request is refused.
pub(super) struct NotIssuing;

impl CertificateIssuer for NotIssuing {
    fn prepare<'a>(
        &'a self,
        _request: &'a CertificateRequest,
    ) -> PortFuture<'a, Result<PreparedCertificate, CertificateRefusal>> {
        let refusal = CertificateRefusal::NoPolicy("this server issues no certificates yet".to_owned());
        Box::pin(std::future::ready(Err(refusal)))
    }

    fn complete(
        &self,
        _tx: &WriteTx<'_>,
        _prepared: &PreparedCertificate,
        _at: &Assignment,
    ) -> Result<Completion, StoreError> {
        Ok(Completion::Moved)
    }
}
