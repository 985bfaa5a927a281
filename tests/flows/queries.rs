//! iot-hub-service-api.md 19: S-07, queries over twins.

use std::collections::BTreeSet;

use provost_testkit::{Answer, ServiceApi, TestServer, eventually};
use serde_json::{Value, json};

use super::device_connect::device_with_key;

const PATH: &str = "/devices/query";

/// Six devices: two edge gateways, one disabled, tags and desired properties of several kinds.
async fn fleet() -> (TestServer, ServiceApi) {
    let server = TestServer::start().await;
    let api = server.hub_api();
    let mut items = Vec::new();
    for number in 0..6 {
        items.push(json!({
            "id": format!("d{number}"),
            "importMode": "create",
            "status": if number == 5 { "disabled" } else { "enabled" },
            "authentication": { "type": "sas" },
            "capabilities": { "iotEdge": number < 2 },
            "tags": { "place": { "site": if number % 2 == 0 { "north" } else { "south" }, "floor": number }, "odd-name": number },
            "properties": { "desired": { "period": 10 * (number % 3) } },
        }));
    }
    let done = api.post("/devices", &Value::Array(items)).await.ok();
    assert_eq!(done["isSuccessful"], true);
    (server, api)
}

async fn ask(api: &ServiceApi, query: &str) -> Answer {
    api.post(PATH, &json!({ "query": query })).await
}

async fn items(api: &ServiceApi, query: &str) -> Vec<Value> {
    let answer = ask(api, query).await;
    assert_eq!(answer.header("x-ms-continuation"), None, "{query}");
    answer.ok().as_array().unwrap().clone()
}

fn ids(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["deviceId"].as_str().unwrap())
        .collect()
}

