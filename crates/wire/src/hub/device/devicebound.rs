//! A cloud-to-device message on its way to a device: as a topic (iot-hub-device-api.md 6) and as the
//! headers of an answer (10).

use provost_model::{Ack, CloudMessage, DeviceId, QueuedMessage, Timestamp};

use super::{PropertyBag, format_bag};
use crate::time;

/// Longest topic in bytes (MQTT 3.1.1 1.5.3).
pub const MAX_TOPIC: usize = 65_535;

const HEADER_APPLICATION: &str = "iothub-app-";

/// The topic of a message. System properties come first, each with its `=`; a slash in a value is
/// encoded, for Python takes one segment.
pub fn devicebound_topic(device_id: &DeviceId, queued: &QueuedMessage) -> String {
    topic(device_id, &queued.message, queued.delivery.expires_at())
}

/// How long that topic will be.
pub fn devicebound_topic_length(device_id: &DeviceId, message: &CloudMessage) -> usize {
    topic(device_id, message, Timestamp::default()).len()
}

fn topic(device_id: &DeviceId, message: &CloudMessage, expires_at: Timestamp) -> String {
    let some = |value: &Option<String>| value.clone();
    let system = [
        ("$.mid", Some(message.message_id.clone())),
        ("$.cid", some(&message.correlation_id)),
        ("$.uid", some(&message.user_id)),
        ("$.to", Some(address(device_id))),
        ("$.ct", some(&message.content_type)),
        ("$.ce", some(&message.content_encoding)),
        ("$.exp", Some(time::iso(expires_at))),
    ];
    let pair = |(key, value): (&str, Option<String>)| value.map(|value| (key.to_owned(), Some(value)));
    let ack =
        (message.ack != Ack::None).then(|| ("iothub-ack".to_owned(), Some(message.ack.as_str().to_owned())));
    let application = message
        .properties
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone())));
    let bag = PropertyBag {
        system_properties: system.into_iter().filter_map(pair).collect(),
        properties: ack.into_iter().chain(application).collect(),
    };
    format!("devices/{device_id}/messages/devicebound/{}", format_bag(&bag))
}

/// The headers of a message, and its lock token as entity tag. Old clients look for each of the first
/// nine, so they are there even when empty; names of properties lose their case, as HTTP has none.
pub fn devicebound_headers(device_id: &DeviceId, queued: &QueuedMessage) -> Vec<(String, String)> {
    let message = &queued.message;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    // How often it was delivered before, as AMQP counts.
    let earlier = queued.delivery.count().saturating_sub(1);
    let mut headers: Vec<(String, String)> = [
        ("iothub-ack", message.ack.as_str().to_owned()),
        ("iothub-correlationid", text(&message.correlation_id)),
        ("iothub-deliverycount", earlier.to_string()),
        ("iothub-enqueuedtime", time::iso(queued.enqueued_at)),
        ("iothub-expiry", time::iso(queued.delivery.expires_at())),
        ("iothub-messageid", message.message_id.clone()),
        ("iothub-sequencenumber", queued.sequence_number.to_string()),
        ("iothub-to", address(device_id)),
        ("iothub-userid", text(&message.user_id)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let content = [
        ("contenttype", &message.content_type),
        ("contentencoding", &message.content_encoding),
    ];
    for (name, value) in content {
        if let Some(value) = value {
            // Under both names: the command line reads the first, C the second.
            headers.push((name.to_owned(), value.clone()));
            headers.push((format!("iothub-{name}"), value.clone()));
        }
    }
    if let Some((token, _)) = queued.delivery.lock() {
        headers.push(("etag".to_owned(), format!("\"{token}\"")));
    }
    let application = message.properties.iter();
    headers.extend(application.map(|(name, value)| (format!("{HEADER_APPLICATION}{name}"), value.clone())));
    headers
}

fn address(device_id: &DeviceId) -> String {
    format!("/devices/{device_id}/messages/deviceBound")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::{Delivery, LockToken};

    use super::*;
    use crate::hub::device::parse_bag;

    fn queued(message: CloudMessage) -> QueuedMessage {
        let lock = (LockToken::new("t-1"), Timestamp::from_unix_seconds(60));
        QueuedMessage {
            sequence_number: 7,
            enqueued_at: Timestamp::default(),
            delivery: Delivery::restored(Timestamp::from_unix_seconds(3600), 2, Some(lock)),
            message,
        }
    }

    fn message() -> CloudMessage {
        CloudMessage {
            message_id: "m/1".to_owned(),
            correlation_id: None,
            user_id: None,
            content_type: Some("application/json".to_owned()),
            content_encoding: None,
            ack: Ack::Full,
            properties: vec![
                ("prop".to_owned(), "a b".to_owned()),
                ("empty".to_owned(), String::new()),
            ],
            body: Vec::new(),
        }
    }

    fn device() -> DeviceId {
        DeviceId::parse("press-1").unwrap()
    }

    /// Java begins at the first `%24` and throws on an entry without `=`; C knows system keys by the
    /// prefix `%24.`; Python takes the fifth segment.
    #[test]
    fn topic_as_every_client_reads_it() {
        let topic = devicebound_topic(&device(), &queued(message()));
        assert_eq!(
            topic,
            "devices/press-1/messages/devicebound/%24.mid=m%2F1\
             &%24.to=%2Fdevices%2Fpress-1%2Fmessages%2FdeviceBound&%24.ct=application%2Fjson\
             &%24.exp=1970-01-01T01%3A00%3A00.0000000Z&iothub-ack=full&prop=a%20b&empty="
        );
        assert_eq!(devicebound_topic_length(&device(), &message()), topic.len());
    }

    #[test]
    fn headers_as_every_client_reads_them() {
        let headers = devicebound_headers(&device(), &queued(message()));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            headers,
            [
                pair("iothub-ack", "full"),
                pair("iothub-correlationid", ""),
                pair("iothub-deliverycount", "1"),
                pair("iothub-enqueuedtime", "1970-01-01T00:00:00.0000000Z"),
                pair("iothub-expiry", "1970-01-01T01:00:00.0000000Z"),
                pair("iothub-messageid", "m/1"),
                pair("iothub-sequencenumber", "7"),
                pair("iothub-to", "/devices/press-1/messages/deviceBound"),
                pair("iothub-userid", ""),
                pair("contenttype", "application/json"),
                pair("iothub-contenttype", "application/json"),
                pair("etag", "\"t-1\""),
                pair("iothub-app-prop", "a b"),
                pair("iothub-app-empty", ""),
            ]
        );
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(
            message_id in ".{1,20}",
            correlation_id in proptest::option::of(".{0,20}"),
            properties in proptest::collection::vec(("[^$].{0,8}", ".{0,12}"), 0..6),
        ) {
            let sent = CloudMessage { message_id: message_id.clone(), correlation_id: correlation_id.clone(),
                ack: Ack::None, properties: properties.clone(), ..message() };
            let topic = devicebound_topic(&device(), &queued(sent));
            let segments: Vec<&str> = topic.split('/').collect();
            prop_assert_eq!(segments.len(), 5);
            prop_assert!(segments[4].split('&').all(|entry| entry.contains('=')));
            let bag = parse_bag(segments[4]).unwrap();
            let system = |key: &str| bag.system_properties.iter().find(|(name, _)| name == key)
                .and_then(|(_, value)| value.clone());
            prop_assert_eq!(system("$.mid"), Some(message_id));
            prop_assert_eq!(system("$.cid"), correlation_id);
            let read: Vec<_> = bag.properties.into_iter().map(|(name, value)| (name, value.unwrap())).collect();
            prop_assert_eq!(read, properties);
        }
    }
}
