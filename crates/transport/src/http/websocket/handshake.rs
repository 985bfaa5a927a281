//! The upgrade request and its answer.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version};
use thiserror::Error;

use crate::http::{ResponseBody, empty_body, full_body};

/// The sub-protocol of MQTT; compared without case (iot-hub-device-api.md 1).
pub const SUBPROTOCOL_MQTT: &str = "mqtt";

/// RFC 6455 1.3.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why an upgrade request is not accepted.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// Not a GET of HTTP/1.1 with `Connection: Upgrade` and a key of 16 bytes.
    #[error("malformed websocket upgrade")]
    Malformed,
    /// Not version 13.
    #[error("unsupported websocket version")]
    Version,
    /// No sub-protocol we speak is offered.
    #[error("no supported websocket sub-protocol is offered")]
    Subprotocol,
}

impl Refusal {
    /// 426 with the version we speak, else 400.
    pub fn response(self) -> Response<ResponseBody> {
        let mut response = Response::new(full_body(self.to_string()));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        if self == Self::Version {
            *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// True when the request asks to become a WebSocket.
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    tokens(request.headers(), &UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"))
}

/// The 101 answer to an upgrade request on any path; echoes the sub-protocol as it was spelled.
pub fn accept<B>(request: &Request<B>) -> Result<Response<ResponseBody>, Refusal> {
    let headers = request.headers();
    let asks_upgrade = tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    if !asks_upgrade || request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return Err(Refusal::Malformed);
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(Refusal::Version);
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .ok_or(Refusal::Malformed)?
        .as_bytes();
    if STANDARD.decode(key).map_or(0, |bytes| bytes.len()) != 16 {
        return Err(Refusal::Malformed);
    }
    let subprotocol = tokens(headers, &SEC_WEBSOCKET_PROTOCOL)
        .find(|offered| offered.eq_ignore_ascii_case(SUBPROTOCOL_MQTT))
        .ok_or(Refusal::Subprotocol)?;
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept_key(key))
        .header(SEC_WEBSOCKET_PROTOCOL, subprotocol)
        .body(empty_body())
        .map_err(|_| Refusal::Malformed)
}

/// What a server answers to a `Sec-WebSocket-Key` (RFC 6455 4.2.2); a client compares it.
pub fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, ACCEPT_SUFFIX].concat()))
}

/// The entries of a comma-separated header, which may be sent in several lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}
