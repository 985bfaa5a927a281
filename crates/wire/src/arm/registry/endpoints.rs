//! Endpoints of namespaces and devices, and where a device lies (certificate-management.md 1.4). What is kept is
//! handed back to clients of types, which break on a text where an object has to be.

use serde_json::Value;

use crate::json::{BodyError, Members};

/// Members of an endpoint that are texts; others are kept as they come.
const TEXTS: [&str; 5] = [
    "endpointType",
    "address",
    "resourceId",
    "version",
    "additionalConfiguration",
];
const MAX_TEXT: usize = 1024;

/// By what a body comes: null removes an endpoint in the one, and means nothing in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Put,
    Patch,
}

/// `messaging.endpoints` of a namespace.
pub(super) fn check_messaging(properties: &Members<'_>, method: Method) -> Result<(), BodyError> {
    match properties.object("messaging")? {
        Some(messaging) => check_map(&messaging, "endpoints", method),
        None => Ok(()),
    }
}

/// `endpoints` of a device: `inbound`, and `outbound.assigned` and `outbound.unassigned`.
pub(super) fn check_device(properties: &Members<'_>, method: Method) -> Result<(), BodyError> {
    let Some(endpoints) = properties.object("endpoints")? else {
        return Ok(());
    };
    check_map(&endpoints, "inbound", method)?;
    if let Some(outbound) = endpoints.object("outbound")? {
        check_map(&outbound, "assigned", method)?;
        check_map(&outbound, "unassigned", method)?;
    }
    Ok(())
}

/// `extendedLocation`, which is of a device alone.
pub(super) fn check_extended_location(members: &Members<'_>) -> Result<(), BodyError> {
    if let Some(location) = members.object("extendedLocation")? {
        for name in ["type", "name"] {
            if location.remark(name, MAX_TEXT)?.is_none() {
                return Err(location.shape(name, "is required"));
            }
        }
    }
    Ok(())
}

/// An object of endpoints by their names.
fn check_map(members: &Members<'_>, name: &str, method: Method) -> Result<(), BodyError> {
    let Some(endpoints) = members.map(name)? else {
        return Ok(());
    };
    let path = members.path_of(name);
    for (name, endpoint) in endpoints {
        if *endpoint == Value::Null && method == Method::Patch {
            continue;
        }
        let endpoint = Members::of(&format!("{path}.{name:.64}"), endpoint)?;
        for text in TEXTS {
            endpoint.remark(text, MAX_TEXT)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value, method: Method) -> Result<(), String> {
        let members = Members::root(body).unwrap();
        let all = check_messaging(&members, method)
            .and_then(|()| check_device(&members, method))
            .and_then(|()| check_extended_location(&members));
        all.map_err(|error| error.to_string())
    }

    #[test]
    fn endpoints_are_objects_of_texts() {
        for (body, path) in [
            (json!({ "messaging": "x" }), "messaging"),
            (json!({ "messaging": { "endpoints": [] } }), "messaging.endpoints"),
            (
                json!({ "messaging": { "endpoints": { "a": 1 } } }),
                "messaging.endpoints.a",
            ),
            (
                json!({ "messaging": { "endpoints": { "a": { "address": 1 } } } }),
                "messaging.endpoints.a.address",
            ),
            (json!({ "endpoints": [] }), "endpoints"),
            (json!({ "endpoints": { "inbound": "x" } }), "endpoints.inbound"),
            (json!({ "endpoints": { "outbound": "x" } }), "endpoints.outbound"),
            (
                json!({ "endpoints": { "outbound": { "assigned": [] } } }),
                "endpoints.outbound.assigned",
            ),
            (
                json!({ "endpoints": { "outbound": { "unassigned": { "a": "x" } } } }),
                "endpoints.outbound.unassigned.a",
            ),
            (json!({ "extendedLocation": "zz" }), "extendedLocation"),
            (
                json!({ "extendedLocation": { "name": "n" } }),
                "extendedLocation.type",
            ),
        ] {
            for method in [Method::Put, Method::Patch] {
                let error = read(&body, method).unwrap_err();
                assert!(error.starts_with(&format!("`{path}` ")), "{path}: {error}");
            }
        }
    }

    #[test]
    fn what_clients_send_is_taken() {
        let body = json!({
            "messaging": { "endpoints": { "a": { "endpointType": "t", "address": "x", "resourceId": null } } },
            "endpoints": {
                "inbound": { "opc": { "address": "x", "authentication": { "method": "Anonymous" } } },
                "outbound": { "assigned": {}, "unassigned": null },
            },
            "extendedLocation": { "type": "CustomLocation", "name": "n" },
        });
        assert_eq!(read(&body, Method::Put), Ok(()));
        let removed = json!({ "messaging": { "endpoints": { "a": null } } });
        assert_eq!(read(&removed, Method::Patch), Ok(()));
        assert!(read(&removed, Method::Put).is_err());
    }
}
