use std::time::Duration;

use provost_model::{DpsName, HubName, PageSize, RegistrationId};

use crate::address::{Query, RouteError, Routed, id, is, segments};

/// Longest time a telemetry request waits for a message.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// Which messages of a hub's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetryQuery {
    /// Those with a greater sequence number. `None` when the caller names none: from now on.
    pub after: Option<i64>,
    /// At most so many; 100 when the caller names none.
    pub limit: PageSize,
    /// How long to wait when there is none yet; up to [`MAX_WAIT`].
    pub wait: Duration,
}

/// An operation under `/provost/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnOperation {
    /// Is the program well.
    Health,
    /// Make an admin token.
    CreateAdminToken,
    /// All hubs.
    ListHubs,
    /// Make a hub.
    AddHub,
    /// Read a hub's telemetry buffer.
    ReadTelemetry(HubName, TelemetryQuery),
    /// The latest call of a registration's webhook.
    ReadAllocation(DpsName, RegistrationId),
    /// The hubs an instance may assign to.
    ListLinkedHubs(DpsName),
    /// One of them.
    GetLinkedHub(DpsName, HubName),
    /// Link a hub, or change its link.
    PutLinkedHub(DpsName, HubName),
    /// Unlink a hub.
    DeleteLinkedHub(DpsName, HubName),
}

/// Reads a request line; there is no api-version.
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<OwnOperation> {
    let parts = segments(path);
    match parts.as_slice() {
        [own, rest @ ..] if is(own, "provost") => operation(method, rest, Query::new(query)),
        _ => Routed::NotFound,
    }
}

fn operation(method: &str, path: &[&str], query: Query<'_>) -> Routed<OwnOperation> {
    match path {
        [word] if is(word, "health") => match method {
            "GET" => Routed::To(OwnOperation::Health),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "adminTokens") => match method {
            "POST" => Routed::To(OwnOperation::CreateAdminToken),
            _ => Routed::MethodNotAllowed,
        },
        [word] if is(word, "hubs") => match method {
            "GET" => Routed::To(OwnOperation::ListHubs),
            "POST" => Routed::To(OwnOperation::AddHub),
            _ => Routed::MethodNotAllowed,
        },
        [word, hub, what] if is(word, "hubs") && is(what, "telemetry") => match method {
            "GET" => telemetry(hub, query).into(),
            _ => Routed::MethodNotAllowed,
        },
        [word, dps, what, device, last]
            if is(word, "dps") && is(what, "registrations") && is(last, "allocation") =>
        {
            match method {
                "GET" => allocation(dps, device).into(),
                _ => Routed::MethodNotAllowed,
            }
        }
        [word, dps, what] if is(word, "dps") && is(what, "linkedHubs") => match method {
            "GET" => id(dps, DpsName::parse).map(OwnOperation::ListLinkedHubs).into(),
            _ => Routed::MethodNotAllowed,
        },
        [word, dps, what, hub] if is(word, "dps") && is(what, "linkedHubs") => match method {
            "GET" => linked(dps, hub, OwnOperation::GetLinkedHub),
            "PUT" => linked(dps, hub, OwnOperation::PutLinkedHub),
            "DELETE" => linked(dps, hub, OwnOperation::DeleteLinkedHub),
            _ => Routed::MethodNotAllowed,
        },
        _ => Routed::NotFound,
    }
}

fn linked(dps: &str, hub: &str, operation: fn(DpsName, HubName) -> OwnOperation) -> Routed<OwnOperation> {
    let names = || -> Result<_, RouteError> { Ok((id(dps, DpsName::parse)?, id(hub, HubName::parse)?)) };
    names().map(|(dps, hub)| operation(dps, hub)).into()
}

fn allocation(dps: &str, device: &str) -> Result<OwnOperation, RouteError> {
    let (dps, device) = (id(dps, DpsName::parse)?, id(device, RegistrationId::parse)?);
    Ok(OwnOperation::ReadAllocation(dps, device))
}

fn telemetry(hub: &str, query: Query<'_>) -> Result<OwnOperation, RouteError> {
    let after = match query.get("after").filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse().map_err(|_| RouteError::Parameter("after"))?),
        None => None,
    };
    let limit = query
        .number("limit")?
        .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let wait = query.number("wait")?.unwrap_or(0);
    Ok(OwnOperation::ReadTelemetry(
        id(hub, HubName::parse)?,
        TelemetryQuery {
            after,
            limit: PageSize::clamp(limit, 100, 1000),
            wait: Duration::from_secs(wait).min(MAX_WAIT),
        },
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_operation() {
        use OwnOperation as Op;
        let (hub, dps) = (
            || HubName::parse("hub1").unwrap(),
            || DpsName::parse("dps1").unwrap(),
        );
        let query = TelemetryQuery {
            after: Some(7),
            limit: PageSize::clamp(Some(5), 1, 1000),
            wait: MAX_WAIT,
        };
        for (method, path, expected) in [
            ("GET", "/provost/health", Op::Health),
            ("GET", "/provost/hubs/", Op::ListHubs),
            ("POST", "/provost/hubs", Op::AddHub),
            (
                "GET",
                "/provost/dps/dps1/registrations/press-1/allocation",
                Op::ReadAllocation(dps(), RegistrationId::parse("press-1").unwrap()),
            ),
            (
                "GET",
                "/provost/hubs/hub1/telemetry",
                Op::ReadTelemetry(hub(), query),
            ),
            ("GET", "/provost/dps/dps1/linkedHubs", Op::ListLinkedHubs(dps())),
            (
                "GET",
                "/provost/dps/dps1/linkedhubs/hub1",
                Op::GetLinkedHub(dps(), hub()),
            ),
            (
                "PUT",
                "/provost/dps/dps1/linkedHubs/hub1",
                Op::PutLinkedHub(dps(), hub()),
            ),
            (
                "DELETE",
                "/provost/dps/dps1/linkedHubs/hub1",
                Op::DeleteLinkedHub(dps(), hub()),
            ),
        ] {
            let route = parse_route(method, path, "after=7&limit=5&wait=99999");
            assert_eq!(route, Routed::To(expected), "{method} {path}");
        }
        assert_eq!(
            parse_route("DELETE", "/provost/health", ""),
            Routed::MethodNotAllowed
        );
        assert_eq!(parse_route("GET", "/provost/unknown", ""), Routed::NotFound);
        let bad = parse_route("GET", "/provost/hubs/hub1/telemetry", "after=x");
        assert_eq!(bad, Routed::Malformed(RouteError::Parameter("after")));
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &format!("/provost/{path}"), &query);
            let _ = parse_route("GET", "/provost/hubs/h/telemetry", &query);
        }
    }
}
