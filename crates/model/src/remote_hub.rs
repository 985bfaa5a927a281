use crate::{HostName, HubName, PolicyName, SymmetricKey, Timestamp};

/// How a hub elsewhere is reached: Azure's or another server's, over the registry REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHub {
    /// Its name here.
    pub name: HubName,
    /// Its host name, which devices are told, without a port.
    pub host: HostName,
    /// The port of its service API.
    pub port: u16,
    /// The shared access policy we act as; it needs `RegistryWrite` and `ServiceConnect`.
    pub policy: PolicyName,
    /// The policy's key.
    pub key: SymmetricKey,
    /// PEM of the authorities its server certificate may come from; `None` means the public ones.
    pub ca: Option<String>,
}

/// What was last seen of a hub elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubHealth {
    /// Its state.
    pub state: HubHealthState,
    /// Since when.
    pub since: Timestamp,
    /// The latest look.
    pub checked_at: Option<Timestamp>,
    /// What went wrong, while something does.
    pub error: Option<String>,
}

/// Is a hub elsewhere there, and are we let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubHealthState {
    /// Nobody looked yet.
    Unknown,
    /// It answers and takes our key.
    Healthy,
    /// It cannot be reached, or answers nothing of use.
    Unreachable,
    /// It does not take our key.
    Unauthorized,
}

impl HubHealthState {
    /// Its word: stored, and shown to operators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
        }
    }

    /// The state of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Unknown,
            Self::Healthy,
            Self::Unreachable,
            Self::Unauthorized,
        ]
        .into_iter()
        .find(|state| state.as_str() == word)
    }
}
