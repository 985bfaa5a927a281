use provost_model::AllocationCall;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time;

/// The latest call of a registration's webhook: `{"atUtc","attempt","webhookUrl","request","status",
/// "answer","error"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocationCallView {
    /// When.
    pub at_utc: String,
    /// Which try of its run, counted from 1.
    pub attempt: u32,
    /// Where, the query masked.
    pub webhook_url: String,
    /// What was posted: the document, or its beginning as text when it was long.
    pub request: Value,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Its body: a document, or text when it is none or long.
    pub answer: Option<Value>,
    /// Why it came to nothing.
    pub error: Option<String>,
}

impl From<AllocationCall> for AllocationCallView {
    fn from(call: AllocationCall) -> Self {
        Self {
            at_utc: time::iso(call.at),
            attempt: call.attempt,
            webhook_url: call.url,
            request: document_or_text(call.request),
            status: call.status,
            answer: call.answer.map(document_or_text),
            error: call.error,
        }
    }
}

fn document_or_text(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
