//! Certificates that devices ask for when they register (certificate-management.md 3.1).

use provost_model::registry::{
    CertificateRefusal, CertificateRequest, NamespaceLink, PreparedCertificate, RequestedBy,
};
use provost_model::{
    CredentialPolicyName, DeviceId, HubName, NamespaceName, RegistrationFailure, RegistryDeviceName,
};
use provost_store::ReadTx;
use provost_wire::dps::device::RegisterRequest;

use crate::plan::{Known, Need, NotAssigned, Plan};
use crate::{ProvisioningError, ProvisioningService, RegistrationCaller};

/// Whether a run comes with a signing request, and how far that came.
#[derive(Debug, Clone, Default)]
pub(crate) enum Issuing {
    /// The device asks for no certificate.
    #[default]
    NotAsked,
    /// It does, and there is none yet.
    Asked,
    /// It is signed, and becomes one with the outcome of the run.
    Prepared(Box<PreparedCertificate>),
}

impl Issuing {
    /// As a run begins.
    pub(crate) fn of(csr: Option<&String>) -> Self {
        match csr {
            Some(_) => Self::Asked,
            None => Self::NotAsked,
        }
    }

    /// Whether the device asks for one.
    pub(crate) fn is_asked(&self) -> bool {
        !matches!(self, Self::NotAsked)
    }

    /// The certificate, when there is one.
    pub(crate) fn prepared(&self) -> Option<&PreparedCertificate> {
        match self {
            Self::Prepared(prepared) => Some(prepared),
            Self::NotAsked | Self::Asked => None,
        }
    }

    /// Whether a certificate by this policy for this device of a hub still has to be prepared.
    pub(crate) fn is_needed_by(&self, policy: Option<&CredentialPolicyName>, device_id: &DeviceId) -> bool {
        let is_it = |prepared: &PreparedCertificate| {
            Some(&prepared.policy) == policy && prepared.device_id == *device_id
        };
        self.is_asked() && !self.prepared().is_some_and(is_it)
    }

    /// What was prepared no longer holds: it is asked for again.
    pub(crate) fn begin_again(&mut self) {
        if self.is_asked() {
            *self = Self::Asked;
        }
    }
}

impl ProvisioningService {
    /// What a run knows as it begins: the certificate, when it asks for one and needs nothing else first.
    ///
    /// # Errors
    /// [`ProvisioningError::NoCertificate`] when the signing request is refused, or for now nothing can be
    /// issued. What is wrong with policy or device is an outcome of the run.
    pub(crate) async fn begin_issuing(
        &self,
        caller: &RegistrationCaller,
        request: &RegisterRequest,
    ) -> Result<Known, ProvisioningError> {
        let mut known = Known {
            issuing: Issuing::of(request.csr.as_ref()),
            ..Known::default()
        };
        let Some(csr) = &request.csr else {
            return Ok(known);
        };
        if caller.is_disabled() {
            return Ok(known);
        }
        let Some(device_id) = self.needs_certificate_next(caller, &known).await? else {
            return Ok(known);
        };
        match self.prepare(caller, device_id, csr).await {
            Ok(issuing) => known.issuing = issuing,
            Err(refusal) => known.failure = Some(failure(refusal)?),
        }
        Ok(known)
    }

