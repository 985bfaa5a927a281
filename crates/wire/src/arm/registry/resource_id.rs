use std::fmt;

use provost_model::{CredentialPolicyName, NamespaceName};

use crate::address::{id, is, segments};
use crate::arm::ArmScope;

/// The one name a credential has.
pub(super) const CREDENTIAL: &str = "default";

/// Why a text names no resource of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no resource ID of that kind")]
pub struct ResourceIdError;

/// The namespace a resource ID names: `/subscriptions/…/providers/Microsoft.DeviceRegistry/namespaces/{name}`.
/// Subscription and group are any words, and so is the case of the fixed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceId(pub NamespaceName);

impl NamespaceId {
    /// Reads it; the bare name of a namespace is taken, too.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        if !text.contains('/') {
            let name = NamespaceName::parse(text).map_err(|_| ResourceIdError)?;
            return Ok(Self(name));
        }
        match below_provider(text)?.as_slice() {
            [word, name] if is(word, "namespaces") => namespace_name(name).map(Self),
            _ => Err(ResourceIdError),
        }
    }
}

/// The policy a resource ID names:
/// `/subscriptions/…/namespaces/{namespace}/credentials/default/policies/{policy}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyId {
    /// Whose policy.
    pub namespace: NamespaceName,
    /// Its name there.
    pub policy: CredentialPolicyName,
}

impl PolicyId {
    /// Reads it.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        match below_provider(text)?.as_slice() {
            [word, namespace, credentials, credential, policies, policy]
                if is(word, "namespaces")
                    && is(credentials, "credentials")
                    && is(credential, CREDENTIAL)
                    && is(policies, "policies") =>
            {
                Ok(Self {
                    namespace: namespace_name(namespace)?,
                    policy: id(policy, CredentialPolicyName::parse).map_err(|_| ResourceIdError)?,
                })
            }
            _ => Err(ResourceIdError),
        }
    }
}

fn namespace_name(segment: &str) -> Result<NamespaceName, ResourceIdError> {
    id(segment, NamespaceName::parse).map_err(|_| ResourceIdError)
}

fn below_provider(text: &str) -> Result<Vec<&str>, ResourceIdError> {
    let parts = segments(text);
    match parts.as_slice() {
        [word, _, groups, _, providers, provider, rest @ ..]
            if is(word, "subscriptions")
                && is(groups, "resourceGroups")
                && is(providers, "providers")
                && is(provider, "Microsoft.DeviceRegistry") =>
        {
            Ok(rest.to_vec())
        }
        _ => Err(ResourceIdError),
    }
}

/// Writes the ID of a namespace, or of what is below it, where a client looked.
pub(super) fn resource_id(scope: &ArmScope, namespace: &NamespaceName, below: impl fmt::Display) -> String {
    let (subscription, group) = (&scope.subscription, scope.group());
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DeviceRegistry/namespaces/{namespace}{below}"
    )
}

/// The ID of a policy.
pub(in crate::arm) fn policy_id(
    scope: &ArmScope,
    namespace: &NamespaceName,
    policy: &CredentialPolicyName,
) -> String {
    resource_id(
        scope,
        namespace,
        format_args!("/credentials/{CREDENTIAL}/policies/{policy}"),
    )
}

/// The ID of a namespace.
pub(in crate::arm) fn namespace_id(scope: &ArmScope, namespace: &NamespaceName) -> String {
    resource_id(scope, namespace, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces";

    fn scope() -> ArmScope {
        ArmScope {
            subscription: "s1".to_owned(),
            resource_group: Some("g1".to_owned()),
        }
    }

    #[test]
    fn ids_read_back_in_any_case() {
        let namespace = NamespaceName::parse("plant").unwrap();
        let policy = CredentialPolicyName::parse("line-7").unwrap();
        let written = policy_id(&scope(), &namespace, &policy);
        assert_eq!(
            written,
            format!("{BASE}/plant/credentials/default/policies/line-7")
        );
        for text in [written.clone(), written.to_ascii_lowercase()] {
            assert_eq!(PolicyId::parse(&text).unwrap().policy, policy);
        }
        for text in [namespace_id(&scope(), &namespace), "PLANT".to_owned()] {
            assert_eq!(NamespaceId::parse(&text).unwrap().0, namespace);
        }
    }

    #[test]
    fn ids_of_other_kinds_are_refused() {
        for text in [
            "",
            "/subscriptions/s1",
            BASE,
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/namespaces/plant",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.DeviceRegistry/namespaces/plant/devices/d",
        ] {
            assert!(NamespaceId::parse(text).is_err(), "{text}");
            assert!(PolicyId::parse(text).is_err(), "{text}");
        }
        assert!(PolicyId::parse(&format!("{BASE}/p/credentials/other/policies/line-7")).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = NamespaceId::parse(&text);
            let _ = PolicyId::parse(&format!("{BASE}/{text}"));
        }
    }
}
