use provost_model::{EnrollmentGroupId, RegistrationId};

use crate::address::{ApiVersion, Query, Routed, id, is, segments};

/// An operation of the service API (dps-service-api.md 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceOperation {
    /// 1: `PUT /enrollments/{id}`.
    PutEnrollment(RegistrationId),
    /// 2: `GET /enrollments/{id}`.
    GetEnrollment(RegistrationId),
    /// 3: `DELETE /enrollments/{id}`.
    DeleteEnrollment(RegistrationId),
    /// 4: `POST /enrollments/query`.
    QueryEnrollments,
    /// 5: `POST /enrollments`.
    BulkEnrollments,
    /// 6: `POST /enrollments/{id}/attestationmechanism`.
    EnrollmentAttestation(RegistrationId),
    /// 7: `PUT /enrollmentGroups/{id}`.
    PutGroup(EnrollmentGroupId),
    /// 8: `GET /enrollmentGroups/{id}`.
    GetGroup(EnrollmentGroupId),
    /// 9: `DELETE /enrollmentGroups/{id}`.
    DeleteGroup(EnrollmentGroupId),
    /// 10: `POST /enrollmentGroups/query`.
    QueryGroups,
    /// 11: `POST /enrollmentGroups`.
    BulkGroups,
    /// 12: `POST /enrollmentGroups/{id}/attestationmechanism`.
    GroupAttestation(EnrollmentGroupId),
    /// 13: `GET /registrations/{id}`.
    GetRegistration(RegistrationId),
    /// 14: `DELETE /registrations/{id}`.
    DeleteRegistration(RegistrationId),
    /// 15: `POST /registrations/{groupId}/query`.
    QueryRegistrations(EnrollmentGroupId),
}

/// A request of the service API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRoute {
    /// What for.
    pub operation: ServiceOperation,
    /// Any text, but there.
    pub api_version: ApiVersion,
}

/// Reads a request line. A trailing slash and the encoded slash of an old C# release
/// (`registrations%2F{group}`) are tolerated (dps-service-api.md 2.2).
pub fn parse_route(method: &str, path: &str, query: &str) -> Routed<ServiceRoute> {
    let mut parts = segments(path);
    if let Some(joined) = parts.first().copied()
        && let (Some(word), Some(rest)) = (joined.get(..13), joined.get(16..))
        && is(word, "registrations")
        && joined.get(13..16).is_some_and(|slash| is(slash, "%2F"))
    {
        parts.splice(..1, [word, rest]);
    }
    let query = Query::new(query);
    let operation = match operation(method, &parts) {
        Routed::To(operation) => operation,
        other => {
            return other.map(|operation| ServiceRoute {
                operation,
                api_version: query.api_version(),
            });
        }
    };
    query
        .required_api_version(400_000)
        .map(|api_version| ServiceRoute {
            operation,
            api_version,
        })
        .into()
}

fn operation(method: &str, path: &[&str]) -> Routed<ServiceOperation> {
    match path {
        [kind, rest @ ..] if is(kind, "enrollments") => enrollments(method, rest),
        [kind, rest @ ..] if is(kind, "enrollmentGroups") => groups(method, rest),
        [kind, rest @ ..] if is(kind, "registrations") => registrations(method, rest),
        _ => Routed::NotFound,
    }
}

fn enrollments(method: &str, path: &[&str]) -> Routed<ServiceOperation> {
    use ServiceOperation as Op;
    let with = |segment: &str, operation: fn(RegistrationId) -> Op| {
        Routed::from(id(segment, RegistrationId::parse).map(operation))
    };
    match (method, path) {
        ("POST", []) => Routed::To(Op::BulkEnrollments),
        ("POST", [word]) if is(word, "query") => Routed::To(Op::QueryEnrollments),
        ("PUT", [entry]) => with(entry, Op::PutEnrollment),
        ("GET", [entry]) => with(entry, Op::GetEnrollment),
        ("DELETE", [entry]) => with(entry, Op::DeleteEnrollment),
        ("POST", [entry, word]) if is(word, "attestationmechanism") => with(entry, Op::EnrollmentAttestation),
        (_, [] | [_]) => Routed::MethodNotAllowed,
        (_, [_, word]) if is(word, "attestationmechanism") => Routed::MethodNotAllowed,
        _ => Routed::NotFound,
    }
}

