//! What a registration comes to, as far as it can be told from what is known so far.

use provost_model::registry::PreparedCertificate;
use provost_model::{
    AllocationAnswer, Assignment, DeviceAuth, DeviceId, EnrollmentSettings, HostName, HubName, InitialTwin,
    LinkedHub, RegistrationFailure, RegistrationRecord, Substatus,
};
use provost_store::{ReadTx, StoreError};
use serde_json::Value;

use crate::allocate::{Allocation, Choice, allocate};
use crate::credential::device_auth;
use crate::device_name::HubDevice;
use crate::issuing::{Issuing, check_certifiable, final_failure, no_policy};
use crate::{HubPortError, NewIdentity, ProvisioningError, ProvisioningService, RegistrationCaller};

/// What a run learned outside the program.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// What the webhook decided.
    pub(crate) answer: Option<AllocationAnswer>,
    /// The twin the device has on a hub elsewhere.
    pub(crate) twin: Option<(Assignment, Option<InitialTwin>)>,
    /// What was written to a hub elsewhere.
    pub(crate) provisioned: Option<(HubName, NewIdentity)>,
    /// The certificate the device asks for.
    pub(crate) issuing: Issuing,
    /// Why it cannot go on.
    pub(crate) failure: Option<RegistrationFailure>,
}

impl Known {
    /// Whether the run asks for a certificate that it does not have yet.
    pub(crate) fn may_be_refused(&self) -> bool {
        self.failure.is_some() || (self.issuing.is_asked() && self.issuing.prepared().is_none())
    }

    /// The run can only end with this.
    pub(crate) fn failed(failure: RegistrationFailure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }
}

/// The next thing to do.
pub(crate) enum Plan {
    /// All is known: this is to be written.
    Write(Box<Placement>),
    /// Something outside the program is needed first.
    Need(Box<Need>),
}

/// Something outside the program.
#[derive(Debug)]
pub(crate) enum Need {
    /// The webhook has to choose among these hubs.
    Answer {
        linked: Vec<LinkedHub>,
        current: Option<(HostName, Assignment)>,
    },
    /// The twin of the device on a hub elsewhere that it leaves.
    Twin(Assignment),
    /// The identity on the hub elsewhere that it comes to.
    Identity(HubName, NewIdentity),
    /// A certificate for this device of a hub, by the policy of its entry.
    Certificate(DeviceId),
}

/// Where the device goes.
pub(crate) struct Placement {
    pub(crate) hub: HubName,
    /// The hub is elsewhere and has the identity already.
    pub(crate) is_remote: bool,
    pub(crate) identity: NewIdentity,
    pub(crate) substatus: Substatus,
    /// The place it leaves, and whether that is elsewhere.
    pub(crate) leaves: Option<(Assignment, bool)>,
    pub(crate) payload: Option<Value>,
    /// What is issued to it with that.
    pub(crate) certificate: Option<PreparedCertificate>,
}

/// Why an assignment did not come about.
pub(crate) enum NotAssigned {
    /// Recorded and told to the device.
    Failed(RegistrationFailure),
    /// The transaction ends.
    Error(ProvisioningError),
}

impl From<HubPortError> for NotAssigned {
    fn from(error: HubPortError) -> Self {
        match error {
            HubPortError::UnknownHub => Self::Failed(RegistrationFailure {
                code: 401_001,
                message: "The assigned IoT hub was not found.".to_owned(),
            }),
            HubPortError::Refused(message) => Self::Failed(RegistrationFailure {
                code: 400_209,
                message,
            }),
            HubPortError::Store(error) => Self::Error(error.into()),
        }
    }
}

