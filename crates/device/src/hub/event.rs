//! What a hub publishes to a device.

use provost_wire::hub::device::{ServerTopic, parse_server_topic};

use crate::mqtt::Message;

/// Something the hub tells the device without being asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HubEvent {
    /// Desired properties changed: the JSON patch with its `$version`.
    DesiredPatch {
        /// Version from the topic.
        version: i64,
        /// JSON patch.
        patch: Vec<u8>,
    },
    /// A direct method is called; answer with its `rid`.
    Method {
        /// Method name.
        name: String,
        /// Request id.
        rid: String,
        /// JSON payload, may be empty.
        payload: Vec<u8>,
    },
    /// Anything else, such as a cloud-to-device message.
    Other(Message),
}

/// The answer to a twin request.
#[derive(Debug)]
pub(super) struct TwinAnswer {
    pub(super) status: u16,
    pub(super) rid: String,
    pub(super) version: Option<i64>,
    pub(super) body: Vec<u8>,
}

/// An answer to a request for a certificate.
#[derive(Debug)]
pub(super) struct CredentialAnswer {
    pub(super) status: u16,
    pub(super) rid: String,
    pub(super) body: Vec<u8>,
}

impl CredentialAnswer {
    /// Reads `$iothub/credentials/res/{status}/?$rid={rid}` as the SDKs do: everything behind `?$rid=` is the id.
    fn read(message: &Message) -> Option<Self> {
        let rest = message.topic.strip_prefix("$iothub/credentials/res/")?;
        let (status, rid) = rest.split_once("/?$rid=")?;
        Some(Self {
            status: status.parse().ok()?,
            rid: rid.to_owned(),
            body: message.payload.clone(),
        })
    }
}

/// A message sorted by its topic.
#[derive(Debug)]
pub(super) enum HubMessage {
    Twin(TwinAnswer),
    Credential(CredentialAnswer),
    Event(HubEvent),
}

impl From<Message> for HubMessage {
    fn from(message: Message) -> Self {
        if let Some(answer) = CredentialAnswer::read(&message) {
            return Self::Credential(answer);
        }
        match parse_server_topic(&message.topic) {
            Some(ServerTopic::TwinResponse { status, rid, version }) => {
                let rid = rid.to_owned();
                Self::Twin(TwinAnswer {
                    status,
                    rid,
                    version,
                    body: message.payload,
                })
            }
            Some(ServerTopic::Desired { version }) => Self::Event(HubEvent::DesiredPatch {
                version,
                patch: message.payload,
            }),
            Some(ServerTopic::Method { name, rid }) => {
                let (name, rid) = (name.to_owned(), rid.to_owned());
                Self::Event(HubEvent::Method {
                    name,
                    rid,
                    payload: message.payload,
                })
            }
            None => Self::Event(HubEvent::Other(message)),
        }
    }
}
