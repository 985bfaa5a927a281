use provost_model::registry::CaId;
use provost_model::{CredentialPolicyName, RegistryDeviceName};

use super::CertificateQuery;
use crate::address::{Query, RouteError, Routed, id, is};
use crate::percent;

/// An operation on a namespace that Azure has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryExtra {
    /// What was issued.
    ListCertificates(Box<CertificateQuery>),
    /// One of them, by its number.
    GetCertificate(i64),
    /// Put one certificate on its CRL, and nothing else.
    RevokeCertificate(i64),
    /// All CAs.
    ListAuthorities,
    /// One CA.
    GetAuthority(CaId),
    /// The CRL of a CA, or that part of it.
    GetCrl(CaId, u32),
    /// Revoke a device, or with true only say what that touches.
    RevokeDevice(RegistryDeviceName, bool),
    /// Revoke many devices, or with true only say what that touches.
    RevokeDevices(bool),
    /// Revoke a policy's issuing CA, or with true only say what that touches.
    RevokeIssuer(CredentialPolicyName, bool),
    /// Delete a policy.
    DeletePolicy(CredentialPolicyName, Deletion),
    /// Delete the credential.
    DeleteCredential(Deletion),
    /// The latest operations.
    ListOperations,
    /// One operation.
    GetOperation(String),
    /// What waits for the root that is kept offline.
    GetOfflineRoot,
    /// Make the credential with a root that is kept offline.
    PutOfflineRoot,
    /// Take what that root signed.
    PostOfflineAnswers,
}

/// How something is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// By the rules of Azure's contract.
    Plain,
    /// `?force=true`: whatever hangs on it.
    Force,
    /// `?dryRun=true`: not at all; what would be orphaned is told.
    DryRun,
}

/// What is asked of the link between a hub or a provisioning service and a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceLinkAction {
    /// Show it.
    Get,
    /// Make or change it.
    Put,
    /// Remove it.
    Delete,
}

/// Reads the method of an address of a link.
pub(in crate::own) fn of_link(method: &str) -> Routed<NamespaceLinkAction> {
    match method {
        "GET" => Routed::To(NamespaceLinkAction::Get),
        "PUT" => Routed::To(NamespaceLinkAction::Put),
        "DELETE" => Routed::To(NamespaceLinkAction::Delete),
        _ => Routed::MethodNotAllowed,
    }
}

/// Reads what follows `/provost/namespaces/{namespace}/`.
pub(in crate::own) fn of_namespace(method: &str, path: &[&str], query: Query<'_>) -> Routed<RegistryExtra> {
    use RegistryExtra as Extra;
    let only = |allowed: &str, extra: &dyn Fn() -> Result<Extra, RouteError>| {
        if method == allowed {
            extra().into()
        } else {
            Routed::MethodNotAllowed
        }
    };
    match path {
        [word] if is(word, "certificates") => only("GET", &|| {
            Ok(Extra::ListCertificates(Box::new(CertificateQuery::parse(query)?)))
        }),
        [word, one] if is(word, "certificates") => only("GET", &|| Ok(Extra::GetCertificate(number(one)?))),
        [word, one, verb] if is(word, "certificates") && is(verb, "revoke") => {
            only("POST", &|| Ok(Extra::RevokeCertificate(number(one)?)))
        }
        [word] if is(word, "authorities") => only("GET", &|| Ok(Extra::ListAuthorities)),
        [word, ca] if is(word, "authorities") => only("GET", &|| {
            let ca = CaId::parse(ca).ok_or(RouteError::Parameter("authority"))?;
            Ok(Extra::GetAuthority(ca))
        }),
        [word, ca, crl] if is(word, "authorities") && is(crl, "crl") => only("GET", &|| {
            let ca = CaId::parse(ca).ok_or(RouteError::Parameter("authority"))?;
            let shard = query.number("shard")?.unwrap_or(0);
            let shard = u32::try_from(shard).map_err(|_| RouteError::Parameter("shard"))?;
            Ok(Extra::GetCrl(ca, shard))
        }),
        [word, verb] if is(word, "devices") && is(verb, "revoke") => {
            only("POST", &|| Ok(Extra::RevokeDevices(query.switch("dryRun")?)))
        }
        [word, device, verb] if is(word, "devices") && is(verb, "revoke") => only("POST", &|| {
            let device = id(device, RegistryDeviceName::parse)?;
            Ok(Extra::RevokeDevice(device, query.switch("dryRun")?))
        }),
        [word, policy, verb] if is(word, "policies") && is(verb, "revokeIssuer") => only("POST", &|| {
            let policy = id(policy, CredentialPolicyName::parse)?;
            Ok(Extra::RevokeIssuer(policy, query.switch("dryRun")?))
        }),
        [word, policy] if is(word, "policies") => only("DELETE", &|| {
            let policy = id(policy, CredentialPolicyName::parse)?;
            Ok(Extra::DeletePolicy(policy, deletion(query)?))
        }),
        [word, name] if is(word, "credentials") && is(name, "default") => {
            only("DELETE", &|| Ok(Extra::DeleteCredential(deletion(query)?)))
        }
        [word] if is(word, "operations") => only("GET", &|| Ok(Extra::ListOperations)),
        [word, operation] if is(word, "operations") => only("GET", &|| {
            let text = percent::decode(operation).ok_or(RouteError::Encoding)?;
            Ok(Extra::GetOperation(text))
        }),
        [word] if is(word, "offlineRoot") && method == "GET" => Routed::To(Extra::GetOfflineRoot),
        [word] if is(word, "offlineRoot") => only("PUT", &|| Ok(Extra::PutOfflineRoot)),
        [word, answers] if is(word, "offlineRoot") && is(answers, "answers") => {
            only("POST", &|| Ok(Extra::PostOfflineAnswers))
        }
        _ => Routed::NotFound,
    }
}

