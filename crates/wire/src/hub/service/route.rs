mod jobs;

use provost_model::{DeviceId, JobId, LockToken, ModuleId};

use super::JobQuery;
use crate::address::{ApiVersion, Query, RouteError, Routed, id, is, segments};
use crate::hub::device::route::lock_token;

/// An operation of the hub's service API (iot-hub-service-api.md 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubOperation {
    /// `GET /devices/{id}`.
    GetDevice(DeviceId),
    /// `PUT /devices/{id}`.
    PutDevice(DeviceId),
    /// `DELETE /devices/{id}`.
    DeleteDevice(DeviceId),
    /// `GET /devices?top=`.
    ListDevices {
        /// Most devices to list, 1 to 1000.
        top: Option<u64>,
    },
    /// `POST /devices`.
    BulkDevices,
    /// `POST /devices/query`.
    Query,
    /// `GET /statistics/devices`.
    DeviceStatistics,
    /// `GET /statistics/service`.
    ServiceStatistics,
    /// `GET /twins/{id}`.
    GetTwin(DeviceId),
    /// `PUT /twins/{id}`.
    ReplaceTwin(DeviceId),
    /// `PATCH /twins/{id}`.
    PatchTwin(DeviceId),
    /// `POST /twins/{id}/methods`.
    InvokeMethod(DeviceId),
    /// `POST /devices/keys/regenerate`.
    RegenerateKeys,
    /// `GET /configurations`: automatic device management has none here.
    ListConfigurations,
    /// What Azure's hub does and this one does not (iot-hub-service-api.md 11).
    NotServed(NotServed),
    /// `DELETE /devices/{id}/commands`.
    PurgeMessages(DeviceId),
    /// `GET /messages/serviceBound/feedback`.
    ReceiveFeedback,
    /// `DELETE /messages/serviceBound/feedback/{lockToken}`.
    CompleteFeedback(LockToken),
    /// `POST /messages/serviceBound/feedback/{lockToken}/abandon`.
    AbandonFeedback(LockToken),
    /// `GET /devices/{id}/modules`.
    ListModules(DeviceId),
    /// `GET /devices/{id}/modules/{mid}`.
    GetModule(DeviceId, ModuleId),
    /// `PUT /devices/{id}/modules/{mid}`.
    PutModule(DeviceId, ModuleId),
    /// `DELETE /devices/{id}/modules/{mid}`.
    DeleteModule(DeviceId, ModuleId),
    /// `GET /twins/{id}/modules/{mid}`.
    GetModuleTwin(DeviceId, ModuleId),
    /// `PUT /twins/{id}/modules/{mid}`.
    ReplaceModuleTwin(DeviceId, ModuleId),
    /// `PATCH /twins/{id}/modules/{mid}`.
    PatchModuleTwin(DeviceId, ModuleId),
    /// `POST /twins/{id}/modules/{mid}/methods`.
    InvokeModuleMethod(DeviceId, ModuleId),
    /// `GET /jobs/v2/{jobId}`.
    GetJob(JobId),
    /// `PUT /jobs/v2/{jobId}`.
    PutJob(JobId),
    /// `POST /jobs/v2/{jobId}/cancel`.
    CancelJob(JobId),
    /// `GET /jobs/v2/query`.
    QueryJobs(JobQuery),
    /// `GET /jobs`: those of import and export, of which there are none.
    ListTransfers,
    /// `GET /jobs/{id}`, `DELETE /jobs/{id}`: one of them.
    GetTransfer(JobId),
    /// `POST /jobs/create`: another one.
    CreateTransfer,
}

/// What is refused in so many words, so that nobody looks for a mistake of his own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotServed {
    /// `/configurations/{id}`, `/configurations/testQueries`, `/devices/{id}/applyConfigurationContent`.
    Configurations,
    /// `/digitaltwins/{id}` and its commands.
    DigitalTwins,
}

impl NotServed {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Configurations => "automatic device management",
            Self::DigitalTwins => "the digital twin API (twins and direct methods do the same)",
        }
    }
}

/// A request of the hub's service API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRoute {
    /// What for.
    pub operation: HubOperation,
    /// Any date.
    pub api_version: ApiVersion,
}

