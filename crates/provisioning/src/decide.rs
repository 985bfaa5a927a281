//! The decision: does this device get in, by which entry, and why.
//!
//! 1. The individual enrollment of the registration ID, whatever its attestation type. When there is
//!    one it decides, also by refusing: a disabled or failing entry shadows every group.
//! 2. Otherwise groups: with a certificate, the chain from the leaf's issuer upward, where the first
//!    level at which a group matches decides; with a SAS token, the symmetric key groups. Among the
//!    groups that match at one level the oldest decides.
//! 3. Disabled wins: a disabled group anywhere along the chain decides before an enabled one, and a
//!    certificate that any disabled entry holds is refused whoever else holds it too.
//!
//! Sources: dps-device-api.md 1.4, 5.2, 8.1; dps-service-api.md 6.1; certificate-management.md 5.

mod chain;
mod claim;
mod individual;
mod refusal;
mod snapshot;
mod symmetric;
mod trace;

use provost_attestation::sas::SasError;
use provost_attestation::x509::LeafError;
use provost_pki::{ChainError, SignatureMemo};
use provost_store::StoreError;

pub use claim::{Claim, Entry, Match, Proof};
pub use refusal::Refusal;
pub use snapshot::Snapshot;
pub use trace::{AnchorKind, Step, Trace};

/// What a claim comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The proof is genuine and the entry enabled.
    Admitted(Box<Match>),
    /// The proof is genuine and the entry disabled, or another disabled entry holds one of the
    /// device's certificates: the run ends with status `disabled`.
    Disabled(Box<Match>),
    /// No entry, or a proof that is not genuine.
    Refused(Refusal),
}

/// A decision and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// What was looked at, in order.
    pub trace: Trace,
}

/// What the decision needs besides the entries.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Signatures of CA certificates that are known to be right.
    pub memo: &'a SignatureMemo,
    /// See [`crate::ProvisioningOptions::signing_certificates_need_verified_ca`].
    pub signing_certificates_need_verified_ca: bool,
}

/// Decides. Depends on nothing but its arguments; fails only when the snapshot cannot be read.
pub fn decide<S: Snapshot>(
    snapshot: &S,
    claim: &Claim<'_>,
    rules: Rules<'_>,
) -> Result<Judgement, StoreError> {
    let mut judge = Judge {
        snapshot,
        claim,
        rules,
        trace: Trace::default(),
    };
    let decision = match judge
        .find()
        .and_then(|found| judge.unless_revoked(found))
        .and_then(|found| judge.unless_held(found))
    {
        Ok(found) if found.is_disabled() => Decision::Disabled(Box::new(found)),
        Ok(found) => Decision::Admitted(Box::new(found)),
        Err(Stop::Refused(refusal)) => Decision::Refused(refusal),
        Err(Stop::Store(error)) => return Err(error),
    };
    Ok(Judgement {
        decision,
        trace: judge.trace,
    })
}

/// One decision in the making.
struct Judge<'a, S> {
    snapshot: &'a S,
    claim: &'a Claim<'a>,
    rules: Rules<'a>,
    trace: Trace,
}

/// Why the search ended without a match.
enum Stop {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SasError> for Stop {
    fn from(error: SasError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<LeafError> for Stop {
    fn from(error: LeafError) -> Self {
        Self::Refused(error.into())
    }
}

impl<S: Snapshot> Judge<'_, S> {
    fn find(&mut self) -> Result<Match, Stop> {
        let individual = self
            .snapshot
            .individual(self.claim.registration_id)
            .map_err(Stop::Store)?;
        self.trace.push(Step::Individual {
            status: individual.as_ref().map(|entry| entry.settings.status),
        });
        if let Some(entry) = individual {
            return self.individual(entry);
        }
        // A token is a statement about a key; a certificate may come along for other reasons.
        if self.claim.sas.is_some() {
            self.symmetric_group()
        } else if self.claim.chain.is_some() {
            self.group_of_chain()
        } else {
            Err(Refusal::NoProof.into())
        }
    }

    /// A leaf that the Device Registry issued and revoked proves nothing any more, also where a group stands on
    /// the CA that issued it: its device comes back by the credential it came with at first
    /// (certificate-management.md ). The same goes for all that rests on a CA it revoked, whichever
    /// CA above it a group stands on.
    fn unless_revoked(&self, found: Match) -> Result<Match, Stop> {
        let Some(shown) = found.proof.shown() else {
            return Ok(found);
        };
        let is_revoked = self.snapshot.is_revoked_leaf(&shown);
        if is_revoked.map_err(Stop::Store)? {
            return Err(Refusal::RevokedLeaf.into());
        }
        Ok(found)
    }

    /// Certificates of a disabled entry are refused, whatever other entry holds them too
    /// (certificate-management.md ).
    fn unless_held(&mut self, mut found: Match) -> Result<Match, Stop> {
        if found.is_disabled() {
            return Ok(found);
        }
        let holder = self.snapshot.disabled_holder(&found.certificates);
        found.blocked_by = holder.map_err(Stop::Store)?;
        if let Some(holder) = &found.blocked_by {
            self.trace.push(Step::Held { by: holder.clone() });
        }
        Ok(found)
    }

    /// A chain that ends nowhere is told apart from one that is wrong.
    fn chain_refusal(error: ChainError) -> Refusal {
        match error {
            ChainError::UnknownIssuer { certificate } => Refusal::AuthorityMissing {
                issuer: Some(certificate),
            },
            other => Refusal::Chain(other),
        }
    }
}

#[cfg(test)]
mod tests;
