//! Every operation and every kind of caller: who may do what is this table and nothing else.

use std::collections::BTreeSet;

use provost_model::AccessRight;
use provost_model::AccessRights;
use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{Answer, ServiceApi};

use crate::operations::{Door, NAMES, Operation, World, catalogue, name};

const DPS_RIGHTS: [AccessRight; 6] = [
    AccessRight::ServiceConfig,
    AccessRight::EnrollmentRead,
    AccessRight::EnrollmentWrite,
    AccessRight::DeviceConnect,
    AccessRight::RegistrationStatusRead,
    AccessRight::RegistrationStatusWrite,
];
const HUB_RIGHTS: [AccessRight; 4] = [
    AccessRight::RegistryRead,
    AccessRight::RegistryWrite,
    AccessRight::ServiceConnect,
    AccessRight::DeviceConnect,
];

/// A caller an operation does not let in, and the code it is told.
struct Stranger {
    title: String,
    authorization: Option<String>,
    code: u32,
}

/// One policy for each right alone.
pub(crate) struct Policies {
    dps: Vec<(AccessRight, SymmetricKey)>,
    hub: Vec<(AccessRight, SymmetricKey)>,
}

impl Policies {
    pub(crate) async fn add(world: &World) -> Self {
        let (mut dps, mut hub) = (Vec::new(), Vec::new());
        let stored = world.server.stored();
        for right in DPS_RIGHTS {
            let policy = World::policy_of(right);
            dps.push((
                right,
                stored.add_dps_policy(&policy, AccessRights::of(&[right])).await,
            ));
        }
        for right in HUB_RIGHTS {
            let policy = World::policy_of(right);
            hub.push((
                right,
                stored.add_hub_policy(&policy, AccessRights::of(&[right])).await,
            ));
        }
        Self { dps, hub }
    }

    /// The credential that just opens a door.
    fn sufficient(&self, world: &World, door: Door) -> ServiceApi {
        let (keys, right, host) = match door {
            Door::Dps(right) => (&self.dps, right, &world.server.dps().host),
            Door::Hub(right) => (&self.hub, right, &world.server.hub().host),
            _ => return world.api(door),
        };
        let (_, key) = keys.iter().find(|(held, _)| *held == right).expect("a policy");
        world
            .api(door)
            .authorized(Some(world.signed(host, key, Some(&World::policy_of(right)))))
    }
}

#[tokio::test]
async fn the_catalogue_has_every_operation() {
    let world = World::new().await;
    let listed: BTreeSet<&str> = catalogue(&world)
        .iter()
        .map(|operation| name(operation.method, path(operation)))
        .collect();
    assert_eq!(listed, BTreeSet::from(NAMES));
}

/// The path without its query, of a shape that can be read.
fn path(operation: &Operation) -> &'static str {
    let (path, _) = operation.path.split_once('?').unwrap_or((&operation.path, ""));
    Box::leak(path.replace("{operation}", "4.0").into_boxed_str())
}

#[tokio::test]
async fn strangers_are_refused_and_the_right_alone_suffices() {
    let world = World::new().await;
    let policies = Policies::add(&world).await;
    let operations = catalogue(&world);
    for operation in &operations {
        for stranger in strangers(&world, &policies, operation.door) {
            let api = world
                .api(operation.door)
                .authorized(stranger.authorization.clone());
            let answer = world.call(&api, operation).await;
            let told = (answer.status, code(&answer));
            let expected = (u16::try_from(stranger.code / 1000).unwrap(), stranger.code);
            assert_eq!(
                told,
                expected,
                "{} by {}: {}",
                operation.title(),
                stranger.title,
                answer.body
            );
        }
    }
    for operation in &operations {
        let answer = world
            .call(&policies.sufficient(&world, operation.door), operation)
            .await;
        assert_eq!(
            answer.status,
            operation.status,
            "{}: {}",
            operation.title(),
            answer.body
        );
    }
}

#[tokio::test]
async fn writing_the_registry_implies_reading_it() {
    let world = World::new().await;
    let policies = Policies::add(&world).await;
    let api = policies.sufficient(&world, Door::Hub(AccessRight::RegistryWrite));
    for path in ["/devices/known", "/devices", "/statistics/devices"] {
        api.get(path).await.ok();
    }
}

/// The number of an error. The management plane has words only: there the status stands for it.
fn code(answer: &Answer) -> u32 {
    match answer.body["error"]["code"].as_str() {
        Some("InvalidAuthenticationToken") => 401_000,
        Some(word) => panic!("{}: {word}", answer.asked),
        None => answer.code(),
    }
}