fn groups(method: &str, path: &[&str]) -> Routed<ServiceOperation> {
    use ServiceOperation as Op;
    let with = |segment: &str, operation: fn(EnrollmentGroupId) -> Op| {
        Routed::from(id(segment, EnrollmentGroupId::parse).map(operation))
    };
    match (method, path) {
        ("POST", []) => Routed::To(Op::BulkGroups),
        ("POST", [word]) if is(word, "query") => Routed::To(Op::QueryGroups),
        ("PUT", [entry]) => with(entry, Op::PutGroup),
        ("GET", [entry]) => with(entry, Op::GetGroup),
        ("DELETE", [entry]) => with(entry, Op::DeleteGroup),
        ("POST", [entry, word]) if is(word, "attestationmechanism") => with(entry, Op::GroupAttestation),
        (_, [] | [_]) => Routed::MethodNotAllowed,
        (_, [_, word]) if is(word, "attestationmechanism") => Routed::MethodNotAllowed,
        _ => Routed::NotFound,
    }
}

fn registrations(method: &str, path: &[&str]) -> Routed<ServiceOperation> {
    use ServiceOperation as Op;
    match (method, path) {
        ("GET", [entry]) => id(entry, RegistrationId::parse).map(Op::GetRegistration).into(),
        ("DELETE", [entry]) => id(entry, RegistrationId::parse)
            .map(Op::DeleteRegistration)
            .into(),
        ("POST", [group, word]) if is(word, "query") => id(group, EnrollmentGroupId::parse)
            .map(Op::QueryRegistrations)
            .into(),
        (_, [_]) => Routed::MethodNotAllowed,
        (_, [_, word]) if is(word, "query") => Routed::MethodNotAllowed,
        _ => Routed::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RouteError;

    fn route(method: &str, path: &str) -> Routed<ServiceOperation> {
        parse_route(method, path, "api-version=2021-10-01").map(|route| route.operation)
    }

    #[test]
    fn all_fifteen_operations() {
        use ServiceOperation as Op;
        let entry = || RegistrationId::parse("Dev-1").unwrap();
        let group = || EnrollmentGroupId::parse("line:7").unwrap();
        for (method, path, expected) in [
            ("PUT", "/enrollments/Dev-1", Op::PutEnrollment(entry())),
            ("GET", "/Enrollments/Dev-1/", Op::GetEnrollment(entry())),
            ("DELETE", "/enrollments/Dev-1", Op::DeleteEnrollment(entry())),
            ("POST", "/enrollments/query", Op::QueryEnrollments),
            ("POST", "/enrollments/", Op::BulkEnrollments),
            (
                "POST",
                "/enrollments/Dev-1/attestationmechanism",
                Op::EnrollmentAttestation(entry()),
            ),
            ("PUT", "/enrollmentGroups/line%3A7", Op::PutGroup(group())),
            ("GET", "/enrollmentgroups/line:7", Op::GetGroup(group())),
            ("DELETE", "/enrollmentGroups/line:7", Op::DeleteGroup(group())),
            ("POST", "/enrollmentGroups/query", Op::QueryGroups),
            ("POST", "/enrollmentGroups", Op::BulkGroups),
            (
                "POST",
                "/enrollmentgroups/line:7/attestationMechanism",
                Op::GroupAttestation(group()),
            ),
            ("GET", "/registrations/Dev-1", Op::GetRegistration(entry())),
            ("DELETE", "/registrations/Dev-1", Op::DeleteRegistration(entry())),
            (
                "POST",
                "/registrations/line%3a7/query",
                Op::QueryRegistrations(group()),
            ),
            (
                "POST",
                "/registrations%2Fline%3A7/query",
                Op::QueryRegistrations(group()),
            ),
        ] {
            assert_eq!(route(method, path), Routed::To(expected), "{method} {path}");
        }
    }

    #[test]
    fn other_requests() {
        assert_eq!(route("PATCH", "/enrollments/a"), Routed::MethodNotAllowed);
        assert_eq!(route("GET", "/enrollments"), Routed::MethodNotAllowed);
        assert_eq!(route("GET", "/registrations/a/query"), Routed::MethodNotAllowed);
        assert_eq!(route("PUT", "/enrollments/a/b"), Routed::NotFound);
        assert_eq!(route("GET", "/devices/a"), Routed::NotFound);
        assert_eq!(
            parse_route("GET", "/enrollments/a", ""),
            Routed::Malformed(RouteError::ApiVersion { code: 400_000 })
        );
    }

    proptest! {
        #[test]
        fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
            let _ = parse_route(&method, &path, &query);
            let _ = parse_route(&method, &format!("/registrations{path}"), "api-version=1");
        }
    }
}
