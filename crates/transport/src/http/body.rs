//! Request bodies within limits, response bodies in one type.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use hyper::body::{Body, Frame};
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

/// A body that asks `next` for its next piece each time the client took one; it holds one piece.
pub(crate) fn unfold<S, F, N>(state: S, next: N) -> ResponseBody
where
    S: Send + 'static,
    F: Future<Output = Option<(Bytes, S)>> + Send + 'static,
    N: Fn(S) -> F + Send + Unpin + 'static,
{
    let pending = Box::pin(next(state));
    Unfold {
        next,
        pending: Some(pending),
    }
    .boxed_unsync()
}

struct Unfold<F, N> {
    next: N,
    /// What makes the next piece; none once the body has ended.
    pending: Option<Pin<Box<F>>>,
}

impl<S, F, N> Body for Unfold<F, N>
where
    F: Future<Output = Option<(Bytes, S)>>,
    N: Fn(S) -> F,
    Self: Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(pending) = self.pending.as_mut() else {
            return Poll::Ready(None);
        };
        if let Some((bytes, state)) = ready!(pending.as_mut().poll(context)) {
            let pending = Box::pin((self.next)(state));
            self.pending = Some(pending);
            Poll::Ready(Some(Ok(Frame::data(bytes))))
        } else {
            self.pending = None;
            Poll::Ready(None)
        }
    }
}
