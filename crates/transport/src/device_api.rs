//! The device side of provisioning as every protocol speaks it: the same bodies and statuses travel
//! in an HTTP answer and in an MQTT topic (dps-device-api.md 2 and 3).

use std::error::Error;
use std::sync::Arc;

use provost_model::{Clock, ErrorKind, IdScope, OperationId, Random, RegistrationId, Secret};
use provost_pki::PresentedChain;
use provost_provisioning::{ProvisioningError, ProvisioningService, RegistrationCaller, RegistrationProof};
use provost_wire::dps::device::{OperationStatus, RETRY_AFTER, RegisterRequest, RegistrationStateView};
use provost_wire::{ApiVersion, ErrorBody};
use tracing::{error, info};

/// What a device shows of itself, on whatever protocol.
pub(crate) struct DeviceCredentials {
    pub(crate) id_scope: IdScope,
    pub(crate) registration_id: RegistrationId,
    pub(crate) sas: Option<Secret<String>>,
    pub(crate) chain: Option<PresentedChain>,
}

/// Which protocol an answer travels on: the real service numbers SAS failures differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Http,
    Mqtt,
}

/// An answer, before it takes the shape of a protocol.
pub(crate) struct DeviceReply {
    /// HTTP status, also the digits in a response topic.
    pub(crate) status: u16,
    /// Seconds to wait before the next request.
    pub(crate) retry_after: Option<u32>,
    /// Azure's number, for the header of an error.
    pub(crate) error_code: Option<u32>,
    pub(crate) body: Vec<u8>,
}

impl DeviceReply {
    /// Not done yet: the device polls again.
    fn assigning(operation: &OperationId) -> Self {
        Self {
            status: 202,
            retry_after: Some(RETRY_AFTER),
            error_code: None,
            body: OperationStatus::assigning(operation).to_json(),
        }
    }

    fn ok(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            retry_after: None,
            error_code: None,
            body,
        }
    }
}

/// Answers devices. Cheap to clone.
#[derive(Clone)]
pub struct DeviceApi {
    dps: ProvisioningService,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl DeviceApi {
    /// An API over the provisioning service.
    pub fn new(dps: ProvisioningService, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { dps, clock, random }
    }

    /// Proves who the device is.
    pub(crate) async fn authenticate(
        &self,
        credentials: DeviceCredentials,
    ) -> Result<RegistrationCaller, ProvisioningError> {
        let DeviceCredentials {
            id_scope,
            registration_id,
            sas,
            chain,
        } = credentials;
        let sas = sas.map(|token| token.expose().clone());
        self.dps
            .authenticate(RegistrationProof {
                id_scope,
                registration_id,
                sas,
                chain,
            })
            .await
    }

    /// Runs the device through provisioning. Always told as pending, though the outcome is stored:
    /// every SDK expects to poll (dps-device-api.md 0.3 rule 1).
    pub(crate) async fn register(
        &self,
        caller: &RegistrationCaller,
        body: &[u8],
    ) -> Result<DeviceReply, DeviceFailure> {
        let request = RegisterRequest::parse(body)?;
        let operation = self.dps.register(caller, &request).await?;
        Ok(DeviceReply::assigning(&operation))
    }

    /// The outcome of a run.
    pub(crate) async fn operation_status(
        &self,
        caller: &RegistrationCaller,
        operation: &OperationId,
        version: &ApiVersion,
    ) -> Result<DeviceReply, DeviceFailure> {
        let (operation, outcome) = self.dps.operation_status(caller, operation.as_str()).await?;
        if outcome.is_pending() {
            return Ok(DeviceReply::assigning(&operation));
        }
        let view = RegistrationStateView::for_device(&outcome.record, outcome.assigned_hub.as_ref(), version);
        Ok(DeviceReply::ok(
            OperationStatus::finished(&operation, view).to_json(),
        ))
    }

    /// The latest outcome without a run.
    pub(crate) async fn status_lookup(
        &self,
        caller: &RegistrationCaller,
        body: &[u8],
        version: &ApiVersion,
    ) -> Result<DeviceReply, DeviceFailure> {
        let request = RegisterRequest::parse(body)?;
        let outcome = self.dps.status_lookup(caller, &request).await?;
        let view = RegistrationStateView::for_device(&outcome.record, outcome.assigned_hub.as_ref(), version);
        Ok(DeviceReply::ok(view.to_json()))
    }

    /// A refusal as the device sees it: a code and a tracking id. The reason is logged, here and
    /// nowhere else.
    pub(crate) fn refuse(
        &self,
        device: &RegistrationId,
        failure: &DeviceFailure,
        carrier: Carrier,
        tracking_id: &str,
    ) -> DeviceReply {
        let (kind, code, message) = failure.told(carrier);
        if matches!(kind, ErrorKind::Internal | ErrorKind::Unavailable) {
            error!(%device, code, tracking_id, error = failure as &dyn Error, "registration failed");
        } else {
            info!(%device, code, tracking_id, error = failure as &dyn Error, "registration refused");
        }
        let body = ErrorBody::new(code, message, tracking_id, self.clock.now());
        let retry_after = match kind {
            ErrorKind::Throttled { retry_after } => Some(retry_after),
            // Java ignores anything outside 2 to 5 (dps-device-api.md 0.3 rule 2).
            ErrorKind::Unavailable | ErrorKind::Internal | ErrorKind::Timeout => Some(5),
            _ => None,
        };
        DeviceReply {
            status: body.http_status(),
            retry_after,
            error_code: Some(code),
            body: body.to_json(),
        }
    }

    /// A fresh tracking id.
    pub(crate) fn tracking_id(&self) -> String {
        self.random.uuid()
    }
}

/// Why a device's request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceFailure {
    #[error("the body cannot be read")]
    Body(#[from] provost_wire::BodyError),
    #[error(transparent)]
    Service(#[from] ProvisioningError),
}

impl DeviceFailure {
    fn told(&self, carrier: Carrier) -> (ErrorKind, u32, String) {
        match self {
            Self::Body(error) => (ErrorKind::Invalid, error.code(), error.to_string()),
            Self::Service(error) => {
                let code = match carrier {
                    Carrier::Http => error.code(),
                    Carrier::Mqtt => error.code_over_mqtt(),
                };
                (error.kind(), code, error.public_message())
            }
        }
    }
}
