//! The numbers of certificate-management.md 3.3.

use provost_model::ErrorKind;
use provost_model::registry::CertificateRefusal;
use provost_store::{CertificateRenewal, RenewalError, StoreError};
use provost_wire::hub::device::{RenewalBodyError, RenewalFailure};
use provost_wire::time;
use serde_json::json;

/// Seconds a device is asked to wait when the server is busy.
const RETRY_AFTER: u32 = 30;
/// The device may not be issued any now; that may change.
pub(super) const PRECONDITION: u32 = 412_005;
/// Its time was over before anything could be issued.
pub(super) const TIMED_OUT: u32 = 429_003;

pub(super) fn of_body(error: &RenewalBodyError) -> RenewalFailure {
    plain(error.code(), error.to_string())
}

/// Another request of the device is pending.
pub(super) fn active(other: &CertificateRenewal, is_measured: bool) -> RenewalFailure {
    RenewalFailure {
        // The SDKs' table says 409005, the real service was seen to say 409004 (U-6).
        code: if is_measured { 409_004 } else { 409_005 },
        message: "Another certificate request of this device is active.".to_owned(),
        info: Some(json!({
            "requestId": other.request_id,
            "operationExpires": time::iso(other.expires_at),
            "correlationId": other.correlation_id,
        })),
        retry_after: None,
    }
}

/// The device speaks a version from before certificate management.
pub(super) fn old_version() -> RenewalFailure {
    let message =
        "The api-version of the session knows no certificates; it must be 2025-08-01-preview or later.";
    plain(400_001, message.to_owned())
}

/// What is kept of a request that nothing could be issued for in its time.
pub(super) fn timed_out() -> RenewalError {
    RenewalError {
        code: TIMED_OUT,
        message: "No certificate could be issued in time. Try again.".to_owned(),
        credential_error: None,
    }
}

/// The device asked for another one a moment ago.
pub(super) fn too_soon(seconds: u32) -> RenewalFailure {
    RenewalFailure {
        retry_after: Some(seconds),
        ..plain(429_002, "Too many requests. Try again later.".to_owned())
    }
}

/// The request to be replaced is not the pending one.
pub(super) fn not_pending(request_id: &str) -> RenewalFailure {
    RenewalFailure {
        code: 412_001,
        message: "The request to be replaced is not the active one.".to_owned(),
        info: Some(json!({ "requestId": request_id })),
        retry_after: None,
    }
}

/// The device's certificates come from no policy, or it may not be issued any.
pub(super) fn not_ready(message: &str) -> RenewalFailure {
    plain(PRECONDITION, message.to_owned())
}

pub(super) fn of_store(error: &StoreError) -> RenewalFailure {
    match error.kind() {
        ErrorKind::Throttled { .. } => RenewalFailure {
            retry_after: Some(RETRY_AFTER),
            ..plain(429_002, "Too many requests. Try again later.".to_owned())
        },
        ErrorKind::Unavailable => plain(503_001, "The service is unavailable. Try again later.".to_owned()),
        _ => plain(500_001, "Internal error.".to_owned()),
    }
}

/// What is kept of a refusal by the issuer; `None` for one that passes.
pub(super) fn of_refusal(refusal: &CertificateRefusal, is_measured: bool) -> Option<RenewalError> {
    // As the SDKs' table, or as the real service was seen to answer (U-6).
    let (code, word) = match refusal {
        CertificateRefusal::Unreadable(_) => (request_code(is_measured), Some("FailedToDecodeCsr")),
        CertificateRefusal::NotVerified(_) => {
            (request_code(is_measured), Some("CertificateValidationFailed"))
        }
        CertificateRefusal::NoPolicy(_)
        | CertificateRefusal::PolicyNotReady(_)
        | CertificateRefusal::NameTaken(_)
        | CertificateRefusal::DeviceDisabled => (PRECONDITION, None),
        CertificateRefusal::Busy | CertificateRefusal::Unavailable => return None,
    };
    let word = word.map(|word| if is_measured { "400000" } else { word });
    Some(RenewalError {
        code,
        message: refusal.to_string(),
        credential_error: word.map(str::to_owned),
    })
}

fn request_code(is_measured: bool) -> u32 {
    if is_measured { 400_037 } else { 400_040 }
}

/// What a device is told of a renewal that came to nothing.
pub(super) fn of_kept(renewal: &CertificateRenewal, error: &RenewalError) -> RenewalFailure {
    let info = error.credential_error.as_ref().map(|word| {
        json!({
            "correlationId": renewal.correlation_id,
            "credentialError": word,
            "credentialMessage": error.message,
        })
    });
    RenewalFailure {
        code: error.code,
        message: error.message.clone(),
        info,
        retry_after: (error.code == TIMED_OUT).then_some(RETRY_AFTER),
    }
}

fn plain(code: u32, message: String) -> RenewalFailure {
    RenewalFailure {
        code,
        message,
        info: None,
        retry_after: None,
    }
}

/// The name a device gave its request is none.
pub(super) fn bad_request_id() -> RenewalFailure {
    let message = "`$rid` is not 4 to 36 letters, digits and hyphens with a hyphen at neither end";
    plain(400_004, message.to_owned())
}