/// Everyone a door is closed to.
fn strangers(world: &World, policies: &Policies, door: Door) -> Vec<Stranger> {
    let server = &world.server;
    match door {
        Door::Open => Vec::new(),
        Door::Dps(right) => {
            let mut all = token_strangers(
                world,
                &server.dps().host,
                &policies.dps,
                right,
                [401_000, 401_003],
            );
            all.push(stranger("hub's owner", world.hub_owner(), 401_000));
            all.push(stranger("operator", server.admin(), 401_000));
            all.push(stranger("device", world.device_token(), 401_000));
            all.extend(without(&policies.dps, right).map(|(held, key)| {
                let token = world.signed(&server.dps().host, key, Some(&World::policy_of(held)));
                stranger(&format!("holder of {held:?}"), token, 403_001)
            }));
            all
        }
        Door::Hub(right) => {
            let mut all = token_strangers(
                world,
                &server.hub().host,
                &policies.hub,
                right,
                [401_003, 401_003],
            );
            all.push(stranger(
                "owner of the provisioning service",
                world.dps_owner(),
                401_003,
            ));
            all.push(stranger("operator", server.admin(), 401_002));
            all.push(stranger("device", world.device_token(), 401_003));
            let closed = without(&policies.hub, right).filter(|(held, _)| {
                // Writing implies reading.
                (right, *held) != (AccessRight::RegistryRead, AccessRight::RegistryWrite)
            });
            all.extend(closed.map(|(held, key)| {
                let token = world.signed(&server.hub().host, key, Some(&World::policy_of(held)));
                stranger(&format!("holder of {held:?}"), token, 401_002)
            }));
            all
        }
        Door::Management | Door::Own => {
            let unknown = format!("Bearer provost_{}", "A".repeat(43));
            let mut all = vec![nobody(401_000), stranger("unknown token", unknown, 401_000)];
            all.push(stranger(
                "another scheme",
                server.admin().replace("Bearer", "Basic"),
                401_000,
            ));
            all.push(stranger(
                "owner of the provisioning service",
                world.dps_owner(),
                401_000,
            ));
            all.push(stranger("hub's owner", world.hub_owner(), 401_000));
            all.push(stranger("device", world.device_token(), 401_000));
            all
        }
        Door::Device => {
            let resource = format!("{}/registrations/known", server.dps().id_scope);
            let wrong = SymmetricKey::generate(&SystemRandom);
            let other = format!("{}/registrations/other", server.dps().id_scope);
            vec![
                nobody(401_002),
                stranger(
                    "wrong key",
                    world.signed(&resource, &wrong, Some("registration")),
                    401_002,
                ),
                stranger(
                    "token that is over",
                    world.expired(&resource, &world.key, Some("registration")),
                    401_002,
                ),
                stranger(
                    "another device",
                    world.signed(&other, &world.key, Some("registration")),
                    401_002,
                ),
                stranger("owner of the provisioning service", world.dps_owner(), 401_002),
                stranger("hub's owner", world.hub_owner(), 401_002),
                stranger("operator", server.admin(), 401_002),
            ]
        }
    }
}

/// Those whose token is none, wrong or over.
fn token_strangers(
    world: &World,
    host: &str,
    policies: &[(AccessRight, SymmetricKey)],
    right: AccessRight,
    [bad, over]: [u32; 2],
) -> Vec<Stranger> {
    let (_, key) = policies
        .iter()
        .find(|(held, _)| *held == right)
        .expect("a policy");
    let policy = World::policy_of(right);
    let wrong = SymmetricKey::generate(&SystemRandom);
    vec![
        nobody(bad),
        stranger("wrong key", world.signed(host, &wrong, Some(&policy)), bad),
        stranger(
            "token that is over",
            world.expired(host, key, Some(&policy)),
            over,
        ),
        stranger("token without a policy", world.signed(host, key, None), bad),
        stranger("unknown policy", world.signed(host, key, Some("nobody")), bad),
        stranger(
            "token for another host",
            world.signed("other.example", key, Some(&policy)),
            bad,
        ),
        stranger(
            "malformed token",
            "SharedAccessSignature sr=x&sig=y".to_owned(),
            bad,
        ),
    ]
}

fn without(
    policies: &[(AccessRight, SymmetricKey)],
    right: AccessRight,
) -> impl Iterator<Item = (AccessRight, &SymmetricKey)> {
    policies
        .iter()
        .filter(move |(held, _)| *held != right)
        .map(|(held, key)| (*held, key))
}

fn nobody(code: u32) -> Stranger {
    Stranger {
        title: "nobody".to_owned(),
        authorization: None,
        code,
    }
}

fn stranger(title: &str, authorization: String, code: u32) -> Stranger {
    Stranger {
        title: title.to_owned(),
        authorization: Some(authorization),
        code,
    }
}
