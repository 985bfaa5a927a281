//! docs/SIMULATED-FLEET.md: an operator rolls the intermediate of a living fleet.

use std::time::Duration;

use provost_testkit::eventually;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Desk;

const PAGE: &str = include_str!("../../docs/SIMULATED-FLEET.md");

/// The blocks of commands of a chapter.
fn blocks_of(title: &str) -> Vec<String> {
    let begin = format!("\n## {title}\n");
    let chapter = PAGE.split_once(begin.as_str()).expect("a chapter").1;
    let chapter = chapter
        .split_once("\n## ")
        .map_or(chapter, |(chapter, _)| chapter);
    let blocks = chapter
        .trim_start_matches('\n')
        .split("\n\n")
        .filter(|block| block.starts_with("    "));
    blocks.map(str::to_owned).collect()
}

fn blocks() -> Vec<String> {
    blocks_of("Rolling an intermediate")
}

async fn twin(desk: &Desk, id: &str) -> Value {
    let show = ["hub", "twin", "show", "--device-id", id, "--output", "json"];
    desk.provost(&show).await.ok()
}

/// Since when a device has the session it has now.
async fn since(desk: &Desk, id: &str) -> Option<String> {
    let show = ["hub", "device", "show", "--device-id", id, "--output", "json"];
    let identity = desk.provost(&show).await.ok();
    let at = identity["connectionStateUpdatedTime"].as_str()?;
    (identity["connectionState"] == "Connected").then(|| at.to_owned())
}

async fn connected(desk: &Desk) -> Value {
    let done = desk.provost(&["hub", "statistics", "--output", "json"]).await;
    done.ok()["connectedDeviceCount"].clone()
}

/// Asks it to end and reads its report.
async fn report(mut fleet: Child) -> (Option<i32>, Value) {
    let id = fleet.id().expect("it runs").to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    assert!(asked.success());
    let mut text = String::new();
    let mut stdout = fleet.stdout.take().unwrap();
    let read = async {
        stdout.read_to_string(&mut text).await.unwrap();
        fleet.wait().await.unwrap().code()
    };
    let code = timeout(Duration::from_secs(30), read).await.expect("it ends");
    (code, serde_json::from_str(&text).expect("a report"))
}

fn stays<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let stay =
        "simulate --prefix press --gid line-1 --authority authority --stay --interval 0.2 --output json";
    stay.split(' ').chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn a_rolled_intermediate_reaches_every_device_that_obeys_and_no_message_is_lost() {
    let desk = Desk::new().await;
    let blocks = blocks();
    let [begin, roll, call, show] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };
    // The fleet itself is started here, so that it can be ended.
    let prepared: Vec<&str> = begin.lines().take(2).collect();
    desk.shell(&prepared.join("\n")).await.ok();
    assert!(begin.contains("provost simulate --devices 500 --prefix press --gid line-1"));
    let fleet = desk.spawn(&stays(&["--devices", "12", "--misbehave-id", "press-0000003"]));
    eventually("the whole fleet is connected", async || {
        (connected(&desk).await == 12).then_some(())
    })
    .await;
    let before = twin(&desk, "press-0000001").await;
    assert_eq!(before["properties"]["reported"]["generation"], 1);

    desk.shell(roll).await.ok();
    desk.shell(call).await.ok();
    for id in ["press-0000001", "press-0000002"] {
        let reported = eventually("a device with the new certificate", async || {
            let twin = twin(&desk, id).await;
            let reported = twin["properties"]["reported"].clone();
            (reported["generation"] == 2).then_some((reported, twin))
        });
        let (reported, twin) = reported.await;
        assert_eq!(reported["certificate"]["issuer"], "CN=simulated intermediate 2");
        assert_eq!(
            reported["certificate"]["thumbprint"], twin["x509Thumbprint"]["primaryThumbprint"],
            "the hub knows the new one"
        );
    }
    desk.shell(show).await.ok();
    let ping = "hub method invoke --device-id press-0000009 --mn ping --mp {\"a\":1}";
    let pong = desk.provost(&ping.split(' ').collect::<Vec<_>>()).await.ok();
    assert_eq!(pong, json!({"status": 200, "payload": {"a": 1}}));
    let unknown = "hub method invoke --device-id press-0000009 --mn dance";
    let unknown = desk.provost(&unknown.split(' ').collect::<Vec<_>>()).await.ok();
    assert_eq!(unknown["status"], 404);
    assert_eq!(connected(&desk).await, 11, "one has vanished");

    let (code, report) = report(fleet).await;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["reprovisioned"], 2);
    assert_eq!(report["connected"], 11);
    assert_eq!(report["lost"], 0);
    assert_eq!(report["missing"], json!([]));
    assert_eq!(report["methods"], 5);
    assert!(report["acknowledged"].as_u64() >= Some(12), "{report}");
}