impl From<StoreError> for NotAssigned {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

/// How the device proves itself to its hub: one that asks for a certificate connects with what is issued to it.
fn auth_at_hub(caller: &RegistrationCaller, known: &Known) -> DeviceAuth {
    if known.issuing.is_asked() {
        DeviceAuth::CertificateAuthority
    } else {
        device_auth(&caller.found().proof)
    }
}

/// A hub a device may be on.
struct Place {
    hub: HubName,
    is_remote: bool,
}

/// The assignment a device has, when its hub still exists.
struct Current {
    assignment: Assignment,
    host: HostName,
    is_remote: bool,
}

impl ProvisioningService {
    /// Plans a run of a device whose entry is enabled. Writes nothing. One that the Device Registry has disabled
    /// goes nowhere, and one that its hub has disabled stays there.
    pub(crate) fn plan(
        &self,
        tx: &ReadTx<'_>,
        caller: &RegistrationCaller,
        before: Option<&RegistrationRecord>,
        known: &Known,
    ) -> Result<Plan, NotAssigned> {
        if let Some(failure) = &known.failure {
            return Err(NotAssigned::Failed(failure.clone()));
        }
        let entry = &caller.found().entry;
        let device = self.hub_device(tx, caller, before)?;
        let policy = entry.settings().credential_policy.as_ref();
        if known.issuing.is_asked() && policy.is_none() {
            return Err(NotAssigned::Failed(final_failure(&no_policy())));
        }
        let current = current(tx, before)?;
        let chosen = self.choose_unless_disabled(tx, caller, &device, current.as_ref(), known)?;
        let (place, answer, payload) = match chosen {
            // The assignment stays as it is, with what came with it.
            Chosen::Same(place) => (place, None, before.and_then(|record| record.payload.clone())),
            Chosen::Place(place, answer) => (place, answer, answer.and_then(|answer| answer.payload.clone())),
            Chosen::Need(need) => return Ok(Plan::Need(need)),
        };
        if known.issuing.is_asked() {
            check_certifiable(tx, device.namespace.as_ref(), &place.hub)?;
        }
        let settings = entry.settings();
        let mut identity = NewIdentity {
            device_id: device.device_id,
            auth: auth_at_hub(caller, known),
            iot_edge: settings.iot_edge,
            initial_twin: settings.initial_twin.clone().unwrap_or_default(),
        };
        // Another name in the hub is another device: the one before is not touched
        // (dps-device-api.md 8.1).
        let current = current.filter(|current| current.assignment.device_id == identity.device_id);
        let arrival = self.arrival(tx, current.as_ref(), &place, settings, known)?;
        let Arrival { substatus, carried } = match arrival {
            Ok(arrival) => arrival,
            Err(need) => return Ok(Plan::Need(Box::new(need))),
        };
        if let Some(twin) = carried {
            identity.initial_twin = twin;
        }
        // It overrides what is carried over (dps-device-api.md 8.2).
        if let Some(twin) = answer.and_then(|answer| answer.initial_twin.clone()) {
            identity.initial_twin = twin;
        }
        if known.issuing.is_needed_by(policy, &identity.device_id) {
            return Ok(Plan::Need(Box::new(Need::Certificate(identity.device_id))));
        }
        let is_there = known
            .provisioned
            .as_ref()
            .is_some_and(|(hub, there)| *hub == place.hub && *there == identity);
        if place.is_remote && !is_there {
            return Ok(Plan::Need(Box::new(Need::Identity(place.hub, identity))));
        }
        let leaves = current.filter(|current| current.assignment.hub != place.hub);
        Ok(Plan::Write(Box::new(Placement {
            hub: place.hub,
            is_remote: place.is_remote,
            identity,
            substatus,
            leaves: leaves.map(|left| (left.assignment, left.is_remote)),
            payload,
            certificate: known.issuing.prepared().cloned(),
        })))
    }

    /// How the device comes to its place, and what it takes along: tags and desired properties, or
    /// nothing. Reported properties are not carried: the device reports them again.
    fn arrival(
        &self,
        tx: &ReadTx<'_>,
        current: Option<&Current>,
        place: &Place,
        settings: &EnrollmentSettings,
        known: &Known,
    ) -> Result<Result<Arrival, Need>, NotAssigned> {
        let without_twin = |substatus| {
            Ok(Ok(Arrival {
                substatus,
                carried: None,
            }))
        };
        let Some(current) = current else {
            return without_twin(Substatus::InitialAssignment);
        };
        let from = &current.assignment;
        if from.hub == place.hub {
            return without_twin(Substatus::ReprovisionedToInitialAssignment);
        }
        if !settings.reprovision.unwrap_or_default().migrate_device_data {
            return without_twin(Substatus::DeviceDataReset);
        }
        let carried = if current.is_remote {
            match known.twin.as_ref().filter(|(of, _)| of == from) {
                Some((_, twin)) => twin.clone(),
                None => return Ok(Err(Need::Twin(from.clone()))),
            }
        } else {
            self.hubs().twin(tx, &from.hub, &from.device_id)?
        };
        Ok(Ok(Arrival {
            substatus: Substatus::DeviceDataMigrated,
            carried,
        }))
    }

