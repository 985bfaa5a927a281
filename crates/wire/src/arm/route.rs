use provost_model::{AuthorityOwner, CertificateName, DpsName, HubName, PolicyName, PolicyOwner};

use super::registry::{RegistryAction, RegistryVersion, parse_action};
use crate::address::{ApiVersion, Query, RouteError, Routed, id, is, segments};
use crate::percent;

/// Where in a subscription a request looks. Neither part means anything to us: they are echoed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmScope {
    /// The subscription.
    pub subscription: String,
    /// The group; absent when the whole subscription is listed.
    pub resource_group: Option<String>,
}

impl ArmScope {
    /// The group; a listing of a whole subscription names none, and a resource must be in one.
    pub(super) fn group(&self) -> &str {
        self.resource_group.as_deref().unwrap_or("provost")
    }
}

/// An operation of the management plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArmOperation {
    /// A5, A6: list instances.
    ListInstances,
    /// A1: one instance.
    GetInstance(DpsName),
    /// Links an instance to a namespace: by PATCH or by PUT, which makes none.
    LinkInstance(DpsName),
    /// All hubs.
    ListHubs,
    /// One hub.
    GetHub(HubName),
    /// Links a hub to a namespace: by PATCH or by PUT, which makes none.
    LinkHub(HubName),
    /// The Device Registry, in one of its generations.
    Registry(RegistryVersion, RegistryAction),
    /// A7: `POST …/listkeys`.
    ListKeys(PolicyOwner),
    /// A8: `POST …/keys/{name}/listkeys`, for hubs `…/IotHubKeys/{name}/listkeys`.
    ListKey(PolicyOwner, PolicyName),
    /// `GET …/certificates`.
    ListCertificates(AuthorityOwner),
    /// `GET …/certificates/{name}`.
    GetCertificate(AuthorityOwner, CertificateName),
    /// `PUT …/certificates/{name}`.
    PutCertificate(AuthorityOwner, CertificateName),
    /// `DELETE …/certificates/{name}`.
    DeleteCertificate(AuthorityOwner, CertificateName),
    /// `POST …/certificates/{name}/generateVerificationCode`.
    GenerateVerificationCode(AuthorityOwner, CertificateName),
    /// `POST …/certificates/{name}/verify`.
    VerifyCertificate(AuthorityOwner, CertificateName),
}

/// A request of the management plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmRoute {
    /// Where.
    pub scope: ArmScope,
    /// What for.
    pub operation: ArmOperation,
    /// Any text, but there.
    pub api_version: ApiVersion,
}

const MAX_SCOPE_TEXT: usize = 128;

/// Reads `/subscriptions/{s}[/resourceGroups/{g}]/providers/Microsoft.Devices/{kind}[/{name}[/…]]`, and the
/// same under `Microsoft.DeviceRegistry`;
/// all fixed words compare without case.
///
/// `dryRun` and `force` are no parameters of Azure's contract: where something would be done all the same that
/// cannot be taken back, they are refused.
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<ArmRoute> {
    match route(method, path, query) {
        Routed::To(route) if is_irreversible(method, &route.operation) => {
            let plain = Query::new(query).has_no_reservation();
            plain.map(|()| route).into()
        }
        routed => routed,
    }
}

fn is_irreversible(method: &str, operation: &ArmOperation) -> bool {
    use RegistryAction as Action;
    method == "DELETE"
        || matches!(
            operation,
            ArmOperation::Registry(_, Action::RevokeDevice(..) | Action::RevokeIssuer(..))
        )
}

fn route(method: &str, path: &str, query: &str) -> Routed<ArmRoute> {
    let parts = segments(path);
    let (scope, rest) = match parts.as_slice() {
        [word, subscription, group_word, group, rest @ ..]
            if is(word, "subscriptions") && is(group_word, "resourceGroups") =>
        {
            (scope(subscription, Some(group)), rest)
        }
        [word, subscription, rest @ ..] if is(word, "subscriptions") => (scope(subscription, None), rest),
        _ => return Routed::NotFound,
    };
    let [word, provider, rest @ ..] = rest else {
        return Routed::NotFound;
    };
    if is(word, "providers") && is(provider, "Microsoft.DeviceRegistry") {
        return registry(method, scope, rest, query);
    }
    let [kind, rest @ ..] = rest else {
        return Routed::NotFound;
    };
    if !is(word, "providers") || !is(provider, "Microsoft.Devices") {
        return Routed::NotFound;
    }
    let operation = if is(kind, "provisioningServices") {
        dps(method, rest)
    } else if is(kind, "IotHubs") {
        hub(method, rest)
    } else {
        Routed::NotFound
    };
    match operation {
        Routed::To(operation) => finish(scope, operation, query).into(),
        Routed::MethodNotAllowed => Routed::MethodNotAllowed,
        Routed::NotFound => Routed::NotFound,
        Routed::Malformed(error) => Routed::Malformed(error),
    }
}

