/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {position} of the query")]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// Where, in characters; the first is 1.
    pub position: usize,
}

impl QueryError {
    pub(super) fn new(message: impl Into<String>, position: usize) -> Self {
        Self {
            message: message.into(),
            position,
        }
    }
}
