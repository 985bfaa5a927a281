//! Cloud-to-device messages on the service side: what is sent, what comes back (iot-hub-service-api.md
//! 13). The body of a send is ours: Azure takes messages over AMQP alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{Ack, Feedback, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::json::{self, BodyError, Members};
use crate::time;

/// The content type of feedback.
pub const FEEDBACK_BATCH: &str = "application/vnd.microsoft.iothub.feedback.json";

/// Longest message ID (iot-hub-device-api.md 5 names no limit for others; Azure's is this).
const MAX_MESSAGE_ID: usize = 128;
/// More application properties than any message needs.
const MAX_MESSAGE_PROPERTIES: usize = 256;

/// A message as its sender writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageInput {
    /// Its name; it is given one when there is none.
    pub message_id: Option<String>,
    /// What it answers or belongs to.
    pub correlation_id: Option<String>,
    /// Who it is from.
    pub user_id: Option<String>,
    /// What the body is.
    pub content_type: Option<String>,
    /// How it is encoded.
    pub content_encoding: Option<String>,
    /// When its time is over; absent is the hub's usual time.
    pub expires_at: Option<Timestamp>,
    /// What the sender wants to hear.
    pub ack: Ack,
    /// Application properties in the order sent.
    pub properties: Vec<(String, String)>,
    /// The payload.
    pub body: Vec<u8>,
}

impl MessageInput {
    /// Reads `{"body":"{base64}","messageId":…,"correlationId":…,"userId":…,"contentType":…,
    /// "contentEncoding":…,"expiryTimeUtc":…,"ack":"none|positive|negative|full","properties":{…}}`.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let text = |name: &str| members.parsed(name, plain);
        let message_id = text("messageId")?;
        if message_id.as_ref().is_some_and(|id| id.len() > MAX_MESSAGE_ID) {
            return Err(members.invalid("messageId", format!("is longer than {MAX_MESSAGE_ID} bytes")));
        }
        Ok(Self {
            message_id,
            correlation_id: text("correlationId")?,
            user_id: text("userId")?,
            content_type: text("contentType")?,
            content_encoding: text("contentEncoding")?,
            expires_at: members.parsed("expiryTimeUtc", |text| {
                time::parse_iso(text).ok_or("not an ISO 8601 time")
            })?,
            ack: members
                .word("ack", &Ack::ALL.map(|ack| (ack.as_str(), ack)))?
                .unwrap_or_default(),
            properties: properties(&members)?,
            body: STANDARD
                .decode(members.text("body")?.unwrap_or_default())
                .map_err(|_| members.invalid("body", "is not base64"))?,
        })
    }

    /// The same message as bytes to send, for the client side.
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = serde_json::Map::new();
        let texts = [
            ("messageId", self.message_id.clone()),
            ("correlationId", self.correlation_id.clone()),
            ("userId", self.user_id.clone()),
            ("contentType", self.content_type.clone()),
            ("contentEncoding", self.content_encoding.clone()),
            ("expiryTimeUtc", self.expires_at.map(time::iso)),
            ("ack", Some(self.ack.as_str().to_owned())),
            ("body", Some(STANDARD.encode(&self.body))),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                object.insert(name.to_owned(), Value::String(text));
            }
        }
        let own = self.properties.iter();
        let own: serde_json::Map<_, _> = own
            .map(|(name, value)| (name.clone(), Value::String(value.clone())))
            .collect();
        object.insert("properties".to_owned(), Value::Object(own));
        json::to_bytes(&object)
    }
}

/// What can travel in a header.
fn plain(text: &str) -> Result<String, &'static str> {
    if text.contains(char::is_control) {
        Err("it holds a control character")
    } else {
        Ok(text.to_owned())
    }
}

/// Names are what a header may be named, for they travel as one over HTTPS.
fn properties(members: &Members<'_>) -> Result<Vec<(String, String)>, BodyError> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in members.map("properties")?.into_iter().flatten() {
        let refuse = |reason: &str| members.invalid("properties", format!("`{}`: {reason}", shown(name)));
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > MAX_MESSAGE_ID || !name.chars().all(is_name_char) {
            return Err(refuse(
                "a name has letters, digits and !#$%&'*+-.^_`|~ and at most 128 of them",
            ));
        }
        if name.starts_with('$') || name.to_ascii_lowercase().starts_with("iothub-") {
            return Err(refuse("the name is reserved"));
        }
        let Value::String(text) = value else {
            return Err(refuse("a value is a string"));
        };
        let text = plain(text).map_err(refuse)?;
        if all.len() >= MAX_MESSAGE_PROPERTIES {
            return Err(refuse("there are too many properties"));
        }
        all.push((name.clone(), text));
    }
    Ok(all)
}

fn shown(name: &str) -> String {
    name.chars().take(64).filter(|c| !c.is_control()).collect()
}

