//! Is what a device or module presented what it is registered for. Pure: everything was read before.

use std::time::Duration;

use provost_attestation::sas::{CLOCK_SKEW, SasError, SasToken, VerifiedSas};
use provost_attestation::x509::{check_identity_id, verify_thumbprints};
use provost_model::{
    AccessPolicy, DeviceAuth, DeviceAuthKind, DeviceStatus, Hub, IdentityId, KeyPair, Slots, SymmetricKey,
    Timestamp,
};
use provost_pki::{Certificate, ChainError, PresentedChain, SignatureMemo, VerifiedChain, verify_chain};
use provost_store::{Credential, KnownIssuers, LeafStanding, RegistryIdentity};
use provost_wire::hub::device::sas_audience;

use super::admitted::{Admitted, AdmittedBy, admits_devices};
use super::managed::{Anchor, judge_identifier};
use super::{ConnectRefusal, ConnectRequest, RefusalReason};
use crate::audience::covers;

/// What a device presented, read but not believed.
pub(super) struct Presented<'a> {
    pub(super) sas: Option<SasToken>,
    pub(super) certificates: Option<&'a PresentedChain>,
}

/// What is known of it.
pub(super) struct Known {
    pub(super) credential: Option<Credential>,
    pub(super) policy: Option<AccessPolicy>,
    /// Verified CA certificates of the hub that may have issued what was presented.
    pub(super) anchors: Vec<Anchor>,
    /// The device as the Device Registry has it.
    pub(super) registry: Option<RegistryIdentity>,
    /// What the registry knows of the CAs the certificates name, and of the leaf.
    pub(super) issuers: KnownIssuers,
}

impl<'a> Presented<'a> {
    pub(super) fn read(request: &ConnectRequest<'a>) -> Result<Self, SasError> {
        Ok(Self {
            sas: request.sas.map(SasToken::parse).transpose()?,
            certificates: request.certificates,
        })
    }

    /// Does the work a known device would have cost, so that the time of the refusal does not tell
    /// whether there is one (D-22).
    pub(super) fn spend_like_a_judgement(&self, now: Timestamp) {
        if let (Some(sas), Ok(key)) = (&self.sas, SymmetricKey::from_bytes(vec![0; 32])) {
            let _ = sas.verify(&[&key, &key], now, CLOCK_SKEW);
        }
    }
}

/// Judges a device or module; the status comes last, so that "disabled" is only said to one who proved itself.
pub(super) fn judge(
    hub: &Hub,
    id: &IdentityId,
    presented: &Presented<'_>,
    known: &Known,
    memo: &SignatureMemo,
    now: Timestamp,
) -> Result<Admitted, ConnectRefusal> {
    let Some(registered) = known.credential.as_ref() else {
        presented.spend_like_a_judgement(now);
        if let Some(chain) = presented.certificates {
            let _ = judge_chain(chain, &known.anchors, memo, now);
        }
        return Err(RefusalReason::UnknownDevice.into());
    };
    let proof = Proof {
        hub,
        id,
        presented,
        now,
    };
    let judged = match &registered.auth {
        DeviceAuth::Sas(keys) => proof.by_token(registered, Some(keys), known.policy.as_ref()),
        // A gateway may connect a device that never proves anything itself.
        DeviceAuth::None => proof.by_token(registered, None, known.policy.as_ref()),
        DeviceAuth::SelfSigned(slots) => proof.by_thumbprint(registered, slots, known),
        DeviceAuth::CertificateAuthority => proof.by_authority(registered, known, memo),
    };
    let (by, expires_at) = judged.inspect_err(|_| {
        if registered.auth.kind() != DeviceAuthKind::CertificateAuthority
            && let Some(chain) = presented.certificates
        {
            // As for an unknown device.
            let _ = judge_chain(chain, &known.anchors, memo, now);
        }
        if !proof.is_token_judged(&registered.auth) {
            presented.spend_like_a_judgement(now);
        }
    })?;
    // A device disabled in the registry connects by no credential (certificate-management.md 3.6).
    let is_shut_out = known.registry.as_ref().is_some_and(|device| !device.enabled);
    if registered.status == DeviceStatus::Disabled || is_shut_out {
        return Err(ConnectRefusal::Disabled);
    }
    Ok(Admitted {
        by,
        hub_made_at: hub.created_at,
        generation_id: registered.generation_id.clone(),
        at: now,
        expires_at,
    })
}

/// A session does not outlive the certificate it came with, which is good to the end of its last second.
fn end_of(leaf: &Certificate) -> Timestamp {
    leaf.not_after().after(Duration::from_secs(1))
}

/// A leaf that the registry revoked is good nowhere: not as a thumbprint, and not under a copy of its CA
/// that somebody uploaded. Nor is anything that rests on a CA the registry revoked, whichever CA above it is
/// trusted (certificate-management.md ).
fn refuse_revoked(leaf: Option<LeafStanding>) -> Result<(), RefusalReason> {
    match leaf {
        Some(LeafStanding::Revoked) => Err(RefusalReason::RevokedLeaf),
        Some(LeafStanding::Stands) | None => Ok(()),
    }
}

struct Proof<'a> {
    hub: &'a Hub,
    id: &'a IdentityId,
    presented: &'a Presented<'a>,
    now: Timestamp,
}

