use provost_model::registry::Namespace;
use serde_json::{Map, Value, json};

use super::endpoints::{Method, check_messaging};
use super::members::{PatchForm, TagsPatch, bounded, keep, keep_patch, location, merge, tags};
use super::resource_id::namespace_id;
use crate::arm::ArmScope;
use crate::json::{self, BodyError, Members};

/// The words of `identity.type`.
const IDENTITY_TYPES: [(&str, &str); 2] = [("None", "None"), ("SystemAssigned", "SystemAssigned")];

/// The body of a namespace's PUT (certificate-management.md 1.4). What the server says itself is
/// ignored, and so is what is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceInput {
    /// Required; echoed.
    pub location: String,
    /// Echoed.
    pub tags: Map<String, Value>,
    /// `identity.type` and `properties.messaging`.
    pub document: Map<String, Value>,
}

impl NamespaceInput {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let mut document = identity(&members)?;
        if let Some(properties) = members.object("properties")? {
            check_messaging(&properties, Method::Put)?;
            document.insert("properties".to_owned(), keep(&properties, &["messaging"]).into());
        }
        Ok(Self {
            location: location(&members)?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| members.shape("location", "is required"))?,
            tags: tags(&members)?.unwrap_or_default(),
            document: bounded(document)?,
        })
    }
}

fn identity(members: &Members<'_>) -> Result<Map<String, Value>, BodyError> {
    let mut document = Map::new();
    if let Some(identity) = members.object("identity")? {
        let kind = identity.word("type", &IDENTITY_TYPES)?.unwrap_or("None");
        document.insert("identity".to_owned(), json!({ "type": kind }));
    }
    Ok(document)
}

/// The body of a namespace's PATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacePatch {
    /// What becomes of the tags; `None` leaves them.
    pub tags: Option<TagsPatch>,
    change: Map<String, Value>,
}

impl NamespacePatch {
    /// Reads the body.
    ///
    /// # Errors
    /// Names the member.
    pub fn parse(body: &[u8], form: PatchForm) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let mut change = identity(&members)?;
        if let Some(properties) = members.object("properties")? {
            check_messaging(&properties, Method::Patch)?;
        }
        if let Some(properties) = members.map("properties")? {
            let kept = keep_patch(properties, &["messaging"]);
            change.insert("properties".to_owned(), kept.into());
        }
        Ok(Self {
            tags: TagsPatch::read(&members, form)?,
            change: bounded(change)?,
        })
    }

    /// What becomes of the document of a namespace.
    ///
    /// # Errors
    /// It would be too large.
    pub fn apply(&self, document: &Map<String, Value>) -> Result<Map<String, Value>, BodyError> {
        let mut document = document.clone();
        merge(&mut document, &self.change);
        bounded(document)
    }
}

/// The namespace resource.
pub fn namespace(scope: &ArmScope, namespace: &Namespace) -> Value {
    let mut properties = match namespace.document.get("properties") {
        Some(Value::Object(kept)) => kept.clone(),
        _ => Map::new(),
    };
    properties.insert("uuid".to_owned(), namespace.uuid.to_string().into());
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    let mut resource = json!({
        "id": namespace_id(scope, &namespace.name),
        "name": namespace.name.as_str(),
        "type": "Microsoft.DeviceRegistry/namespaces",
        "location": namespace.location,
        "tags": namespace.tags,
        "properties": properties,
    });
    if let (Value::Object(members), Some(identity)) = (&mut resource, namespace.document.get("identity")) {
        members.insert("identity".to_owned(), shown_identity(identity, namespace));
    }
    resource
}

/// An identity of a namespace means nothing here; clients that wait for its ids are given the
/// namespace's own.
fn shown_identity(identity: &Value, namespace: &Namespace) -> Value {
    if identity.get("type") == Some(&json!("SystemAssigned")) {
        let uuid = namespace.uuid.to_string();
        return json!({ "type": "SystemAssigned", "principalId": uuid, "tenantId": uuid });
    }
    identity.clone()
}

#[cfg(test)]
mod tests {
    use provost_model::{NamespaceName, Timestamp, Uuid};

    use super::*;

    fn stored(input: NamespaceInput) -> Namespace {
        Namespace {
            name: NamespaceName::parse("plant").unwrap(),
            uuid: Uuid::from_bytes([7; 16]),
            location: input.location,
            tags: input.tags,
            document: input.document,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn what_the_server_says_is_not_the_clients() {
        let body = br#"{"location":"westus","tags":{"hall":"7"},"identity":{"type":"systemassigned","principalId":"x"},
            "properties":{"uuid":"mine","provisioningState":"Failed","messaging":{"endpoints":{}},"unknown":1}}"#;
        let input = NamespaceInput::parse(body).unwrap();
        let scope = ArmScope {
            subscription: "s1".to_owned(),
            resource_group: Some("g1".to_owned()),
        };
        let shown = namespace(&scope, &stored(input));
        assert_eq!(
            shown["properties"],
            json!({
                "messaging": {"endpoints": {}},
                "uuid": Uuid::from_bytes([7; 16]).to_string(),
                "provisioningState": "Succeeded",
            })
        );
        assert_eq!(shown["identity"]["type"], "SystemAssigned");
        assert_ne!(shown["identity"]["principalId"], "x");
        assert_eq!(shown["tags"], json!({"hall": "7"}));
    }

    #[test]
    fn a_location_is_needed() {
        for body in ["{}", r#"{"location":""}"#] {
            let error = NamespaceInput::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "`location` is required");
        }
    }

    #[test]
    fn endpoints_are_merged() {
        let put = br#"{"location":"l","properties":{"messaging":{"endpoints":{"a":{"address":"x"},"b":{"address":"y"}}}}}"#;
        let before = NamespaceInput::parse(put).unwrap();
        let patch = br#"{"properties":{"messaging":{"endpoints":{"a":null,"c":{"address":"z"}}}}}"#;
        let patch = NamespacePatch::parse(patch, PatchForm::Replace).unwrap();
        let after = patch.apply(&before.document).unwrap();
        let endpoints = &Value::Object(after)["properties"]["messaging"]["endpoints"];
        assert_eq!(endpoints, &json!({"b": {"address": "y"}, "c": {"address": "z"}}));
        assert_eq!(patch.tags, None);
    }
}
