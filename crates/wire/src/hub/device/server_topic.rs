use super::topic::rid;
use crate::address::Query;

/// What a hub publishes, as a device reads it (client side of iot-hub-device-api.md 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTopic<'a> {
    /// The answer to a twin request.
    TwinResponse {
        /// HTTP-like.
        status: u16,
        /// The request's.
        rid: &'a str,
        /// The new version of reported, after a patch.
        version: Option<i64>,
    },
    /// Desired properties changed.
    Desired {
        /// Their new version.
        version: i64,
    },
    /// A method is called.
    Method {
        /// Its name.
        name: &'a str,
        /// To echo.
        rid: &'a str,
    },
}

/// Reads a topic the hub published; `None` for any other.
pub fn parse_server_topic(topic: &str) -> Option<ServerTopic<'_>> {
    let version = |query: &str| Query::new(query.strip_prefix('?')?).get("$version")?.parse().ok();
    if let Some(rest) = topic.strip_prefix("$iothub/twin/res/") {
        let (status, query) = rest.split_once('/')?;
        return Some(ServerTopic::TwinResponse {
            status: status.parse().ok()?,
            rid: rid(query)?,
            version: version(query),
        });
    }
    if let Some(query) = topic.strip_prefix("$iothub/twin/PATCH/properties/desired/") {
        return Some(ServerTopic::Desired {
            version: version(query)?,
        });
    }
    let (name, query) = topic.strip_prefix("$iothub/methods/POST/")?.split_once('/')?;
    Some(ServerTopic::Method {
        name,
        rid: rid(query)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::device::{desired_topic, method_request_topic, twin_response_topic};

    #[test]
    fn reads_what_the_server_writes() {
        for version in [None, Some(9)] {
            let topic = twin_response_topic(204, "1", version);
            let expected = ServerTopic::TwinResponse {
                status: 204,
                rid: "1",
                version,
            };
            assert_eq!(parse_server_topic(&topic), Some(expected));
        }
        assert_eq!(
            parse_server_topic(&desired_topic(4)),
            Some(ServerTopic::Desired { version: 4 })
        );
        assert_eq!(
            parse_server_topic(&method_request_topic("reboot", "1f")),
            Some(ServerTopic::Method {
                name: "reboot",
                rid: "1f"
            })
        );
        assert_eq!(parse_server_topic("$iothub/twin/res/x/?$rid=1"), None);
    }
}
