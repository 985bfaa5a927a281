//! What was shut out after a backup stays shut out when that is restored (certificate-management.md R-033,
//! docs/KEYS-AND-BACKUP.md).

use std::path::Path;
use std::process::Output;

use provost_testkit::{
    ChildServer, Device, Enrollment, FixtureAuthority, Via, clients, eventually, program, signers,
};
use serde_json::{Value, json};
use tokio::process::Command;

/// `provost backup …` on a data folder.
async fn backup(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.arg("backup").args(arguments).arg("--data").arg(data);
    command.output().await.expect("the program runs")
}

/// The same once whoever held the folder has let go of it: the lock of a process that was killed may outlive it for
/// a moment on a busy machine.
async fn backup_when_free(data: &Path, arguments: &[&str]) -> Output {
    eventually("the folder is free", async || {
        let done = backup(data, arguments).await;
        let is_in_use = String::from_utf8_lossy(&done.stderr).contains("in use");
        (!is_in_use).then_some(done)
    })
    .await
}

/// What it printed.
#[track_caller]
fn told(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[track_caller]
fn assert_refused(output: &Output, reason: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(reason), "{text}");
}

fn group(id: &str, authority: &FixtureAuthority) -> Enrollment {
    Enrollment::group(id).x509(&signers(authority))
}

#[tokio::test]
async fn a_group_that_was_disabled_after_the_backup_blocks_its_chain_in_other_groups_too() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    let to = to.to_str().unwrap();
    let root = FixtureAuthority::root("Plant Root");
    let line = root.intermediate("Line CA");
    let server = ChildServer::start(&data).await;
    server.dps_api().put_enrollment(&group("line", &line)).await;
    server.dps_api().put_enrollment(&group("plant", &root)).await;
    let device = Device::with_leaf(&line.leaf("press-1"));
    device.is_assigned(&server, Via::Https).await;
    told(&backup(&data, &["create", "--to", to]).await);
    server
        .dps_api()
        .put_enrollment(&group("plant", &root).disabled())
        .await;
    device.is_disabled(&server, Via::Https).await;

    // Not while it runs; that leaves no trace.
    let refused = backup(&data, &["restore", "--from", to, "--force"]).await;
    assert_refused(&refused, "in use");
    server.kill().await;
    let refused = backup_when_free(&data, &["restore", "--from", to]).await;
    assert_refused(&refused, "--force");
    let report = told(&backup(&data, &["restore", "--from", to, "--force"]).await);
    assert_eq!(report["shutOutAgain"]["enrollments"], 1, "{report}");

    let server = ChildServer::start(&data).await;
    device.is_disabled(&server, Via::Https).await;
    let other = Device::with_leaf(&line.leaf("press-2"));
    other.is_disabled(&server, Via::Mqtt).await;
}

/// what shuts out may have been made after the backup.
#[tokio::test]
async fn what_was_made_after_the_backup_to_keep_a_device_out_keeps_it_out() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    let to = to.to_str().unwrap();
    let root = FixtureAuthority::root("Plant Root");
    let line = root.intermediate("Line CA");
    let leaves = ["press-1", "press-2", "press-3"].map(|id| line.leaf(id));
    let [by_id, by_leaf, by_group] = leaves.each_ref().map(Device::with_leaf);
    let server = ChildServer::start(&data).await;
    server.dps_api().put_enrollment(&group("plant", &root)).await;
    for device in [&by_id, &by_leaf, &by_group] {
        device.is_assigned(&server, Via::Https).await;
    }
    told(&backup(&data, &["create", "--to", to]).await);
    let [own, held, _] = &leaves;
    for entry in [
        Enrollment::individual("press-1")
            .x509(&clients(own, None))
            .disabled(),
        Enrollment::individual("holder")
            .x509(&clients(held, None))
            .disabled(),
    ] {
        server.dps_api().put_enrollment(&entry).await;
    }
    by_id.is_disabled(&server, Via::Https).await;
    by_leaf.is_disabled(&server, Via::Https).await;
    by_group.is_assigned(&server, Via::Https).await;
    server
        .dps_api()
        .put_enrollment(&group("line", &line).disabled())
        .await;
    by_group.is_disabled(&server, Via::Https).await;

    server.kill().await;
    let report = told(&backup(&data, &["restore", "--from", to, "--force"]).await);
    let made = &report["shutOutAgain"]["madeAfterTheBackup"];
    assert_eq!(made["enrollments"], 3, "{report}");

    let server = ChildServer::start(&data).await;
    for device in [&by_id, &by_leaf, &by_group] {
        device.is_disabled(&server, Via::Https).await;
    }
    let other = Device::with_leaf(&line.leaf("press-4"));
    other.is_disabled(&server, Via::Mqtt).await;
}

#[tokio::test]
async fn deleted_policies_and_modules_do_not_come_back_and_renewed_keys_are_the_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (folder.path().join("data"), folder.path().join("backup"));
    let to = to.to_str().unwrap();
    let server = ChildServer::start(&data).await;
    let hub = server.hub_api();
    let made = json!({ "deviceId": "dev-1" });
    let mut device = hub.put("/devices/dev-1", &made).await.ok();
    let module = json!({ "deviceId": "dev-1", "moduleId": "m" });
    assert_eq!(hub.put("/devices/dev-1/modules/m", &module).await.status, 201);
    told(&backup(&data, &["create", "--to", to]).await);
    hub.delete("/devices/dev-1/modules/m").await.no_content();
    let renewed = json!({
        "primaryKey": "bmV3ZXIga2V5IG9mIDMyIGJ5dGVzIC4uLi4uLi4uLi4=",
        "secondaryKey": "c2Vjb25kIGtleSBvZiAzMiBieXRlcyAuLi4uLi4uLi4=",
    });
    device["authentication"]["symmetricKey"] = renewed.clone();
    hub.put_if("/devices/dev-1", "*", &device).await.ok();
    server.kill().await;
    let report = told(&backup_when_free(&data, &["restore", "--from", to, "--force"]).await);
    assert_eq!(report["shutOutAgain"]["modules"], 1, "{report}");
    assert_eq!(report["newerKept"]["hubDevices"], 1, "{report}");

    let server = ChildServer::start(&data).await;
    let hub = server.hub_api();
    assert_eq!(hub.get("/devices/dev-1/modules/m").await.status, 404);
    let found = hub.get("/devices/dev-1").await.ok();
    assert_eq!(found["authentication"]["symmetricKey"], renewed, "{found}");
    assert_eq!(found["status"], "enabled");
}
