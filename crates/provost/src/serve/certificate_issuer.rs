//! Plugs the Device Registry into provisioning and hubs as the one who issues certificates.

use std::sync::{Arc, Weak};

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

/// The same for hubs. They do not own it: the registry has hubs of its own, and each would keep the other and
/// the store for ever.
pub(super) struct IssuerOfHubs(Weak<RegistryIssuer>);

impl IssuerOfHubs {
    pub(super) fn new(issuer: &Arc<RegistryIssuer>) -> Self {
        Self(Arc::downgrade(issuer))
    }
}

impl provost_hub::CertificateIssuer for IssuerOfHubs {
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> provost_hub::IssuerFuture<'a, Result<PreparedCertificate, CertificateRefusal>> {
        Box::pin(async move {
            // Gone with the server, which is ending.
            let issuer = self.0.upgrade().ok_or(CertificateRefusal::Unavailable)?;
            issuer.registry.prepare_certificate(request).await
        })
    }

    fn complete(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError> {
        let issuer = self.0.upgrade().ok_or(StoreError::Stopped)?;
        issuer.registry.complete_certificate(tx, prepared, at)
    }
}
