use std::time::Duration;

use provost_testkit::{Via, assigned};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use super::Desk;

#[tokio::test]
async fn monitor_follows_one_device_live() {
    let desk = Desk::after_quickstart().await;
    let device = desk.device();
    assigned(device.register(&desk.server, Via::Mqtt).await);
    let mut session = device.connect(&desk.server).await.unwrap();
    session.send_telemetry(b"{\"t\":1}", &[]).await.unwrap();
    desk.provost(&["hub", "device", "create", "--device-id", "other"])
        .await
        .ok();

    let arguments = ["hub", "monitor", "--device-id", "press-0001", "--output", "json"];
    let mut monitor = desk.spawn(&arguments);
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    // It begins with what comes after it has begun, whenever that is: sent until one is seen.
    let first = loop {
        session
            .send_telemetry(b"{\"t\":2}", &[("unit", "C")])
            .await
            .unwrap();
        if let Ok(line) = timeout(Duration::from_millis(500), lines.next_line()).await {
            break line.unwrap().expect("the monitor goes on");
        }
    };
    let first: Value = serde_json::from_str(&first).unwrap();
    let text = first.to_string();
    assert!(
        text.contains("press-0001") && text.contains("\"unit\":\"C\""),
        "{text}"
    );
    assert!(!text.contains("\"t\":1"), "what was before is not shown: {text}");
    session.send_telemetry(b"{\"t\":3}", &[]).await.unwrap();
    let third = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the monitor goes on");
            if line.contains("\"t\":3") || line.contains("eyJ0IjozfQ==") {
                break;
            }
        }
    };
    timeout(Duration::from_secs(10), third)
        .await
        .expect("the next message is shown live");
    assert!(
        monitor.try_wait().unwrap().is_none(),
        "it goes on until it is stopped"
    );
    monitor.kill().await.unwrap();
}