impl Proof<'_> {
    /// A token signed with the device's key or, when it names one, with a policy's.
    fn by_token(
        &self,
        registered: &Credential,
        keys: Option<&KeyPair>,
        policy: Option<&AccessPolicy>,
    ) -> Result<(AdmittedBy, Option<Timestamp>), RefusalReason> {
        let sas = self.presented.sas.as_ref().ok_or(wrong_proof(registered))?;
        let signers = match sas.policy() {
            Some(_) => &policy.ok_or_else(|| self.unknown_policy())?.keys,
            None => keys.ok_or(wrong_proof(registered))?,
        };
        let verified = sas.verify(&[&signers.primary, &signers.secondary], self.now, CLOCK_SKEW)?;
        self.check_audience(&verified)?;
        let key = match verified.key_index() {
            0 => signers.primary.clone(),
            _ => signers.secondary.clone(),
        };
        let by = match policy.filter(|_| sas.policy().is_some()) {
            Some(policy) if !admits_devices(policy) => return Err(RefusalReason::PolicyRight),
            Some(policy) => AdmittedBy::Policy {
                name: policy.name.clone(),
                key,
            },
            None => AdmittedBy::DeviceKey(key),
        };
        Ok((by, Some(verified.expires_at().after(CLOCK_SKEW))))
    }

    /// Whether the signature of the token was looked at.
    fn is_token_judged(&self, registered: &DeviceAuth) -> bool {
        match registered {
            DeviceAuth::Sas(_) => true,
            DeviceAuth::None => self
                .presented
                .sas
                .as_ref()
                .is_some_and(|sas| sas.policy().is_some()),
            DeviceAuth::SelfSigned(_) | DeviceAuth::CertificateAuthority => false,
        }
    }

    fn unknown_policy(&self) -> RefusalReason {
        self.presented.spend_like_a_judgement(self.now);
        RefusalReason::UnknownPolicy
    }

    fn check_audience(&self, sas: &VerifiedSas) -> Result<(), RefusalReason> {
        let wanted = sas_audience(self.hub.host.as_str(), self.id);
        if covers(sas.resource(), &wanted) {
            return Ok(());
        }
        Err(RefusalReason::Audience {
            resource: sas.resource().to_owned(),
        })
    }

    fn by_thumbprint(
        &self,
        registered: &Credential,
        slots: &Slots<String>,
        known: &Known,
    ) -> Result<(AdmittedBy, Option<Timestamp>), RefusalReason> {
        let leaf = self.chain(registered)?.leaf();
        verify_thumbprints(leaf, slots.iter().map(String::as_str), self.now)?;
        let shown = leaf.shown();
        let standing = known.issuers.standing(&shown);
        refuse_revoked(standing)?;
        let by = AdmittedBy::Thumbprint {
            sha1: leaf.sha1_thumbprint(),
            sha256: leaf.sha256_thumbprint(),
            is_issued: standing.is_some(),
            shown,
        };
        Ok((by, Some(end_of(leaf))))
    }

    fn by_authority(
        &self,
        registered: &Credential,
        known: &Known,
        memo: &SignatureMemo,
    ) -> Result<(AdmittedBy, Option<Timestamp>), RefusalReason> {
        let chain = self.chain(registered)?;
        let leaf = chain.leaf();
        let (anchor, verified) = judge_chain(chain, &known.anchors, memo, self.now)?;
        check_identity_id(leaf, self.id)?;
        let identifier = judge_identifier(leaf, anchor, known.registry.as_ref())?;
        let shown = verified.shown();
        refuse_revoked(known.issuers.standing(&shown))?;
        let by = AdmittedBy::Authority {
            subject_hash: verified.anchor().subject_hash(),
            thumbprint: verified.anchor().sha256_thumbprint(),
            leaf: leaf.sha256_thumbprint(),
            shown,
            identifier,
        };
        Ok((by, Some(end_of(leaf))))
    }

    fn chain(&self, registered: &Credential) -> Result<&PresentedChain, RefusalReason> {
        self.presented.certificates.ok_or(wrong_proof(registered))
    }
}

/// The anchor a chain leads to, the nearest one, and the proof that it does.
fn judge_chain<'a>(
    chain: &PresentedChain,
    anchors: &'a [Anchor],
    memo: &SignatureMemo,
    now: Timestamp,
) -> Result<(&'a Anchor, VerifiedChain), RefusalReason> {
    // Registered certificates were parsed when they came in; one that is no longer readable
    // anchors nothing.
    let parsed: Vec<_> = anchors
        .iter()
        .filter_map(|anchor| Certificate::from_der(&anchor.certificate.0).ok())
        .collect();
    let verified = verify_chain(chain, &parsed, memo, now)?;
    let is_it = |anchor: &&Anchor| anchor.certificate.0 == verified.anchor().der();
    // The anchor is one of those given. A copy that was uploaded must not stand before the one of the registry.
    let found = anchors.iter().filter(is_it);
    match found.max_by_key(|anchor| anchor.synchronized.is_some()) {
        Some(anchor) => Ok((anchor, verified)),
        None => Err(ChainError::UnknownIssuer {
            certificate: chain.leaf().clone(),
        }
        .into()),
    }
}

fn wrong_proof(registered: &Credential) -> RefusalReason {
    RefusalReason::WrongProof {
        registered: registered.auth.kind(),
    }
}
