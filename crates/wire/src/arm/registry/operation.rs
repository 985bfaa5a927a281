use provost_model::registry::{OperationState, RegistryOperation};
use serde_json::{Map, Value, json};

use super::resource_id::resource_id;
use crate::arm::ArmScope;
use crate::{percent, time};

/// Seconds a client is asked to wait between two looks at an operation.
const RETRY_AFTER: u32 = 1;

/// Where a client looks after a long-running operation: absolute addresses, as the pollers of the SDKs
/// want them (certificate-management.md 1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationAddress {
    /// `Azure-AsyncOperation`: always answers 200 with the status.
    pub status: String,
    /// `Location`: answers 202 until the operation has ended.
    pub result: String,
    /// `Retry-After` in seconds.
    pub retry_after: u32,
}

/// The addresses of an operation; `host` with its port as the client wrote it. They carry the group, which is kept
/// nowhere, so that `resourceId` names the one the client used.
pub fn operation_location(
    host: &str,
    scope: &ArmScope,
    api_version: &str,
    operation: &str,
) -> OperationAddress {
    let group = scope.resource_group.as_ref();
    let group = group.map(|group| format!("/resourceGroups/{}", percent::encode(group)));
    let base = format!(
        "https://{host}/subscriptions/{}{}/providers/Microsoft.DeviceRegistry/locations/local",
        percent::encode(&scope.subscription),
        group.unwrap_or_default()
    );
    let version = percent::encode(api_version);
    OperationAddress {
        status: format!("{base}/operationStatuses/{operation}?api-version={version}"),
        result: format!("{base}/operationResults/{operation}?api-version={version}"),
        retry_after: RETRY_AFTER,
    }
}

/// The status body; `address` is the operation's own path.
pub fn operation_status(scope: &ArmScope, path: &str, operation: &RegistryOperation) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    set("id", path.into());
    set("name", operation.id.clone().into());
    let resource = if operation.resource.is_empty() {
        resource_id(scope, &operation.namespace, "")
    } else {
        resource_id(
            scope,
            &operation.namespace,
            format_args!("/{}", operation.resource),
        )
    };
    set("resourceId", resource.into());
    let (word, percent) = match operation.state {
        OperationState::Running => ("InProgress", None),
        OperationState::Succeeded => ("Succeeded", Some(100)),
        OperationState::Failed(_) => ("Failed", None),
    };
    set("status", word.into());
    if let Some(percent) = percent {
        set("percentComplete", percent.into());
    }
    set("startTime", time::iso(operation.started_at).into());
    if let Some(end) = operation.ended_at {
        set("endTime", time::iso(end).into());
    }
    set("operations", Value::Array(Vec::new()));
    if let OperationState::Failed(failure) = &operation.state {
        set("error", error(&failure.code, &failure.message));
    }
    body.into()
}

/// The body for a client that polls `Location` once the operation failed; `None` when it did not.
pub fn operation_result(operation: &RegistryOperation) -> Option<Value> {
    match &operation.state {
        OperationState::Failed(failure) => Some(json!({ "error": error(&failure.code, &failure.message) })),
        OperationState::Running | OperationState::Succeeded => None,
    }
}

fn error(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message, "details": [], "additionalInfo": [] })
}

#[cfg(test)]
mod tests {
    use provost_model::registry::OperationFailure;
    use provost_model::{NamespaceName, Timestamp};

    use super::*;

    fn scope() -> ArmScope {
        ArmScope {
            subscription: "s1".to_owned(),
            resource_group: None,
        }
    }

    fn operation(state: OperationState) -> RegistryOperation {
        let ended = state != OperationState::Running;
        RegistryOperation {
            id: "op-1".to_owned(),
            namespace: NamespaceName::parse("plant").unwrap(),
            kind: "revokeIssuer".to_owned(),
            resource: "credentials/default/policies/line-7".to_owned(),
            state,
            progress: String::new(),
            started_at: Timestamp::default(),
            ended_at: ended.then(Timestamp::default),
        }
    }

    #[test]
    fn addresses_are_absolute_and_read_back() {
        for group in [None, Some("halls & yards".to_owned())] {
            let scope = ArmScope {
                resource_group: group,
                ..scope()
            };
            let address = operation_location("localhost:8443", &scope, "2026-03-01-preview", "op-1");
            let path = address.status.strip_prefix("https://localhost:8443").unwrap();
            let (path, query) = path.split_once('?').unwrap();
            let crate::Routed::To(route) = crate::arm::parse_route("GET", path, query) else {
                panic!("{path}");
            };
            assert_eq!(route.scope, scope);
            assert!(address.result.contains("/operationResults/op-1?"));
        }
    }

    #[test]
    fn states_and_their_words() {
        for (state, word) in [
            (OperationState::Running, "InProgress"),
            (OperationState::Succeeded, "Succeeded"),
        ] {
            let body = operation_status(&scope(), "/p", &operation(state.clone()));
            assert_eq!(body["status"], word);
            assert_eq!(body.get("endTime").is_some(), state != OperationState::Running);
            assert!(body.get("error").is_none());
        }
        let failure = OperationFailure {
            code: "HubUnavailable".to_owned(),
            message: "hub1 is away".to_owned(),
        };
        let failed = operation(OperationState::Failed(failure));
        assert_eq!(
            operation_status(&scope(), "/p", &failed)["error"]["code"],
            "HubUnavailable"
        );
        assert_eq!(
            operation_result(&failed).unwrap()["error"]["message"],
            "hub1 is away"
        );
    }
}
