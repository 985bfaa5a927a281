//! The device side of provisioning over HTTPS (dps-device-api.md 2).

use provost_wire::dps::device::{DeviceRoute, HEADER_ERROR_CODE};

use super::call::Call;
use super::reply::Answer;
use super::{ApiParts, Connection};
use crate::device_api::{Carrier, DeviceRequest};

/// Answers one operation.
pub(super) async fn answer(
    parts: &ApiParts,
    call: &Call,
    connection: &Connection,
    route: DeviceRoute,
) -> Answer {
    let request = DeviceRequest {
        carrier: Carrier::Http,
        peer: &connection.peer,
        id_scope: &route.id_scope,
        registration_id: &route.registration_id,
        sas: call.authorization.as_ref(),
        version: &route.api_version,
        operation: &route.operation,
        body: &call.body,
        tracking_id: &call.tracking_id,
    };
    let reply = parts.device_api.answer(&connection.known, &request).await;
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
