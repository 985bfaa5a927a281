use proptest::prelude::*;

use super::OwnOperation as Op;
use super::*;

fn hub() -> HubName {
    HubName::parse("hub1").unwrap()
}

fn dps() -> DpsName {
    DpsName::parse("dps1").unwrap()
}

fn assert_routes(path: &str, expected: &[(&str, Op)]) {
    for (method, operation) in expected {
        let route = parse_route(method, path, "after=7&limit=5&wait=99999");
        assert_eq!(route, Routed::To(operation.clone()), "{method} {path}");
    }
    let route = parse_route("TRACE", path, "");
    assert_eq!(route, Routed::MethodNotAllowed, "{path}");
}

#[test]
fn operations_on_the_whole() {
    assert_routes("/provost/health", &[("GET", Op::Health)]);
    assert_routes("/provost/explain", &[("POST", Op::Explain)]);
    assert_routes("/provost/metrics", &[("GET", Op::Metrics)]);
    assert_routes("/provost/hubs/", &[("GET", Op::ListHubs), ("POST", Op::AddHub)]);
    assert_routes("/provost/adminTokens", &[("POST", Op::CreateAdminToken)]);
}

#[test]
fn operations_on_a_hub() {
    let query = TelemetryQuery {
        after: Some(7),
        limit: PageSize::clamp(Some(5), 1, 1000),
        wait: MAX_WAIT,
    };
    let read = Op::ReadTelemetry(hub(), query);
    assert_routes("/provost/hubs/hub1/telemetry", &[("GET", read)]);
    let bad = parse_route("GET", "/provost/hubs/hub1/telemetry", "after=x");
    assert_eq!(bad, Routed::Malformed(RouteError::Parameter("after")));
}

#[test]
fn operations_on_an_instance() {
    let links = [("GET", Op::ListLinkedHubs(dps()))];
    assert_routes("/provost/dps/dps1/linkedHubs", &links);
    let link = [
        ("GET", Op::GetLinkedHub(dps(), hub())),
        ("PUT", Op::PutLinkedHub(dps(), hub())),
        ("DELETE", Op::DeleteLinkedHub(dps(), hub())),
    ];
    assert_routes("/provost/dps/dps1/linkedhubs/hub1", &link);
    assert_routes("/provost/dps/dps1/quota", &[("GET", Op::GetQuota(dps()))]);
    let query = [("POST", Op::QueryRecords(dps()))];
    assert_routes("/provost/dps/dps1/registrations/query", &query);
    let delete = [("POST", Op::DeleteRecords(dps()))];
    assert_routes("/provost/dps/dps1/registrations/delete", &delete);
    let device = RegistrationId::parse("press-1").unwrap();
    let read = [("GET", Op::ReadAllocation(dps(), device))];
    assert_routes("/provost/dps/dps1/registrations/press-1/allocation", &read);
    assert_routes(
        "/provost/dps/dps1/blastRadius",
        &[("POST", Op::BlastRadius(dps()))],
    );
    assert_routes("/provost/dps/dps1/disenroll", &[("POST", Op::Disenroll(dps()))]);
}

#[test]
fn nothing_else() {
    assert_eq!(parse_route("GET", "/provost/unknown", ""), Routed::NotFound);
}

proptest! {
    #[test]
    fn never_panics(method in "[A-Z]{0,7}", path in any::<String>(), query in any::<String>()) {
        let _ = parse_route(&method, &format!("/provost/{path}"), &query);
        let _ = parse_route("GET", "/provost/hubs/h/telemetry", &query);
    }
}
