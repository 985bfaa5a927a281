//! Which service an HTTP request belongs to.

use crate::address::Routed;
use crate::{arm, dps, hub, own};

/// A request of any of the services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The provisioning service, device side.
    DpsDevice(dps::device::DeviceRoute),
    /// The provisioning service, service side.
    DpsService(dps::service::ServiceRoute),
    /// The hub, service side.
    Hub(hub::service::HubRoute),
    /// The hub, device side.
    HubDevice(hub::device::HubDeviceRoute),
    /// The management plane.
    Arm(arm::ArmRoute),
    /// `/provost/`.
    Own(own::OwnOperation),
}

/// Reads a request line: the path without its query, and the query without its `?`. The services
/// are told apart by path alone (they do not overlap: an ID scope named like one of the other
/// services' first words is the only way to hide the device API, and ours are never named so).
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<Route> {
    first([
        &|| dps::service::parse_route(method, path, query).map(Route::DpsService),
        &|| hub::service::parse_route(method, path, query).map(Route::Hub),
        &|| hub::device::parse_route(method, path, query).map(Route::HubDevice),
        &|| own::parse_route(method, path, query).map(Route::Own),
        &|| arm::parse_route(method, path, query).map(Route::Arm),
        &|| dps::device::parse_route(method, path, query).map(Route::DpsDevice),
    ])
}

fn first(routes: [&dyn Fn() -> Routed<Route>; 6]) -> Routed<Route> {
    routes
        .into_iter()
        .map(|route| route())
        .find(|routed| *routed != Routed::NotFound)
        .unwrap_or(Routed::NotFound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn path_decides() {
        let name = |method: &str, path: &str| match parse_route(method, path, "api-version=1") {
            Routed::To(Route::DpsDevice(_)) => "device",
            Routed::To(Route::DpsService(_)) => "service",
            Routed::To(Route::Hub(_)) => "hub",
            Routed::To(Route::HubDevice(_)) => "hub device",
            Routed::To(Route::Arm(_)) => "arm",
            Routed::To(Route::Own(_)) => "own",
            Routed::MethodNotAllowed => "405",
            Routed::NotFound => "404",
            Routed::Malformed(_) => "400",
        };
        for (method, path, expected) in [
            ("PUT", "/0ne001/registrations/press-1/register", "device"),
            ("POST", "/0ne001/registrations/press-1", "device"),
            ("GET", "/registrations/press-1", "service"),
            ("POST", "/registrations/line-7/query", "service"),
            ("PUT", "/enrollments/press-1", "service"),
            ("GET", "/devices/press-1", "hub"),
            ("DELETE", "/devices/press-1/commands", "hub"),
            ("POST", "/devices/press-1/messages/events", "hub device"),
            ("GET", "/devices/press-1/messages/events", "405"),
            (
                "GET",
                "/subscriptions/s/providers/Microsoft.Devices/provisioningServices",
                "arm",
            ),
            ("GET", "/provost/health", "own"),
            ("PATCH", "/enrollments/press-1", "405"),
            ("GET", "/", "404"),
            ("GET", "/favicon.ico", "404"),
            ("GET", "/enrollments/-bad", "400"),
        ] {
            assert_eq!(name(method, path), expected, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &path, &query);
        }
    }
}
