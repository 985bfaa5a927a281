use provost_model::{DeviceId, IdentityId, LockToken, ModuleId};

use crate::address::{ApiVersion, Query, RouteError, Routed, id, is, segments};
use crate::percent;

/// An operation of the hub's device API over HTTPS (iot-hub-device-api.md 9 and 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceOperation {
    /// `POST /devices/{id}[/modules/{mid}]/messages/events`.
    SendEvents,
    /// `GET /devices/{id}/messages/devicebound`.
    Receive,
    /// `DELETE /devices/{id}/messages/devicebound/{lockToken}`.
    Complete(LockToken),
    /// The same with `?reject`.
    Reject(LockToken),
    /// `POST /devices/{id}/messages/devicebound/{lockToken}/abandon`.
    Abandon(LockToken),
    /// `POST /devices/{id}/files`.
    BeginFileUpload,
    /// `POST /devices/{id}/files/notifications`.
    EndFileUpload,
}

/// A request of the hub's device API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubDeviceRoute {
    /// Who asks: a device, or a module, which may only send.
    pub id: IdentityId,
    /// What for.
    pub operation: DeviceOperation,
    /// Any date.
    pub api_version: ApiVersion,
}

/// Longest lock token we give or look for.
const MAX_TOKEN: usize = 128;

/// Reads a request line.
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<HubDeviceRoute> {
    let query = Query::new(query);
    let parts = segments(path);
    let [devices, device, rest @ ..] = parts.as_slice() else {
        return Routed::NotFound;
    };
    if !is(devices, "devices") {
        return Routed::NotFound;
    }
    let (module, operation) = match rest {
        [modules, module, messages, events]
            if is(modules, "modules") && is(messages, "messages") && is(events, "events") =>
        {
            (Some(*module), only("POST", method, DeviceOperation::SendEvents))
        }
        rest => (None, operation(method, rest, query)),
    };
    match operation {
        Routed::To(operation) => route(device, module, operation, query).into(),
        Routed::MethodNotAllowed => Routed::MethodNotAllowed,
        Routed::NotFound => Routed::NotFound,
        Routed::Malformed(error) => Routed::Malformed(error),
    }
}

fn route(
    device: &str,
    module: Option<&str>,
    operation: DeviceOperation,
    query: Query<'_>,
) -> Result<HubDeviceRoute, RouteError> {
    Ok(HubDeviceRoute {
        id: IdentityId {
            device_id: id(device, DeviceId::parse)?,
            module_id: module.map(|module| id(module, ModuleId::parse)).transpose()?,
        },
        operation,
        api_version: query.required_api_version(400_001)?,
    })
}

fn operation(method: &str, path: &[&str], query: Query<'_>) -> Routed<DeviceOperation> {
    match path {
        [messages, events] if is(messages, "messages") && is(events, "events") => {
            only("POST", method, DeviceOperation::SendEvents)
        }
        [messages, bound] if is(messages, "messages") && is(bound, "devicebound") => {
            only("GET", method, DeviceOperation::Receive)
        }
        [messages, bound, token] if is(messages, "messages") && is(bound, "devicebound") => match method {
            "DELETE" if query.get("reject").is_some() => token_of(token, DeviceOperation::Reject),
            "DELETE" => token_of(token, DeviceOperation::Complete),
            _ => Routed::MethodNotAllowed,
        },
        [messages, bound, token, abandon]
            if is(messages, "messages") && is(bound, "devicebound") && is(abandon, "abandon") =>
        {
            match method {
                "POST" => token_of(token, DeviceOperation::Abandon),
                _ => Routed::MethodNotAllowed,
            }
        }
        [files] if is(files, "files") => only("POST", method, DeviceOperation::BeginFileUpload),
        // Node names the upload in the address, others in the body.
        [files, notifications, ..] if is(files, "files") && is(notifications, "notifications") => {
            only("POST", method, DeviceOperation::EndFileUpload)
        }
        _ => Routed::NotFound,
    }
}