    /// The device of a hub, when the run ends once that has a certificate: one that has to wait for others first
    /// must not have a certificate signed for each try.
    async fn needs_certificate_next(
        &self,
        caller: &RegistrationCaller,
        known: &Known,
    ) -> Result<Option<DeviceId>, ProvisioningError> {
        let (service, caller, known) = (self.clone(), caller.clone(), known.clone());
        let read = move |tx: &ReadTx<'_>| {
            let before = tx.registration(&caller.instance().name, caller.registration_id())?;
            match service.plan(tx, &caller, before.as_ref(), &known) {
                Ok(Plan::Need(need)) => Ok(match *need {
                    Need::Certificate(device_id) => Some(device_id),
                    Need::Answer { .. } | Need::Twin(_) | Need::Identity(..) => None,
                }),
                Ok(Plan::Write(_)) | Err(NotAssigned::Failed(_)) => Ok(None),
                Err(NotAssigned::Error(error)) => Err(error),
            }
        };
        self.store().read(read).await
    }

    /// Has a certificate signed by the policy of the device's entry.
    pub(crate) async fn prepare(
        &self,
        caller: &RegistrationCaller,
        device_id: DeviceId,
        csr: &str,
    ) -> Result<Issuing, CertificateRefusal> {
        let (entry, id) = (&caller.found().entry, caller.registration_id());
        let Some(policy) = entry.settings().credential_policy.clone() else {
            return Err(no_policy());
        };
        let request = CertificateRequest {
            device: RegistryDeviceName::from(id),
            device_id,
            by: RequestedBy::Registration {
                dps: caller.instance().name.clone(),
                policy,
            },
            csr: csr.to_owned(),
        };
        let prepared = self.certificates().prepare(&request).await?;
        Ok(Issuing::Prepared(Box::new(prepared)))
    }
}

/// Whether a device that goes to this hub may be issued a certificate at all, as far as it can be told before
/// anything is signed: the hub is linked to the namespace of the instance. An instance without a namespace is
/// refused by who issues.
pub(crate) fn check_certifiable(
    tx: &ReadTx<'_>,
    namespace: Option<&NamespaceName>,
    hub: &HubName,
) -> Result<(), NotAssigned> {
    let linked = tx.linked_namespace(&NamespaceLink::Hub(hub.clone()))?;
    if namespace.is_none() || linked.as_ref() == namespace {
        return Ok(());
    }
    let reason = format!("the hub {hub} is not linked to the namespace");
    let refusal = CertificateRefusal::NoPolicy(reason);
    Err(NotAssigned::Failed(final_failure(&refusal)))
}

/// Whether a run that ended like this was refused a certificate: the device is not better off for it, and
/// comes again.
pub(crate) fn is_refusal(failure: &RegistrationFailure) -> bool {
    (400_210..=400_214).contains(&failure.code)
}

/// The refusal of a request by a device whose entry names no policy (U-7).
pub(crate) fn no_policy() -> CertificateRefusal {
    CertificateRefusal::NoPolicy("the enrollment names no credential policy".to_owned())
}

/// The outcome of a run that a refusal ends.
///
/// # Errors
/// A refusal of the request itself or of the moment is told at once instead: nothing was decided about the
/// device.
pub(crate) fn failure(refusal: CertificateRefusal) -> Result<RegistrationFailure, ProvisioningError> {
    match refusal {
        CertificateRefusal::NoPolicy(_)
        | CertificateRefusal::PolicyNotReady(_)
        | CertificateRefusal::NameTaken(_)
        | CertificateRefusal::DeviceDisabled => Ok(final_failure(&refusal)),
        CertificateRefusal::Unreadable(_)
        | CertificateRefusal::NotVerified(_)
        | CertificateRefusal::Busy
        | CertificateRefusal::Unavailable => Err(ProvisioningError::NoCertificate(refusal)),
    }
}

/// What is recorded of a refusal, and told to the device.
pub(crate) fn final_failure(refusal: &CertificateRefusal) -> RegistrationFailure {
    RegistrationFailure {
        code: code(refusal),
        message: refusal.to_string(),
    }
}

/// Our numbers, from the family of the other outcomes (docs/ERRORS.md).
pub(crate) fn code(refusal: &CertificateRefusal) -> u32 {
    match refusal {
        CertificateRefusal::NoPolicy(_) => 400_210,
        CertificateRefusal::PolicyNotReady(_) => 400_211,
        CertificateRefusal::DeviceDisabled => 400_212,
        CertificateRefusal::Unreadable(_) | CertificateRefusal::NotVerified(_) => 400_213,
        CertificateRefusal::NameTaken(_) => 400_214,
        CertificateRefusal::Busy => 429_001,
        CertificateRefusal::Unavailable => 503_000,
    }
}
