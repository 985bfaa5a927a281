//! CA certificates of instances and of hubs: list, get, upload, delete (dps-service-api.md 4.4,
//! iot-hub-service-api.md 14). Both live alike, so they are kept alike.

use provost_access::Permission;
use provost_model::{
    Action, AuditEvent, AuditFacts, AuthorityOwner, CertificateAuthority, CertificateDer, CertificateName,
    Change, Etag, IfMatch, Timestamp,
};
use provost_pki::{Certificate, Sha1Thumbprint};
use provost_store::{CertificateIndex, ReadTx, WriteTx};
use provost_wire::dps::CertificateInfo;

use crate::attestation::shown_certificate;
use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService};

pub(crate) const NOUN: Noun = Noun::CaCertificate;
/// The kind of subject in audit events.
pub(crate) const SUBJECT: &str = "caCertificate";

/// A CA certificate to be stored.
#[derive(Debug, Clone)]
pub struct AuthorityUpload {
    /// PEM, base64 of DER or base64 of PEM, as sent. Of several certificates the first is used.
    pub text: String,
    /// The uploader's word that it is his; `None` when he does not say.
    pub is_verified: Option<bool>,
}

/// A CA certificate with what is needed to show it. Its verification code is shown only by the step
/// that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAuthority {
    /// The record.
    pub authority: CertificateAuthority,
    /// The certificate, for its subject, dates and thumbprint.
    pub certificate: Certificate,
}

impl ShownAuthority {
    /// What the certificate says, as answers show it.
    pub fn info(&self) -> CertificateInfo {
        shown_certificate(&self.certificate)
    }

    pub(crate) fn of(authority: CertificateAuthority) -> Result<Self, ProvisioningError> {
        let certificate = Certificate::from_der(&authority.certificate.0).map_err(|error| {
            ProvisioningError::Certificate {
                member: "stored certificate",
                error,
            }
        })?;
        Ok(Self {
            authority,
            certificate,
        })
    }
}

impl ProvisioningService {
    /// Every CA certificate, by name.
    pub async fn list_authorities(
        &self,
        admin: &AdminCaller,
        owner: AuthorityOwner,
    ) -> Result<Vec<ShownAuthority>, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        self.store()
            .scan(move |tx| {
                check_owner(tx, &owner)?;
                tx.certificate_authorities(&owner)?
                    .into_iter()
                    .map(ShownAuthority::of)
                    .collect()
            })
            .await
    }

    /// One CA certificate.
    pub async fn get_authority(
        &self,
        admin: &AdminCaller,
        owner: AuthorityOwner,
        name: CertificateName,
    ) -> Result<ShownAuthority, ProvisioningError> {
        admin.require(Permission::ServicesRead, None)?;
        self.store()
            .read(move |tx| {
                check_owner(tx, &owner)?;
                ShownAuthority::of(found(tx, &owner, &name)?)
            })
            .await
    }

    /// Uploads a CA certificate or replaces one. Another certificate starts unverified and without a
    /// code, unless it comes as verified and that is allowed; the same one keeps what it has.
    ///
    /// # Errors
    /// 400000 for a text without a usable certificate, 412205, 404205, 403102.
    pub async fn put_authority(
        &self,
        admin: &AdminCaller,
        owner: AuthorityOwner,
        name: CertificateName,
        upload: AuthorityUpload,
        if_match: IfMatch,
    ) -> Result<ShownAuthority, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let uploaded =
            Certificate::from_text(&upload.text).map_err(|error| ProvisioningError::Certificate {
                member: "certificate",
                error,
            })?;
        if uploaded.count > 1 {
            tracing::warn!(%name, count = uploaded.count, "only the first certificate of the file is used");
        }
        let certificate = uploaded.certificate;
        let asserted = upload.is_verified.map(|is_verified| self.may_assert(is_verified));
        let (actor, service) = (admin.actor(), self.clone());
        self.store()
            .write(move |tx| {
                check_owner(&tx, &owner)?;
                let stored = tx.certificate_authority(&owner, &name)?;
                service.check_upload(&tx, &owner, &if_match, stored.as_ref())?;
                let was = stored.as_ref().map(facts);
                let action = stored.as_ref().map_or(Action::Create, |_| Action::Update);
                let mut authority = uploaded_over(stored, name, &certificate, asserted, tx.now());
                service.put(&tx, &owner, &mut authority, &certificate)?;
                let key = authority.name.as_str();
                let mut event = AuditEvent::new(actor, action, SUBJECT, scope(&owner), key)
                    .with_detail(word(authority.is_verified, asserted))
                    .with_after(facts(&authority));
                event.before = was;
                let shown = ShownAuthority {
                    authority,
                    certificate,
                };
                Ok::<_, ProvisioningError>(tx.record(&event, shown)?)
            })
            .await
    }

    /// Removes a CA certificate, also while groups refer to it: that is how a compromised one is
    /// ended (dps-service-api.md 6.4).
    ///
    /// # Errors
    /// 400004 without `If-Match`, 412205, 404205.
    pub async fn delete_authority(
        &self,
        admin: &AdminCaller,
        owner: AuthorityOwner,
        name: CertificateName,
        if_match: IfMatch,
    ) -> Result<(), ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                check_owner(&tx, &owner)?;
                let stored = found(&tx, &owner, &name)?;
                check_state(&if_match, &stored)?;
                let used_by = match &owner {
                    AuthorityOwner::Dps(dps) => tx.groups_by_reference(dps, &name)?.len(),
                    AuthorityOwner::Hub(_) => 0,
                };
                tx.delete_certificate_authority(&owner, &name)?;
                tx.announce(&Change::Configuration)?;
                let event = AuditEvent::new(actor, Action::Delete, SUBJECT, scope(&owner), name.as_str())
                    .with_detail(format!("referred to by {used_by} groups"))
                    .with_before(facts(&stored));
                Ok::<_, ProvisioningError>(tx.record(&event, ())?)
            })
            .await
    }

    /// What an uploader's word counts for.
    fn may_assert(&self, is_verified: bool) -> bool {
        is_verified && !self.options().require_proof_of_possession
    }

    fn check_upload(
        &self,
        tx: &ReadTx<'_>,
        owner: &AuthorityOwner,
        if_match: &IfMatch,
        stored: Option<&CertificateAuthority>,
    ) -> Result<(), ProvisioningError> {
        match (stored, if_match) {
            (Some(stored), if_match) if !if_match.admits(&stored.etag) => {
                Err(ProvisioningError::PreconditionFailed(NOUN))
            }
            (Some(_), _) => Ok(()),
            (None, IfMatch::Any | IfMatch::Tag(_)) => Err(ProvisioningError::NotFound(NOUN)),
            (None, IfMatch::Absent) => self.quotas().check_authorities(tx, owner),
        }
    }

    /// Writes a record as a new state.
    pub(crate) fn put(
        &self,
        tx: &WriteTx<'_>,
        owner: &AuthorityOwner,
        authority: &mut CertificateAuthority,
        certificate: &Certificate,
    ) -> Result<(), ProvisioningError> {
        authority.etag = Etag::generate(self.random());
        authority.updated_at = tx.now();
        tx.put_certificate_authority(owner, authority, &CertificateIndex::of(certificate))?;
        tx.announce(&Change::Configuration)?;
        Ok(())
    }
}

