//! What a hub publishes to a device.

use crate::mqtt::Message;

/// Something the hub tells the device without being asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HubEvent {
    /// Desired properties changed: the JSON patch with its `$version`.
    DesiredPatch {
        /// Version from the topic.
        version: u64,
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
    pub(super) version: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// A message sorted by its topic.
#[derive(Debug)]
pub(super) enum HubMessage {
    Twin(TwinAnswer),
    Event(HubEvent),
}

impl From<Message> for HubMessage {
    fn from(message: Message) -> Self {
        if let Some((status, rid, version)) = parse_twin_answer(&message.topic) {
            return Self::Twin(TwinAnswer {
                status,
                rid,
                version,
                body: message.payload,
            });
        }
        if let Some(version) = parse_desired(&message.topic) {
            return Self::Event(HubEvent::DesiredPatch {
                version,
                patch: message.payload,
            });
        }
        if let Some((name, rid)) = parse_method(&message.topic) {
            return Self::Event(HubEvent::Method {
                name,
                rid,
                payload: message.payload,
            });
        }
        Self::Event(HubEvent::Other(message))
    }
}

fn parse_twin_answer(topic: &str) -> Option<(u16, String, Option<u64>)> {
    let (status, query) = topic.strip_prefix("$iothub/twin/res/")?.split_once("/?$rid=")?;
    let (rid, rest) = query.split_once('&').unwrap_or((query, ""));
    let version = rest
        .strip_prefix("$version=")
        .and_then(|version| version.parse().ok());
    Some((status.parse().ok()?, rid.to_owned(), version))
}

fn parse_desired(topic: &str) -> Option<u64> {
    topic
        .strip_prefix("$iothub/twin/PATCH/properties/desired/?$version=")?
        .parse()
        .ok()
}

fn parse_method(topic: &str) -> Option<(String, String)> {
    let (name, rid) = topic
        .strip_prefix("$iothub/methods/POST/")?
        .split_once("/?$rid=")?;
    Some((name.to_owned(), rid.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_a_hub_are_sorted() {
        let answer = parse_twin_answer("$iothub/twin/res/204/?$rid=9&$version=5");
        assert_eq!(answer, Some((204, "9".to_owned(), Some(5))));
        let answer = parse_twin_answer("$iothub/twin/res/200/?$rid=a-b");
        assert_eq!(answer, Some((200, "a-b".to_owned(), None)));
        assert_eq!(
            parse_desired("$iothub/twin/PATCH/properties/desired/?$version=12"),
            Some(12)
        );
        let method = parse_method("$iothub/methods/POST/reboot/?$rid=1f");
        assert_eq!(method, Some(("reboot".to_owned(), "1f".to_owned())));
    }
}
