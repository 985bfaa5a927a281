//! A request, read whole.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use provost_model::{IfMatch, Secret};
use provost_registry::Condition;

use super::RequestLimits;
use crate::http::body::{BodyError, read_body};

/// What every handler needs of a request.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// The host the client addressed, as it spells it.
    pub(super) host: String,
    /// The whole `Authorization` header.
    pub(super) authorization: Option<Secret<String>>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) tracking_id: String,
}

/// Why a request could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the request body is over the limit")]
    BodyTooLarge,
    #[error("the request body did not arrive")]
    BodyLost,
    #[error("the request body must be JSON")]
    MediaType,
}

impl CallError {
    pub(super) fn code(&self) -> u32 {
        match self {
            Self::BodyTooLarge => 413_001,
            Self::BodyLost => 400_000,
            Self::MediaType => 415_000,
        }
    }
}

impl Call {
    pub(super) async fn read(
        request: Request<Incoming>,
        tracking_id: String,
        limits: RequestLimits,
    ) -> Result<Self, CallError> {
        let (head, body) = request.into_parts();
        // Bodies of GET and DELETE are ignored: Node sends `{}` with a GET (dps-device-api.md 2.2).
        let body = if matches!(head.method.as_str(), "GET" | "DELETE" | "HEAD") {
            Bytes::new()
        } else {
            read_body(body, limits.max_body_bytes, limits.body_timeout)
                .await
                .map_err(|error| match error {
                    BodyError::TooLarge { .. } => CallError::BodyTooLarge,
                    _ => CallError::BodyLost,
                })?
        };
        let host = head.headers.get(HOST).and_then(|value| value.to_str().ok());
        let host = host.or_else(|| head.uri.host()).unwrap_or_default().to_owned();
        let authorization = text(&head.headers, &AUTHORIZATION).map(|text| Secret::new(text.to_owned()));
        Ok(Self {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            host,
            authorization,
            headers: head.headers,
            body,
            tracking_id,
        })
    }

    /// Whether the body is JSON as far as the client says, or there is none.
    pub(super) fn has_json(&self) -> bool {
        self.body.is_empty() || is_json(&self.headers)
    }

    /// The call without its body, for an answer that goes on.
    pub(super) fn for_later(&self) -> Self {
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            host: self.host.clone(),
            authorization: self
                .authorization
                .as_ref()
                .map(|secret| Secret::new(secret.expose().clone())),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            tracking_id: self.tracking_id.clone(),
        }
    }

    /// A header's text.
    pub(super) fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A header that is a whole number; anything else counts as absent.
    pub(super) fn number(&self, name: &'static str) -> Option<usize> {
        self.header(name)?.trim().parse().ok()
    }

    pub(super) fn if_match(&self) -> IfMatch {
        IfMatch::parse(text(&self.headers, &IF_MATCH))
    }

    /// `If-Match` and `If-None-Match`.
    pub(super) fn condition(&self) -> Condition {
        Condition {
            if_match: self.if_match(),
            if_none_match: IfMatch::parse(text(&self.headers, &IF_NONE_MATCH)),
        }
    }

    /// The whole `Authorization` header; an empty one is none.
    pub(super) fn authorization(&self) -> Option<&str> {
        let text = self.authorization.as_ref()?.expose().as_str();
        (!text.is_empty()).then_some(text)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// JSON of any kind, or no statement at all: some clients name none.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let kind = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.is_empty() || kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}
