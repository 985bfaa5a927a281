//! Hub errors: two body shapes and one header (iot-hub-service-api.md 12).

use provost_model::Timestamp;
use serde::Serialize;

use crate::{ErrorBody, json};

/// The header every error answer carries; its value is [`name`] of the code.
pub const HEADER_ERROR_CODE: &str = "iothub-errorcode";

/// The name of a number; clients trust a code only when header and body name the same thing. A
/// number without a row of its own has the name of its HTTP status.
pub fn name(code: u32) -> &'static str {
    NAMES
        .iter()
        .find(|(number, _)| *number == code)
        .map_or_else(|| by_status(code / 1000), |(_, name)| name)
}

fn by_status(status: u32) -> &'static str {
    match status {
        400 | 415 => "ArgumentInvalid",
        401 => "IotHubUnauthorizedAccess",
        // An address that leads nowhere is not a device that is missing.
        403..=405 | 409 => "InvalidOperation",
        412 => "PreconditionFailed",
        413 => "MessageTooLarge",
        429 => "ThrottlingException",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "ServerError",
    }
}

/// iot-hub-service-api.md 12.2.
const NAMES: [(u32, &str); 49] = [
    (400_001, "InvalidProtocolVersion"),
    (400_003, "InvalidOperation"),
    (400_004, "ArgumentInvalid"),
    (400_005, "ArgumentNull"),
    (400_006, "IotHubFormatError"),
    (400_011, "DeviceDefinedMultipleTimes"),
    (400_012, "DeserializationError"),
    (400_013, "BulkRegistryOperationFailure"),
    (400_027, "ConnectionForcefullyClosedOnNewConnection"),
    (400_301, "CannotRegisterModuleToModule"),
    (401_001, "IotHubNotFound"),
    (401_002, "IotHubUnauthorizedAccess"),
    (401_003, "IotHubUnauthorized"),
    (403_001, "IotHubSuspended"),
    (403_002, "IotHubQuotaExceeded"),
    (403_003, "JobQuotaExceeded"),
    (403_004, "DeviceMaximumQueueDepthExceeded"),
    (403_005, "IotHubMaxCbsTokenExceeded"),
    (403_006, "DeviceMaximumActiveFileUploadLimitExceeded"),
    (403_010, "OperationNotAvailableInCurrentTier"),
    (403_012, "DeviceDisabled"),
    (404_001, "DeviceNotFound"),
    (404_002, "JobNotFound"),
    (404_008, "CertificateNotFound"),
    (404_010, "ModuleNotFound"),
    (404_050, "ConsumerGroupNotFound"),
    (404_103, "DeviceNotOnline"),
    (404_104, "DeviceConnectionClosedRemotely"),
    (409_001, "DeviceAlreadyExists"),
    (409_002, "LinkCreationConflict"),
    (409_104, "JobAlreadyExists"),
    (409_301, "ModuleAlreadyExistsOnDevice"),
    (412_001, "PreconditionFailed"),
    (412_002, "DeviceMessageLockLost"),
    (412_003, "JobRunPreconditionFailed"),
    (413_001, "MessageTooLarge"),
    (413_002, "TooManyDevices"),
    (413_003, "TooManyModulesOnDevice"),
    (429_000, "GenericTooManyRequests"),
    (429_001, "ThrottlingException"),
    (429_002, "ThrottleBacklogLimitExceeded"),
    (429_003, "ThrottlingBacklogTimeout"),
    (429_004, "ThrottlingMaxActiveJobCountExceeded"),
    (429_005, "DeviceThrottlingLimitExceeded"),
    (500_001, "ServerError"),
    (500_002, "JobCancelled"),
    (500_008, "GenericTimeout"),
    (503_001, "ServiceUnavailable"),
    (504_101, "GatewayTimeout"),
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outer<'a> {
    message: &'a str,
    exception_message: &'a str,
}

/// Shape (a), for registry and twin: `{"Message":"ErrorCode:DeviceNotFound;…","ExceptionMessage":"Tracking ID:…"}`.
pub fn classic(body: &ErrorBody) -> Vec<u8> {
    let message = format!("ErrorCode:{};{}", name(body.error_code), body.message);
    let exception = format!(
        "Tracking ID:{}-TimeStamp:{}",
        body.tracking_id, body.timestamp_utc
    );
    json::to_bytes(&Outer {
        message: &message,
        exception_message: &exception,
    })
}

/// Shape (b), for methods: the error body as text inside `Message`.
pub fn nested(body: &ErrorBody) -> Vec<u8> {
    let inner = String::from_utf8(body.to_json()).unwrap_or_default();
    json::to_bytes(&Outer {
        message: &inner,
        exception_message: "",
    })
}

/// The plain error body of MQTT answers (iot-hub-device-api.md 7.1): Node takes an answer without
/// `errorCode` for success, whatever the topic says.
pub fn over_mqtt(code: u32, message: &str, tracking_id: &str, at: Timestamp) -> Vec<u8> {
    ErrorBody::new(code, message, tracking_id, at).to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: u32) -> ErrorBody {
        ErrorBody::new(code, "no such device", "a1", Timestamp::from_unix_seconds(0))
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn classic_shape() {
        assert_eq!(
            text(classic(&body(404_001))),
            r#"{"Message":"ErrorCode:DeviceNotFound;no such device","ExceptionMessage":"Tracking ID:a1-TimeStamp:1970-01-01T00:00:00.0000000Z"}"#
        );
    }

    #[test]
    fn nested_shape() {
        let body = body(404_103).with_info("timeout", "00:00:10");
        assert_eq!(
            text(nested(&body)),
            concat!(
                r#"{"Message":"{\"errorCode\":404103,\"trackingId\":\"a1\",\"message\":\"no such device\","#,
                r#"\"info\":{\"timeout\":\"00:00:10\"},\"timestampUtc\":\"1970-01-01T00:00:00.0000000Z\"}","#,
                r#""ExceptionMessage":""}"#
            )
        );
    }

    #[test]
    fn every_number_has_a_name() {
        assert_eq!(name(412_001), "PreconditionFailed");
        assert_eq!(name(403_800), "InvalidOperation");
        assert_eq!(name(404_000), "InvalidOperation");
        assert_eq!(name(0), "ServerError");
        let mut numbers: Vec<u32> = NAMES.iter().map(|(number, _)| *number).collect();
        numbers.dedup();
        assert!(numbers.is_sorted() && numbers.len() == NAMES.len());
    }
}
