use std::sync::Arc;

use provost_ca::{LeafOrder, SignedLeaf, new_serial, shard_of, sign_leaf};
use provost_model::registry::{
    Ca, CaState, CertificateRefusal, CertificateRequest, CredentialPolicy, DeviceIdentifier, NamespaceLink,
    PreparedCertificate, RequestedBy,
};
use provost_model::{ErrorKind, NamespaceName, RegistryDeviceName, Timestamp};
use provost_pki::{Csr, VerifiedCsr};
use provost_store::{NewIntent, ReadTx, StoreError};
use tracing::{debug, error};

use crate::complete::name_taken;
use crate::issuer::Issuer;
use crate::{RegistryError, RegistryService};

/// What a certificate is made by, as it stood when it was read.
struct Ground {
    namespace: NamespaceName,
    policy: CredentialPolicy,
    ca: Ca,
    /// The device's name in the registry: its own, or the one it is to be made with.
    device: RegistryDeviceName,
    /// That of the device in the registry; `None` when it is not there yet.
    identifier: Option<DeviceIdentifier>,
}

/// A request that cannot be granted, or a store that fails.
enum NoGround {
    Refused(CertificateRefusal),
    Store(StoreError),
}

impl From<StoreError> for NoGround {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CertificateRefusal> for NoGround {
    fn from(refusal: CertificateRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl RegistryService {
    /// Checks a device's request, writes down what is about to be signed, and signs it. The certificate is
    /// nobody's until [`Self::complete_certificate`] hands it out.
    ///
    /// # Errors
    /// [`CertificateRefusal`].
    pub async fn prepare_certificate(
        &self,
        request: &CertificateRequest,
    ) -> Result<PreparedCertificate, CertificateRefusal> {
        let csr = self.verified(request)?;
        let (key_sha256, now) = (csr.key_sha256(), self.now());
        let ground = self.ground(request.clone(), key_sha256, now).await?;
        let issuer = self.issuer(&ground.ca).await;
        let issuer = issuer.map_err(|error| unavailable(&error))?;
        if issuer.has_key(csr.spki_der()) {
            let reason = "its key is that of the certificate authority".to_owned();
            return Err(CertificateRefusal::NotVerified(reason));
        }
        let is_new_device = ground.identifier.is_none();
        let identifier = ground
            .identifier
            .unwrap_or_else(|| DeviceIdentifier::generate(self.random()));
        let order = self.order(&ground, identifier, now);
        let intent = NewIntent {
            ca: ground.ca.id.clone(),
            serial: order.serial.clone(),
            namespace: ground.namespace.clone(),
            device: ground.device.clone(),
            policy: ground.policy.name.clone(),
            identifier,
            key_sha256,
            not_before: order.not_before,
            not_after: order.not_after,
            shard: shard_of(&order.serial, ground.ca.shards),
            created_at: now,
        };
        let number = self.intend(intent).await?;
        let serial = order.serial.clone();
        let signed = self.signed(order, csr, issuer).await;
        let signed = match signed {
            Ok(signed) => signed,
            Err(error) => {
                self.give_up(number).await;
                return Err(unavailable(&error));
            }
        };
        debug!(ca = %ground.ca.id, %serial, request = number, "signed a certificate");
        Ok(PreparedCertificate {
            number,
            namespace: ground.namespace,
            device: ground.device,
            device_id: request.device_id.clone(),
            policy: ground.policy.name,
            ca: ground.ca.id,
            identifier,
            key_sha256,
            is_new_device,
            certificate: signed.certificate,
            issuers: ground
                .ca
                .certificate
                .into_iter()
                .chain(ground.ca.issuers)
                .collect(),
            not_after: signed.not_after,
        })
    }

    /// Writes down what is about to be signed.
    async fn intend(&self, intent: NewIntent) -> Result<i64, CertificateRefusal> {
        let intended = self.store().append(move |tx| tx.intend_certificate(&intent));
        let number: Result<i64, StoreError> = intended.await;
        number.map_err(|error| unavailable(&error.into()))
    }

    async fn ground(
        &self,
        request: CertificateRequest,
        key_sha256: [u8; 32],
        now: Timestamp,
    ) -> Result<Ground, CertificateRefusal> {
        let read = self
            .store()
            .read(move |tx| ground(tx, &request, &key_sha256, now));
        read.await.map_err(|error| match error {
            NoGround::Refused(refusal) => refusal,
            NoGround::Store(error) => unavailable(&error.into()),
        })
    }

    fn verified(&self, request: &CertificateRequest) -> Result<VerifiedCsr, CertificateRefusal> {
        let unreadable = |error: provost_pki::CsrError| {
            if error.is_unreadable() {
                CertificateRefusal::Unreadable(error.public_message())
            } else {
                CertificateRefusal::NotVerified(error.public_message())
            }
        };
        let csr = Csr::from_base64(&request.csr).map_err(unreadable)?;
        let csr = csr.verify(&self.options().csr).map_err(unreadable)?;
        if csr.common_name() != request.device_id.as_str() {
            return Err(CertificateRefusal::NotVerified(format!(
                "its common name is not {}",
                request.device_id
            )));
        }
        Ok(csr)
    }

    fn order(&self, ground: &Ground, identifier: DeviceIdentifier, now: Timestamp) -> LeafOrder {
        let options = self.options();
        let serial = new_serial(self.random());
        let days = options.leaf_day * ground.policy.validity_days;
        let ends = ground.ca.not_after.unwrap_or(now);
        let begins = ground.ca.not_before.unwrap_or(now);
        LeafOrder {
            identifier,
            style: options.identifier,
            not_before: whole_second(now.before(options.backdate).max(begins)),
            not_after: whole_second(now.after(days).min(ends)),
            publication: options
                .publication
                .publication(&ground.ca.id, shard_of(&serial, ground.ca.shards)),
            serial,
        }
    }

    async fn signed(
        &self,
        order: LeafOrder,
        csr: VerifiedCsr,
        issuer: Arc<Issuer>,
    ) -> Result<SignedLeaf, RegistryError> {
        self.signing()
            .run(move || sign_leaf(&order, &csr, &issuer.certificate, &issuer.signer))
            .await
    }

    async fn issuer(&self, ca: &Ca) -> Result<Arc<Issuer>, RegistryError> {
        if let Some(issuer) = self.issuers().known(&ca.id) {
            return Ok(issuer);
        }
        let (service, ca) = (self.clone(), ca.clone());
        self.blocking(move || service.issuers().learn(&ca, service.keys()))
            .await
    }

    async fn give_up(&self, number: i64) {
        let given_up: Result<bool, StoreError> =
            self.store().append(move |tx| tx.orphan_certificate(number)).await;
        if let Err(error) = given_up {
            error!(
                error = &error as &dyn std::error::Error,
                number, "a certificate that was not signed is given up later"
            );
        }
    }
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_seconds(at.unix_seconds())
}

fn ground(
    tx: &ReadTx<'_>,
    request: &CertificateRequest,
    key_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Ground, NoGround> {
    let no_policy = CertificateRefusal::NoPolicy;
    let link = match &request.by {
        RequestedBy::Registration { dps, .. } => NamespaceLink::Dps(dps.clone()),
        RequestedBy::Renewal { hub } => NamespaceLink::Hub(hub.clone()),
    };
    let namespace = tx.linked_namespace(&link)?;
    let namespace = namespace.ok_or_else(|| no_policy(format!("{link} is not linked to a namespace")))?;
    // Whatever its name in the registry, its external ID is that of the hub (certificate-management.md 3.1, step 4).
    let device = tx.registry_device_by_external(&namespace, &request.device_id)?;
    let named = match (&request.by, &device) {
        (RequestedBy::Registration { policy, .. }, _) => Some(policy.clone()),
        (RequestedBy::Renewal { .. }, Some(device)) => device.policy.clone(),
        (RequestedBy::Renewal { .. }, None) => None,
    };
    let named = named.ok_or_else(|| no_policy("the device has no credential policy".to_owned()))?;
    let policy = tx.credential_policy(&namespace, &named)?;
    let policy = policy.ok_or_else(|| no_policy(format!("the credential policy {named} is not there")))?;
    if device.as_ref().is_some_and(|device| !device.enabled) {
        return Err(CertificateRefusal::DeviceDisabled.into());
    }
    let (name, identifier) = match device {
        Some(device) => (device.name, Some(device.identifier)),
        None if tx.registry_device(&namespace, &request.device)?.is_some() => {
            return Err(name_taken(&request.device).into());
        }
        None => (request.device.clone(), None),
    };
    let ca = issuing(tx, &policy, now)?;
    if tx.key_of_another_device(key_sha256, &namespace, &name)? {
        let reason = "its key is that of another device".to_owned();
        return Err(CertificateRefusal::NotVerified(reason).into());
    }
    Ok(Ground {
        namespace,
        policy,
        ca,
        device: name,
        identifier,
    })
}

fn issuing(tx: &ReadTx<'_>, policy: &CredentialPolicy, now: Timestamp) -> Result<Ca, NoGround> {
    let not_ready = |reason: &str| {
        CertificateRefusal::PolicyNotReady(format!("the credential policy {} {reason}", policy.name))
    };
    let ca = match &policy.issuing {
        Some(id) => tx.ca(id)?,
        None => None,
    };
    // A backup may know nothing of the one that took its place.
    if ca.as_ref().is_some_and(|ca| ca.state.has_ended()) {
        return Err(
            not_ready("has an issuing CA that was revoked or closed, and waits for another one").into(),
        );
    }
    let ca = ca.filter(|ca| ca.state == CaState::Active && ca.certificate.is_some());
    let ca = ca.ok_or_else(|| {
        not_ready(if policy.is_external {
            "waits for its external certificate authority"
        } else {
            "waits for its root, which is kept offline"
        })
    })?;
    if ca.not_after.is_none_or(|ends| ends <= now) {
        return Err(not_ready("has an issuing CA that has expired").into());
    }
    Ok(ca)
}

fn unavailable(error: &RegistryError) -> CertificateRefusal {
    if matches!(error.kind(), ErrorKind::Throttled { .. }) {
        return CertificateRefusal::Busy;
    }
    error!(
        error = error as &dyn std::error::Error,
        "a certificate cannot be made"
    );
    CertificateRefusal::Unavailable
}
