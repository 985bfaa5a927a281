//! Answers, and errors as status codes: the only place that knows them on HTTP.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use provost_hub::{ConnectRefusal, HubError};
use provost_model::{ErrorKind, Etag};
use provost_provisioning::ProvisioningError;
use provost_wire::ErrorBody;
use provost_wire::dps::device::{HEADER_ERROR_CODE, HEADER_REQUEST_ID, STRICT_TRANSPORT_SECURITY};
use provost_wire::hub::error::{HEADER_ERROR_CODE as HUB_ERROR_CODE, classic, name, nested};
use provost_wire::json::BodyError;
use tracing::{debug, error, info};

use super::ApiParts;
use super::call::Call;
use crate::device_api::{THROTTLED_CODE, THROTTLED_MESSAGE};
use crate::http::{ResponseBody, full_body};
use crate::throttle::retry_after;

const JSON: &str = provost_wire::dps::device::CONTENT_TYPE;
const TRANSPORT_SECURITY: HeaderName = HeaderName::from_static("strict-transport-security");

/// An answer on its way out.
pub(super) struct Answer {
    status: u16,
    headers: Vec<(Cow<'static, str>, String)>,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    Streamed(ResponseBody),
}

impl Answer {
    /// A JSON body with status 200.
    pub(super) fn ok(body: Vec<u8>) -> Self {
        Self::json(200, body)
    }

    pub(super) fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(body),
        }
    }

    /// A body that goes on for as long as it likes, of the given media type, with status 200.
    pub(super) fn streamed(media_type: &str, body: ResponseBody) -> Self {
        let answer = Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Streamed(body),
        };
        answer.with_header("content-type", media_type)
    }

    /// The status on its way out.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: Body::Whole(Vec::new()),
        }
    }

    pub(super) fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The entity tag as HTTP writes it, in quotes.
    pub(super) fn with_etag(self, etag: &Etag) -> Self {
        self.with_header("etag", format!("\"{etag}\""))
    }

    pub(super) fn into_response(self, tracking_id: &str) -> Response<ResponseBody> {
        let (has_body, body) = match self.body {
            Body::Whole(bytes) => (!bytes.is_empty(), full_body(bytes)),
            Body::Streamed(body) => (true, body),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(
            TRANSPORT_SECURITY,
            HeaderValue::from_static(STRICT_TRANSPORT_SECURITY),
        );
        if let Ok(value) = HeaderValue::from_str(tracking_id) {
            headers.insert(HeaderName::from_static(HEADER_REQUEST_ID), value);
        }
        if has_body {
            // Node returns text instead of objects without it (dps-service-api.md 0.3 rule 6).
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        let mut own = Vec::new();
        for (name, value) in self.headers {
            // Values of messages may hold more than ASCII; they travel as UTF-8.
            let value = HeaderValue::from_bytes(value.as_bytes());
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_ref()), value) else {
                continue;
            };
            // Names that differ in case are two properties and one header: it is there twice.
            if own.contains(&name) {
                headers.append(name, value);
            } else {
                headers.insert(name.clone(), value);
                own.push(name);
            }
        }
        response
    }
}

impl ApiParts {
    /// An error of the provisioning service's shape.
    pub(super) fn refuse(&self, tracking_id: &str, code: u32, message: &str) -> Answer {
        let body = ErrorBody::new(code, message, tracking_id, self.clock.now());
        Answer::json(body.http_status(), body.to_json()).with_header(HEADER_ERROR_CODE, code.to_string())
    }

    /// A failure of the provisioning service; logged once, here.
    pub(super) fn dps_failed(&self, call: &Call, failure: &ProvisioningError) -> Answer {
        log(call, failure.kind(), failure.code(), failure);
        let answer = self.refuse(&call.tracking_id, failure.code(), &failure.public_message());
        with_retry_after(answer, failure.kind())
    }

    /// One operation of the provisioning service too many.
    pub(super) fn dps_throttled(&self, call: &Call, wait: Duration) -> Answer {
        debug!(method = call.method, path = call.path, "request throttled");
        self.refuse(&call.tracking_id, THROTTLED_CODE, THROTTLED_MESSAGE)
            .with_header("retry-after", retry_after(wait).to_string())
    }

    /// A body the provisioning service cannot read.
    pub(super) fn dps_body(&self, call: &Call, error: &BodyError) -> Answer {
        log(call, ErrorKind::Invalid, error.code(), error);
        self.refuse(&call.tracking_id, error.code(), &error.to_string())
    }

    /// A failure of the hub.
    pub(super) fn hub_failed(&self, call: &Call, failure: &HubError, shape: HubShape) -> Answer {
        log(call, failure.kind(), failure.code(), failure);
        let answer = self.hub_refuse(call, failure.code(), &failure.public_message(), shape);
        with_retry_after(answer, failure.kind())
    }

    /// A device of the hub that was not let in. Whether there is such a device is told to nobody who is
    /// not it (D-22); that it is disabled, to itself.
    pub(super) fn device_refused(&self, call: &Call, refusal: &ConnectRefusal) -> Answer {
        let (kind, code, message) = match refusal {
            ConnectRefusal::NotAuthorized(_) => (
                ErrorKind::Unauthenticated,
                401_003,
                "the device is not authorized",
            ),
            ConnectRefusal::Disabled => (ErrorKind::Forbidden, 403_012, "the device is disabled"),
            ConnectRefusal::Unavailable(_) => (
                ErrorKind::Unavailable,
                503_001,
                "the service is not available at the moment",
            ),
        };
        log(call, kind, code, refusal);
        let answer = self.hub_refuse(call, code, message, HubShape::Classic);
        with_retry_after(answer, kind)
    }

    /// An error of the hub's shape. The header names the same thing as the body, else C# trusts
    /// neither (iot-hub-service-api.md 12.1).
    pub(super) fn hub_refuse(&self, call: &Call, code: u32, message: &str, shape: HubShape) -> Answer {
        let body = ErrorBody::new(code, message, call.tracking_id.as_str(), self.clock.now());
        let text = match shape {
            HubShape::Classic => classic(&body),
            HubShape::Nested => nested(&body),
        };
        Answer::json(body.http_status(), text).with_header(HUB_ERROR_CODE, name(code))
    }
}

/// The two error bodies of the hub.
#[derive(Clone, Copy)]
pub(super) enum HubShape {
    /// Registry and twin.
    Classic,
    /// Methods.
    Nested,
}

pub(super) fn with_retry_after(answer: Answer, kind: ErrorKind) -> Answer {
    match kind {
        ErrorKind::Throttled { retry_after } => answer.with_header("retry-after", retry_after.to_string()),
        ErrorKind::Unavailable => answer.with_header("retry-after", "5"),
        _ => answer,
    }
}

pub(super) fn log(call: &Call, kind: ErrorKind, code: u32, failure: &(dyn Error + 'static)) {
    let (method, path, tracking_id) = (&call.method, &call.path, &call.tracking_id);
    if matches!(kind, ErrorKind::Internal | ErrorKind::Unavailable) {
        error!(method, path, tracking_id, code, error = failure, "request failed");
    } else {
        info!(
            method,
            path,
            tracking_id,
            code,
            error = failure,
            "request refused"
        );
    }
}
