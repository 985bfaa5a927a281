//! Instances, hubs and their policies.

use provost_model::{DpsName, HubName, PolicyName, PolicyOwner};

use super::OwnOperation;
use crate::address::{Query, RouteError, Routed, id, is};

pub(super) fn operation(method: &str, path: &[&str], query: Query<'_>) -> Routed<OwnOperation> {
    match path {
        [word] if is(word, "hubs") => match method {
            "GET" => Routed::To(OwnOperation::ListHubs),
            "POST" => Routed::To(OwnOperation::AddHub),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "dps") => match method {
            "GET" => Routed::To(OwnOperation::ListInstances),
            "POST" => Routed::To(OwnOperation::AddInstance),
            _ => Routed::MethodNotAllowed,
        },
        [word, dps] if is(word, "dps") => match method {
            "GET" => id(dps, DpsName::parse).map(OwnOperation::GetInstance).into(),
            "DELETE" => forced(query, |force| {
                Ok(OwnOperation::DeleteInstance(id(dps, DpsName::parse)?, force))
            }),
            _ => Routed::MethodNotAllowed,
        },
        [word, hub] if is(word, "hubs") => match method {
            "GET" => id(hub, HubName::parse).map(OwnOperation::GetHub).into(),
            "DELETE" => forced(query, |force| {
                Ok(OwnOperation::DeleteHub(id(hub, HubName::parse)?, force))
            }),
            _ => Routed::MethodNotAllowed,
        },
        [word, dps, what, rest @ ..] if is(word, "dps") && is(what, "policies") => {
            policies(method, id(dps, DpsName::parse).map(PolicyOwner::Dps), rest)
        }
        [word, hub, what, rest @ ..] if is(word, "hubs") && is(what, "policies") => {
            policies(method, id(hub, HubName::parse).map(PolicyOwner::Hub), rest)
        }
        _ => Routed::NotFound,
    }
}

fn forced(
    query: Query<'_>,
    operation: impl FnOnce(bool) -> Result<OwnOperation, RouteError>,
) -> Routed<OwnOperation> {
    query.spelled_switch("force").and_then(operation).into()
}

fn policies(method: &str, owner: Result<PolicyOwner, RouteError>, path: &[&str]) -> Routed<OwnOperation> {
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return Routed::Malformed(error),
    };
    let named = |name: &str, operation: fn(PolicyOwner, PolicyName) -> OwnOperation| {
        id(name, PolicyName::parse)
            .map(|name| operation(owner.clone(), name))
            .into()
    };
    match (path, method) {
        ([], "GET") => Routed::To(OwnOperation::ListPolicies(owner)),
        ([name], "PUT") => named(name, OwnOperation::PutPolicy),
        ([name], "DELETE") => named(name, OwnOperation::DeletePolicy),
        ([name, word], "POST") if is(word, "renewKey") => named(name, OwnOperation::RenewPolicyKey),
        ([] | [_], _) => Routed::MethodNotAllowed,
        ([_, word], _) if is(word, "renewKey") => Routed::MethodNotAllowed,
        _ => Routed::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::parse_route;

    #[test]
    fn instances_hubs_and_policies() {
        let dps = || DpsName::parse("plant-2").unwrap();
        let hub = || HubName::parse("hub-2").unwrap();
        let policy = || PolicyName::parse("audit").unwrap();
        let of_hub = || PolicyOwner::Hub(hub());
        for (method, path, query, expected) in [
            ("GET", "/provost/dps", "", OwnOperation::ListInstances),
            ("POST", "/provost/dps", "", OwnOperation::AddInstance),
            (
                "GET",
                "/provost/dps/plant-2",
                "",
                OwnOperation::GetInstance(dps()),
            ),
            (
                "DELETE",
                "/provost/dps/plant-2",
                "",
                OwnOperation::DeleteInstance(dps(), false),
            ),
            (
                "DELETE",
                "/provost/hubs/hub-2",
                "force=true",
                OwnOperation::DeleteHub(hub(), true),
            ),
            ("GET", "/provost/hubs/hub-2", "", OwnOperation::GetHub(hub())),
            (
                "GET",
                "/provost/hubs/hub-2/policies",
                "",
                OwnOperation::ListPolicies(of_hub()),
            ),
            (
                "PUT",
                "/provost/hubs/hub-2/policies/audit",
                "",
                OwnOperation::PutPolicy(of_hub(), policy()),
            ),
            (
                "POST",
                "/provost/dps/plant-2/policies/audit/renewKey",
                "",
                OwnOperation::RenewPolicyKey(PolicyOwner::Dps(dps()), policy()),
            ),
        ] {
            assert_eq!(
                parse_route(method, path, query),
                Routed::To(expected),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_is_none_of_them() {
        for query in [
            "force=yes",
            "force",
            "force=%ff",
            "dryRun=true",
            "force=true&dryRun",
        ] {
            let routed = parse_route("DELETE", "/provost/hubs/hub-2", query);
            assert!(matches!(routed, Routed::Malformed(_)), "{query}");
        }
        assert_eq!(
            parse_route("PATCH", "/provost/dps/plant-2", ""),
            Routed::MethodNotAllowed
        );
        assert_eq!(
            parse_route("GET", "/provost/hubs/hub-2/policies/audit/keys", ""),
            Routed::NotFound
        );
    }
}
