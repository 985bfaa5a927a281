//! HTTP/1.1 and the WebSocket on top of it, over any byte stream.
//!
//! Here are the limits every request obeys; what a request means is in [`api`].

pub mod api;
mod body;
mod patient_stream;
mod server;
#[cfg(test)]
mod tests;
pub mod websocket;

pub use self::body::{BodyError, ResponseBody, empty_body, full_body, read_body};
pub use self::patient_stream::PatientStream;
pub use self::server::{HttpLimits, serve};
