use std::time::Duration;

use super::Desk;

/// Command lines and their exit codes, in an order in which each finds what it needs.
const CODES: [(&str, i32); 16] = [
    ("--version", 0),
    ("dps show", 0),
    (
        "dps enrollment create --eid press-1 --attestation-type symmetrickey",
        0,
    ),
    ("dps enrollment show --eid press-1", 0),
    ("dps enrollment show --eid never-made", 1),
    ("dps enrollment delete --eid never-made", 1),
    ("dps certificate create -n a --path never-made.pem", 1),
    ("hub device show --device-id never-made", 1),
    ("hub twin show --device-id never-made", 1),
    ("hub method invoke --device-id never-made --mn m", 1),
    ("", 2),
    ("never-heard-of", 2),
    ("dps enrollment show", 2),
    ("dps enrollment create --eid a --attestation-type magic", 2),
    ("dps show --output yaml", 2),
    ("simulate --devices many", 2),
];

#[tokio::test]
async fn done_is_0_refused_is_1_and_wrong_usage_is_2() {
    let desk = Desk::new().await;
    for (line, code) in CODES {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let done = desk.provost(&arguments).await;
        assert_eq!(done.code, Some(code), "{line}: {}{}", done.stdout, done.stderr);
        if code != 0 {
            assert!(done.stdout.is_empty(), "{line} talks on stdout: {}", done.stdout);
            assert!(!done.stderr.is_empty(), "{line} says nothing");
        }
    }
}

#[tokio::test]
async fn an_error_is_named_as_the_service_names_it() {
    let desk = Desk::new().await;
    let done = desk
        .provost(&["dps", "enrollment", "show", "--eid", "never-made"])
        .await;
    assert!(done.stderr.contains("404201"), "{}", done.stderr);
    let done = desk
        .provost(&["hub", "device", "show", "--device-id", "never-made"])
        .await;
    assert!(done.stderr.contains("DeviceNotFound"), "{}", done.stderr);
}

#[tokio::test]
async fn data_is_json_in_a_pipe_and_a_table_when_asked_for() {
    let desk = Desk::new().await;
    desk.provost(&["hub", "device", "create", "--device-id", "dev-1"])
        .await
        .ok();
    let listed = desk.provost(&["hub", "device", "list"]).await.ok();
    assert_eq!(listed[0]["deviceId"], "dev-1");
    let table = desk
        .provost(&["hub", "device", "list", "--output", "table"])
        .await;
    assert_eq!(table.code, Some(0));
    assert!(
        table.stdout.contains("dev-1") && !table.stdout.contains('{'),
        "{}",
        table.stdout
    );
}

#[tokio::test]
async fn keys_are_shown_only_when_asked_for() {
    let desk = Desk::new().await;
    let made = desk
        .provost(&["hub", "device", "create", "--device-id", "dev-1"])
        .await;
    let shown = desk
        .provost(&["hub", "device", "show", "--device-id", "dev-1", "--show-keys"])
        .await
        .ok();
    let key = shown["authentication"]["symmetricKey"]["primaryKey"]
        .as_str()
        .expect("a key");
    assert!(!made.stdout.contains(key));
    let hidden = desk
        .provost(&["hub", "device", "show", "--device-id", "dev-1"])
        .await;
    assert!(!hidden.stdout.contains(key), "{}", hidden.stdout);
}

#[tokio::test]
async fn without_a_server_it_is_1_and_says_so() {
    let desk = Desk::new().await;
    let (ended, never) = (desk.path(""), tempfile::tempdir().unwrap());
    let code = desk.server.terminate(Duration::from_secs(10)).await;
    assert!(code.expect("it ends").success());
    for folder in [ended.as_path(), never.path()] {
        let output = tokio::process::Command::new(provost_testkit::program())
            .args(["dps", "show"])
            .current_dir(folder)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", folder.display());
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
    }
}
