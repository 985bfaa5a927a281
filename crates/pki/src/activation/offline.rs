//! A root that is kept offline, and what it signed (certificate-management.md 2.5, 7.5).

use provost_model::Timestamp;

use super::steps;
use super::{ActivationError, ActivationRules};
use crate::{Certificate, Csr};

/// Judges the certificate of a root that is kept offline: alone in its PEM, self-signed, made to sign CAs
/// and CRLs, and valid long enough for an issuing CA to fit under it.
///
/// # Errors
/// The first rule that is broken, see [`ActivationError`].
pub fn check_root(pem: &str, rules: &ActivationRules, at: Timestamp) -> Result<Certificate, ActivationError> {
    let mut all = steps::read(pem)?;
    let count = all.len();
    let root = match all.pop() {
        Some(root) if count == 1 => root,
        _ => return Err(ActivationError::NotOneRoot(count)),
    };
    steps::any(&root, at)?;
    steps::root(&root)?;
    let left = steps::left(&root, at);
    if left < rules.min_remaining.as_secs() {
        return Err(ActivationError::RootTooShort {
            found: left / steps::DAY,
            needed: rules.min_remaining.as_secs() / steps::DAY,
        });
    }
    Ok(root)
}

/// Judges what a root that is kept offline made of a signing request: the issuing CA, signed by this very root
/// with nothing between them; the root may follow it in the PEM.
///
/// # Errors
/// The first rule that is broken, see [`ActivationError`].
pub fn check_under(
    csr: &Csr,
    chain_pem: &str,
    root: &Certificate,
    rules: &ActivationRules,
    at: Timestamp,
) -> Result<Certificate, ActivationError> {
    let mut chain = steps::read(chain_pem)?;
    steps::key(csr, &chain)?;
    let issuing = chain.remove(0);
    let other = |subject: &Certificate| ActivationError::OtherRoot(subject.subject_display());
    if let Some(stranger) = chain.iter().find(|above| above.der() != root.der()) {
        return Err(other(stranger));
    }
    steps::any(&issuing, at)?;
    steps::any(root, at)?;
    steps::issuing(csr, &issuing)?;
    if issuing.issuer_der() != root.subject_der() {
        return Err(other(&issuing));
    }
    let issuers = std::slice::from_ref(root);
    steps::linked(&issuing, issuers)?;
    steps::lifetimes(&issuing, issuers, rules, at)?;
    Ok(issuing)
}
