//! MQTT topics of the provisioning service (dps-device-api.md 3.3).

use provost_model::OperationId;

use crate::{address::Query, percent};

/// The only filter a device may subscribe to.
pub const RESPONSE_FILTER: &str = "$dps/registrations/res/#";

const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/";
const STATUS: &str = "$dps/registrations/GET/iotdps-get-operationstatus/";
const ANSWER: &str = "$dps/registrations/res/";
const MAX_RID: usize = 256;

/// What a device publishes. The `rid` is as it stands in the topic, not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestTopic<'a> {
    /// Register.
    Register {
        /// To echo.
        rid: &'a str,
    },
    /// Poll.
    OperationStatus {
        /// To echo.
        rid: &'a str,
        /// Which run.
        operation_id: OperationId,
    },
}

/// Reads a published topic; `None` for any other, on which the connection is closed.
pub fn parse_request(topic: &str) -> Option<RequestTopic<'_>> {
    if let Some(query) = after(topic, REGISTER) {
        return Some(RequestTopic::Register { rid: rid(query)? });
    }
    let query = after(topic, STATUS)?;
    let operation_id = OperationId::parse(&Query::new(query).get("operationId")?).ok()?;
    Some(RequestTopic::OperationStatus {
        rid: rid(query)?,
        operation_id,
    })
}

/// The query after a known path; the slash before `?` may be missing.
fn after<'a>(topic: &'a str, path: &str) -> Option<&'a str> {
    let rest = topic.strip_prefix(path.strip_suffix('/').unwrap_or(path))?;
    rest.strip_prefix('/').unwrap_or(rest).strip_prefix('?')
}

fn rid(query: &str) -> Option<&str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("$rid="))
        .filter(|rid| !rid.is_empty() && rid.len() <= MAX_RID)
}

/// The topic of an answer. `$rid` comes first and directly after `/?`; every pair has its `=`
/// (rule 7). `retry_after` is in seconds.
pub fn answer_topic(status: u16, rid: &str, retry_after: Option<u32>) -> String {
    match retry_after {
        Some(seconds) => format!("{ANSWER}{status}/?$rid={rid}&retry-after={seconds}"),
        None => format!("{ANSWER}{status}/?$rid={rid}"),
    }
}

/// The topic a device registers on.
pub fn register_topic(rid: &str) -> String {
    format!("{REGISTER}?$rid={rid}")
}

/// The topic a device polls on.
pub fn status_topic(rid: &str, operation_id: &str) -> String {
    format!(
        "{STATUS}?$rid={rid}&operationId={}",
        percent::encode(operation_id)
    )
}

/// An answer's topic as a device reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerTopic<'a> {
    /// HTTP-like.
    pub status: u16,
    /// The request's.
    pub rid: &'a str,
    /// Seconds to wait.
    pub retry_after: Option<u32>,
}

/// Reads an answer's topic, for the client side.
pub fn parse_answer(topic: &str) -> Option<AnswerTopic<'_>> {
    let (status, query) = topic.strip_prefix(ANSWER)?.split_once("/?")?;
    Some(AnswerTopic {
        status: status.parse().ok()?,
        rid: rid(query)?,
        retry_after: Query::new(query)
            .get("retry-after")
            .and_then(|text| text.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The `$rid` forms of dps-device-api.md 1.3.
    #[test]
    fn every_sdk_rid_is_echoed_unchanged() {
        for rid in ["2e9a6c4f-6f0a-4b0c-8d5e-3b1c0f2a9d77", "7", "1", "a%2Fb"] {
            let topic = register_topic(rid);
            assert_eq!(parse_request(&topic), Some(RequestTopic::Register { rid }));
            assert!(answer_topic(202, rid, Some(3)).contains(&format!("/?$rid={rid}&retry-after=3")));
        }
    }

    #[test]
    fn poll_names_the_operation() {
        let topic = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=5.31.0b-7e";
        let expected = RequestTopic::OperationStatus {
            rid: "1",
            operation_id: OperationId::parse("5.31.0b-7e").unwrap(),
        };
        assert_eq!(parse_request(topic), Some(expected));
        assert_eq!(status_topic("1", "5.31.0b-7e"), topic);
    }

    #[test]
    fn other_topics_are_refused() {
        for topic in [
            "",
            "$dps/registrations/PUT/iotdps-register",
            "$dps/registrations/PUT/iotdps-register/?",
            "$dps/registrations/PUT/iotdps-register/?$rid=",
            "$dps/registrations/PUT/iotdps-registering/?$rid=1",
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
            "devices/a/messages/events/",
        ] {
            assert_eq!(parse_request(topic), None, "{topic}");
        }
    }

    /// Python splits at `$` and wants three pieces; C# wants `/?$rid=` right after the status;
    /// embedded C wants three digits (dps-device-api.md 3.3).
    #[test]
    fn answer_topic_satisfies_every_client() {
        for (topic, expected) in [
            (
                answer_topic(202, "9", Some(3)),
                "$dps/registrations/res/202/?$rid=9&retry-after=3",
            ),
            (answer_topic(200, "9", None), "$dps/registrations/res/200/?$rid=9"),
        ] {
            assert_eq!(topic, expected);
            assert_eq!(topic.split('$').count(), 3);
            let (_, query) = topic.split_once("/?").unwrap();
            assert!(query.split('&').all(|pair| pair.contains('=')));
        }
        let read = parse_answer("$dps/registrations/res/202/?$rid=9&retry-after=3").unwrap();
        assert_eq!((read.status, read.rid, read.retry_after), (202, "9", Some(3)));
    }

    proptest! {
        #[test]
        fn never_panics(tail in any::<String>()) {
            let _ = parse_request(&tail);
            let _ = parse_request(&format!("{REGISTER}?{tail}"));
            let _ = parse_request(&format!("{STATUS}?{tail}"));
            let _ = parse_answer(&format!("{ANSWER}{tail}"));
        }
    }
}
