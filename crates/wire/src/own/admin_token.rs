use provost_model::NamespaceName;
use serde::{Deserialize, Serialize};

use crate::json::{self, BodyError, Members};

const MAX_ROLES: usize = 8;

/// The body of `POST /provost/adminTokens`: `{"name","roles","namespace"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTokenInput {
    /// Whom the token is for.
    pub name: String,
    /// The words of its roles; none means `owner`, as it was before there were roles.
    pub roles: Vec<String>,
    /// The namespace its roles count in; everywhere when absent.
    pub namespace: Option<NamespaceName>,
}

impl AdminTokenInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let words = members.list("roles")?.unwrap_or_default();
        if members.has("roles") && (words.is_empty() || words.len() > MAX_ROLES) {
            return Err(members.invalid("roles", format!("must name 1 to {MAX_ROLES} roles")));
        }
        let word = |value: &serde_json::Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| members.shape("roles", "must hold strings"))
        };
        Ok(Self {
            name: members.required_text("name")?.to_owned(),
            roles: words.iter().map(word).collect::<Result<_, _>>()?,
            namespace: members.parsed("namespace", NamespaceName::parse)?,
        })
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

/// A token without its secret: `{"name","roles","namespace","createdAtUtc"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminTokenSummary {
    /// Whom it is for.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// The namespace its roles count in; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// When it was made.
    pub created_at_utc: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_needed_and_roles_are_not() {
        let input = AdminTokenInput::parse(br#"{"name":"ci"}"#).unwrap();
        assert_eq!(
            (input.name.as_str(), input.roles.len(), input.namespace),
            ("ci", 0, None)
        );
        let body = br#"{"name":"ci","roles":["reader"],"namespace":"plant"}"#;
        let input = AdminTokenInput::parse(body).unwrap();
        assert_eq!(input.roles, ["reader"]);
        assert_eq!(input.namespace, Some(NamespaceName::parse("plant").unwrap()));
        for body in [
            "{}",
            r#"{"name":"ci","roles":[]}"#,
            r#"{"name":"ci","roles":[1]}"#,
        ] {
            assert!(AdminTokenInput::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
