use std::sync::Arc;
use std::time::Duration;

use crate::HubError;
use crate::methods::{Pending, answer_of};
use crate::session::{Link, MethodRefusal};

/// How the call of a device ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallEnd {
    /// It said yes.
    Agreed,
    /// It went away while it was asked: perhaps it is on its way already.
    Cut,
    /// It said no, or nothing.
    Failed(String),
    /// It went away before it was asked.
    NotSent,
}

/// Calls a device through the session it has.
pub(super) async fn call(link: Arc<Link>, name: &str, payload: &[u8], wait: Duration) -> CallEnd {
    let (rid, answered) = match link.call_method(name, payload) {
        Ok(sent) => sent,
        Err(MethodRefusal::NotListening) => return CallEnd::NotSent,
        Err(MethodRefusal::TooMany) => {
            return CallEnd::Failed("it has too many methods in flight".to_owned());
        }
    };
    let pending = Pending { link, rid };
    let answer = answer_of(answered, wait).await;
    drop(pending);
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) => CallEnd::Agreed,
        Ok(answer) => CallEnd::Failed(format!("it answered {}", answer.status)),
        Err(HubError::ConnectionClosed) => CallEnd::Cut,
        Err(HubError::MethodTimeout) => {
            CallEnd::Failed(format!("it did not answer within {} s", wait.as_secs()))
        }
        Err(error) => CallEnd::Failed(error.public_message()),
    }
}
