//! Certificates issued and revoked.

use std::path::Path;

use anyhow::Result;

use super::{Amounts, healing, issuance, revoking};

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    pub(crate) issuing: Vec<issuance::Placed>,
    pub(crate) revoking: revoking::Revoking,
    pub(crate) healing: healing::Healing,
    pub(crate) sessions: u32,
    pub(crate) stored: u32,
    pub(crate) revoked: u32,
}

/// Measures both.
pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<Certificates> {
    Ok(Certificates {
        issuing: issuance::measure(amounts, work)?,
        revoking: revoking::measure(amounts, binary, &work.join("revoking-data"))?,
        healing: healing::measure(amounts, binary, &work.join("healing-data"))?,
        sessions: amounts.sessions,
        stored: amounts.certificates,
        revoked: amounts.revoked,
    })
}
