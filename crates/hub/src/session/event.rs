use provost_model::twin::DesiredNotification;

/// What the hub has to say to a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The session is over: close the connection. Nothing follows.
    Close(CloseReason),
    /// Desired properties changed.
    Desired(Box<DesiredNotification>),
    /// A method is called.
    Method(Box<IncomingMethod>),
    /// Messages may wait for the device: take them.
    Messages,
    /// The outcome of a renewal may wait for the device: take it.
    Renewal,
}

/// A method on its way to a device (iot-hub-device-api.md 7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingMethod {
    /// To be echoed in the answer; lower-case hexadecimal digits.
    pub rid: String,
    /// The method's name.
    pub name: String,
    /// JSON text, or empty.
    pub payload: Vec<u8>,
}

/// Why the hub closes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The same device connected again (400027).
    TakenOver,
    /// The device was disabled.
    Disabled,
    /// The device is gone, or another of the same ID took its place.
    Deleted,
    /// What the session was admitted by no longer stands.
    CredentialChanged,
    /// The certificate it came with was revoked with its device.
    Revoked,
    /// The session does not take what it is sent.
    TooSlow,
    /// The hub could not find out whether the session may go on.
    Unavailable,
}

impl CloseReason {
    /// A short fixed word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TakenOver => "takenOver",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::CredentialChanged => "credentialChanged",
            Self::Revoked => "revoked",
            Self::TooSlow => "tooSlow",
            Self::Unavailable => "unavailable",
        }
    }
}
