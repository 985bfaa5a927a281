use provost_model::registry::Credential;
use serde_json::{Map, Value, json};

use super::members::{PatchForm, TagsPatch, location, tags};
use super::resource_id::{CREDENTIAL, resource_id};
use crate::arm::ArmScope;
use crate::json::{self, BodyError, Members};

/// The body of a credential's PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialInput {
    /// Required; echoed.
    pub location: String,
    /// Echoed.
    pub tags: Map<String, Value>,
}

impl CredentialInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        Ok(Self {
            location: location(&members)?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| members.shape("location", "is required"))?,
            tags: tags(&members)?.unwrap_or_default(),
        })
    }
}

/// The body of a credential's PATCH, which is about tags alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialPatch {
    /// What becomes of the tags; `None` leaves them.
    pub tags: Option<TagsPatch>,
}

impl CredentialPatch {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8], form: PatchForm) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        Ok(Self {
            tags: TagsPatch::read(&members, form)?,
        })
    }
}

/// The credential resource. Nothing of the root certificate is told here, as Azure tells nothing;
/// `/provost/namespaces/{namespace}/authorities` shows it. One that waits for the certificate of a root kept
/// offline is not ready, and says `Accepted`.
pub fn credential(scope: &ArmScope, credential: &Credential, is_waiting: bool) -> Value {
    json!({
        "id": resource_id(scope, &credential.namespace, format_args!("/credentials/{CREDENTIAL}")),
        "name": CREDENTIAL,
        "type": "Microsoft.DeviceRegistry/namespaces/credentials",
        "location": credential.location,
        "tags": credential.tags,
        "properties": { "provisioningState": if is_waiting { "Accepted" } else { "Succeeded" } },
    })
}

#[cfg(test)]
mod tests {
    use provost_model::registry::CaId;
    use provost_model::{NamespaceName, Timestamp};

    use super::*;

    #[test]
    fn resource_and_bodies() {
        let input = CredentialInput::parse(br#"{"location":"westus","properties":{"x":1}}"#).unwrap();
        let record = Credential {
            namespace: NamespaceName::parse("plant").unwrap(),
            location: input.location,
            tags: input.tags,
            root: CaId::parse(&"ab".repeat(16)).unwrap(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        let scope = ArmScope {
            subscription: "s1".to_owned(),
            resource_group: Some("g1".to_owned()),
        };
        let shown = credential(&scope, &record, false);
        let id = shown["id"].as_str().unwrap();
        assert!(id.ends_with("/namespaces/plant/credentials/default"), "{id}");
        assert_eq!(shown["properties"], json!({"provisioningState": "Succeeded"}));
        let waits = credential(&scope, &record, true);
        assert_eq!(waits["properties"], json!({"provisioningState": "Accepted"}));
        assert!(CredentialInput::parse(b"{}").is_err());
        assert_eq!(
            CredentialPatch::parse(b"{}", PatchForm::Replace).unwrap().tags,
            None
        );
    }
}
