//! Certificates issued and revoked.

use std::path::Path;

use anyhow::Result;

use super::{Amounts, healing, issuance, revoking};
use crate::report::{healing_markdown, issuing_markdown, revoking_markdown};

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    pub(crate) issuing: Vec<issuance::Placed>,
    pub(crate) revoking: revoking::Revoking,
    pub(crate) healing: healing::Healing,
    pub(crate) amounts: Amounts,
}

/// Measures all of it.
pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<Certificates> {
    Ok(Certificates {
        issuing: issuance::measure(amounts, work)?,
        revoking: revoking::measure(amounts, binary, &work.join("revoking-data"))?,
        healing: healing::measure(amounts, binary, &work.join("healing-data"))?,
        amounts: *amounts,
    })
}

/// One of its parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Piece {
    Issuing,
    Revoking,
    Healing,
}

impl Piece {
    pub(super) const ALL: [Self; 3] = [Self::Issuing, Self::Revoking, Self::Healing];

    /// Measures it alone; Markdown.
    pub(super) fn measure(self, amounts: &Amounts, binary: &Path, work: &Path) -> Result<String> {
        match self {
            Self::Issuing => Ok(issuing_markdown(&issuance::measure(amounts, work)?)),
            Self::Revoking => {
                let found = revoking::measure(amounts, binary, &work.join("revoking-data"))?;
                Ok(revoking_markdown(&found, amounts))
            }
            Self::Healing => {
                let found = healing::measure(amounts, binary, &work.join("healing-data"))?;
                Ok(healing_markdown(&found))
            }
        }
    }
}