    /// Chooses the hub, or says what has to be asked first. A device that is disabled at a hub of this program
    /// stays there: a move would delete that and make it anew, enabled.
    fn choose_unless_disabled<'a>(
        &self,
        tx: &ReadTx<'_>,
        caller: &RegistrationCaller,
        device: &HubDevice,
        current: Option<&Current>,
        known: &'a Known,
    ) -> Result<Chosen<'a>, NotAssigned> {
        if let Some(hub) = device.disabled_at.clone() {
            return Ok(Chosen::Same(Place {
                hub,
                is_remote: false,
            }));
        }
        let chosen = self.choose(tx, caller, current, known)?;
        let is_its_own = |current: &&Current| current.assignment.device_id == device.device_id;
        let Some(current) = current.filter(is_its_own).filter(|current| !current.is_remote) else {
            return Ok(chosen);
        };
        let hub = &current.assignment.hub;
        if chosen.leaves(hub) && self.is_disabled_at(tx, hub, &device.device_id)? {
            let (hub, is_remote) = (hub.clone(), false);
            return Ok(Chosen::Same(Place { hub, is_remote }));
        }
        Ok(chosen)
    }

    /// Chooses the hub, or says what has to be asked first.
    fn choose<'a>(
        &self,
        tx: &ReadTx<'_>,
        caller: &RegistrationCaller,
        current: Option<&Current>,
        known: &'a Known,
    ) -> Result<Chosen<'a>, NotAssigned> {
        let (instance, settings) = (caller.instance(), caller.found().entry.settings());
        let linked = tx.linked_hubs(&instance.name)?;
        let origin = caller.origin();
        let choice = allocate(&Allocation {
            registration_id: caller.registration_id(),
            settings,
            default_policy: instance.allocation,
            linked: &linked,
            near: origin
                .address
                .map_or(&[], |address| self.options().geo.hubs(address)),
            is_before_reprovisioning: origin.is_before_reprovisioning,
            current: current.map(|current| &current.assignment.hub),
        })
        .map_err(NotAssigned::Failed)?;
        match choice {
            Choice::Keep => Ok(match current {
                Some(current) => Chosen::Same(Place {
                    hub: current.assignment.hub.clone(),
                    is_remote: current.is_remote,
                }),
                None => return Err(NotAssigned::from(HubPortError::UnknownHub)),
            }),
            Choice::Hub(hub) => Ok(Chosen::Place(place(&linked, hub), None)),
            Choice::Ask(candidates) => {
                let answer = known.answer.as_ref().filter(|answer| {
                    answer.entry == settings.etag && candidates.iter().any(|hub| hub.hub == answer.hub)
                });
                Ok(match answer {
                    Some(answer) => Chosen::Place(place(&linked, answer.hub.clone()), Some(answer)),
                    None => Chosen::Need(Box::new(Need::Answer {
                        linked: candidates,
                        current: current.map(|current| (current.host.clone(), current.assignment.clone())),
                    })),
                })
            }
        }
    }
}

/// How a device comes to its place.
struct Arrival {
    substatus: Substatus,
    /// The twin it had before, when it is carried over and there was one.
    carried: Option<InitialTwin>,
}

enum Chosen<'a> {
    Same(Place),
    Place(Place, Option<&'a AllocationAnswer>),
    Need(Box<Need>),
}

impl Chosen<'_> {
    /// Whether the device goes, or may go, from this hub to another one.
    fn leaves(&self, hub: &HubName) -> bool {
        match self {
            Self::Same(place) | Self::Place(place, _) => place.hub != *hub,
            Self::Need(_) => true,
        }
    }
}

fn place(linked: &[LinkedHub], hub: HubName) -> Place {
    let is_remote = linked.iter().any(|link| link.hub == hub && link.is_remote);
    Place { hub, is_remote }
}

/// The latest assignment, when its hub still exists; runs that ended without one do not end it.
fn current(tx: &ReadTx<'_>, before: Option<&RegistrationRecord>) -> Result<Option<Current>, NotAssigned> {
    let Some(assignment) = before.and_then(RegistrationRecord::last_assignment) else {
        return Ok(None);
    };
    let hub = tx.hub(&assignment.hub)?;
    Ok(hub.map(|hub| Current {
        assignment,
        host: hub.host,
        is_remote: hub.is_remote,
    }))
}
