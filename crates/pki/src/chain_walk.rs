use std::ops::Range;

use provost_model::Timestamp;

use crate::path_rules::{check_issuer, check_leaf};
use crate::{
    Certificate, ChainError, PresentedChain, SignatureError, SignatureMemo, VerifiedChain, verify_signature,
};

/// The longest path followed, leaf and anchor included.
pub const MAX_PATH_CERTIFICATES: usize = 10;
/// The most signatures verified for one leaf; known ones are free.
pub const MAX_SIGNATURES: usize = 20;

/// A climb from a leaf upward, one level of issuers at a time.
///
/// At each level the caller looks up registered certificates whose subject is one of
/// [`wanted_subjects`](Self::wanted_subjects) and hands them to [`ascend`](Self::ascend), which
/// answers with every issuer that really signed and keeps the rules at the given instant, the
/// registered ones and those the client sent. The caller decides where to stop, and turns the
/// issuer it stops at into a proof with [`chain_to`](Self::chain_to).
///
/// A level can hold several certificates: a CA renewed with the same key has two, and both lead
/// on. Each certificate is visited once, so a walk always ends.
#[derive(Debug)]
pub struct ChainWalk<'a> {
    presented: &'a PresentedChain,
    memo: &'a SignatureMemo,
    at: Timestamp,
    /// The leaf first, then every issuer found, level by level.
    steps: Vec<Step>,
    /// The steps whose issuers are wanted next.
    level: Range<usize>,
    depth: usize,
    signatures_left: usize,
}

#[derive(Debug)]
struct Step {
    certificate: Certificate,
    /// Index of the step this one signed; `None` for the leaf.
    child: Option<usize>,
    registered: bool,
    /// Intermediates that are not self-issued from here down, this one included, leaf excluded.
    intermediates: u8,
}

/// An issuer found by [`ChainWalk::ascend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The certificate.
    pub certificate: Certificate,
    /// It was among the registered ones; only such an issuer can end a path.
    pub registered: bool,
    step: usize,
}

impl<'a> ChainWalk<'a> {
    /// Judges the leaf by itself and stands on it. Verifies no signature yet.
    ///
    /// # Errors
    /// What [`ChainError`] says of a leaf: dates, key, critical extensions, extended key usage.
    pub fn start(
        presented: &'a PresentedChain,
        memo: &'a SignatureMemo,
        at: Timestamp,
    ) -> Result<Self, ChainError> {
        let leaf = presented.leaf().clone();
        check_leaf(&leaf, at)?;
        let leaf = Step {
            certificate: leaf,
            child: None,
            registered: false,
            intermediates: 0,
        };
        Ok(Self {
            presented,
            memo,
            at,
            steps: vec![leaf],
            level: 0..1,
            depth: 1,
            signatures_left: MAX_SIGNATURES,
        })
    }

