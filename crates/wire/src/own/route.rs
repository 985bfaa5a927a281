mod administration;

use provost_model::{DeviceId, DpsName, HubName, NamespaceName, PolicyName, PolicyOwner, RegistrationId};

use super::audit::AuditQuery;
use super::fleet::{FleetOperation, of_fleet};
use super::registry::{NamespaceLinkAction, RegistryExtra, of_link, of_namespace};
use super::telemetry::{TelemetryOperation, of_groups, of_telemetry};
use crate::address::{Query, RouteError, Routed, id, is, segments};
use crate::percent;

/// An operation under `/provost/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnOperation {
    /// Is the program well.
    Health,
    /// Read the counters.
    Metrics,
    /// Read the audit log.
    Audit(AuditQuery),
    /// Make an admin token.
    CreateAdminToken,
    /// Tokens without their secrets.
    ListAdminTokens,
    /// Remove the tokens of a name.
    DeleteAdminToken(String),
    /// The link of a hub to a namespace.
    HubNamespace(HubName, NamespaceLinkAction),
    /// The link of a provisioning service to a namespace.
    DpsNamespace(DpsName, NamespaceLinkAction),
    /// What the Device Registry has beside Azure's contract.
    Registry(NamespaceName, RegistryExtra),
    /// Say what became or would become of a device.
    Explain,
    /// All hubs.
    ListHubs,
    /// Make a hub.
    AddHub,
    /// One hub and what it holds.
    GetHub(HubName),
    /// Remove a hub; with its devices when it is true.
    DeleteHub(HubName, bool),
    /// All instances.
    ListInstances,
    /// Make an instance.
    AddInstance,
    /// One instance and what it holds.
    GetInstance(DpsName),
    /// Remove an instance; with its enrollments when it is true.
    DeleteInstance(DpsName, bool),
    /// Shared access policies with their keys.
    ListPolicies(PolicyOwner),
    /// Make a policy or change one.
    PutPolicy(PolicyOwner, PolicyName),
    /// Remove a policy.
    DeletePolicy(PolicyOwner, PolicyName),
    /// Give a policy another key.
    RenewPolicyKey(PolicyOwner, PolicyName),
    /// A hub's telemetry and its consumer groups.
    Telemetry(HubName, TelemetryOperation),
    /// Runs that tell a hub's fleet to register anew.
    Fleet(HubName, FleetOperation),
    /// Send a message to a device of a hub.
    SendMessage(HubName, DeviceId),
    /// The latest call of a registration's webhook.
    ReadAllocation(DpsName, RegistrationId),
    /// The hubs an instance may assign to.
    ListLinkedHubs(DpsName),
    /// One of them.
    GetLinkedHub(DpsName, HubName),
    /// Link a hub, or change its link.
    PutLinkedHub(DpsName, HubName),
    /// Unlink a hub.
    DeleteLinkedHub(DpsName, HubName),
    /// What is used of each limit.
    GetQuota(DpsName),
    /// List registration records.
    QueryRecords(DpsName),
    /// Delete many of them.
    DeleteRecords(DpsName),
    /// Count who hangs on a group or a certificate.
    BlastRadius(DpsName),
    /// Shut a device, a group or a certificate out.
    Disenroll(DpsName),
}

/// Reads a request line; there is no api-version.
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<OwnOperation> {
    let parts = segments(path);
    match parts.as_slice() {
        [own, rest @ ..] if is(own, "provost") => {
            let query = Query::new(query);
            match operation(method, rest, query) {
                Routed::To(operation) if method != "GET" => {
                    let known = query.has_only(parameters(&operation));
                    known.map(|()| operation).into()
                }
                routed => routed,
            }
        }
        _ => Routed::NotFound,
    }
}

/// What may be in the query of a request that changes something. Others are refused there: a word that is
/// misspelt may be the one that was to hold it back.
fn parameters(operation: &OwnOperation) -> &'static [&'static str] {
    use RegistryExtra as Extra;
    match operation {
        OwnOperation::DeleteHub(..) | OwnOperation::DeleteInstance(..) => &["force"],
        OwnOperation::Registry(_, Extra::DeletePolicy(..) | Extra::DeleteCredential(_)) => {
            &["dryRun", "force"]
        }
        OwnOperation::Registry(
            _,
            Extra::RevokeDevice(..) | Extra::RevokeDevices(_) | Extra::RevokeIssuer(..),
        ) => &["dryRun"],
        _ => &[],
    }
}

fn operation(method: &str, path: &[&str], query: Query<'_>) -> Routed<OwnOperation> {
    match path {
        [word] if is(word, "health") => match method {
            "GET" => Routed::To(OwnOperation::Health),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "metrics") => match method {
            "GET" => Routed::To(OwnOperation::Metrics),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "audit") => match method {
            "GET" => AuditQuery::parse(query).map(OwnOperation::Audit).into(),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "adminTokens") => match method {
            "GET" => Routed::To(OwnOperation::ListAdminTokens),
            "POST" => Routed::To(OwnOperation::CreateAdminToken),
            _ => Routed::MethodNotAllowed,
        },
        [word, name] if is(word, "adminTokens") => match method {
            "DELETE" => percent::decode(name)
                .map(OwnOperation::DeleteAdminToken)
                .ok_or(RouteError::Encoding)
                .into(),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "explain") => match method {
            "POST" => Routed::To(OwnOperation::Explain),
            _ => Routed::MethodNotAllowed,
        },
        [word, hub, what, device, last]
            if is(word, "hubs") && is(what, "devices") && is(last, "messages") =>
        {
            match method {
                "POST" => send_message(hub, device).into(),
                _ => Routed::MethodNotAllowed,
            }
        }
        [word, hub, what, rest @ ..] if is(word, "hubs") && is(what, "telemetry") => {
            with_hub(hub, of_telemetry(method, rest, query))
        }
        [word, hub, what, rest @ ..] if is(word, "hubs") && is(what, "consumerGroups") => {
            with_hub(hub, of_groups(method, rest))
        }
        [word, hub, what, rest @ ..] if is(word, "hubs") && is(what, "fleet") => {
            match id(hub, HubName::parse) {
                Ok(hub) => of_fleet(method, rest, query).map(|operation| OwnOperation::Fleet(hub, operation)),
                Err(error) => Routed::Malformed(error),
            }
        }
        _ => instances(method, path, query),
    }
}