async fn found(api: &ServiceApi, condition: &str) -> Vec<String> {
    let query = format!("SELECT deviceId FROM devices WHERE {condition}");
    let items = items(api, &query).await;
    ids(&items).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn s_07_a_listing_gives_whole_twins() {
    let (_server, api) = fleet().await;
    let answer = ask(&api, "select * from devices").await;
    assert_eq!(answer.header("x-ms-item-type").as_deref(), Some("Twin"));
    let twins = answer.ok();
    assert_eq!(twins.as_array().unwrap().len(), 6);
    assert_eq!(twins[3], api.get("/twins/d3").await.ok());
}

#[tokio::test]
async fn s_07_queries_of_the_command_line() {
    let (_server, api) = fleet().await;
    let edge = items(&api, "select * from devices where capabilities.iotEdge = true").await;
    assert_eq!(ids(&edge), ["d0", "d1"]);
    let answer = ask(&api, "SELECT deviceId, deviceScope FROM devices").await;
    assert_eq!(answer.header("x-ms-item-type").as_deref(), Some("Raw"));
    let rows = answer.ok();
    assert_eq!(
        rows[5],
        json!({ "deviceId": "d5" }),
        "no member for what is not there"
    );
    assert!(rows[0]["deviceScope"].is_string());
    assert!(
        items(
            &api,
            "select deviceId from devices where array_contains(parentScopes, 'x')"
        )
        .await
        .is_empty()
    );
}

#[tokio::test]
async fn s_07_conditions_of_the_samples() {
    let (_server, api) = fleet().await;
    for (condition, expected) in [
        ("tags.place.site = 'north'", &["d0", "d2", "d4"][..]),
        ("tags.place.floor >= 4", &["d4", "d5"]),
        (
            "tags.place.floor IN [1, 3, 99] AND tags.place.site = 'south'",
            &["d1", "d3"],
        ),
        ("deviceId IN ['d4','nobody','d0']", &["d0", "d4"]),
        ("deviceId >= 'd3' AND deviceId < 'd5'", &["d3", "d4"]),
        ("is_defined(tags.place.site) AND tags.[[odd-name]] = 2", &["d2"]),
        ("properties.desired.period = 20", &["d2", "d5"]),
        ("status = 'disabled'", &["d5"]),
        (
            "NOT (tags.place.site = 'north') AND status != 'disabled'",
            &["d1", "d3"],
        ),
        ("tags.place.floor NIN [0, 1, 2, 3, 4]", &["d5"]),
        (
            "authenticationType = 'sas' AND version = 2 AND tags.place.floor = 0",
            &["d0"],
        ),
        (
            "tags.place.site = 'north' OR tags.place.floor = 1",
            &["d0", "d1", "d2", "d4"],
        ),
        (
            "STARTSWITH(tags.place.site, 's') AND tags.place.floor % 3 = 0",
            &["d3"],
        ),
    ] {
        assert_eq!(found(&api, condition).await, expected, "{condition}");
    }
}

#[tokio::test]
async fn s_07_an_unknown_attribute_is_no_match_and_neither_is_its_negation() {
    let (_server, api) = fleet().await;
    for condition in [
        "tags.nowhere = 1",
        "tags.nowhere != 1",
        "NOT tags.nowhere = 1",
        "tags.nowhere NIN [1]",
        "tags.place = 1",
        "tags.place.floor = '3'",
        "nonsense = nonsense",
    ] {
        assert!(found(&api, condition).await.is_empty(), "{condition}");
    }
}

#[tokio::test]
async fn s_07_connection_and_activity_are_those_of_this_moment() {
    let (server, api) = fleet().await;
    assert!(found(&api, "connectionState = 'Connected'").await.is_empty());
    let (device, _) = device_with_key(&server, "live-1").await;
    let session = device.connect_over(&server, false).await.unwrap();
    assert_eq!(found(&api, "connectionState = 'Connected'").await, ["live-1"]);
    assert_eq!(
        found(&api, "lastActivityTime > '2000-01-01T00:00:00Z'").await,
        ["live-1"]
    );
    let rows = items(
        &api,
        "SELECT connectionState, COUNT() AS n FROM devices GROUP BY connectionState",
    )
    .await;
    assert_eq!(
        rows,
        [
            json!({ "connectionState": "Connected", "n": 1 }),
            json!({ "connectionState": "Disconnected", "n": 6 }),
        ]
    );
    drop(session);
}

#[tokio::test]
async fn s_07_aggregates_and_groups() {
    let (_server, api) = fleet().await;
    for (query, expected) in [
        ("SELECT COUNT() AS n FROM devices", json!([{ "n": 6 }])),
        (
            "SELECT COUNT(*) AS n FROM devices WHERE tags.place.site = 'south'",
            json!([{ "n": 3 }]),
        ),
        (
            "SELECT COUNT() AS n FROM devices WHERE tags.nowhere = 1",
            json!([{ "n": 0 }]),
        ),
        (
            "SELECT SUM(tags.place.floor) AS s, AVG(tags.place.floor) AS a, MIN(tags.place.floor) AS l, \
             MAX(tags.place.site) AS h FROM devices",
            json!([{ "s": 15, "a": 2.5, "l": 0, "h": "south" }]),
        ),
        (
            "SELECT tags.place.site AS site, COUNT() AS n, MAX(tags.place.floor) AS top FROM devices \
             WHERE status = 'enabled' GROUP BY tags.place.site",
            json!([{ "site": "north", "n": 3, "top": 4 }, { "site": "south", "n": 2, "top": 3 }]),
        ),
        (
            "SELECT COUNT() AS n, properties.reported.firmware AS f FROM devices GROUP BY properties.reported.firmware",
            json!([{ "n": 6 }]),
        ),
    ] {
        assert_eq!(Value::Array(items(&api, query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn s_07_pages_hold_through_changes() {
    let (_server, api) = fleet().await;
    for query in [
        "SELECT * FROM devices",
        "SELECT deviceId FROM devices WHERE tags.place.floor >= 0",
        "SELECT deviceId FROM devices WHERE tags.place.site IN ['north', 'south']",
    ] {
        let mut seen = BTreeSet::new();
        let mut continuation: Option<String> = None;
        let mut pages = 0;
        loop {
            let mut headers = vec![("x-ms-max-item-count", "2")];
            headers.extend(continuation.as_deref().map(|token| ("x-ms-continuation", token)));
            let answer = api
                .send("POST", PATH, &headers, Some(&json!({ "query": query })))
                .await;
            continuation = answer.header("x-ms-continuation");
            let page = answer.ok();
            for id in ids(page.as_array().unwrap()) {
                assert!(seen.insert(id.to_owned()), "{id} came twice");
            }
            // What was given is changed, what comes before is made anew, what is to come stays.
            api.patch(
                "/twins/d0",
                &json!({ "tags": { "place": { "floor": 100 + pages } } }),
            )
            .await
            .ok();
            api.put(
                &format!("/devices/a{pages}"),
                &json!({ "deviceId": format!("a{pages}") }),
            )
            .await;
            pages += 1;
            if continuation.is_none() {
                break;
            }
        }
        let all = (0..6).map(|number| format!("d{number}"));
        assert!(all.clone().all(|id| seen.contains(&id)), "{query}: {seen:?}");
        assert!(pages >= 3, "{query}");
    }
}

#[tokio::test]
async fn s_07_top_ends_the_pages() {
    let (_server, api) = fleet().await;
    let query = json!({ "query": "SELECT TOP 3 * FROM devices" });
    let headers = [("x-ms-max-item-count", "2")];
    let first = api.send("POST", PATH, &headers, Some(&query)).await;
    let next = first.header("x-ms-continuation").expect("a second page");
    assert_eq!(ids(first.ok().as_array().unwrap()), ["d0", "d1"]);
    let headers = [("x-ms-max-item-count", "2"), ("x-ms-continuation", next.as_str())];
    let second = api.send("POST", PATH, &headers, Some(&query)).await;
    assert_eq!(second.header("x-ms-continuation"), None);
    assert_eq!(ids(second.ok().as_array().unwrap()), ["d2"]);
}

#[tokio::test]
async fn s_07_what_is_wrong_is_400004_and_names_the_place() {
    let (_server, api) = fleet().await;
    let answer = ask(&api, "SELECT * FROM devices WHERE tags.x ==").await;
    answer.refused_by_hub(400_004);
    let message = answer.body["Message"].as_str().unwrap();
    assert!(message.contains("at position 37 of the query"), "{message}");
    for query in [
        "SELECT * FROM devices ORDER BY deviceId".to_owned(),
        format!("SELECT * FROM devices WHERE {}", "x".repeat(8192)),
        format!("SELECT * FROM devices WHERE {}a", "(".repeat(4000)),
    ] {
        ask(&api, &query).await.refused_by_hub(400_004);
    }
    api.post(PATH, &json!({})).await.refused_by_hub(400_006);
    ask(&api, "").await.refused_by_hub(400_006);
    api.post(PATH, &json!([])).await.refused_by_hub(400_006);
    let query = json!({ "query": "SELECT * FROM devices" });
    for token in ["x", "AAAA", "MS8w"] {
        let headers = [("x-ms-continuation", token)];
        let answer = api.send("POST", PATH, &headers, Some(&query)).await;
        answer.refused_by_hub(400_004);
    }
}

#[tokio::test]
async fn s_07_a_continuation_is_of_its_query() {
    let (_server, api) = fleet().await;
    let headers = [("x-ms-max-item-count", "1")];
    let query = json!({ "query": "SELECT * FROM devices" });
    let first = api.send("POST", PATH, &headers, Some(&query)).await;
    let token = first.header("x-ms-continuation").expect("more");
    let other = json!({ "query": "SELECT deviceId FROM devices" });
    let headers = [("x-ms-continuation", token.as_str())];
    api.send("POST", PATH, &headers, Some(&other))
        .await
        .refused_by_hub(400_004);
}

#[tokio::test]
async fn s_07_groups_have_a_bound_and_pages() {
    let (_server, api) = fleet().await;
    let create = |from: usize, to: usize| -> Value {
        let item = |n| json!({ "id": format!("g{n:04}"), "importMode": "create", "tags": { "n": n } });
        Value::Array((from..to).map(item).collect())
    };
    for begin in (0..1000).step_by(100) {
        api.post("/devices", &create(begin, begin + 100)).await.ok();
    }
    let query = json!({ "query": "SELECT tags.n AS n, COUNT() AS c FROM devices GROUP BY tags.n" });
    // A thousand numbers and those without one are a group too many.
    api.post(PATH, &query).await.refused_by_hub(400_004);
    api.delete("/devices/g0000").await.no_content();
    let mut seen = BTreeSet::new();
    let mut continuation: Option<String> = None;
    loop {
        let headers: Vec<_> = continuation
            .as_deref()
            .map(|token| ("x-ms-continuation", token))
            .into_iter()
            .collect();
        let answer = api.send("POST", PATH, &headers, Some(&query)).await;
        continuation = answer.header("x-ms-continuation");
        let page = answer.ok();
        assert!(page.as_array().unwrap().len() <= 100);
        for row in page.as_array().unwrap() {
            assert!(seen.insert(row["n"].to_string()), "{row}");
        }
        if continuation.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
}

#[tokio::test]
async fn s_07_modules_are_twins_of_their_own() {
    let (_server, api) = fleet().await;
    for (device, module) in [("d0", "camera"), ("d0", "agent"), ("d3", "camera")] {
        let body = json!({ "deviceId": device, "moduleId": module });
        let path = format!("/devices/{device}/modules/{module}");
        assert!(api.put(&path, &body).await.status < 300);
    }
    let tags = json!({ "tags": { "lens": "wide" } });
    api.patch("/twins/d3/modules/camera", &tags).await.ok();
    let query = "select * from devices.modules where devices.deviceId = 'd0'";
    let answer = ask(&api, query).await;
    assert_eq!(answer.header("x-ms-item-type").as_deref(), Some("Twin"));
    let twins = answer.ok();
    let names: Vec<_> = twins
        .as_array()
        .unwrap()
        .iter()
        .map(|twin| &twin["moduleId"])
        .collect();
    assert_eq!(names, ["agent", "camera"]);
    assert_eq!(twins[1], api.get("/twins/d0/modules/camera").await.ok());
    assert_eq!(
        Value::Array(
            items(
                &api,
                "SELECT deviceId, moduleId FROM devices.modules WHERE devices.modules.tags.lens = 'wide'"
            )
            .await
        ),
        json!([{ "deviceId": "d3", "moduleId": "camera" }])
    );
    assert_eq!(
        Value::Array(
            items(
                &api,
                "SELECT moduleId, COUNT() AS n FROM devices.modules GROUP BY moduleId"
            )
            .await
        ),
        json!([{ "moduleId": "agent", "n": 1 }, { "moduleId": "camera", "n": 2 }])
    );
    let mut seen = Vec::new();
    let mut continuation: Option<String> = None;
    loop {
        let mut headers = vec![("x-ms-max-item-count", "1")];
        headers.extend(continuation.as_deref().map(|token| ("x-ms-continuation", token)));
        let query = json!({ "query": "SELECT * FROM devices.modules" });
        let answer = api.send("POST", PATH, &headers, Some(&query)).await;
        continuation = answer.header("x-ms-continuation");
        for twin in answer.ok().as_array().unwrap() {
            seen.push(format!("{}/{}", twin["deviceId"], twin["moduleId"]).replace('"', ""));
        }
        if continuation.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["d0/agent", "d0/camera", "d3/camera"]);
}

#[tokio::test]
async fn s_07_what_jobs_did_can_be_queried() {
    let (_server, api) = fleet().await;
    for (job, condition) in [("j1", "tags.place.site = 'north'"), ("j2", "deviceId IN ['d1']")] {
        let body = json!({
            "type": "scheduleUpdateTwin", "queryCondition": condition,
            "updateTwin": { "etag": "*", "tags": { "job": job } },
        });
        api.put(&format!("/jobs/v2/{job}"), &body).await.ok();
        eventually("the job is completed", async || {
            let shown = api.get(&format!("/jobs/v2/{job}")).await.ok();
            (shown["status"] == "completed").then_some(())
        })
        .await;
    }
    let query =
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j1' AND devices.jobs.status = 'completed'";
    let answer = ask(&api, query).await;
    assert_eq!(answer.header("x-ms-item-type").as_deref(), Some("DeviceJob"));
    let rows = answer.ok();
    assert_eq!(ids(rows.as_array().unwrap()), ["d0", "d2", "d4"]);
    assert_eq!(rows[0]["jobType"], "scheduleUpdateTwin");
    assert!(rows[0]["startTimeUtc"].is_string() && rows[0]["endTimeUtc"].is_string());
    assert_eq!(items(&api, "SELECT * FROM devices.jobs").await.len(), 4);
    let of_device = "SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'd1'";
    assert_eq!(items(&api, of_device).await[0]["jobId"], "j2");
    let failed = "SELECT * FROM devices.jobs WHERE devices.jobs.status = 'failed'";
    assert!(items(&api, failed).await.is_empty());
    let headers = [("x-ms-max-item-count", "3")];
    let query = json!({ "query": "SELECT * FROM devices.jobs" });
    let first = api.send("POST", PATH, &headers, Some(&query)).await;
    let next = first.header("x-ms-continuation").expect("more");
    let headers = [("x-ms-continuation", next.as_str())];
    let rest = api.send("POST", PATH, &headers, Some(&query)).await;
    assert_eq!(rest.header("x-ms-continuation"), None);
    assert_eq!(ids(rest.ok().as_array().unwrap()), ["d1"]);
}
