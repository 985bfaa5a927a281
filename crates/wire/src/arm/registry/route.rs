use provost_model::{CredentialPolicyName, NamespaceName, RegistryDeviceName};

use super::resource_id::CREDENTIAL;
use crate::address::{Query, RouteError, Routed, id, is};
use crate::percent;

/// An operation of the Device Registry (certificate-management.md 1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAction {
    /// A page of namespaces; where it begins is from a `nextLink`.
    ListNamespaces(Option<String>),
    /// One namespace.
    GetNamespace(NamespaceName),
    /// Make or replace a namespace.
    PutNamespace(NamespaceName),
    /// Change tags, identity or endpoints of a namespace.
    PatchNamespace(NamespaceName),
    /// Delete a namespace.
    DeleteNamespace(NamespaceName),
    /// `POST …/migrate`: known and refused, there are no assets.
    MigrateNamespace(NamespaceName),
    /// The credential, as a list.
    ListCredentials(NamespaceName),
    /// The credential.
    GetCredential(NamespaceName),
    /// Make the credential, or change its tags.
    PutCredential(NamespaceName),
    /// Change the credential's tags.
    PatchCredential(NamespaceName),
    /// Delete the credential.
    DeleteCredential(NamespaceName),
    /// Bring the issuing CAs to the linked hubs.
    Synchronize(NamespaceName),
    /// All policies.
    ListPolicies(NamespaceName),
    /// One policy.
    GetPolicy(NamespaceName, CredentialPolicyName),
    /// Make a policy, or change one.
    PutPolicy(NamespaceName, CredentialPolicyName),
    /// Change a policy's validity.
    PatchPolicy(NamespaceName, CredentialPolicyName),
    /// Delete a policy.
    DeletePolicy(NamespaceName, CredentialPolicyName),
    /// Revoke and replace a policy's issuing CA.
    RevokeIssuer(NamespaceName, CredentialPolicyName),
    /// Bring the certificate a customer's CA signed.
    ActivateExternalRoot(NamespaceName, CredentialPolicyName),
    /// A page of devices; the second is where it begins, from a `nextLink`.
    ListDevices(NamespaceName, Option<String>),
    /// One device.
    GetDevice(NamespaceName, RegistryDeviceName),
    /// Make or replace a device.
    PutDevice(NamespaceName, RegistryDeviceName),
    /// Change a device.
    PatchDevice(NamespaceName, RegistryDeviceName),
    /// Delete a device.
    DeleteDevice(NamespaceName, RegistryDeviceName),
    /// Revoke everything that was issued to a device.
    RevokeDevice(NamespaceName, RegistryDeviceName),
    /// How far an operation came.
    OperationStatus(String),
    /// Its end, for a client that polls `Location`.
    OperationResult(String),
}

const MAX_OPERATION_ID: usize = 64;
/// Longest place in a list, which is a device's name.
const MAX_SKIP_TOKEN: usize = 256;

/// Reads what follows `…/providers/Microsoft.DeviceRegistry`. Addresses of operations are of a group or of a whole
/// subscription, everything that changes something is in a group.
pub(in crate::arm) fn parse(
    method: &str,
    path: &[&str],
    query: Query<'_>,
    is_in_group: bool,
) -> Routed<RegistryAction> {
    use RegistryAction as Action;
    match path {
        [word] if is(word, "namespaces") => only(method, "GET", || Ok(Action::ListNamespaces(place(query)?))),
        [word, namespace, rest @ ..] if is(word, "namespaces") && is_in_group => {
            match id(namespace, NamespaceName::parse) {
                Ok(namespace) => in_namespace(method, namespace, rest, query),
                Err(error) => Routed::Malformed(error),
            }
        }
        [word, _, statuses, operation] if is(word, "locations") && is(statuses, "operationStatuses") => {
            only(method, "GET", || {
                Ok(Action::OperationStatus(operation_id(operation)?))
            })
        }
        [word, _, results, operation] if is(word, "locations") && is(results, "operationResults") => {
            only(method, "GET", || {
                Ok(Action::OperationResult(operation_id(operation)?))
            })
        }
        _ => Routed::NotFound,
    }
}

/// Where a page begins, as its `nextLink` says.
fn place(query: Query<'_>) -> Result<Option<String>, RouteError> {
    match query.get("$skipToken").filter(|text| !text.is_empty()) {
        Some(text) if text.len() > MAX_SKIP_TOKEN => Err(RouteError::Parameter("$skipToken")),
        place => Ok(place),
    }
}

