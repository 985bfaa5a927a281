use crate::address::Query;

const TWIN_GET: &str = "$iothub/twin/GET/";
const TWIN_REPORTED: &str = "$iothub/twin/PATCH/properties/reported/";
const METHOD_RESPONSE: &str = "$iothub/methods/res/";
const MAX_RID: usize = 256;

/// What a device publishes (iot-hub-device-api.md 5 and 7). Ids and `rid` as they stand in the
/// topic: device ids are never encoded there, and a `rid` is echoed unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceTopic<'a> {
    /// `devices/{id}[/modules/{mid}]/messages/events/{bag}`.
    Telemetry {
        /// Whose.
        device: &'a str,
        /// Which module's.
        module: Option<&'a str>,
        /// The property bag, still encoded.
        bag: &'a str,
    },
    /// `$iothub/twin/GET/?$rid=…`.
    TwinGet {
        /// To echo.
        rid: &'a str,
    },
    /// `$iothub/twin/PATCH/properties/reported/?$rid=…[&$version=…]`.
    TwinReported {
        /// To echo.
        rid: &'a str,
        /// The version the device built on.
        version: Option<i64>,
    },
    /// `$iothub/methods/res/{status}/?$rid=…`.
    MethodResponse {
        /// The device's own.
        status: i32,
        /// The request's.
        rid: &'a str,
    },
    /// `$iothub/credentials/POST/issueCertificate/?$rid=…`.
    IssueCertificate {
        /// To echo; without one there is no answer (certificate-management.md 3.3).
        rid: Option<&'a str>,
    },
    /// Anything else: the connection is closed (iot-hub-device-api.md 4.3).
    Unknown,
}

/// Reads a published topic.
pub fn parse_topic(topic: &str) -> DeviceTopic<'_> {
    telemetry(topic)
        .or_else(|| twin(topic))
        .or_else(|| method(topic))
        .or_else(|| credentials(topic))
        .unwrap_or(DeviceTopic::Unknown)
}

fn telemetry(topic: &str) -> Option<DeviceTopic<'_>> {
    let (device, rest) = topic.strip_prefix("devices/")?.split_once('/')?;
    let (module, rest) = match rest.strip_prefix("modules/") {
        Some(rest) => {
            let (module, rest) = rest.split_once('/')?;
            (Some(module), rest)
        }
        None => (None, rest),
    };
    let bag = rest.strip_prefix("messages/events")?;
    if !bag.is_empty() && !bag.starts_with('/') {
        return None;
    }
    let bag = bag.strip_prefix('/').unwrap_or(bag);
    // Node ends module outputs with another slash.
    let bag = bag.strip_suffix('/').unwrap_or(bag);
    Some(DeviceTopic::Telemetry { device, module, bag })
}

fn twin(topic: &str) -> Option<DeviceTopic<'_>> {
    if let Some(query) = topic.strip_prefix(TWIN_GET) {
        return Some(DeviceTopic::TwinGet { rid: rid(query)? });
    }
    let query = topic.strip_prefix(TWIN_REPORTED)?;
    let version = match Query::new(query.strip_prefix('?')?).get("$version") {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    Some(DeviceTopic::TwinReported {
        rid: rid(query)?,
        version,
    })
}

fn method(topic: &str) -> Option<DeviceTopic<'_>> {
    let (status, query) = topic.strip_prefix(METHOD_RESPONSE)?.split_once('/')?;
    Some(DeviceTopic::MethodResponse {
        status: status.parse().ok()?,
        rid: rid(query)?,
    })
}

fn credentials(topic: &str) -> Option<DeviceTopic<'_>> {
    let query = topic.strip_prefix("$iothub/credentials/POST/issueCertificate")?;
    let query = query.strip_prefix('/').unwrap_or(query);
    if !query.is_empty() && !query.starts_with('?') {
        return None;
    }
    Some(DeviceTopic::IssueCertificate { rid: rid(query) })
}

pub(super) fn rid(query: &str) -> Option<&str> {
    query
        .strip_prefix('?')?
        .split('&')
        .find_map(|pair| pair.strip_prefix("$rid="))
        .filter(|rid| !rid.is_empty() && rid.len() <= MAX_RID)
}

/// The topic of a twin answer. The slash before `?` is compulsory, `$version` comes last
/// (iot-hub-device-api.md 7.1).
pub fn twin_response_topic(status: u16, rid: &str, version: Option<i64>) -> String {
    match version {
        Some(version) => format!("$iothub/twin/res/{status}/?$rid={rid}&$version={version}"),
        None => format!("$iothub/twin/res/{status}/?$rid={rid}"),
    }
}

