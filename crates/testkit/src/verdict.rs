//! What provisioning service and hub make of a device, as one word of a test. Failures name device
//! and transport, because a rule asks for several in a row.

use provost_device::DeviceError;
use provost_device::hub::HubSession;
use provost_device::provisioning::{RegisterError, RegistrationStatus};

use crate::{Device, Endpoints, Via};

/// CONNACK "not authorized".
const NOT_AUTHORIZED: u8 = 5;

impl Device {
    /// Registers, and must be given a hub.
    pub async fn is_assigned(&self, endpoints: &Endpoints, via: Via) {
        self.ends_as(endpoints, via, RegistrationStatus::Assigned).await;
    }

    /// Registers, and must be told that its entry is disabled.
    pub async fn is_disabled(&self, endpoints: &Endpoints, via: Via) {
        self.ends_as(endpoints, via, RegistrationStatus::Disabled).await;
    }

    async fn ends_as(&self, endpoints: &Endpoints, via: Via, status: RegistrationStatus) {
        let answer = self.register(endpoints, via).await;
        let ended = answer.as_ref().map(|outcome| outcome.status);
        assert_eq!(ended.ok(), Some(status), "{} over {via:?}: {answer:?}", self.id);
    }

    /// Tries to register, and must be refused as unauthorized.
    pub async fn is_unauthorized(&self, endpoints: &Endpoints, via: Via) {
        let answer = self.register(endpoints, via).await;
        let refused = match &answer {
            Err(RegisterError::Refused {
                status,
                error_code,
                tracking_id: Some(_),
                ..
            }) => Some((*status, *error_code)),
            _ => None,
        };
        let unauthorized = Some((401, Some(401_002)));
        assert_eq!(refused, unauthorized, "{} over {via:?}: {answer:?}", self.id);
    }

    /// Connects to its hub, and must be let in.
    pub async fn is_let_in(&self, endpoints: &Endpoints) -> HubSession {
        let connected = self.connect(endpoints).await;
        connected.unwrap_or_else(|error| panic!("{} at its hub: {error:?}", self.id))
    }

    /// Tries to connect to its hub, and must be turned away as not authorized.
    pub async fn is_turned_away(&self, endpoints: &Endpoints) {
        let answer = self.connect(endpoints).await;
        let code = match &answer {
            Err(DeviceError::Refused(code)) => Some(code.code()),
            _ => None,
        };
        assert_eq!(code, Some(NOT_AUTHORIZED), "{} at its hub: {answer:?}", self.id);
    }
}
