//! The plain HTTP listener: CRLs, CA certificates and OCSP for whoever checks a certificate of ours. It needs
//! no TLS, because what it serves is signed, and asks nobody who he is.
//!
//! | request | answer |
//! |---|---|
//! | `GET`, `HEAD /crl/{ca}/{part}.crl` | the CRL, `application/pkix-crl` |
//! | `GET`, `HEAD /ca/{ca}.cer` | the CA's certificate, `application/pkix-cert` |
//! | `POST /ocsp/{ca}`, `GET`, `HEAD /ocsp/{ca}/{request}` | what became of certificates of the CA, `application/ocsp-response`; 404 when OCSP is off |

mod ocsp;
mod route;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, EXPIRES, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Body;
use provost_ca::{OcspResponder, Publications};
use provost_model::{Clock, Timestamp};
use provost_wire::time::rfc1123;
use tracing::error;

use self::route::{Wanted, route};
use crate::http::{ResponseBody, empty_body, full_body};
use crate::metrics::Metrics;

/// How long a CA's certificate may be kept without asking again: it never changes.
const CERTIFICATE_AGE: Duration = Duration::from_hours(24);
/// The longest time a CRL may be kept without asking again: a revocation is to be seen soon, and asking
/// again costs nothing while nothing changed.
const LONGEST_AGE: Duration = Duration::from_hours(1);

/// Answers requests of the plain HTTP listener. Cheap to clone.
#[derive(Clone)]
pub struct PublicationApi {
    publications: Publications,
    clock: Arc<dyn Clock>,
    ocsp: Option<(OcspResponder, Arc<Metrics>)>,
}

/// Something that is published.
struct Published {
    media_type: &'static str,
    bytes: Bytes,
    etag: String,
    max_age: Duration,
    /// When it was made and when it is to be asked for again, where a client may look for that.
    dates: Option<[Timestamp; 2]>,
}

impl PublicationApi {
    /// What is published, and the clock its age is told by.
    pub fn new(publications: Publications, clock: Arc<dyn Clock>) -> Self {
        Self {
            publications,
            clock,
            ocsp: None,
        }
    }

    /// The same, with OCSP; its answers are counted.
    #[must_use]
    pub fn with_ocsp(mut self, responder: OcspResponder, metrics: Arc<Metrics>) -> Self {
        self.ocsp = Some((responder, metrics));
        self
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let wanted = match route(request.uri().path()) {
            Some(Wanted::Ocsp(ca, asked)) => return self.answer_ocsp(&ca, &asked, request).await,
            Some(wanted) => wanted,
            None => return plain(StatusCode::NOT_FOUND),
        };
        let method = request.method().clone();
        if method != Method::GET && method != Method::HEAD {
            return only("GET, HEAD");
        }
        match self.find(wanted).await {
            Ok(Some(published)) => published.answer(&method, request.headers()),
            Ok(None) => plain(StatusCode::NOT_FOUND),
            Err(failed) => {
                error!(
                    error = &failed as &dyn std::error::Error,
                    "what is published cannot be read"
                );
                plain(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }

    async fn find(&self, wanted: Wanted) -> Result<Option<Published>, provost_ca::StoreError> {
        Ok(match wanted {
            Wanted::Crl(part) => self.publications.crl(part).await?.map(|crl| Published {
                media_type: "application/pkix-crl",
                etag: format!("\"{}\"", crl.number),
                max_age: max_age(crl.next_update, self.clock.now()),
                bytes: crl.der.into(),
                dates: None,
            }),
            Wanted::Certificate(ca) => {
                let etag = format!("\"{ca}\"");
                let found = self.publications.certificate(ca).await?;
                found.map(|bytes| Published {
                    media_type: "application/pkix-cert",
                    bytes: bytes.into(),
                    etag,
                    max_age: CERTIFICATE_AGE,
                    dates: None,
                })
            }
            Wanted::Ocsp(..) => None,
        })
    }
}

/// Half of what is left until the next CRL at most, and nothing when that is late.
fn max_age(next_update: Timestamp, now: Timestamp) -> Duration {
    (next_update.since(now) / 2).min(LONGEST_AGE)
}

impl Published {
    fn answer(self, method: &Method, asked: &HeaderMap) -> Response<ResponseBody> {
        let is_known = asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .any(|value| names(value, &self.etag));
        let length = self.bytes.len();
        let (status, body) = if is_known {
            (StatusCode::NOT_MODIFIED, empty_body())
        } else if method == Method::HEAD {
            (StatusCode::OK, empty_body())
        } else {
            (StatusCode::OK, full_body(self.bytes))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let age = format!("public, max-age={}", self.max_age.as_secs());
        let dates = self
            .dates
            .map(|[made, again]| [(LAST_MODIFIED, made), (EXPIRES, again)]);
        let dates = dates.into_iter().flatten().map(|(name, at)| (name, rfc1123(at)));
        for (name, value) in [(ETAG, self.etag), (CACHE_CONTROL, age)].into_iter().chain(dates) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if status == StatusCode::OK {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// Whether an `If-None-Match` names the tag (RFC 9110 13.1.2: compared weakly).
fn names(value: &HeaderValue, etag: &str) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut tags = text.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// That something is there, and these are the methods it has.
fn only(methods: &'static str) -> Response<ResponseBody> {
    let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED);
    refused
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    refused
}

fn plain(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crl_is_kept_for_half_of_what_is_left_and_an_hour_at_most() {
        let at = Timestamp::from_unix_seconds;
        assert_eq!(max_age(at(1000), at(400)), Duration::from_mins(5));
        assert_eq!(max_age(at(1_000_000), at(0)), LONGEST_AGE);
        assert_eq!(max_age(at(400), at(1000)), Duration::ZERO);
    }

    #[test]
    fn tags_are_compared_weakly() {
        let value = HeaderValue::from_static;
        for text in ["\"7\"", "W/\"7\"", "\"1\", \"7\"", "*"] {
            assert!(names(&value(text), "\"7\""), "{text}");
        }
        for text in ["7", "\"70\"", "", "\"1\""] {
            assert!(!names(&value(text), "\"7\""), "{text}");
        }
    }
}
