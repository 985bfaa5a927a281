use provost_model::ambient::SystemRandom;
use provost_model::{AccessRight, SymmetricKey};

use super::policies::Policies;
use crate::operations::{Door, World};

/// A caller an operation does not let in, and the code it is told.
pub(super) struct Stranger {
    pub(super) title: String,
    pub(super) authorization: Option<String>,
    pub(super) code: u32,
}

/// Everyone a door is closed to.
pub(super) fn strangers(world: &World, policies: &Policies, door: Door) -> Vec<Stranger> {
    match door {
        Door::Open => Vec::new(),
        Door::Dps(right) => at_dps(world, policies, right),
        Door::Hub(right) => at_hub(world, policies, right),
        Door::Management | Door::Own => at_administration(world),
        Door::DpsAndAdmin => at_dps_and_administration(world, policies),
        Door::Device => at_device_api(world),
        Door::HubDevice => at_hub_device_api(world, policies),
    }
}

fn at_dps(world: &World, policies: &Policies, right: AccessRight) -> Vec<Stranger> {
    let host = &world.server.dps().host;
    let mut all = token_strangers(world, host, &policies.dps, right, [401_000, 401_003]);
    all.push(stranger("hub's owner", world.hub_owner(), 401_000));
    all.push(stranger("operator", world.server.admin(), 401_000));
    all.push(stranger("device", world.device_token(), 401_000));
    all.extend(without(&policies.dps, right).map(|(held, key)| {
        let token = world.signed(host, key, Some(&World::policy_of(held)));
        stranger(&format!("holder of {held:?}"), token, 403_001)
    }));
    all
}

fn at_hub(world: &World, policies: &Policies, right: AccessRight) -> Vec<Stranger> {
    let host = &world.server.hub().host;
    let mut all = token_strangers(world, host, &policies.hub, right, [401_003, 401_003]);
    all.push(stranger(
        "owner of the provisioning service",
        world.dps_owner(),
        401_003,
    ));
    all.push(stranger("operator", world.server.admin(), 401_002));
    all.push(stranger("device", world.device_token(), 401_003));
    let closed = without(&policies.hub, right).filter(|(held, _)| {
        // Writing implies reading.
        (right, *held) != (AccessRight::RegistryRead, AccessRight::RegistryWrite)
    });
    all.extend(closed.map(|(held, key)| {
        let token = world.signed(host, key, Some(&World::policy_of(held)));
        stranger(&format!("holder of {held:?}"), token, 401_002)
    }));
    all
}

fn at_administration(world: &World) -> Vec<Stranger> {
    let unknown = format!("Bearer provost_{}", "A".repeat(43));
    let another_scheme = world.server.admin().replace("Bearer", "Basic");
    vec![
        nobody(401_000),
        stranger("unknown token", unknown, 401_000),
        stranger("another scheme", another_scheme, 401_000),
        stranger("owner of the provisioning service", world.dps_owner(), 401_000),
        stranger("hub's owner", world.hub_owner(), 401_000),
        stranger("device", world.device_token(), 401_000),
    ]
}

/// What a policy may do a part of: the whole is refused to each of them for want of a right.
fn at_dps_and_administration(world: &World, policies: &Policies) -> Vec<Stranger> {
    let host = &world.server.dps().host;
    let unknown = format!("Bearer provost_{}", "A".repeat(43));
    let mut all = vec![
        nobody(401_000),
        stranger("unknown token", unknown, 401_000),
        stranger("owner of the provisioning service", world.dps_owner(), 403_001),
        stranger("hub's owner", world.hub_owner(), 401_000),
        stranger("device", world.device_token(), 401_000),
    ];
    all.extend(policies.dps.iter().map(|(held, key)| {
        let token = world.signed(host, key, Some(&World::policy_of(*held)));
        stranger(&format!("holder of {held:?}"), token, 403_001)
    }));
    all
}

fn at_device_api(world: &World) -> Vec<Stranger> {
    let scope = &world.server.dps().id_scope;
    let (own, other) = (
        format!("{scope}/registrations/known"),
        format!("{scope}/registrations/other"),
    );
    let wrong = SymmetricKey::generate(&SystemRandom);
    let policy = Some("registration");
    vec![
        nobody(401_002),
        stranger("wrong key", world.signed(&own, &wrong, policy), 401_002),
        stranger(
            "token that is over",
            world.expired(&own, &world.key, policy),
            401_002,
        ),
        stranger(
            "another device",
            world.signed(&other, &world.key, policy),
            401_002,
        ),
        stranger("owner of the provisioning service", world.dps_owner(), 401_002),
        stranger("hub's owner", world.hub_owner(), 401_002),
        stranger("operator", world.server.admin(), 401_002),
    ]
}

/// All of them are told alike, whether there is such a device or not (D-22).
fn at_hub_device_api(world: &World, policies: &Policies) -> Vec<Stranger> {
    let host = &world.server.hub().host;
    let (own, other) = (format!("{host}/devices/dev-1"), format!("{host}/devices/dev-2"));
    let wrong = SymmetricKey::generate(&SystemRandom);
    let told = |title: &str, token: String| stranger(title, token, 401_003);
    let mut all = vec![
        nobody(401_003),
        told("wrong key", world.signed(&own, &wrong, None)),
        told("token that is over", world.expired(&own, &world.key, None)),
        told("another device", world.signed(&other, &world.key, None)),
        told("owner of the provisioning service", world.dps_owner()),
        told("operator", world.server.admin()),
        told("device on its way through provisioning", world.device_token()),
    ];
    let without = without(&policies.hub, AccessRight::DeviceConnect);
    all.extend(without.map(|(held, key)| {
        let token = world.signed(host, key, Some(&World::policy_of(held)));
        told(&format!("holder of {held:?}"), token)
    }));
    all
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
