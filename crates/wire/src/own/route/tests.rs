use proptest::prelude::*;
use provost_model::{ConsumerGroupName, PageSize, PartitionId, TelemetryStart, Timestamp};

use super::OwnOperation as Op;
use super::*;
use crate::own::{MAX_WAIT, TelemetryQuery, parse_cursor};

fn hub() -> HubName {
    HubName::parse("hub1").unwrap()
}

fn dps() -> DpsName {
    DpsName::parse("dps1").unwrap()
}

fn assert_routes(path: &str, expected: &[(&str, Op)]) {
    for (method, operation) in expected {
        // What changes something takes no parameter it does not know.
        let query = if *method == "GET" {
            "after=0-7&limit=5&wait=99999"
        } else {
            ""
        };
        let route = parse_route(method, path, query);
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
fn operations_on_telemetry() {
    let query = TelemetryQuery {
        start: TelemetryStart::Cursor(parse_cursor("0-7").unwrap()),
        partition: None,
        device_id: None,
        limit: PageSize::clamp(Some(5), 1, 1000),
        wait: Some(MAX_WAIT),
    };
    let of = |operation| Op::Telemetry(hub(), operation);
    let base = "/provost/hubs/hub1";
    let read = of(TelemetryOperation::Read(query.clone()));
    assert_routes(&format!("{base}/telemetry"), &[("GET", read)]);
    let follow = of(TelemetryOperation::Follow(query));
    assert_routes(&format!("{base}/telemetry/events"), &[("GET", follow)]);
    let partitions = of(TelemetryOperation::Partitions);
    assert_routes(&format!("{base}/telemetry/partitions"), &[("GET", partitions)]);
    let groups = of(TelemetryOperation::ListGroups);
    assert_routes(&format!("{base}/consumerGroups"), &[("GET", groups)]);
    let name = ConsumerGroupName::parse("$Default").unwrap();
    let one = [
        ("GET", of(TelemetryOperation::GetGroup(name.clone()))),
        ("PUT", of(TelemetryOperation::PutGroup(name.clone()))),
        ("DELETE", of(TelemetryOperation::DeleteGroup(name.clone()))),
    ];
    assert_routes(&format!("{base}/consumerGroups/%24default"), &one);
    let checkpoint = of(TelemetryOperation::PutCheckpoint(
        name,
        PartitionId::new(3).unwrap(),
    ));
    let path = format!("{base}/consumergroups/$Default/partitions/3/checkpoint");
    assert_routes(&path, &[("PUT", checkpoint)]);
}

#[test]
fn telemetry_begins_where_the_query_says() {
    let start = |query: &str| match parse_route("GET", "/provost/hubs/hub1/telemetry", query) {
        Routed::To(Op::Telemetry(_, TelemetryOperation::Read(query))) => Ok(query.start),
        Routed::Malformed(error) => Err(error),
        other => panic!("{other:?}"),
    };
    let group = |name: &str| TelemetryStart::Checkpoint(ConsumerGroupName::parse(name).unwrap());
    for (query, expected) in [
        ("", TelemetryStart::Latest),
        ("after=0", TelemetryStart::Earliest),
        ("from=earliest", TelemetryStart::Earliest),
        ("from=latest&consumerGroup=a", TelemetryStart::Latest),
        ("consumerGroup=a", group("a")),
        ("from=checkpoint", group("$Default")),
        ("partition=1&sequenceNumber=9", TelemetryStart::Sequence(9)),
        (
            "from=1970-01-01T00:00:00Z",
            TelemetryStart::Since(Timestamp::default()),
        ),
    ] {
        assert_eq!(start(query), Ok(expected), "{query}");
    }
    for (query, name) in [
        ("after=7", "after"),
        ("from=yesterday", "from"),
        ("partition=32", "partition"),
        ("sequenceNumber=x", "sequenceNumber"),
    ] {
        assert_eq!(start(query), Err(RouteError::Parameter(name)), "{query}");
    }
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