/// The topic of a desired notification (iot-hub-device-api.md 7.3).
pub fn desired_topic(version: i64) -> String {
    format!("$iothub/twin/PATCH/properties/desired/?$version={version}")
}

/// The topic of a method request (iot-hub-device-api.md 7.4). The `rid` must be lower-case
/// hexadecimal or digits: C and Java take the rest of the topic for it.
pub fn method_request_topic(method: &str, rid: &str) -> String {
    format!("$iothub/methods/POST/{method}/?$rid={rid}")
}

/// Where a device sends telemetry; `bag` is already encoded.
pub fn telemetry_topic(device: &str, bag: &str) -> String {
    format!("devices/{device}/messages/events/{bag}")
}

/// Where a device asks for its twin.
pub fn twin_get_topic(rid: &str) -> String {
    format!("{TWIN_GET}?$rid={rid}")
}

/// Where a device sends a reported patch.
pub fn reported_topic(rid: &str, version: Option<i64>) -> String {
    match version {
        Some(version) => format!("{TWIN_REPORTED}?$rid={rid}&$version={version}"),
        None => format!("{TWIN_REPORTED}?$rid={rid}"),
    }
}

/// Where a device answers a method.
pub fn method_response_topic(status: i32, rid: &str) -> String {
    format!("{METHOD_RESPONSE}{status}/?$rid={rid}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn telemetry_with_and_without_trailing_slashes() {
        let expected = |module, bag| DeviceTopic::Telemetry {
            device: "d",
            module,
            bag,
        };
        for (topic, module, bag) in [
            ("devices/d/messages/events/", None, ""),
            ("devices/d/messages/events", None, ""),
            ("devices/d/messages/events/a=1&%24.ct=x", None, "a=1&%24.ct=x"),
            ("devices/d/modules/m/messages/events/a=1/", Some("m"), "a=1"),
        ] {
            assert_eq!(parse_topic(topic), expected(module, bag), "{topic}");
        }
        assert_eq!(telemetry_topic("d", "a=1"), "devices/d/messages/events/a=1");
    }

    #[test]
    fn twin_and_method_topics() {
        let rid = "f5c1d5c0-7f39-4bd4-9ae1-1b2f2a3c4d5e";
        assert_eq!(parse_topic(&twin_get_topic(rid)), DeviceTopic::TwinGet { rid });
        for version in [None, Some(7)] {
            assert_eq!(
                parse_topic(&reported_topic(rid, version)),
                DeviceTopic::TwinReported { rid, version }
            );
        }
        assert_eq!(
            parse_topic(&method_response_topic(-1, "1f")),
            DeviceTopic::MethodResponse {
                status: -1,
                rid: "1f"
            }
        );
    }

    #[test]
    fn everything_else_is_unknown() {
        for topic in [
            "",
            "devices/d/messages/devicebound/",
            "devices/d/messages/eventsx",
            "$iothub/twin/GET/",
            "$iothub/twin/GET/?$rid=",
            "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x",
            "$iothub/methods/res/abc/?$rid=1",
            "$iothub/twin/PATCH/properties/desired/?$rid=1",
            "anything",
        ] {
            assert_eq!(parse_topic(topic), DeviceTopic::Unknown, "{topic}");
        }
    }

    /// Java: the fourth token begins `?$rid=`, the third has three digits, `$version=` comes last.
    #[test]
    fn answers_satisfy_every_client() {
        assert_eq!(
            twin_response_topic(200, "1", None),
            "$iothub/twin/res/200/?$rid=1"
        );
        assert_eq!(
            twin_response_topic(204, "1", Some(5)),
            "$iothub/twin/res/204/?$rid=1&$version=5"
        );
        assert_eq!(
            desired_topic(3),
            "$iothub/twin/PATCH/properties/desired/?$version=3"
        );
        assert_eq!(
            method_request_topic("reboot", "1f"),
            "$iothub/methods/POST/reboot/?$rid=1f"
        );
    }

    proptest! {
        #[test]
        fn never_panics(tail in any::<String>()) {
            for head in ["", "devices/", "devices/d/modules/", TWIN_GET, TWIN_REPORTED, METHOD_RESPONSE] {
                let _ = parse_topic(&format!("{head}{tail}"));
            }
        }
    }
}
