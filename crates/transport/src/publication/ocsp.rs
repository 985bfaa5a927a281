use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Body;
use provost_ca::OcspAnswer;
use provost_model::Timestamp;
use provost_model::registry::CaId;
use provost_pki::ocsp::MAX_OCSP_REQUEST_BYTES;

use super::{PublicationApi, Published, max_age, only, plain};
use crate::http::{BodyError, ResponseBody, full_body, read_body};

const REQUEST: &str = "application/ocsp-request";
const RESPONSE: &str = "application/ocsp-response";
/// How long the few bytes of a request may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

impl PublicationApi {
    /// Answers an OCSP request (RFC 6960 A.1, RFC 5019 5 and 6): every response of OCSP, refusals too, is a
    /// success of HTTP.
    pub(super) async fn answer_ocsp<B>(
        &self,
        ca: &CaId,
        asked: &str,
        request: Request<B>,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some((responder, metrics)) = &self.ocsp else {
            return plain(StatusCode::NOT_FOUND);
        };
        let (head, body) = request.into_parts();
        let answer = match (&head.method, asked) {
            (&Method::GET | &Method::HEAD, asked) if !asked.is_empty() => {
                responder.answer_base64(ca, asked).await
            }
            (&Method::POST, "") if !is_request(&head.headers) => {
                return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            }
            (&Method::POST, "") => match read_body(body, MAX_OCSP_REQUEST_BYTES, BODY_TIME).await {
                Ok(body) => responder.answer(ca, &body).await,
                Err(error) => return plain(of_body(&error)),
            },
            (_, "") => return only("POST"),
            _ => return only("GET, HEAD"),
        };
        let Some(answer) = answer else {
            return plain(StatusCode::NOT_FOUND);
        };
        metrics.ocsp_answer(answer.word.as_str());
        told(answer, self.clock.now(), &head.method, &head.headers)
    }
}

/// What may be kept by others says for how long; everything else may not be.
fn told(answer: OcspAnswer, now: Timestamp, method: &Method, asked: &HeaderMap) -> Response<ResponseBody> {
    let bytes = Bytes::from_owner(answer.der);
    let Some(standing) = answer.standing.filter(|_| method != Method::POST) else {
        let mut response = Response::new(full_body(bytes));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(RESPONSE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return response;
    };
    let max_age = max_age(standing.next_update, now);
    let published = Published {
        media_type: RESPONSE,
        etag: etag(&bytes),
        bytes,
        max_age,
        dates: Some([standing.this_update, now.after(max_age)]),
    };
    published.answer(method, asked)
}

fn etag(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let hex = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("\"{}\"", hex.collect::<String>())
}

fn is_request(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|value| value.trim().eq_ignore_ascii_case(REQUEST))
}

fn of_body(error: &BodyError) -> StatusCode {
    match error {
        BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::Stalled => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken(_) => StatusCode::BAD_REQUEST,
    }
}