fn only(expected: &str, method: &str, operation: DeviceOperation) -> Routed<DeviceOperation> {
    if method == expected {
        Routed::To(operation)
    } else {
        Routed::MethodNotAllowed
    }
}

fn token_of(segment: &str, operation: fn(LockToken) -> DeviceOperation) -> Routed<DeviceOperation> {
    lock_token(segment).map(operation).into()
}

/// The lock token of a path segment; the quotes of the entity tag it came in do no harm.
pub(crate) fn lock_token(segment: &str) -> Result<LockToken, RouteError> {
    let text = percent::decode(segment).ok_or(RouteError::Encoding)?;
    let text = text.trim_matches('"');
    if text.len() > MAX_TOKEN || text.contains(char::is_control) {
        return Err(RouteError::Parameter("lock token"));
    }
    Ok(LockToken::new(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, path: &str, query: &str) -> Routed<DeviceOperation> {
        parse_route(method, path, &format!("api-version=2021-04-12{query}")).map(|route| route.operation)
    }

    #[test]
    fn every_operation() {
        use DeviceOperation as Op;
        let token = || LockToken::new("t-1");
        for (method, path, query, expected) in [
            ("POST", "/devices/d/messages/events", "", Op::SendEvents),
            ("GET", "/devices/d/messages/deviceBound", "", Op::Receive),
            (
                "DELETE",
                "/devices/d/messages/devicebound/t-1",
                "",
                Op::Complete(token()),
            ),
            (
                "DELETE",
                "/devices/d/messages/devicebound/%22t-1%22",
                "",
                Op::Complete(token()),
            ),
            (
                "DELETE",
                "/devices/d/messages/devicebound/t-1",
                "&reject",
                Op::Reject(token()),
            ),
            (
                "DELETE",
                "/devices/d/messages/devicebound/t-1",
                "&reject=true",
                Op::Reject(token()),
            ),
            (
                "POST",
                "/devices/d/messages/devicebound/t-1/abandon",
                "",
                Op::Abandon(token()),
            ),
            ("POST", "/devices/d/files/", "", Op::BeginFileUpload),
            ("POST", "/devices/d/files/notifications", "", Op::EndFileUpload),
            (
                "POST",
                "/devices/d/files/notifications/c-1",
                "",
                Op::EndFileUpload,
            ),
        ] {
            assert_eq!(
                route(method, path, query),
                Routed::To(expected),
                "{method} {path}{query}"
            );
        }
    }

    #[test]
    fn a_module_sends_events() {
        let path = "/devices/d/modules/m/messages/events";
        match parse_route("POST", path, "api-version=1") {
            Routed::To(route) => assert_eq!(route.id.to_string(), "d/m"),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            route("GET", "/devices/d/modules/m/messages/devicebound", ""),
            Routed::NotFound
        );
    }

    #[test]
    fn everything_else_belongs_to_others_or_nobody() {
        for path in [
            "/devices/d",
            "/devices/d/commands",
            "/devices/d/modules/m",
            "/twins/d/messages/events",
        ] {
            assert_eq!(route("GET", path, ""), Routed::NotFound, "{path}");
        }
        assert_eq!(
            route("GET", "/devices/d/messages/events", ""),
            Routed::MethodNotAllowed
        );
        assert!(matches!(
            parse_route("GET", "/devices/d/messages/devicebound", ""),
            Routed::Malformed(RouteError::ApiVersion { code: 400_001 })
        ));
        let long = format!("/devices/d/messages/devicebound/{}", "t".repeat(129));
        assert!(matches!(route("DELETE", &long, ""), Routed::Malformed(_)));
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &format!("/devices/d/{path}"), &query);
            let _ = parse_route("DELETE", &format!("/devices/d/messages/devicebound/{path}"), &query);
        }
    }
}
