//! Request bodies within limits, response bodies in one type.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use hyper::body::Body;
use thiserror::Error;
use tokio::time::timeout;

/// The body of every response, streamed or whole.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// A body of known bytes.
pub fn full_body(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into()).boxed_unsync()
}

/// No body.
pub fn empty_body() -> ResponseBody {
    Empty::new().boxed_unsync()
}

/// Why a request body could not be read whole.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It is or announces to be longer than the limit.
    #[error("body is over the limit of {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("body did not arrive in time")]
    Stalled,
    /// The connection broke or the chunks are malformed.
    #[error("body is broken")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Reads a body of at most `limit` bytes within `time`.
pub async fn read_body<B>(body: B, limit: usize, time: Duration) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(BodyError::TooLarge(limit));
    }
    match timeout(time, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(limit)),
        Ok(Err(error)) => Err(BodyError::Broken(error)),
        Err(_elapsed) => Err(BodyError::Stalled),
    }
}