/// Reads a request line.
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<HubRoute> {
    let query = Query::new(query);
    let operation = match operation(method, &segments(path), query) {
        Routed::To(operation) => operation,
        other => {
            return other.map(|operation| HubRoute {
                operation,
                api_version: query.api_version(),
            });
        }
    };
    query
        .required_api_version(400_001)
        .map(|api_version| HubRoute {
            operation,
            api_version,
        })
        .into()
}

/// Whether an address is the hub's, whatever is wrong with the rest of it: its errors have a shape
/// of their own.
pub fn is_hub_path(path: &str) -> bool {
    let words = [
        "devices",
        "messages",
        "twins",
        "statistics",
        "jobs",
        "configurations",
        "digitaltwins",
    ];
    segments(path)
        .first()
        .is_some_and(|first| words.iter().any(|word| is(first, word)))
}

fn operation(method: &str, path: &[&str], query: Query<'_>) -> Routed<HubOperation> {
    match path {
        [devices] if is(devices, "devices") => match method {
            "GET" => top(query).map(|top| HubOperation::ListDevices { top }).into(),
            "POST" => Routed::To(HubOperation::BulkDevices),
            _ => Routed::MethodNotAllowed,
        },
        // With another method it is a device of that name.
        [devices, word] if is(devices, "devices") && is(word, "query") && method == "POST" => {
            Routed::To(HubOperation::Query)
        }
        [devices, device] if is(devices, "devices") => match method {
            "GET" => with_id(device, HubOperation::GetDevice),
            "PUT" => with_id(device, HubOperation::PutDevice),
            "DELETE" => with_id(device, HubOperation::DeleteDevice),
            _ => Routed::MethodNotAllowed,
        },
        [devices, keys, word] if is(devices, "devices") && is(keys, "keys") && is(word, "regenerate") => {
            match method {
                "POST" => Routed::To(HubOperation::RegenerateKeys),
                _ => Routed::MethodNotAllowed,
            }
        }
        [devices, device, commands] if is(devices, "devices") && is(commands, "commands") => match method {
            "DELETE" => with_id(device, HubOperation::PurgeMessages),
            _ => Routed::MethodNotAllowed,
        },
        [messages, bound, feedback, rest @ ..]
            if is(messages, "messages") && is(bound, "servicebound") && is(feedback, "feedback") =>
        {
            of_feedback(method, rest)
        }
        [statistics, what] if is(statistics, "statistics") => {
            match (is(what, "devices"), is(what, "service")) {
                (false, false) => Routed::NotFound,
                _ if method != "GET" => Routed::MethodNotAllowed,
                (true, _) => Routed::To(HubOperation::DeviceStatistics),
                (_, true) => Routed::To(HubOperation::ServiceStatistics),
            }
        }
        [twins, device] if is(twins, "twins") => match method {
            "GET" => with_id(device, HubOperation::GetTwin),
            "PUT" => with_id(device, HubOperation::ReplaceTwin),
            "PATCH" => with_id(device, HubOperation::PatchTwin),
            _ => Routed::MethodNotAllowed,
        },
        [twins, device, methods] if is(twins, "twins") && is(methods, "methods") => match method {
            "POST" => with_id(device, HubOperation::InvokeMethod),
            _ => Routed::MethodNotAllowed,
        },
        [first, device, modules, rest @ ..] if is(modules, "modules") => {
            of_modules(method, first, device, rest)
        }
        [jobs, rest @ ..] if is(jobs, "jobs") => jobs::operation(method, rest, query),
        _ => not_offered(method, path),
    }
}

/// What is hardly there, or not at all.
fn not_offered(method: &str, path: &[&str]) -> Routed<HubOperation> {
    match path {
        [word] if is(word, "configurations") => match method {
            "GET" => Routed::To(HubOperation::ListConfigurations),
            _ => Routed::MethodNotAllowed,
        },
        [word, _] if is(word, "configurations") => {
            Routed::To(HubOperation::NotServed(NotServed::Configurations))
        }
        [devices, _, word] if is(devices, "devices") && is(word, "applyConfigurationContent") => {
            Routed::To(HubOperation::NotServed(NotServed::Configurations))
        }
        [word, _, ..] if is(word, "digitaltwins") => {
            Routed::To(HubOperation::NotServed(NotServed::DigitalTwins))
        }
        _ => Routed::NotFound,
    }
}

