//! Cloud-to-device messages: sent by back ends, kept until their device has dealt with them, told
//! back as feedback (iot-hub-device-api.md 6 and 10, iot-hub-service-api.md 13).
//!
//! A message is delivered under a lock and comes back when that is over. How a message waits and
//! ends is decided by `provost_model::Delivery`; `mailbox` applies that to a device's queue, in one
//! transaction. Deliveries are traces; sending and purging leave an audit event.

mod device_side;
mod feedback;
mod mailbox;
mod send;
mod sweep;

pub use self::device_side::Taken;
pub use self::feedback::FeedbackBatch;
pub(crate) use self::mailbox::Mailbox;
pub use self::send::SentMessage;