fn registry(
    method: &str,
    scope: Result<ArmScope, RouteError>,
    path: &[&str],
    query: &str,
) -> Routed<ArmRoute> {
    let query = Query::new(query);
    let scope = match scope {
        Ok(scope) => scope,
        Err(error) => return Routed::Malformed(error),
    };
    match parse_action(method, path, query, scope.resource_group.is_some()) {
        Routed::To(action) => RegistryVersion::of(query)
            .map(|(version, api_version)| ArmRoute {
                scope,
                operation: ArmOperation::Registry(version, action),
                api_version,
            })
            .into(),
        Routed::MethodNotAllowed => Routed::MethodNotAllowed,
        Routed::NotFound => Routed::NotFound,
        Routed::Malformed(error) => Routed::Malformed(error),
    }
}

fn finish(
    scope: Result<ArmScope, RouteError>,
    operation: ArmOperation,
    query: &str,
) -> Result<ArmRoute, RouteError> {
    Ok(ArmRoute {
        scope: scope?,
        operation,
        api_version: Query::new(query).required_api_version(400_000)?,
    })
}

fn scope(subscription: &str, group: Option<&str>) -> Result<ArmScope, RouteError> {
    let text = |segment: &str| {
        percent::decode(segment)
            .filter(|text| text.len() <= MAX_SCOPE_TEXT)
            .ok_or(RouteError::Encoding)
    };
    Ok(ArmScope {
        subscription: text(subscription)?,
        resource_group: group.map(text).transpose()?,
    })
}

fn dps(method: &str, path: &[&str]) -> Routed<ArmOperation> {
    let [name, rest @ ..] = path else {
        return allow(method, "GET", || Ok(ArmOperation::ListInstances));
    };
    let name = match id(name, DpsName::parse) {
        Ok(name) => name,
        Err(error) => return Routed::Malformed(error),
    };
    match rest {
        [] => match method {
            "GET" => Routed::To(ArmOperation::GetInstance(name)),
            "PUT" | "PATCH" => Routed::To(ArmOperation::LinkInstance(name)),
            _ => Routed::MethodNotAllowed,
        },
        [word, rest @ ..] if is(word, "certificates") => {
            certificates(method, AuthorityOwner::Dps(name), rest)
        }
        _ => keys(method, "keys", PolicyOwner::Dps(name), rest),
    }
}

fn hub(method: &str, path: &[&str]) -> Routed<ArmOperation> {
    let [name, rest @ ..] = path else {
        return allow(method, "GET", || Ok(ArmOperation::ListHubs));
    };
    let name = match id(name, HubName::parse) {
        Ok(name) => name,
        Err(error) => return Routed::Malformed(error),
    };
    let [word, rest @ ..] = rest else {
        return match method {
            "GET" => Routed::To(ArmOperation::GetHub(name)),
            "PUT" | "PATCH" => Routed::To(ArmOperation::LinkHub(name)),
            _ => Routed::MethodNotAllowed,
        };
    };
    if is(word, "certificates") {
        certificates(method, AuthorityOwner::Hub(name), rest)
    } else {
        keys(
            method,
            "IotHubKeys",
            PolicyOwner::Hub(name),
            path.get(1..).unwrap_or_default(),
        )
    }
}

fn keys(method: &str, keys_word: &str, owner: PolicyOwner, path: &[&str]) -> Routed<ArmOperation> {
    match path {
        [word] if is(word, "listkeys") => allow(method, "POST", || Ok(ArmOperation::ListKeys(owner))),
        [word, policy, list] if is(word, keys_word) && is(list, "listkeys") => allow(method, "POST", || {
            Ok(ArmOperation::ListKey(owner, id(policy, PolicyName::parse)?))
        }),
        _ => Routed::NotFound,
    }
}

fn certificates(method: &str, owner: AuthorityOwner, path: &[&str]) -> Routed<ArmOperation> {
    use ArmOperation as Op;
    let name = |segment: &str| id(segment, CertificateName::parse);
    match path {
        [] => allow(method, "GET", || Ok(Op::ListCertificates(owner))),
        [cert] => match method {
            "GET" => name(cert).map(|cert| Op::GetCertificate(owner, cert)).into(),
            "PUT" => name(cert).map(|cert| Op::PutCertificate(owner, cert)).into(),
            "DELETE" => name(cert).map(|cert| Op::DeleteCertificate(owner, cert)).into(),
            _ => Routed::MethodNotAllowed,
        },
        [cert, word] if is(word, "generateVerificationCode") => allow(method, "POST", || {
            Ok(Op::GenerateVerificationCode(owner, name(cert)?))
        }),
        [cert, word] if is(word, "verify") => {
            allow(method, "POST", || Ok(Op::VerifyCertificate(owner, name(cert)?)))
        }
        _ => Routed::NotFound,
    }
}