/// Provisioning services: registrations, linked hubs, what else they have.
fn instances(method: &str, path: &[&str], query: Query<'_>) -> Routed<OwnOperation> {
    match path {
        [word, dps, what, device, last]
            if is(word, "dps") && is(what, "registrations") && is(last, "allocation") =>
        {
            match method {
                "GET" => allocation(dps, device).into(),
                _ => Routed::MethodNotAllowed,
            }
        }
        [word, dps, what] if is(word, "dps") && is(what, "linkedHubs") => match method {
            "GET" => id(dps, DpsName::parse).map(OwnOperation::ListLinkedHubs).into(),
            _ => Routed::MethodNotAllowed,
        },
        [word, dps, what, hub] if is(word, "dps") && is(what, "linkedHubs") => match method {
            "GET" => linked(dps, hub, OwnOperation::GetLinkedHub),
            "PUT" => linked(dps, hub, OwnOperation::PutLinkedHub),
            "DELETE" => linked(dps, hub, OwnOperation::DeleteLinkedHub),
            _ => Routed::MethodNotAllowed,
        },
        [word, dps, what, rest @ ..]
            if is(word, "dps") && !is(what, "policies") && !is(what, "namespace") =>
        {
            of_instance(method, dps, &[&[*what], rest].concat())
        }
        _ => registry(method, path, query),
    }
}

/// Namespaces of the Device Registry, and who is linked to them.
fn registry(method: &str, path: &[&str], query: Query<'_>) -> Routed<OwnOperation> {
    match path {
        [word, namespace, rest @ ..] if is(word, "namespaces") => match id(namespace, NamespaceName::parse) {
            Ok(namespace) => {
                of_namespace(method, rest, query).map(|extra| OwnOperation::Registry(namespace, extra))
            }
            Err(error) => Routed::Malformed(error),
        },
        [word, hub, what] if is(word, "hubs") && is(what, "namespace") => match id(hub, HubName::parse) {
            Ok(hub) => of_link(method).map(|action| OwnOperation::HubNamespace(hub, action)),
            Err(error) => Routed::Malformed(error),
        },
        [word, dps, what] if is(word, "dps") && is(what, "namespace") => match id(dps, DpsName::parse) {
            Ok(dps) => of_link(method).map(|action| OwnOperation::DpsNamespace(dps, action)),
            Err(error) => Routed::Malformed(error),
        },
        _ => administration::operation(method, path, query),
    }
}

fn of_instance(method: &str, dps: &str, what: &[&str]) -> Routed<OwnOperation> {
    let (expected, operation): (&str, fn(DpsName) -> OwnOperation) = match what {
        [what] if is(what, "quota") => ("GET", OwnOperation::GetQuota),
        [what] if is(what, "blastRadius") => ("POST", OwnOperation::BlastRadius),
        [what] if is(what, "disenroll") => ("POST", OwnOperation::Disenroll),
        [what, verb] if is(what, "registrations") && is(verb, "query") => {
            ("POST", OwnOperation::QueryRecords)
        }
        [what, verb] if is(what, "registrations") && is(verb, "delete") => {
            ("POST", OwnOperation::DeleteRecords)
        }
        _ => return Routed::NotFound,
    };
    if method == expected {
        id(dps, DpsName::parse).map(operation).into()
    } else {
        Routed::MethodNotAllowed
    }
}

fn linked(dps: &str, hub: &str, operation: fn(DpsName, HubName) -> OwnOperation) -> Routed<OwnOperation> {
    let names = || -> Result<_, RouteError> { Ok((id(dps, DpsName::parse)?, id(hub, HubName::parse)?)) };
    names().map(|(dps, hub)| operation(dps, hub)).into()
}

fn allocation(dps: &str, device: &str) -> Result<OwnOperation, RouteError> {
    let (dps, device) = (id(dps, DpsName::parse)?, id(device, RegistrationId::parse)?);
    Ok(OwnOperation::ReadAllocation(dps, device))
}

fn send_message(hub: &str, device: &str) -> Result<OwnOperation, RouteError> {
    let (hub, device) = (id(hub, HubName::parse)?, id(device, DeviceId::parse)?);
    Ok(OwnOperation::SendMessage(hub, device))
}

fn with_hub(hub: &str, routed: Routed<TelemetryOperation>) -> Routed<OwnOperation> {
    match id(hub, HubName::parse) {
        Ok(hub) => routed.map(|operation| OwnOperation::Telemetry(hub, operation)),
        Err(error) => Routed::Malformed(error),
    }
}

#[cfg(test)]
mod tests;
