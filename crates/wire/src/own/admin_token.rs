use serde::{Deserialize, Serialize};

use crate::json::{self, BodyError, Members};

/// The body of `POST /provost/adminTokens`: `{"name"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTokenInput {
    /// Whom the token is for.
    pub name: String,
}

impl AdminTokenInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let name = Members::root(&value)?.required_text("name")?.to_owned();
        Ok(Self { name })
    }
}

/// The answer: `{"name","token"}`. Not `Debug`: it is a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct AdminTokenView {
    /// Whom the token is for.
    pub name: String,
    /// The token, shown this once.
    pub token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_needed() {
        assert_eq!(AdminTokenInput::parse(br#"{"name":"ci"}"#).unwrap().name, "ci");
        assert!(AdminTokenInput::parse(b"{}").is_err());
    }
}
