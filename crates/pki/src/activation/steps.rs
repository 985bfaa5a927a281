use provost_model::Timestamp;

use super::{ActivationError, ActivationRules, MAX_ACTIVATION_CERTIFICATES};
use crate::key_kind::has_explicit_curve;
use crate::signature::is_ecdsa_with_sha_2;
use crate::text::{MAX_TEXT_BYTES, PemBlocks, certificate_bodies, decode};
use crate::{Certificate, CertificateError, Csr, KeyKind, SignatureError, name, verify_signature};

type Checked = Result<(), ActivationError>;

/// Reads the chain: certificates and nothing after them.
pub(super) fn read(pem: &str) -> Result<Vec<Certificate>, ActivationError> {
    if pem.len() > MAX_TEXT_BYTES {
        let limit = MAX_TEXT_BYTES;
        return Err(CertificateError::TooLarge { limit }.into());
    }
    let bodies = certificate_bodies(pem)?;
    let blocks = PemBlocks(pem).count();
    let after = pem.rsplit_once("-----").map_or(pem, |(_, after)| after);
    match bodies.len() {
        0 => return Err(CertificateError::Empty.into()),
        count if count > MAX_ACTIVATION_CERTIFICATES => return Err(ActivationError::TooMany(count)),
        count if count != blocks || !after.trim().is_empty() => return Err(ActivationError::Junk),
        _ => {}
    }
    let read = |body| Certificate::from_der(&decode(body)?);
    Ok(bodies.into_iter().map(read).collect::<Result<_, _>>()?)
}

/// The first certificate is for the key of the request.
pub(super) fn key(csr: &Csr, chain: &[Certificate]) -> Checked {
    let is_issuing = |certificate: &&Certificate| certificate.spki_der() == csr.spki_der();
    let first = chain.first().ok_or(CertificateError::Empty)?;
    match chain.iter().find(is_issuing) {
        Some(found) if found == first => Ok(()),
        Some(_) => Err(ActivationError::Order),
        // Says more about a key than that it is another one.
        None => elliptic(first).and(Err(ActivationError::WrongKey(first.subject_display()))),
    }
}

/// What holds for every certificate of the chain.
pub(super) fn any(certificate: &Certificate, at: Timestamp) -> Checked {
    let named = || certificate.subject_display();
    elliptic(certificate)?;
    if !is_ecdsa_with_sha_2(certificate.signature_algorithm()) {
        return Err(ActivationError::SignatureAlgorithm(named()));
    }
    if certificate.version() != 3 {
        return Err(ActivationError::Version {
            certificate: named(),
            version: certificate.version(),
        });
    }
    if let Some(oid) = certificate.extensions().unknown_critical {
        return Err(ActivationError::CriticalExtension {
            certificate: named(),
            oid: oid.to_string(),
        });
    }
    let constraints = certificate.extensions().basic_constraints;
    if !constraints.is_some_and(|constraints| constraints.critical && constraints.ca) {
        return Err(ActivationError::BasicConstraints(named()));
    }
    let usage = certificate.extensions().key_usage;
    if usage.is_some_and(|usage| !usage.key_cert_sign) {
        return Err(ActivationError::KeyUsage {
            certificate: named(),
            needed: "keyCertSign",
        });
    }
    if !certificate.is_self_issued() && certificate.extensions().client_auth == Some(false) {
        return Err(ActivationError::ExtendedKeyUsage(named()));
    }
    dates(certificate, at)
}

fn elliptic(certificate: &Certificate) -> Checked {
    if has_explicit_curve(certificate.spki()) {
        return Err(ActivationError::ExplicitCurve(certificate.subject_display()));
    }
    let key = certificate.public_key();
    if key.kind != KeyKind::Ec {
        return Err(ActivationError::KeyKind {
            certificate: certificate.subject_display(),
            key: key.to_string(),
        });
    }
    Ok(())
}

fn dates(certificate: &Certificate, at: Timestamp) -> Checked {
    let named = || certificate.subject_display();
    if at.unix_seconds() < certificate.not_before().unix_seconds() {
        return Err(ActivationError::NotYetValid {
            certificate: named(),
            bound: certificate.not_before(),
        });
    }
    if at.unix_seconds() > certificate.not_after().unix_seconds() {
        return Err(ActivationError::Expired {
            certificate: named(),
            bound: certificate.not_after(),
        });
    }
    Ok(())
}