#[tokio::test]
async fn a_device_refused_with_its_new_certificate_goes_back_with_the_old_one() {
    let desk = Desk::new().await;
    let begin = blocks().remove(0);
    let prepared: Vec<&str> = begin.lines().take(2).collect();
    desk.shell(&prepared.join("\n")).await.ok();
    let fleet = desk.spawn(&stays(&[
        "--devices",
        "3",
        "--misbehave",
        "1",
        "--misbehaviour",
        "old-certificate",
    ]));
    eventually("the whole fleet is connected", async || {
        (connected(&desk).await == 3).then_some(())
    })
    .await;
    // The group does not know the new intermediate.
    desk.shell("provost simulate-authority roll --authority authority")
        .await
        .ok();
    let both = ["press-0000001", "press-0000002"];
    let before = [since(&desk, both[0]).await, since(&desk, both[1]).await];
    for id in both {
        let call = [
            "hub",
            "method",
            "invoke",
            "--device-id",
            id,
            "--mn",
            "reprovision",
        ];
        assert_eq!(desk.provost(&call).await.ok()["status"], 200);
    }
    // Back, not still there: they answer first and leave then.
    for (id, before) in both.into_iter().zip(before) {
        assert!(before.is_some(), "{id} is connected");
        eventually("it has left and is back", async || {
            let now = since(&desk, id).await;
            (now.is_some() && now != before).then_some(())
        })
        .await;
    }
    assert_eq!(connected(&desk).await, 3);
    let twin = twin(&desk, "press-0000002").await;
    let reported = &twin["properties"]["reported"];
    assert_eq!(reported["generation"], 1);
    assert_eq!(reported["certificate"]["issuer"], "CN=simulated intermediate 1");
    let (code, report) = report(fleet).await;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["reprovisioned"], 0);
    let interruptions = report["interruptions"].to_string();
    assert!(interruptions.contains("register: 40"), "{interruptions}");
}

/// What a device says of itself, while it is at its hub.
async fn reported(desk: &Desk, id: &str) -> Option<Value> {
    let show = ["hub", "twin", "show", "--device-id", id, "--output", "json"];
    let done = desk.provost(&show).await;
    // Before it registers there is none.
    let twin = (done.code == Some(0)).then(|| done.ok())?;
    (twin["connectionState"] == "Connected").then(|| twin["properties"]["reported"].clone())
}

/// Thumbprints of what was issued to a device and revoked.
async fn revoked(desk: &Desk, id: &str) -> Vec<String> {
    let list = format!("adr certificate list --ns plant --device {id} --output json");
    let all = desk.provost(&list.split(' ').collect::<Vec<_>>()).await.ok();
    let all = all.as_array().expect("a list").clone();
    let revoked = all.iter().filter(|one| !one["revokedAt"].is_null());
    let thumbprint = |one: &Value| one["sha256Thumbprint"].as_str().expect("a thumbprint").to_owned();
    revoked.map(thumbprint).collect()
}

/// A fleet whose certificates last seven seconds renews them, comes back after a revocation, and stays out
/// when it is disabled.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story of a fleet")]
async fn a_fleet_lives_through_many_certificates_and_heals_after_revocations() {
    let blocks = blocks_of("A day of a fleet in a minute");
    let [configuration, begin, revoke, issuer] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };
    let desk = Desk::configured(&configuration.replace("seconds = 2", "seconds = 1")).await;
    let (prepared, simulate) = begin.split_once("    provost simulate ").expect("a fleet");
    assert!(simulate.starts_with("--devices 500 --prefix cell --credential-policy default"));
    desk.shell(prepared).await.ok();
    let stay = "simulate --devices 6 --prefix cell --credential-policy default --stay --interval 0.5 \
                --renew-at 50 --output json";
    let fleet = desk.spawn(&stay.split_ascii_whitespace().collect::<Vec<_>>());
    eventually("a device with its fourth certificate", async || {
        let reported = reported(&desk, "cell-0000003").await?;
        (reported["generation"].as_u64() >= Some(4)).then_some(())
    })
    .await;

    desk.shell(revoke).await.ok();
    let gone = revoked(&desk, "cell-0000001").await;
    assert!(gone.len() >= 2, "all that have not expired: {gone:?}");
    eventually("the revoked device with another certificate", async || {
        let reported = reported(&desk, "cell-0000001").await?;
        let thumbprint = reported["certificate"]["thumbprint"]
            .as_str()?
            .to_ascii_lowercase();
        let is_other = !gone.iter().any(|gone| gone.eq_ignore_ascii_case(&thumbprint));
        is_other.then_some(())
    })
    .await;
    eventually("all but the disabled one", async || {
        (connected(&desk).await == 5).then_some(())
    })
    .await;

    let before = reported(&desk, "cell-0000003")
        .await
        .map(|told| told["certificate"]["issuer"].clone());
    desk.shell(issuer).await.ok();
    for id in [
        "cell-0000001",
        "cell-0000003",
        "cell-0000004",
        "cell-0000005",
        "cell-0000006",
    ] {
        eventually("a device under the new issuing CA", async || {
            let issuer = reported(&desk, id).await?["certificate"]["issuer"].clone();
            (Some(&issuer) != before.as_ref()).then_some(())
        })
        .await;
    }
    assert_eq!(
        twin(&desk, "cell-0000002").await["connectionState"],
        "Disconnected"
    );
    let metrics = desk.server.own_api().get("/provost/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.raw).into_owned();
    assert!(
        metrics.contains("provost_certificate_renewals_total{hub=\"hub\",step=\"issued\""),
        "{metrics}"
    );

    let (code, report) = report(fleet).await;
    assert_eq!(code, Some(1), "one is missing: {report}");
    assert_eq!(report["missing"], json!(["cell-0000002"]));
    assert!(report["renewed"].as_u64() >= Some(12), "{report}");
    assert!(report["registeredAgain"].as_u64() >= Some(1 + 5), "{report}");
}