    /// Subject hashes of the issuers wanted next: SHA-256 over the Name's DER, each once.
    pub fn wanted_subjects(&self) -> Vec<[u8; 32]> {
        let mut wanted: Vec<_> = self
            .heads()
            .map(|(_, step)| step.certificate.issuer_hash())
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Climbs one level. `registered` may hold more than was wanted; names are compared here.
    ///
    /// # Errors
    /// When no issuer was found: the most telling refusal, [`ChainError::UnknownIssuer`] when
    /// there was no candidate. The walk is over then.
    pub fn ascend(&mut self, registered: &[Certificate]) -> Result<Vec<Issuer>, ChainError> {
        let begin = self.steps.len();
        let mut refusal: Option<ChainError> = None;
        for child in self.level.clone() {
            self.ascend_from(child, registered, &mut refusal);
        }
        self.level = begin..self.steps.len();
        self.depth += 1;
        if self.level.is_empty() {
            return Err(refusal.unwrap_or(ChainError::TooManyCertificates));
        }
        Ok(self
            .heads()
            .map(|(step, head)| Issuer {
                certificate: head.certificate.clone(),
                registered: head.registered,
                step,
            })
            .collect())
    }

    /// The proof that the leaf's path up to this issuer is valid.
    ///
    /// # Errors
    /// [`ChainError::UnknownIssuer`] when the issuer is not a registered one of this walk.
    pub fn chain_to(&self, issuer: &Issuer) -> Result<VerifiedChain, ChainError> {
        let mut issuers = Vec::new();
        let mut next = Some(issuer.step);
        let known = self.steps.get(issuer.step).is_some_and(|step| {
            step.registered && step.child.is_some() && step.certificate == issuer.certificate
        });
        if !known {
            return Err(ChainError::UnknownIssuer {
                certificate: issuer.certificate.clone(),
            });
        }
        while let Some(step) = next.and_then(|index| self.steps.get(index)) {
            if step.child.is_some() {
                issuers.push(step.certificate.clone());
            }
            next = step.child;
        }
        issuers.reverse();
        Ok(VerifiedChain::new(
            self.presented.leaf().clone(),
            issuers,
            self.at,
        ))
    }

    fn heads(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.steps
            .iter()
            .enumerate()
            .take(self.level.end)
            .skip(self.level.start)
    }

    fn ascend_from(&mut self, child: usize, registered: &[Certificate], refusal: &mut Option<ChainError>) {
        let Some(step) = self.steps.get(child) else { return };
        let (subject, below) = (step.certificate.clone(), step.intermediates);
        if self.depth >= MAX_PATH_CERTIFICATES {
            return keep(refusal, ChainError::TooManyCertificates);
        }
        keep(
            refusal,
            ChainError::UnknownIssuer {
                certificate: subject.clone(),
            },
        );
        let found = self.steps.len();
        for (issuer, is_registered) in self.candidates(&subject, registered) {
            // The first issuer found tells which key signed; other keys need not be tried.
            let signer = self.steps.get(found).map(|step| step.certificate.spki().key);
            let is_other_key = signer.is_some_and(|key| key != issuer.spki().key);
            if is_other_key || self.visited(issuer, is_registered) {
                continue;
            }
            match self.judge(child, &subject, issuer, is_registered, below) {
                Ok(()) => self.steps.push(Step {
                    certificate: issuer.clone(),
                    child: Some(child),
                    registered: is_registered,
                    intermediates: below.saturating_add(u8::from(!issuer.is_self_issued())),
                }),
                Err(error) => keep(refusal, error),
            }
        }
    }

    /// The certificates of the wanted name and whether they are registered. Likely ones come first,
    /// because signatures are counted: by what the key identifiers say, and among equals those that
    /// were sent. Of the same certificate the registered one comes first.
    fn candidates<'c>(
        &self,
        subject: &Certificate,
        registered: &'c [Certificate],
    ) -> Vec<(&'c Certificate, bool)>
    where
        'a: 'c,
    {
        let presented: &'a PresentedChain = self.presented;
        let registered = registered.iter().map(|certificate| (certificate, true));
        let sent = presented.iter().map(|certificate| (certificate, false));
        let mut candidates: Vec<_> = registered
            .chain(sent)
            .filter(|(issuer, _)| issuer.subject_der() == subject.issuer_der())
            .collect();
        candidates.sort_by_cached_key(|(issuer, _)| {
            let is_sent = presented.iter().any(|sent| sent == *issuer);
            (KeyHint::of(subject, issuer), !is_sent)
        });
        candidates
    }

    /// Each certificate is an issuer once. The leaf may be its own issuer when it is registered:
    /// a self-signed certificate an operator registered as a CA.
    fn visited(&self, issuer: &Certificate, registered: bool) -> bool {
        self.steps
            .iter()
            .any(|step| step.certificate == *issuer && (step.child.is_some() || !registered))
    }

    fn judge(
        &mut self,
        child: usize,
        subject: &Certificate,
        issuer: &Certificate,
        registered: bool,
        below: u8,
    ) -> Result<(), ChainError> {
        // The cheap rules come first: an expired CA costs no signature.
        check_issuer(issuer, registered, below, self.at)?;
        // Only what a registered CA signed is worth remembering: a stranger can make any number
        // of certificates that sign each other, and would push the useful ones out.
        let memo = (child != 0 && registered).then_some(self.memo);
        if !memo.is_some_and(|memo| memo.knows(subject, issuer)) {
            self.signatures_left = self
                .signatures_left
                .checked_sub(1)
                .ok_or(ChainError::TooManyCertificates)?;
        }
        let verified = match memo {
            Some(memo) => memo.verify(subject, issuer),
            None => verify_signature(subject, issuer),
        };
        let certificate = || subject.clone();
        verified.map_err(|error| match error {
            SignatureError::BadSignature => ChainError::BadSignature {
                certificate: certificate(),
            },
            SignatureError::UnsupportedAlgorithm => ChainError::UnsupportedAlgorithm {
                certificate: certificate(),
            },
        })
    }
}

/// What the key identifiers say of a candidate, likely first. A hint for the order of trying and
/// nothing else (RFC 5280 4.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyHint {
    /// The subject names this key.
    Meant,
    /// One of them has no identifier.
    Silent,
    /// The subject names another key.
    Other,
}

impl KeyHint {
    fn of(subject: &Certificate, issuer: &Certificate) -> Self {
        match (subject.authority_key_id(), issuer.subject_key_id()) {
            (Some(wanted), Some(own)) if wanted == own => Self::Meant,
            (Some(_), Some(_)) => Self::Other,
            _ => Self::Silent,
        }
    }
}

/// Keeps the more telling of two refusals, the earlier of equals.
fn keep(refusal: &mut Option<ChainError>, error: ChainError) {
    if refusal.as_ref().is_none_or(|kept| kept.weight() < error.weight()) {
        *refusal = Some(error);
    }
}