/// What holds for the issuing CA alone.
pub(super) fn issuing(csr: &Csr, issuing: &Certificate) -> Checked {
    if !name::is_same(issuing.subject_der(), csr.subject_der()) {
        return Err(ActivationError::Subject {
            found: issuing.subject_display(),
            wanted: csr.subject_display(),
        });
    }
    if issuing.is_self_issued() {
        return Err(ActivationError::SelfIssued);
    }
    let usage = issuing.extensions().key_usage;
    if !usage.is_some_and(|usage| usage.digital_signature && usage.key_cert_sign && usage.crl_sign) {
        return Err(ActivationError::KeyUsage {
            certificate: issuing.subject_display(),
            needed: "digitalSignature, keyCertSign and cRLSign",
        });
    }
    if issuing.subject_key_id().is_none() {
        return Err(ActivationError::SubjectKeyIdentifier(issuing.subject_display()));
    }
    Ok(())
}

/// Every certificate is followed by its issuer, which really signed it and allows the CAs below it.
pub(super) fn linked(issuing: &Certificate, issuers: &[Certificate]) -> Checked {
    let chain: Vec<_> = std::iter::once(issuing).chain(issuers).collect();
    let mut below: u8 = 0;
    for (child, issuer) in chain.iter().zip(chain.iter().skip(1)) {
        below = below.saturating_add(1);
        if child.issuer_der() != issuer.subject_der() {
            return Err(not_linked(child, issuer, issuers));
        }
        if let Some(allowed) = issuer.path_len().filter(|allowed| *allowed < below) {
            return Err(ActivationError::PathLength {
                certificate: issuer.subject_display(),
                allowed,
                needed: below,
            });
        }
        signed(child, issuer)?;
    }
    match chain.last() {
        Some(root) if root.is_self_issued() => signed(root, root),
        _ => Ok(()),
    }
}

fn not_linked(child: &Certificate, next: &Certificate, issuers: &[Certificate]) -> ActivationError {
    let is_elsewhere = issuers
        .iter()
        .any(|issuer| issuer.subject_der() == child.issuer_der());
    if is_elsewhere {
        return ActivationError::Order;
    }
    ActivationError::NotTheIssuer {
        child: child.subject_display(),
        wanted: child.issuer_display(),
        found: next.subject_display(),
    }
}

fn signed(child: &Certificate, issuer: &Certificate) -> Checked {
    verify_signature(child, issuer).map_err(|error| match error {
        SignatureError::BadSignature => ActivationError::Signature(child.subject_display()),
        SignatureError::UnsupportedAlgorithm => ActivationError::SignatureAlgorithm(child.subject_display()),
    })
}

/// What holds for a root alone: it signed itself, for one CA below it at least, and for CRLs.
pub(super) fn root(root: &Certificate) -> Checked {
    let named = || root.subject_display();
    if !root.is_self_issued() {
        return Err(ActivationError::NotSelfSigned(named()));
    }
    let usage = root.extensions().key_usage;
    if !usage.is_some_and(|usage| usage.key_cert_sign && usage.crl_sign) {
        return Err(ActivationError::KeyUsage {
            certificate: named(),
            needed: "keyCertSign and cRLSign",
        });
    }
    if let Some(allowed) = root.path_len().filter(|allowed| *allowed < 1) {
        return Err(ActivationError::PathLength {
            certificate: named(),
            allowed,
            needed: 1,
        });
    }
    if root.subject_key_id().is_none() {
        return Err(ActivationError::SubjectKeyIdentifier(named()));
    }
    signed(root, root)
}

/// Seconds in a day.
pub(super) const DAY: u64 = 24 * 60 * 60;

/// Seconds until a certificate ends.
pub(super) fn left(certificate: &Certificate, at: Timestamp) -> u64 {
    let left = certificate.not_after().unix_seconds() - at.unix_seconds();
    u64::try_from(left).unwrap_or(0)
}

/// The issuing CA lasts long enough, and nothing above it ends earlier.
pub(super) fn lifetimes(
    issuing: &Certificate,
    issuers: &[Certificate],
    rules: &ActivationRules,
    at: Timestamp,
) -> Checked {
    let left = left(issuing, at);
    if left < rules.min_remaining.as_secs() {
        return Err(ActivationError::TooShort {
            found: left / DAY,
            needed: rules.min_remaining.as_secs() / DAY,
        });
    }
    match issuers
        .iter()
        .find(|issuer| issuer.not_after() < issuing.not_after())
    {
        Some(issuer) => Err(ActivationError::IssuerEndsFirst(issuer.subject_display())),
        None => Ok(()),
    }
}