fn number(segment: &str) -> Result<i64, RouteError> {
    let number = segment.parse().ok().filter(|number| *number >= 0);
    number.ok_or(RouteError::Parameter("number"))
}

fn deletion(query: Query<'_>) -> Result<Deletion, RouteError> {
    Ok(match (query.switch("dryRun")?, query.spelled_switch("force")?) {
        (true, _) => Deletion::DryRun,
        (false, true) => Deletion::Force,
        (false, false) => Deletion::Plain,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::{DpsName, HubName, NamespaceName};

    use super::RegistryExtra as Extra;
    use super::*;
    use crate::own::{OwnOperation, parse_route};

    fn assert_routes(method: &str, tail: &str, expected: Extra) {
        let tail = format!("/provost/namespaces/plant{tail}");
        let (path, query) = tail.split_once('?').unwrap_or((&tail, ""));
        let plant = NamespaceName::parse("plant").unwrap();
        let to = Routed::To(OwnOperation::Registry(plant, expected));
        assert_eq!(parse_route(method, path, query), to, "{method} {tail}");
        assert_eq!(
            parse_route("TRACE", path, query),
            Routed::MethodNotAllowed,
            "{tail}"
        );
    }

    #[test]
    fn every_operation() {
        let policy = || CredentialPolicyName::parse("line-7").unwrap();
        let device = || RegistryDeviceName::parse("press-1").unwrap();
        let ca = "ab".repeat(16);
        let all = CertificateQuery::parse(Query::new("")).unwrap();
        assert_routes("GET", "/certificates", Extra::ListCertificates(Box::new(all)));
        assert_routes("GET", "/certificates/7", Extra::GetCertificate(7));
        assert_routes("POST", "/certificates/7/revoke", Extra::RevokeCertificate(7));
        assert_routes("GET", "/authorities", Extra::ListAuthorities);
        let authority = Extra::GetAuthority(CaId::parse(&ca).unwrap());
        assert_routes("GET", &format!("/authorities/{ca}"), authority);
        for (query, shard) in [("", 0), ("?shard=7", 7)] {
            let crl = Extra::GetCrl(CaId::parse(&ca).unwrap(), shard);
            assert_routes("GET", &format!("/authorities/{ca}/crl{query}"), crl);
        }
        for (query, is_set) in [("", false), ("?dryRun=true", true), ("?dryRun", true)] {
            assert_routes(
                "POST",
                &format!("/devices/press-1/revoke{query}"),
                Extra::RevokeDevice(device(), is_set),
            );
            assert_routes(
                "POST",
                &format!("/devices/revoke{query}"),
                Extra::RevokeDevices(is_set),
            );
            assert_routes(
                "POST",
                &format!("/policies/line-7/revokeIssuer{query}"),
                Extra::RevokeIssuer(policy(), is_set),
            );
        }
        for (query, deletion) in [
            ("", Deletion::Plain),
            ("?force=true", Deletion::Force),
            ("?dryRun=true", Deletion::DryRun),
            ("?force=true&dryRun=true", Deletion::DryRun),
        ] {
            assert_routes(
                "DELETE",
                &format!("/policies/line-7{query}"),
                Extra::DeletePolicy(policy(), deletion),
            );
            assert_routes(
                "DELETE",
                &format!("/credentials/default{query}"),
                Extra::DeleteCredential(deletion),
            );
        }
        assert_routes("GET", "/operations", Extra::ListOperations);
        assert_routes("GET", "/offlineRoot", Extra::GetOfflineRoot);
        assert_routes("PUT", "/offlineRoot", Extra::PutOfflineRoot);
        assert_routes("POST", "/offlineRoot/answers", Extra::PostOfflineAnswers);
        assert_routes("GET", "/operations/op-1", Extra::GetOperation("op-1".to_owned()));
    }

    #[test]
    fn what_might_hold_it_back_is_never_overlooked() {
        for (method, tail) in [
            ("POST", "certificates/7/revoke?dryRun=true"),
            ("POST", "devices/press-1/revoke?dryRun=%ff"),
            ("POST", "devices/press-1/revoke?dry-run=true"),
            ("POST", "devices/revoke?dryrunn"),
            ("POST", "policies/line-7/revokeIssuer?force=true"),
            ("DELETE", "policies/line-7?force"),
            ("DELETE", "policies/line-7?dry_run=true"),
            ("DELETE", "credentials/default?whatIf"),
        ] {
            let (path, query) = tail.split_once('?').unwrap();
            let routed = parse_route(method, &format!("/provost/namespaces/plant/{path}"), query);
            assert!(matches!(routed, Routed::Malformed(_)), "{method} {tail}");
        }
    }

    #[test]
    fn links() {
        for (method, action) in [
            ("GET", NamespaceLinkAction::Get),
            ("PUT", NamespaceLinkAction::Put),
            ("DELETE", NamespaceLinkAction::Delete),
        ] {
            let hub = HubName::parse("hub1").unwrap();
            let dps = DpsName::parse("dps1").unwrap();
            assert_eq!(
                parse_route(method, "/provost/hubs/hub1/namespace", ""),
                Routed::To(OwnOperation::HubNamespace(hub, action))
            );
            assert_eq!(
                parse_route(method, "/provost/dps/dps1/namespace", ""),
                Routed::To(OwnOperation::DpsNamespace(dps, action))
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", tail in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &format!("/provost/namespaces/plant/{tail}"), &query);
        }
    }
}
