use std::fmt::Write;

use provost_wire::own::TelemetryItem;
use serde_json::{Map, Value, json};

use super::Properties;

/// `time  device  payload  name=value …`
pub(super) fn text_line(item: &TelemetryItem, kinds: &[Properties]) -> String {
    let payload = item.payload();
    let payload = match std::str::from_utf8(&payload) {
        Ok(text) => text.replace(char::is_control, " "),
        Err(_) => format!("({} bytes) {}", payload.len(), item.body),
    };
    let has = |kind| kinds.contains(&kind) || kinds.contains(&Properties::All);
    let mut properties = String::new();
    if has(Properties::App) {
        put_pairs(&mut properties, &item.properties);
    }
    if has(Properties::Sys) {
        put_pairs(&mut properties, &item.system_properties);
    }
    if has(Properties::Anno) {
        let TelemetryItem {
            partition_id,
            sequence_number,
            offset,
            ..
        } = item;
        let _ = write!(
            properties,
            " partition={partition_id} sequenceNumber={sequence_number} offset={offset}"
        );
    }
    let sender = match &item.module_id {
        Some(module_id) => format!("{}/{module_id}", item.device_id),
        None => item.device_id.clone(),
    };
    format!(
        "{}  {sender}  {payload} {}",
        item.enqueued_time_utc,
        properties.replace(char::is_control, " ")
    )
    .trim_end()
    .to_owned()
}

fn put_pairs(out: &mut String, pairs: &Map<String, Value>) {
    for (name, value) in pairs {
        // Writing to a String cannot fail.
        let _ = match value.as_str() {
            Some(value) => write!(out, " {name}={value}"),
            None => write!(out, " {name}"),
        };
    }
}

/// One JSON object: the payload as JSON or text where it is that, else as base64.
pub(super) fn json_line(item: &TelemetryItem) -> String {
    let payload = item.payload();
    let (name, payload) = match (
        serde_json::from_slice::<Value>(&payload),
        std::str::from_utf8(&payload),
    ) {
        (Ok(value), _) => ("payload", value),
        (_, Ok(text)) => ("payload", json!(text)),
        _ => ("payloadBase64", json!(item.body)),
    };
    json!({
        "partitionId": item.partition_id,
        "sequenceNumber": item.sequence_number,
        "offset": item.offset,
        "deviceId": item.device_id,
        "moduleId": item.module_id,
        "enqueuedTimeUtc": item.enqueued_time_utc,
        name: payload,
        "properties": item.properties,
        "systemProperties": item.system_properties,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(body: &str) -> TelemetryItem {
        TelemetryItem {
            partition_id: "2".to_owned(),
            sequence_number: 7,
            offset: "90".to_owned(),
            device_id: "press-1".to_owned(),
            module_id: None,
            enqueued_time_utc: "2026-11-22T00:00:00.0000000Z".to_owned(),
            properties: [("a".to_owned(), json!("1")), ("b".to_owned(), Value::Null)]
                .into_iter()
                .collect(),
            system_properties: Map::new(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn one_line_a_message() {
        // {"t":20}
        let line = text_line(&item("eyJ0IjoyMH0="), &[Properties::App]);
        assert_eq!(line, "2026-11-22T00:00:00.0000000Z  press-1  {\"t\":20}  a=1 b");
        let line = text_line(&item("/w=="), &[Properties::All]);
        assert!(line.contains("(1 bytes) /w=="), "{line}");
        assert!(
            line.ends_with("a=1 b partition=2 sequenceNumber=7 offset=90"),
            "{line}"
        );
        // "a\n\u{1b}b"
        assert!(!text_line(&item("YQobYg=="), &[Properties::All]).contains(char::is_control));
    }

    #[test]
    fn json_lines_keep_json_payloads() {
        let line: Value = serde_json::from_str(&json_line(&item("eyJ0IjoyMH0="))).unwrap();
        assert_eq!(line["payload"], json!({"t": 20}));
        let line: Value = serde_json::from_str(&json_line(&item("/w=="))).unwrap();
        assert_eq!(line["payloadBase64"], "/w==");
    }
}