/// The record after an upload; etag and time of update are still the old ones.
fn uploaded_over(
    stored: Option<CertificateAuthority>,
    name: CertificateName,
    certificate: &Certificate,
    asserted: Option<bool>,
    now: Timestamp,
) -> CertificateAuthority {
    match stored {
        Some(mut same) if same.certificate.0 == certificate.der() => {
            same.is_verified = asserted.unwrap_or(same.is_verified);
            same
        }
        stored => CertificateAuthority {
            name: stored.as_ref().map_or(name, |stored| stored.name.clone()),
            certificate: CertificateDer(certificate.der().to_vec()),
            is_verified: asserted.unwrap_or(false),
            verification_code: None,
            etag: Etag::from_text(""),
            created_at: stored.map_or(now, |stored| stored.created_at),
            updated_at: now,
            synchronized: None,
        },
    }
}

fn word(is_verified: bool, asserted: Option<bool>) -> &'static str {
    match (is_verified, asserted) {
        (true, Some(true)) => "verified by the word of the uploader",
        (true, _) => "verified",
        (false, _) => "not verified",
    }
}

/// Refuses an owner that does not exist.
pub(crate) fn check_owner(tx: &ReadTx<'_>, owner: &AuthorityOwner) -> Result<(), ProvisioningError> {
    let exists = match owner {
        AuthorityOwner::Dps(name) => tx.dps(name)?.is_some(),
        AuthorityOwner::Hub(name) => tx.hub(name)?.is_some(),
    };
    if exists {
        Ok(())
    } else {
        Err(ProvisioningError::NotFound(Noun::Instance))
    }
}

/// The scope of audit events.
pub(crate) fn scope(owner: &AuthorityOwner) -> &str {
    match owner {
        AuthorityOwner::Dps(name) => name.as_str(),
        AuthorityOwner::Hub(name) => name.as_str(),
    }
}

pub(crate) fn found(
    tx: &ReadTx<'_>,
    owner: &AuthorityOwner,
    name: &CertificateName,
) -> Result<CertificateAuthority, ProvisioningError> {
    tx.certificate_authority(owner, name)?
        .ok_or(ProvisioningError::NotFound(NOUN))
}

/// Delete, code and verify need the state the caller has seen.
pub(crate) fn check_state(
    if_match: &IfMatch,
    authority: &CertificateAuthority,
) -> Result<(), ProvisioningError> {
    match if_match {
        IfMatch::Absent => Err(ProvisioningError::invalid("the header If-Match is required")),
        if_match if if_match.admits(&authority.etag) => Ok(()),
        _ => Err(ProvisioningError::PreconditionFailed(NOUN)),
    }
}

fn facts(authority: &CertificateAuthority) -> AuditFacts {
    AuditFacts::new()
        .with("thumbprint", Sha1Thumbprint::of(&authority.certificate.0))
        .with("verified", authority.is_verified)
}

#[cfg(test)]
mod tests;
