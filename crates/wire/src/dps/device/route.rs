use provost_model::{IdScope, OperationId, RegistrationId};

use crate::address::{ApiVersion, Query, RouteError, Routed, id, is, segments};

/// What a device asks for, apart from who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceOperation {
    /// `PUT …/register`.
    Register,
    /// `GET …/operations/{operationId}`.
    OperationStatus(OperationId),
    /// `POST …/{registrationId}`.
    StatusLookup,
}

/// A request of the device API (dps-device-api.md 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRoute {
    /// Which provisioning service.
    pub id_scope: IdScope,
    /// Which device.
    pub registration_id: RegistrationId,
    /// What for.
    pub operation: DeviceOperation,
    /// Any text; absent is empty.
    pub api_version: ApiVersion,
}

/// Reads `/{idScope}/registrations/{registrationId}[/register | /operations/{operationId}]`.
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<DeviceRoute> {
    let parts = segments(path);
    let (scope, registration, known_method, rest) = match parts.as_slice() {
        [scope, word, id, rest @ ..] if is(word, "registrations") => match rest {
            [] => (scope, id, "POST", rest),
            [verb] if is(verb, "register") => (scope, id, "PUT", rest),
            [verb, _] if is(verb, "operations") => (scope, id, "GET", rest),
            _ => return Routed::NotFound,
        },
        _ => return Routed::NotFound,
    };
    if method != known_method {
        return Routed::MethodNotAllowed;
    }
    read(scope, registration, rest, Query::new(query)).into()
}

fn read(scope: &str, registration: &str, rest: &[&str], query: Query<'_>) -> Result<DeviceRoute, RouteError> {
    let operation = match rest {
        [_, operation] => DeviceOperation::OperationStatus(id(operation, OperationId::parse)?),
        [_] => DeviceOperation::Register,
        _ => DeviceOperation::StatusLookup,
    };
    Ok(DeviceRoute {
        id_scope: id(scope, IdScope::parse)?,
        registration_id: id(registration, RegistrationId::parse)?,
        operation,
        api_version: query.api_version(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(method: &str, path: &str) -> Routed<DeviceOperation> {
        parse_route(method, path, "api-version=2019-03-31").map(|route| route.operation)
    }

    #[test]
    fn three_operations() {
        use DeviceOperation::{OperationStatus, Register, StatusLookup};
        let operation = OperationId::parse("5.316aac5bdc130deb.0b7ed2a8").unwrap();
        for (method, path, expected) in [
            (
                "PUT",
                "/0ne1/registrations/press-1/register",
                Routed::To(Register),
            ),
            (
                "PUT",
                "/0ne1/Registrations/press-1/Register/",
                Routed::To(Register),
            ),
            (
                "GET",
                "/0ne1/registrations/press-1/operations/5.316aac5bdc130deb.0b7ed2a8",
                Routed::To(OperationStatus(operation)),
            ),
            ("POST", "/0ne1/registrations/press-1", Routed::To(StatusLookup)),
            (
                "GET",
                "/0ne1/registrations/press-1/register",
                Routed::MethodNotAllowed,
            ),
            ("DELETE", "/0ne1/registrations/press-1", Routed::MethodNotAllowed),
            (
                "POST",
                "/0ne1/registrations/press-1/getDeviceUpdate",
                Routed::NotFound,
            ),
            ("PUT", "/enrollments/press-1", Routed::NotFound),
        ] {
            assert_eq!(route(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn ids_are_decoded_once_and_keep_their_case() {
        let Routed::To(route) = parse_route("PUT", "/0NE1/registrations/Sn%3A7/register", "") else {
            panic!("not routed");
        };
        assert_eq!(
            (route.id_scope.as_str(), route.registration_id.as_str()),
            ("0NE1", "Sn:7")
        );
        assert!(route.api_version.is_absent());
    }

    #[test]
    fn bad_id_is_400004() {
        let Routed::Malformed(error) = route("PUT", "/0ne1/registrations/-x/register") else {
            panic!("accepted");
        };
        assert_eq!(error.code(), 400_004);
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &path, &query);
            let _ = parse_route("GET", &format!("/s/registrations/{path}"), &query);
        }
    }
}