fn of_feedback(method: &str, path: &[&str]) -> Routed<HubOperation> {
    match (method, path) {
        ("GET", []) => Routed::To(HubOperation::ReceiveFeedback),
        ("DELETE", [token]) => lock_token(token).map(HubOperation::CompleteFeedback).into(),
        ("POST", [token, abandon]) if is(abandon, "abandon") => {
            lock_token(token).map(HubOperation::AbandonFeedback).into()
        }
        (_, [] | [_]) => Routed::MethodNotAllowed,
        (_, [_, abandon]) if is(abandon, "abandon") => Routed::MethodNotAllowed,
        _ => Routed::NotFound,
    }
}

/// What stands below `/devices/{id}/modules` and `/twins/{id}/modules`.
fn of_modules(method: &str, first: &str, device: &str, rest: &[&str]) -> Routed<HubOperation> {
    let is_device = is(first, "devices");
    if !is_device && !is(first, "twins") {
        return Routed::NotFound;
    }
    match rest {
        [] if is_device => match method {
            "GET" => with_id(device, HubOperation::ListModules),
            _ => Routed::MethodNotAllowed,
        },
        [module] => match (is_device, method) {
            (true, "GET") => with_ids(device, module, HubOperation::GetModule),
            (true, "PUT") => with_ids(device, module, HubOperation::PutModule),
            (true, "DELETE") => with_ids(device, module, HubOperation::DeleteModule),
            (false, "GET") => with_ids(device, module, HubOperation::GetModuleTwin),
            (false, "PUT") => with_ids(device, module, HubOperation::ReplaceModuleTwin),
            (false, "PATCH") => with_ids(device, module, HubOperation::PatchModuleTwin),
            _ => Routed::MethodNotAllowed,
        },
        [module, methods] if !is_device && is(methods, "methods") => match method {
            "POST" => with_ids(device, module, HubOperation::InvokeModuleMethod),
            _ => Routed::MethodNotAllowed,
        },
        _ => Routed::NotFound,
    }
}

fn with_ids(
    device: &str,
    module: &str,
    operation: fn(DeviceId, ModuleId) -> HubOperation,
) -> Routed<HubOperation> {
    id(device, DeviceId::parse)
        .and_then(|device| Ok(operation(device, id(module, ModuleId::parse)?)))
        .into()
}

fn with_id(segment: &str, operation: fn(DeviceId) -> HubOperation) -> Routed<HubOperation> {
    id(segment, DeviceId::parse).map(operation).into()
}