/// What the sender is told at once.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageSent {
    /// Its name.
    pub message_id: String,
    /// Grows with every message of the hub.
    pub sequence_number: i64,
    /// When it was taken in.
    pub enqueued_time_utc: String,
    /// When its time is over.
    pub expiry_time_utc: String,
}

/// What became of messages: the array of iot-hub-service-api.md 13.
pub fn feedback_batch(records: &[Feedback]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Record<'a> {
        original_message_id: &'a str,
        device_generation_id: &'a str,
        device_id: &'a str,
        enqueued_time_utc: String,
        status_code: &'static str,
        description: &'static str,
    }
    let record = |feedback: &Feedback| {
        json::to_bytes(&Record {
            original_message_id: &feedback.message_id,
            device_generation_id: &feedback.generation_id,
            device_id: feedback.device_id.as_str(),
            enqueued_time_utc: time::iso(feedback.at),
            status_code: feedback.outcome.as_str(),
            description: feedback.outcome.as_str(),
        })
    };
    let mut text = vec![b'['];
    for (position, feedback) in records.iter().enumerate() {
        if position > 0 {
            text.push(b',');
        }
        text.extend(record(feedback));
    }
    text.push(b']');
    text
}

/// The answer to emptying a queue.
pub fn purged(device_id: &str, count: usize) -> Vec<u8> {
    json::to_bytes(&serde_json::json!({
        "totalMessagesPurged": count,
        "deviceId": device_id,
        "moduleId": null,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::{DeviceId, MessageOutcome};

    use super::*;

    #[test]
    fn whole_message() {
        let body = br#"{"messageId":"m1","correlationId":"c","userId":"u","contentType":"text/plain",
            "contentEncoding":"utf-8","expiryTimeUtc":"2026-11-27T10:00:00Z","ack":"Full",
            "properties":{"Hall":"7","b":""},"body":"aGk="}"#;
        let input = MessageInput::parse(body).unwrap();
        assert_eq!(input.message_id.as_deref(), Some("m1"));
        assert_eq!(input.expires_at, time::parse_iso("2026-11-27T10:00:00Z"));
        assert_eq!(input.ack, Ack::Full);
        assert_eq!(
            input.properties,
            [
                ("Hall".to_owned(), "7".to_owned()),
                ("b".to_owned(), String::new())
            ]
        );
        assert_eq!(input.body, b"hi");
        assert_eq!(MessageInput::parse(&input.to_json()).unwrap(), input);
        assert_eq!(MessageInput::parse(b"{}").unwrap(), MessageInput::default());
    }

    #[test]
    fn refused_members() {
        for (body, code) in [
            ("[]", 400_006),
            (r#"{"body":"!"}"#, 400_004),
            (r#"{"body":7}"#, 400_006),
            (r#"{"ack":"maybe"}"#, 400_004),
            (r#"{"expiryTimeUtc":"tomorrow"}"#, 400_004),
            (r#"{"messageId":"a\nb"}"#, 400_004),
            (r#"{"properties":{"a b":"x"}}"#, 400_004),
            (r#"{"properties":{"":"x"}}"#, 400_004),
            (r#"{"properties":{"$.mid":"x"}}"#, 400_004),
            (r#"{"properties":{"IoTHub-ack":"x"}}"#, 400_004),
            (r#"{"properties":{"a":1}}"#, 400_004),
            (r#"{"properties":{"a":"x\r\ny"}}"#, 400_004),
        ] {
            assert_eq!(
                MessageInput::parse(body.as_bytes()).unwrap_err().hub_code(),
                code,
                "{body}"
            );
        }
        let long = format!(r#"{{"messageId":"{}"}}"#, "m".repeat(129));
        assert_eq!(
            MessageInput::parse(long.as_bytes()).unwrap_err().hub_code(),
            400_004
        );
    }

    #[test]
    fn answers() {
        let feedback = Feedback {
            message_id: "m1".to_owned(),
            device_id: DeviceId::parse("press-1").unwrap(),
            generation_id: "7".to_owned(),
            at: Timestamp::default(),
            outcome: MessageOutcome::DeliveryCountExceeded,
        };
        assert_eq!(
            String::from_utf8(feedback_batch(&[feedback])).unwrap(),
            concat!(
                r#"[{"originalMessageId":"m1","deviceGenerationId":"7","deviceId":"press-1","#,
                r#""enqueuedTimeUtc":"1970-01-01T00:00:00.0000000Z","statusCode":"DeliveryCountExceeded","#,
                r#""description":"DeliveryCountExceeded"}]"#
            )
        );
        assert_eq!(
            String::from_utf8(purged("press-1", 2)).unwrap(),
            r#"{"totalMessagesPurged":2,"deviceId":"press-1","moduleId":null}"#
        );
    }

    proptest! {
        #[test]
        fn never_panics(body in any::<Vec<u8>>()) {
            let _ = MessageInput::parse(&body);
        }
    }
}
