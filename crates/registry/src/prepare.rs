use std::sync::Arc;

use provost_ca::{LeafOrder, LeafToSign, SignedLeaf, new_serial, shard_of};
use provost_model::registry::{
    Ca, CertificateRefusal, CertificateRequest, DeviceIdentifier, PreparedCertificate, SerialNumber,
};
use provost_model::{ErrorKind, NamespaceName, RegistryDeviceName, Timestamp};
use provost_pki::{Csr, VerifiedCsr};
use provost_store::{AppendTx, NewIntent, StoreError};
use tracing::{debug, error};

use crate::configuration::PolicyGround;
use crate::ground::{Ground, NoGround};
use crate::issuer::Issuer;
use crate::{RegistryError, RegistryService};

/// A request that was verified, with what is drawn for it before anything is read.
struct Asked {
    request: CertificateRequest,
    key_sha256: [u8; 32],
    serial: SerialNumber,
    /// The device's, should it be new.
    identifier: DeviceIdentifier,
    now: Timestamp,
}

/// What was written down, and is to be signed.
struct Intended {
    number: i64,
    namespace: NamespaceName,
    policy: Arc<PolicyGround>,
    ca: Ca,
    /// The device's name in the registry: its own, or the one it is to be made with.
    device: RegistryDeviceName,
    identifier: DeviceIdentifier,
    is_new_device: bool,
    serial: SerialNumber,
    shard: u32,
    not_before: Timestamp,
    not_after: Timestamp,
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
        let key_sha256 = csr.key_sha256();
        let asked = Asked {
            request: request.clone(),
            key_sha256,
            serial: new_serial(self.random()),
            identifier: DeviceIdentifier::generate(self.random()),
            now: self.now(),
        };
        let intended = self.intended(asked).await?;
        let signed = match self.signed(&intended, csr).await {
            Ok(signed) => signed,
            Err(error) => {
                self.give_up(intended.number).await;
                return Err(unavailable(&error));
            }
        };
        debug!(ca = %intended.ca.id, serial = %intended.serial, request = intended.number, "signed a certificate");
        Ok(PreparedCertificate {
            number: intended.number,
            namespace: intended.namespace,
            device: intended.device,
            device_id: request.device_id.clone(),
            policy: intended.policy.policy.name.clone(),
            ca: intended.ca.id,
            identifier: intended.identifier,
            key_sha256,
            is_new_device: intended.is_new_device,
            certificate: signed.certificate,
            issuers: intended
                .ca
                .certificate
                .into_iter()
                .chain(intended.ca.issuers)
                .collect(),
            not_after: signed.not_after,
        })
    }

    /// Reads what the certificate rests on and writes down what is about to be signed, in one transaction that
    /// shares its commit with others.
    async fn intended(&self, asked: Asked) -> Result<Intended, CertificateRefusal> {
        let service = self.clone();
        let written = self.store().append(move |tx| service.intend(tx, asked));
        written.await.map_err(|error| match error {
            NoGround::Refused(refusal) => refusal,
            NoGround::Store(error) => unavailable(&error.into()),
        })
    }

    fn intend(&self, tx: &AppendTx<'_>, asked: Asked) -> Result<Intended, NoGround> {
        let current = self.configuration().in_append(tx);
        let ground = Ground::of(&current, &asked.request, &asked.key_sha256, asked.now)?;
        let ca = ground.policy.issuing(asked.now)?.clone();
        let identifier = ground.identifier.unwrap_or(asked.identifier);
        let (not_before, not_after) = self.validity(&ground.policy, &ca, asked.now);
        let shard = shard_of(&asked.serial, ca.shards);
        let intent = NewIntent {
            ca: ca.id.clone(),
            serial: asked.serial,
            namespace: ground.namespace,
            device: ground.device,
            policy: ground.policy.policy.name.clone(),
            identifier,
            key_sha256: asked.key_sha256,
            not_before,
            not_after,
            shard,
            created_at: asked.now,
        };
        let number = tx.intend_certificate(&intent)?;
        Ok(Intended {
            number,
            namespace: intent.namespace,
            policy: ground.policy,
            ca,
            device: intent.device,
            identifier,
            is_new_device: ground.identifier.is_none(),
            serial: intent.serial,
            shard,
            not_before,
            not_after,
        })
    }

    fn validity(&self, policy: &PolicyGround, ca: &Ca, now: Timestamp) -> (Timestamp, Timestamp) {
        let options = self.options();
        let days = options.leaf_day * policy.policy.validity_days;
        let (begins, ends) = (ca.not_before.unwrap_or(now), ca.not_after.unwrap_or(now));
        (
            whole_second(now.before(options.backdate).max(begins)),
            whole_second(now.after(days).min(ends)),
        )
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

    async fn signed(&self, intended: &Intended, csr: VerifiedCsr) -> Result<SignedLeaf, RegistryError> {
        let issuer = self.issuer(&intended.ca).await?;
        let options = self.options();
        let order = LeafOrder {
            serial: intended.serial.clone(),
            identifier: intended.identifier,
            style: options.identifier,
            not_before: intended.not_before,
            not_after: intended.not_after,
            publication: options.publication.publication(&intended.ca.id, intended.shard),
        };
        let leaf = LeafToSign::new(&order, &csr, &issuer.certificate)?;
        if let Some(signed) = leaf.sign_elsewhere(&issuer.signer).await {
            return Ok(signed?);
        }
        self.signing().run(move || leaf.sign(&issuer.signer)).await
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
