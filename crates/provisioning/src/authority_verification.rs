//! Proof of possession of a CA certificate's key (dps-service-api.md 4.4).

use provost_access::Permission;
use provost_attestation::possession;
use provost_model::{Action, AuditEvent, AuthorityOwner, CertificateName, IfMatch, Secret};
use provost_pki::Certificate;

use crate::authorities::{SUBJECT, check_owner, check_state, found, scope};
use crate::{AdminCaller, ProvisioningError, ProvisioningService, ShownAuthority};

/// 48 hexadecimal digits, as the real service's codes have.
const CODE_BYTES: usize = 24;

impl ProvisioningService {
    /// Makes a new verification code; the one before is void.
    ///
    /// # Errors
    /// 400004 without `If-Match`, 412205, 404205.
    pub async fn generate_verification_code(
        &self,
        admin: &AdminCaller,
        owner: AuthorityOwner,
        name: CertificateName,
        if_match: IfMatch,
    ) -> Result<ShownAuthority, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let (actor, service) = (admin.actor(), self.clone());
        self.store()
            .write(move |tx| {
                check_owner(&tx, &owner)?;
                let mut shown = ShownAuthority::of(found(&tx, &owner, &name)?)?;
                check_state(&if_match, &shown.authority)?;
                let code = service.random().hex(CODE_BYTES).to_ascii_uppercase();
                shown.authority.verification_code = Some(Secret::new(code));
                service.put(&tx, &owner, &mut shown.authority, &shown.certificate)?;
                let key = shown.authority.name.as_str();
                let event = AuditEvent::new(actor, Action::Update, SUBJECT, scope(&owner), key)
                    .with_detail("new verification code");
                Ok::<_, ProvisioningError>(tx.record(&event, shown)?)
            })
            .await
    }

    /// Marks the CA certificate as verified when the certificate sent answers its code: common name
    /// equal to the code, signed with the CA's key, within its dates. The code is used up.
    ///
    /// # Errors
    /// 400053 when it does not, or before a code was made; 400000 for a text without a certificate;
    /// 400004 without `If-Match`, 412205, 404205.
    pub async fn verify_authority(
        &self,
        admin: &AdminCaller,
        owner: AuthorityOwner,
        name: CertificateName,
        answer: &str,
        if_match: IfMatch,
    ) -> Result<ShownAuthority, ProvisioningError> {
        admin.require(Permission::ServicesWrite, None)?;
        let answer = Certificate::from_text(answer)
            .map_err(|error| ProvisioningError::Certificate {
                member: "certificate",
                error,
            })?
            .certificate;
        let (actor, service, now) = (admin.actor(), self.clone(), self.now());
        self.store()
            .write(move |tx| {
                check_owner(&tx, &owner)?;
                let mut shown = ShownAuthority::of(found(&tx, &owner, &name)?)?;
                check_state(&if_match, &shown.authority)?;
                let code = shown.authority.verification_code.take();
                let code = code.ok_or(ProvisioningError::NoVerificationCode)?;
                possession::verify(&answer, &shown.certificate, code.expose(), now)?;
                shown.authority.is_verified = true;
                service.put(&tx, &owner, &mut shown.authority, &shown.certificate)?;
                let key = shown.authority.name.as_str();
                let event = AuditEvent::new(actor, Action::Verify, SUBJECT, scope(&owner), key)
                    .with_detail("possession proven");
                Ok::<_, ProvisioningError>(tx.record(&event, shown)?)
            })
            .await
    }
}