fn allow<T>(method: &str, allowed: &str, operation: impl FnOnce() -> Result<T, RouteError>) -> Routed<T> {
    if method == allowed {
        operation().into()
    } else {
        Routed::MethodNotAllowed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, path: &str) -> Routed<ArmOperation> {
        parse_route(method, path, "api-version=2021-10-15").map(|route| route.operation)
    }

    #[test]
    fn every_operation() {
        use ArmOperation as Op;
        let base = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Devices/provisioningServices";
        let dps = || DpsName::parse("dps1").unwrap();
        let owner = || AuthorityOwner::Dps(dps());
        let cert = || CertificateName::parse("root-2026").unwrap();
        let policy = PolicyName::parse("provisioningserviceowner").unwrap();
        for (method, tail, expected) in [
            ("GET", "", Op::ListInstances),
            ("GET", "/dps1", Op::GetInstance(dps())),
            ("POST", "/dps1/listkeys", Op::ListKeys(PolicyOwner::Dps(dps()))),
            (
                "POST",
                "/dps1/keys/provisioningserviceowner/listkeys",
                Op::ListKey(PolicyOwner::Dps(dps()), policy),
            ),
            ("GET", "/dps1/certificates", Op::ListCertificates(owner())),
            (
                "GET",
                "/dps1/certificates/root-2026",
                Op::GetCertificate(owner(), cert()),
            ),
            (
                "PUT",
                "/dps1/certificates/root-2026",
                Op::PutCertificate(owner(), cert()),
            ),
            (
                "DELETE",
                "/dps1/certificates/root-2026",
                Op::DeleteCertificate(owner(), cert()),
            ),
            (
                "POST",
                "/dps1/certificates/root-2026/generateVerificationCode",
                Op::GenerateVerificationCode(owner(), cert()),
            ),
            (
                "POST",
                "/dps1/certificates/root-2026/verify",
                Op::VerifyCertificate(owner(), cert()),
            ),
        ] {
            assert_eq!(
                route(method, &format!("{base}{tail}")),
                Routed::To(expected),
                "{method} {tail}"
            );
        }
    }

    #[test]
    fn hubs_have_certificates_and_keys_too() {
        let base = "/SUBSCRIPTIONS/s1/resourcegroups/g1/providers/microsoft.devices/iothubs/hub1";
        let hub = || HubName::parse("hub1").unwrap();
        let list = ArmOperation::ListCertificates(AuthorityOwner::Hub(hub()));
        assert_eq!(route("GET", &format!("{base}/certificates")), Routed::To(list));
        let policy = PolicyName::parse("iothubowner").unwrap();
        let key = ArmOperation::ListKey(PolicyOwner::Hub(hub()), policy);
        assert_eq!(
            route("POST", &format!("{base}/IotHubKeys/iothubowner/listkeys")),
            Routed::To(key)
        );
        assert_eq!(route("GET", base), Routed::To(ArmOperation::GetHub(hub())));
        for method in ["PUT", "PATCH"] {
            assert_eq!(route(method, base), Routed::To(ArmOperation::LinkHub(hub())));
        }
        assert_eq!(route("DELETE", base), Routed::MethodNotAllowed);
        assert_eq!(
            route("GET", &base.replace("/hub1", "")),
            Routed::To(ArmOperation::ListHubs)
        );
    }

    #[test]
    fn scope_is_kept_and_other_requests_are_refused() {
        let path = "/subscriptions/s1/providers/Microsoft.Devices/provisioningServices";
        let Routed::To(found) = parse_route("GET", path, "api-version=1") else {
            panic!("not routed");
        };
        assert_eq!(
            found.scope,
            ArmScope {
                subscription: "s1".to_owned(),
                resource_group: None
            }
        );
        assert_eq!(
            route("PATCH", &format!("{path}/dps1")),
            Routed::To(ArmOperation::LinkInstance(DpsName::parse("dps1").unwrap()))
        );
        assert_eq!(route("DELETE", &format!("{path}/dps1")), Routed::MethodNotAllowed);
        assert_eq!(route("GET", &format!("{path}/dps1/skus")), Routed::NotFound);
        assert_eq!(route("GET", "/subscriptions/s1"), Routed::NotFound);
        assert_eq!(
            parse_route("GET", path, ""),
            Routed::Malformed(RouteError::ApiVersion { code: 400_000 })
        );
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &path, &query);
            let base = "/subscriptions/s/providers/Microsoft.Devices/";
            let _ = parse_route(&method, &format!("{base}{path}"), "api-version=1");
        }
    }
}
