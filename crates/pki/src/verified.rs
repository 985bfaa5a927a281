use provost_model::Timestamp;

use crate::{Certificate, ChainError, ChainWalk, PresentedChain, SignatureMemo};

/// Proof that a path from a leaf to a registered certificate was valid at an instant.
///
/// Every certificate of the path, the anchor included, was within its dates, had an acceptable
/// key and no critical extension that is not understood, and was signed by the next. Made only by
/// [`ChainWalk::chain_to`] and [`verify_chain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedChain {
    leaf: Certificate,
    issuers: Vec<Certificate>,
    at: Timestamp,
}

impl VerifiedChain {
    pub(crate) fn new(leaf: Certificate, issuers: Vec<Certificate>, at: Timestamp) -> Self {
        Self { leaf, issuers, at }
    }

    /// The certificate whose key the handshake proved.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The issuers, nearest to the leaf first, the anchor last.
    pub fn issuers(&self) -> &[Certificate] {
        &self.issuers
    }

    /// The registered certificate the path ends at.
    pub fn anchor(&self) -> &Certificate {
        self.issuers.last().unwrap_or(&self.leaf)
    }

    /// The instant the path was judged at.
    pub fn verified_at(&self) -> Timestamp {
        self.at
    }

    /// When the first certificate of the path expires: until then the proof may be kept.
    pub fn not_after(&self) -> Timestamp {
        self.issuers
            .iter()
            .map(Certificate::not_after)
            .fold(self.leaf.not_after(), std::cmp::min)
    }
}

/// Finds a valid path from the leaf to any of the anchors, the nearest one first.
///
/// An anchor may be an intermediate; its own issuer is not needed then.
///
/// # Errors
/// Why there is none, see [`ChainError`].
pub fn verify_chain(
    presented: &PresentedChain,
    anchors: &[Certificate],
    memo: &SignatureMemo,
    at: Timestamp,
) -> Result<VerifiedChain, ChainError> {
    let mut walk = ChainWalk::start(presented, memo, at)?;
    loop {
        let issuers = walk.ascend(anchors)?;
        if let Some(anchor) = issuers.iter().find(|issuer| issuer.registered) {
            return walk.chain_to(anchor);
        }
    }
}
