//! What each role lets its holder do, written out: every operation of an administrator by the holder of
//! every token.

use provost_access::Permission as P;
use serde_json::json;

use super::code;
use crate::operations::{Door, Operation, World, catalogue};

/// A token and what it allows: everywhere when `scope` is none, else in that namespace.
struct Holder {
    title: &'static str,
    roles: &'static [&'static str],
    scope: Option<&'static str>,
    may: &'static [P],
}

const READS: [P; 6] = [
    P::ServicesRead,
    P::NamespacesRead,
    P::CredentialsRead,
    P::PoliciesRead,
    P::DevicesRead,
    P::AuditRead,
];
const CONTRIBUTES: [P; 8] = [
    P::ServicesRead,
    P::ServicesWrite,
    P::NamespacesRead,
    P::CredentialsRead,
    P::PoliciesRead,
    P::DevicesRead,
    P::DevicesWrite,
    P::DevicesRevoke,
];
const CREDENTIALS: [P; 4] = [
    P::CredentialsRead,
    P::CredentialsWrite,
    P::PoliciesRead,
    P::PoliciesWrite,
];
const BOTH: [P; 10] = [
    P::ServicesRead,
    P::ServicesWrite,
    P::NamespacesRead,
    P::CredentialsRead,
    P::CredentialsWrite,
    P::PoliciesRead,
    P::PoliciesWrite,
    P::DevicesRead,
    P::DevicesWrite,
    P::DevicesRevoke,
];
/// What an owner of a namespace may there.
const OF_A_NAMESPACE: [P; 9] = [
    P::NamespacesRead,
    P::NamespacesWrite,
    P::CredentialsRead,
    P::CredentialsWrite,
    P::PoliciesRead,
    P::PoliciesWrite,
    P::DevicesRead,
    P::DevicesWrite,
    P::DevicesRevoke,
];

const HOLDERS: [Holder; 9] = [
    Holder {
        title: "owner",
        roles: &["owner"],
        scope: None,
        may: &P::ALL,
    },
    Holder {
        title: "contributor",
        roles: &["contributor"],
        scope: None,
        may: &CONTRIBUTES,
    },
    Holder {
        title: "reader",
        roles: &["reader"],
        scope: None,
        may: &READS,
    },
    Holder {
        title: "credentials contributor",
        roles: &["credentialsContributor"],
        scope: None,
        may: &CREDENTIALS,
    },
    Holder {
        title: "both contributors",
        roles: &["contributor", "credentialsContributor"],
        scope: None,
        may: &BOTH,
    },
    Holder {
        title: "owner of the namespace",
        roles: &["owner"],
        scope: Some("plant"),
        may: &OF_A_NAMESPACE,
    },
    Holder {
        title: "credentials contributor of the namespace",
        roles: &["credentialsContributor"],
        scope: Some("plant"),
        may: &CREDENTIALS,
    },
    Holder {
        title: "reader of the namespace",
        roles: &["reader"],
        scope: Some("plant"),
        may: &READS,
    },
    Holder {
        title: "owner of another namespace",
        roles: &["owner"],
        scope: Some("elsewhere"),
        may: &OF_A_NAMESPACE,
    },
];

impl Holder {
    fn may(&self, operation: &Operation) -> bool {
        let allows = |permission: &P| self.may.contains(permission);
        operation.needs.iter().all(|permission| {
            allows(permission)
                && match (self.scope, operation.namespace) {
                    (None, _) => true,
                    (Some(scope), Some(namespace)) => scope == namespace && is_of_a_namespace(*permission),
                    // A list of namespaces, where everybody sees his own.
                    (Some(_), None) => *permission == P::NamespacesRead,
                }
        })
    }

    async fn token(&self, world: &World) -> String {
        let mut body = json!({ "name": self.title, "roles": self.roles });
        if let Some(scope) = self.scope {
            body["namespace"] = scope.into();
        }
        let made = world
            .server
            .own_api()
            .post("/provost/adminTokens", &body)
            .await
            .ok();
        format!("Bearer {}", made["token"].as_str().expect("a token"))
    }
}

fn is_of_a_namespace(permission: P) -> bool {
    OF_A_NAMESPACE.contains(&permission)
}

fn is_for_administrators(operation: &Operation) -> bool {
    matches!(operation.door, Door::Management | Door::Own | Door::DpsAndAdmin)
}

#[tokio::test]
async fn every_operation_of_an_administrator_names_what_it_needs() {
    let world = World::new().await;
    for operation in catalogue(&world).iter().filter(|one| is_for_administrators(one)) {
        let is_of_an_operation = operation.path.contains("/operation");
        assert!(
            !operation.needs.is_empty() || is_of_an_operation,
            "{}",
            operation.title()
        );
    }
}

#[tokio::test]
async fn a_005_a_role_that_is_not_enough_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let mut holders = Vec::new();
    for holder in &HOLDERS {
        holders.push((holder, holder.token(&world).await));
    }
    let before = world.server.stored().audit_events().await.len();
    for operation in catalogue(&world).iter().filter(|one| is_for_administrators(one)) {
        for (holder, token) in holders.iter().filter(|(holder, _)| !holder.may(operation)) {
            let api = world.api(operation.door).authorized(Some(token.clone()));
            let answer = world.call(&api, operation).await;
            let told = (answer.status, code(&answer));
            assert_eq!(
                told,
                (403, 403_001),
                "{} by {}: {}",
                operation.title(),
                holder.title,
                answer.body
            );
        }
    }
    assert_eq!(world.server.stored().audit_events().await.len(), before);
}

/// All of the catalogue once for each holder, who does what it may; the owner does the rest, since
/// operations build on each other.
#[tokio::test]
async fn a_006_a_role_that_is_enough_suffices() {
    for holder in &HOLDERS {
        let world = World::new().await;
        let token = holder.token(&world).await;
        for operation in &catalogue(&world) {
            let mut api = world.api(operation.door);
            if is_for_administrators(operation) && holder.may(operation) {
                api = api.authorized(Some(token.clone()));
            }
            let answer = world.call(&api, operation).await;
            assert_eq!(
                answer.status,
                operation.status,
                "{} by {}: {}",
                operation.title(),
                holder.title,
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn tokens_are_listed_without_secrets_and_end_with_their_removal() {
    let world = World::new().await;
    let own = world.server.own_api();
    let token = HOLDERS[2].token(&world).await;
    let reader = own.authorized(Some(token.clone()));
    reader.get("/provost/hubs").await.ok();
    let listed = own.get("/provost/adminTokens").await.ok();
    assert!(!listed.to_string().contains(token.trim_start_matches("Bearer ")));
    let row = &listed["value"].as_array().expect("a list")[1];
    assert_eq!(
        (&row["name"], &row["roles"]),
        (&json!("reader"), &json!(["reader"]))
    );
    own.delete("/provost/adminTokens/reader").await;
    assert_eq!(reader.get("/provost/hubs").await.status, 401);
    own.delete("/provost/adminTokens/reader").await.refused(404_210);
    // The last one who may do everything stays.
    own.delete("/provost/adminTokens/command-line")
        .await
        .refused(400_004);
    for body in [
        json!({ "name": "x", "roles": ["king"] }),
        json!({ "name": "x", "roles": [] }),
        json!({ "name": "x", "namespace": "-" }),
    ] {
        assert_eq!(
            own.post("/provost/adminTokens", &body).await.status,
            400,
            "{body}"
        );
    }
}
