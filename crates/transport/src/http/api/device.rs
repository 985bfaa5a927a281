//! The device side of provisioning over HTTPS (dps-device-api.md 2).

use std::sync::{Mutex, PoisonError};

use provost_model::{IdScope, RegistrationId, Secret};
use provost_provisioning::RegistrationCaller;
use provost_wire::dps::device::{DeviceOperation, DeviceRoute, HEADER_ERROR_CODE};

use super::call::Call;
use super::reply::Answer;
use super::{ApiParts, Connection};
use crate::device_api::{Carrier, DeviceCredentials, DeviceFailure, DeviceReply};

/// The device that proved itself last on a connection. Most connections carry one device, which
/// registers and then polls: its certificate is judged once.
#[derive(Default)]
pub(super) struct Known(Mutex<Option<KnownDevice>>);

struct KnownDevice {
    id_scope: IdScope,
    sas: Option<Secret<String>>,
    caller: RegistrationCaller,
}

impl Known {
    fn find(&self, route: &DeviceRoute, sas: Option<&Secret<String>>) -> Option<RegistrationCaller> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref()?;
        let is_same = known.id_scope == route.id_scope
            // The spelling counts: a group key is derived from the exact text.
            && known.caller.registration_id().as_str() == route.registration_id.as_str()
            && known.sas.as_ref() == sas;
        is_same.then(|| known.caller.clone())
    }

    fn keep(&self, device: KnownDevice) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(device);
    }
}

/// Answers one operation.
pub(super) async fn answer(
    parts: &ApiParts,
    call: &Call,
    connection: &Connection,
    route: DeviceRoute,
) -> Answer {
    let outcome = match caller(parts, call, connection, &route).await {
        Ok(caller) => perform(parts, call, &route, &caller).await,
        Err(failure) => Err(failure),
    };
    let id: &RegistrationId = &route.registration_id;
    let reply = outcome.unwrap_or_else(|failure| {
        parts
            .device_api
            .refuse(id, &failure, Carrier::Http, &call.tracking_id)
    });
    let location = (reply.status == 202).then(|| format!("https://{}{}", call.host, call.path));
    let answer = Answer::json(reply.status, reply.body);
    let answer = match reply.retry_after {
        Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
        None => answer,
    };
    let answer = match location {
        Some(location) => answer.with_header("location", location),
        None => answer,
    };
    match reply.error_code {
        Some(code) => answer.with_header(HEADER_ERROR_CODE, code.to_string()),
        None => answer,
    }
}

async fn perform(
    parts: &ApiParts,
    call: &Call,
    route: &DeviceRoute,
    caller: &RegistrationCaller,
) -> Result<DeviceReply, DeviceFailure> {
    let api = &parts.device_api;
    match &route.operation {
        DeviceOperation::Register => api.register(caller, &call.body).await,
        DeviceOperation::OperationStatus(operation) => {
            api.operation_status(caller, operation, &route.api_version).await
        }
        DeviceOperation::StatusLookup => api.status_lookup(caller, &call.body, &route.api_version).await,
    }
}

async fn caller(
    parts: &ApiParts,
    call: &Call,
    connection: &Connection,
    route: &DeviceRoute,
) -> Result<RegistrationCaller, DeviceFailure> {
    if let Some(caller) = connection.known.find(route, call.authorization.as_ref()) {
        return Ok(caller);
    }
    let credentials = DeviceCredentials {
        id_scope: route.id_scope.clone(),
        registration_id: route.registration_id.clone(),
        sas: call.authorization.clone(),
        chain: connection.peer.chain(),
    };
    let caller = parts.device_api.authenticate(credentials).await?;
    connection.known.keep(KnownDevice {
        id_scope: route.id_scope.clone(),
        sas: call.authorization.clone(),
        caller: caller.clone(),
    });
    Ok(caller)
}
