//! What was issued, found again; and revoking one certificate by itself.

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaId, IssuedCertificate, Revocation, RevocationReason, SerialNumber};
use provost_model::{Action, NamespaceName, PageSize, RegistryDeviceName, Timestamp};
use provost_store::{CrlPart, IssuedAfter, ReadTx, StoredCrl};

use crate::namespaces::known;
use crate::service::event;
use crate::{RegistryError, RegistryService, facts};

/// Which certificates are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFilter {
    /// Those of a device, newest first, before the one numbered so.
    Device {
        /// The device.
        name: RegistryDeviceName,
        /// The last one of the page before.
        before: Option<i64>,
    },
    /// Those with a serial number, whatever CA of the namespace gave it.
    Serial(SerialNumber),
    /// The one with this SHA-1 (20 bytes) or SHA-256 (32 bytes).
    Thumbprint(Vec<u8>),
    /// Those that expire from an instant until before another, soonest first.
    Expiring {
        /// From here.
        from: Timestamp,
        /// Until before this.
        until: Timestamp,
        /// The last one of the page before.
        after: Option<IssuedAfter>,
    },
    /// Those a CA signed that are neither revoked nor expired, soonest to expire first.
    Standing {
        /// The CA, one of the past, too.
        ca: CaId,
        /// Not expired by then.
        now: Timestamp,
        /// The last one of the page before.
        after: Option<IssuedAfter>,
    },
}

impl RegistryService {
    /// Certificates of a namespace.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn certificates(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        filter: CertificateFilter,
        page: PageSize,
    ) -> Result<Vec<IssuedCertificate>, RegistryError> {
        caller.require(Permission::DevicesRead, Some(namespace))?;
        let namespace = namespace.clone();
        self.store()
            .scan(move |tx| {
                known(tx, &namespace)?;
                let mut found = select(tx, &namespace, &filter, page)?;
                found.retain(|certificate| certificate.namespace == namespace);
                Ok(found)
            })
            .await
    }

    /// Every CA a namespace ever had, oldest first.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn authorities(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<Vec<Ca>, RegistryError> {
        caller.require(Permission::CredentialsRead, Some(namespace))?;
        let namespace = namespace.clone();
        self.store()
            .scan(move |tx| {
                known(tx, &namespace)?;
                Ok(tx.cas(&namespace)?)
            })
            .await
    }

    /// The CRL of a CA of a namespace as it was last made, or one part of it.
    ///
    /// # Errors
    /// [`RegistryError`]; not found while none was made.
    pub async fn crl(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        ca: &CaId,
        shard: u32,
    ) -> Result<StoredCrl, RegistryError> {
        caller.require(Permission::CredentialsRead, Some(namespace))?;
        let (namespace, ca) = (namespace.clone(), ca.clone());
        self.store()
            .read(move |tx| {
                known(tx, &namespace)?;
                let owner = tx.ca(&ca)?.filter(|ca| ca.namespace == namespace);
                let owner = owner.ok_or_else(|| RegistryError::not_found("CA", ca.to_string()))?;
                let part = CrlPart { ca: owner.id, shard };
                let made = tx.crl(&part)?.filter(|crl| crl.der.is_some());
                made.ok_or_else(|| RegistryError::not_found("CRL", format!("{ca}/{shard}")))
            })
            .await
    }

    /// Puts one certificate on the CRL of its CA. Its device's identifier stays, so hubs go on admitting
    /// it unless they are strict: this is for relying parties elsewhere.
    ///
    /// # Errors
    /// [`RegistryError`]; `AlreadyRevoked`.
    pub async fn revoke_certificate(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        (ca, serial): (&CaId, &SerialNumber),
        reason: RevocationReason,
    ) -> Result<IssuedCertificate, RegistryError> {
        caller.require_device_revocation(namespace)?;
        let (namespace, caller) = (namespace.clone(), caller.clone());
        let (ca, serial) = (ca.clone(), serial.clone());
        self.store()
            .write(move |tx| {
                known(&tx, &namespace)?;
                let leaf = tx.issued_by_serial(&ca, &serial)?;
                let leaf = leaf.filter(|leaf| leaf.namespace == namespace);
                let mut leaf =
                    leaf.ok_or_else(|| RegistryError::not_found("certificate", serial.to_string()))?;
                let revocation = Revocation { at: tx.now(), reason };
                let Some(part) = tx.revoke_leaf(leaf.number, revocation)? else {
                    let message = format!("the certificate {serial} was revoked already, or never issued");
                    return Err(RegistryError::conflict("AlreadyRevoked", message));
                };
                tx.mark_crl_dirty(&part.ca, part.shard)?;
                let was = facts::of_leaf(&leaf);
                leaf.revoked = Some(revocation);
                let event = event(
                    &caller,
                    Action::Revoke,
                    "issuedCertificate",
                    &namespace,
                    &serial.to_string(),
                )
                .with_detail(format!("of device {}, reason {}", leaf.device, reason.as_str()))
                .with_before(was)
                .with_after(facts::of_leaf(&leaf));
                Ok(tx.record(&event, leaf)?)
            })
            .await
    }
}

fn select(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    filter: &CertificateFilter,
    page: PageSize,
) -> Result<Vec<IssuedCertificate>, RegistryError> {
    Ok(match filter {
        CertificateFilter::Device { name, before } => tx.issued_of_device(namespace, name, *before, page)?,
        CertificateFilter::Serial(serial) => {
            let mut found = Vec::new();
            for ca in tx.cas(namespace)? {
                found.extend(tx.issued_by_serial(&ca.id, serial)?);
            }
            found
        }
        CertificateFilter::Thumbprint(bytes) => tx.issued_by_thumbprint(bytes)?.into_iter().collect(),
        CertificateFilter::Expiring { from, until, after } => {
            tx.issued_by_expiry(namespace, (*from, *until), *after, page)?
        }
        CertificateFilter::Standing { ca, now, after } => tx.standing_of_ca(ca, *now, *after, page)?,
    })
}
