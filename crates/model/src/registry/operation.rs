use crate::{NamespaceName, Timestamp};

/// How far a long-running operation came (certificate-management.md 1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationState {
    /// It goes on, by itself, whatever happens to this process.
    Running,
    /// It is done.
    Succeeded,
    /// It ended without being done.
    Failed(OperationFailure),
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationFailure {
    /// The word az prints.
    pub code: String,
    /// In words.
    pub message: String,
}

/// A long-running operation of the Device Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryOperation {
    /// Its name, a UUID.
    pub id: String,
    /// Whose.
    pub namespace: NamespaceName,
    /// What it does, e.g. `revokeIssuer`.
    pub kind: String,
    /// What it is about: the path of the resource below its namespace, e.g. `credentials/default/policies/line-7`.
    pub resource: String,
    /// How far it came.
    pub state: OperationState,
    /// What it needs to go on after a crash; read by whoever made it.
    pub progress: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
