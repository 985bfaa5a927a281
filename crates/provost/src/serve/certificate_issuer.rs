//! Plugs the Device Registry into provisioning and hubs as the one who issues certificates.

use provost_model::Assignment;
use provost_model::registry::{CertificateRefusal, CertificateRequest, Completion, PreparedCertificate};
use provost_provisioning::{CertificateIssuer, PortFuture};
use provost_registry::RegistryService;
use provost_store::{StoreError, WriteTx};

/// Certificates of the policies of this program's namespaces.
pub(super) struct RegistryIssuer {
    registry: RegistryService,
}

impl RegistryIssuer {
    pub(super) fn new(registry: RegistryService) -> Self {
        Self { registry }
    }
}

impl CertificateIssuer for RegistryIssuer {
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> PortFuture<'a, Result<PreparedCertificate, CertificateRefusal>> {
        Box::pin(self.registry.prepare_certificate(request))
    }

    fn complete(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError> {
        self.registry.complete_certificate(tx, prepared, at)
    }
}

impl provost_hub::CertificateIssuer for RegistryIssuer {
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> provost_hub::IssuerFuture<'a, Result<PreparedCertificate, CertificateRefusal>> {
        Box::pin(self.registry.prepare_certificate(request))
    }

    fn complete(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError> {
        self.registry.complete_certificate(tx, prepared, at)
    }
}