fn top(query: Query<'_>) -> Result<Option<u64>, RouteError> {
    match query.number("top")? {
        Some(0) => Err(RouteError::Parameter("top")),
        other => Ok(other.map(|top| top.min(1000))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, path: &str) -> Routed<HubOperation> {
        parse_route(method, path, "api-version=2021-04-12").map(|route| route.operation)
    }

    #[test]
    fn every_operation() {
        use HubOperation as Op;
        let dev = || DeviceId::parse("Dev#1").unwrap();
        for (method, path, expected) in [
            ("GET", "/devices/Dev%231", Op::GetDevice(dev())),
            ("PUT", "/devices/Dev%231", Op::PutDevice(dev())),
            ("DELETE", "/Devices/Dev%231", Op::DeleteDevice(dev())),
            ("GET", "/devices/", Op::ListDevices { top: None }),
            ("POST", "/devices", Op::BulkDevices),
            ("POST", "/devices/query", Op::Query),
            ("GET", "/statistics/devices", Op::DeviceStatistics),
            ("GET", "/statistics/service", Op::ServiceStatistics),
            ("GET", "/twins/Dev%231", Op::GetTwin(dev())),
            ("PUT", "/twins/Dev%231", Op::ReplaceTwin(dev())),
            ("PATCH", "/twins/Dev%231", Op::PatchTwin(dev())),
            ("POST", "/twins/Dev%231/methods", Op::InvokeMethod(dev())),
            ("POST", "/devices/keys/regenerate", Op::RegenerateKeys),
            ("GET", "/configurations", Op::ListConfigurations),
            (
                "PUT",
                "/configurations/c1",
                Op::NotServed(NotServed::Configurations),
            ),
            (
                "POST",
                "/devices/Dev%231/applyConfigurationContent",
                Op::NotServed(NotServed::Configurations),
            ),
            (
                "GET",
                "/digitaltwins/Dev%231",
                Op::NotServed(NotServed::DigitalTwins),
            ),
            (
                "POST",
                "/digitaltwins/Dev%231/commands/stop",
                Op::NotServed(NotServed::DigitalTwins),
            ),
            ("DELETE", "/devices/Dev%231/commands", Op::PurgeMessages(dev())),
            ("GET", "/messages/serviceBound/feedback", Op::ReceiveFeedback),
            (
                "DELETE",
                "/messages/serviceBound/feedback/t-1",
                Op::CompleteFeedback(LockToken::new("t-1")),
            ),
            (
                "POST",
                "/messages/servicebound/feedback/t-1/abandon",
                Op::AbandonFeedback(LockToken::new("t-1")),
            ),
        ] {
            assert_eq!(route(method, path), Routed::To(expected), "{method} {path}");
        }
    }

    #[test]
    fn every_operation_on_modules() {
        use HubOperation as Op;
        let dev = || DeviceId::parse("Dev#1").unwrap();
        let module = || ModuleId::parse("$m").unwrap();
        for (method, path, expected) in [
            ("GET", "/devices/Dev%231/modules", Op::ListModules(dev())),
            (
                "GET",
                "/devices/Dev%231/modules/%24m",
                Op::GetModule(dev(), module()),
            ),
            (
                "PUT",
                "/devices/Dev%231/modules/%24m",
                Op::PutModule(dev(), module()),
            ),
            (
                "DELETE",
                "/devices/Dev%231/modules/%24m",
                Op::DeleteModule(dev(), module()),
            ),
            (
                "GET",
                "/twins/Dev%231/modules/%24m",
                Op::GetModuleTwin(dev(), module()),
            ),
            (
                "PUT",
                "/twins/Dev%231/modules/%24m",
                Op::ReplaceModuleTwin(dev(), module()),
            ),
            (
                "PATCH",
                "/twins/Dev%231/modules/%24m",
                Op::PatchModuleTwin(dev(), module()),
            ),
            (
                "POST",
                "/twins/Dev%231/modules/%24m/methods",
                Op::InvokeModuleMethod(dev(), module()),
            ),
        ] {
            assert_eq!(route(method, path), Routed::To(expected), "{method} {path}");
        }
    }

    #[test]
    fn methods_paths_and_versions() {
        assert_eq!(route("PATCH", "/devices/a"), Routed::MethodNotAllowed);
        assert_eq!(route("GET", "/twins/a/methods"), Routed::MethodNotAllowed);
        for (method, path) in [
            ("POST", "/devices/a/modules"),
            ("PATCH", "/devices/a/modules/m"),
            ("DELETE", "/twins/a/modules/m"),
            ("GET", "/twins/a/modules/m/methods"),
        ] {
            assert_eq!(route(method, path), Routed::MethodNotAllowed, "{method} {path}");
        }
        for path in [
            "/twins/a/modules",
            "/statistics/a/modules/m",
            "/devices/a/modules/m/methods",
        ] {
            assert_eq!(route("GET", path), Routed::NotFound, "{path}");
        }
        let version = parse_route("GET", "/devices/a", "");
        assert_eq!(
            version,
            Routed::Malformed(RouteError::ApiVersion { code: 400_001 })
        );
        let top = parse_route("GET", "/devices", "top=5000&api-version=1").map(|route| route.operation);
        assert_eq!(top, Routed::To(HubOperation::ListDevices { top: Some(1000) }));
        assert!(matches!(
            parse_route("GET", "/devices", "top=0&api-version=1"),
            Routed::Malformed(_)
        ));
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &path, &query);
            let _ = parse_route("GET", &format!("/twins/{path}"), "api-version=1");
        }
    }
}
