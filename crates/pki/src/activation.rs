//! Bring your own root: judging what a customer's CA made of an issuing CA's signing request
//! (certificate-management.md 2.4, 3.8); and the same of a namespace's root that is kept offline.

mod error;
mod offline;
mod steps;

pub use error::ActivationError;
pub use offline::{check_root, check_under};

use std::time::Duration;

use provost_model::Timestamp;

use crate::{Certificate, Csr};

/// What may be chosen about activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivationRules {
    /// How long the issuing CA must still be valid.
    pub min_remaining: Duration,
    /// Whether the chain must go up to a root.
    pub root_required: bool,
}

impl Default for ActivationRules {
    /// Azure's: 365 days, the root may be left out.
    fn default() -> Self {
        Self {
            min_remaining: Duration::from_hours(365 * 24),
            root_required: false,
        }
    }
}

/// The most certificates in the chain, the issuing CA and the root included.
pub const MAX_ACTIVATION_CERTIFICATES: usize = 5;

/// An issuing CA a customer's CA signed, and what stands above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivatedChain {
    issuing: Certificate,
    issuers: Vec<Certificate>,
}

impl ActivatedChain {
    /// The issuing CA.
    pub fn issuing(&self) -> &Certificate {
        &self.issuing
    }

    /// What follows it in the chain of a device, each signed by the next; the root last, when it was sent.
    pub fn issuers(&self) -> &[Certificate] {
        &self.issuers
    }

    /// Whether it goes up to a root.
    pub fn is_complete(&self) -> bool {
        self.issuers.last().is_some_and(Certificate::is_self_issued)
    }
}

/// Judges a chain in PEM, the signed issuing CA first, each certificate followed by its issuer, against
/// the request it answers.
///
/// Whatever an issuing CA sent without its issuers says above itself stays unproven: its signature cannot
/// be verified without them. Its key is ours either way.
///
/// # Errors
/// The first rule that is broken, see [`ActivationError`].
pub fn check(
    csr: &Csr,
    chain_pem: &str,
    rules: &ActivationRules,
    at: Timestamp,
) -> Result<ActivatedChain, ActivationError> {
    let mut chain = steps::read(chain_pem)?;
    steps::key(csr, &chain)?;
    for certificate in &chain {
        steps::any(certificate, at)?;
    }
    let issuing = chain.remove(0);
    steps::issuing(csr, &issuing)?;
    steps::linked(&issuing, &chain)?;
    steps::lifetimes(&issuing, &chain, rules, at)?;
    let activated = ActivatedChain {
        issuing,
        issuers: chain,
    };
    if rules.root_required && !activated.is_complete() {
        return Err(ActivationError::NoRoot);
    }
    Ok(activated)
}
