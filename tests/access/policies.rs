use provost_model::{AccessRight, AccessRights, SymmetricKey};
use provost_testkit::ServiceApi;

use crate::operations::{Door, World};

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

/// One policy for each right alone.
pub(super) struct Policies {
    pub(super) dps: Vec<(AccessRight, SymmetricKey)>,
    pub(super) hub: Vec<(AccessRight, SymmetricKey)>,
}

impl Policies {
    pub(super) async fn add(world: &World) -> Self {
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
    pub(super) fn sufficient(&self, world: &World, door: Door) -> ServiceApi {
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
