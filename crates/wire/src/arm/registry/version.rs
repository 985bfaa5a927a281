use crate::address::{ApiVersion, Query, RouteError};

/// Every api-version that is served, as a refusal lists them.
pub const SUPPORTED_VERSIONS: &str = "2025-08-01-preview, 2025-11-01-preview, 2026-03-01-preview";

/// The newest of them: what our own addresses speak where they point there.
pub const API_VERSION: &str = "2026-03-01-preview";

/// Which generation of the contract a client speaks (certificate-management.md 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistryVersion {
    /// 2025-08-01-preview, 2025-11-01-preview: policies have `location` and `tags`.
    First,
    /// 2026-03-01-preview.
    Second,
}

impl RegistryVersion {
    /// Reads `api-version`, which must be one of ours: clients of another generation would
    /// misunderstand every answer.
    pub(in crate::arm) fn of(query: Query<'_>) -> Result<(Self, ApiVersion), RouteError> {
        let version = query.required_api_version(400_000)?;
        let generation = match version.as_str() {
            text if text.eq_ignore_ascii_case("2026-03-01-preview") => Self::Second,
            text if text.eq_ignore_ascii_case("2025-11-01-preview") => Self::First,
            text if text.eq_ignore_ascii_case("2025-08-01-preview") => Self::First,
            _ => {
                return Err(RouteError::UnsupportedVersion {
                    supported: SUPPORTED_VERSIONS,
                });
            }
        };
        Ok((generation, version))
    }
}