fn operation_id(segment: &str) -> Result<String, RouteError> {
    percent::decode(segment)
        .filter(|text| text.len() <= MAX_OPERATION_ID && text.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or(RouteError::Encoding)
}

fn in_namespace(
    method: &str,
    namespace: NamespaceName,
    path: &[&str],
    query: Query<'_>,
) -> Routed<RegistryAction> {
    use RegistryAction as Action;
    match path {
        [] => match method {
            "GET" => Routed::To(Action::GetNamespace(namespace)),
            "PUT" => Routed::To(Action::PutNamespace(namespace)),
            "PATCH" => Routed::To(Action::PatchNamespace(namespace)),
            "DELETE" => Routed::To(Action::DeleteNamespace(namespace)),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "migrate") => only(method, "POST", || Ok(Action::MigrateNamespace(namespace))),
        [word] if is(word, "credentials") => only(method, "GET", || Ok(Action::ListCredentials(namespace))),
        [word, name, rest @ ..] if is(word, "credentials") && is(name, CREDENTIAL) => {
            in_credential(method, namespace, rest)
        }
        [word] if is(word, "devices") => only(method, "GET", || {
            Ok(Action::ListDevices(namespace, place(query)?))
        }),
        [word, device, rest @ ..] if is(word, "devices") => device_action(method, namespace, device, rest),
        _ => Routed::NotFound,
    }
}

fn in_credential(method: &str, namespace: NamespaceName, path: &[&str]) -> Routed<RegistryAction> {
    use RegistryAction as Action;
    match path {
        [] => match method {
            "GET" => Routed::To(Action::GetCredential(namespace)),
            "PUT" => Routed::To(Action::PutCredential(namespace)),
            "PATCH" => Routed::To(Action::PatchCredential(namespace)),
            "DELETE" => Routed::To(Action::DeleteCredential(namespace)),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "synchronize") => only(method, "POST", || Ok(Action::Synchronize(namespace))),
        [word] if is(word, "policies") => only(method, "GET", || Ok(Action::ListPolicies(namespace))),
        [word, policy, rest @ ..] if is(word, "policies") => policy_action(method, namespace, policy, rest),
        _ => Routed::NotFound,
    }
}

fn policy_action(
    method: &str,
    namespace: NamespaceName,
    policy: &str,
    path: &[&str],
) -> Routed<RegistryAction> {
    use RegistryAction as Action;
    let action: fn(NamespaceName, CredentialPolicyName) -> Action = match (path, method) {
        ([], "GET") => Action::GetPolicy,
        ([], "PUT") => Action::PutPolicy,
        ([], "PATCH") => Action::PatchPolicy,
        ([], "DELETE") => Action::DeletePolicy,
        ([word], "POST") if is(word, "revokeIssuer") => Action::RevokeIssuer,
        ([word], "POST") if is(word, "activateBringYourOwnRoot") => Action::ActivateExternalRoot,
        ([], _) => return Routed::MethodNotAllowed,
        ([word], _) if is(word, "revokeIssuer") || is(word, "activateBringYourOwnRoot") => {
            return Routed::MethodNotAllowed;
        }
        _ => return Routed::NotFound,
    };
    let name = id(policy, CredentialPolicyName::parse);
    name.map(|name| action(namespace, name)).into()
}

fn device_action(
    method: &str,
    namespace: NamespaceName,
    device: &str,
    path: &[&str],
) -> Routed<RegistryAction> {
    use RegistryAction as Action;
    let action: fn(NamespaceName, RegistryDeviceName) -> Action = match (path, method) {
        ([], "GET") => Action::GetDevice,
        ([], "PUT") => Action::PutDevice,
        ([], "PATCH") => Action::PatchDevice,
        ([], "DELETE") => Action::DeleteDevice,
        ([word], "POST") if is(word, "revoke") => Action::RevokeDevice,
        ([], _) => return Routed::MethodNotAllowed,
        ([word], _) if is(word, "revoke") => return Routed::MethodNotAllowed,
        _ => return Routed::NotFound,
    };
    let name = id(device, RegistryDeviceName::parse);
    name.map(|name| action(namespace, name)).into()
}

fn only(
    method: &str,
    allowed: &str,
    action: impl FnOnce() -> Result<RegistryAction, RouteError>,
) -> Routed<RegistryAction> {
    if method == allowed {
        action().into()
    } else {
        Routed::MethodNotAllowed
    }
}

#[cfg(test)]
mod tests;
