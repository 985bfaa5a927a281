use serde_json::Value;

use super::Desk;

#[tokio::test]
async fn r_051_records_of_a_group_are_listed_shown_and_deleted_under_the_names_of_az() {
    let desk = Desk::new().await;
    let group = "provost dps enrollment-group";
    let ask = async |line: &str| desk.shell(&format!("{group} {line}")).await;
    let ids = async || -> Vec<String> {
        let found = ask("registration list --gid line").await.ok();
        let id = |record: &Value| record["registrationId"].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(id).collect()
    };
    for line in ["line", "other"] {
        ask(&format!("create --gid {line} --attestation-type symmetrickey"))
            .await
            .ok();
        let devices =
            format!("provost simulate --devices 2 --prefix {line} --gid {line} --attestation symmetric");
        assert_eq!(desk.shell(&devices).await.code, Some(0));
    }
    assert_eq!(ids().await, ["line-0000001", "line-0000002"]);
    assert_eq!(
        ask("registration list --gid line --top 1")
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let shown = ask("registration show --rid line-0000001").await.ok();
    assert_eq!(shown["status"], "assigned");

    let stale = "registration delete --rid line-0000001 --etag stale";
    assert_eq!(ask(stale).await.code, Some(1));
    let etag = shown["etag"].as_str().unwrap().trim_matches('"');
    let delete = format!("registration delete --rid line-0000001 --etag {etag}");
    assert_eq!(ask(&delete).await.code, Some(0));
    assert_eq!(ask("registration show --rid line-0000001").await.code, Some(1));

    assert_eq!(ask("delete --gid line").await.code, Some(0));
    assert_eq!(ids().await, ["line-0000002"]);
    assert_eq!(ask("registration delete --rid line-0000002").await.code, Some(0));
    assert!(ids().await.is_empty());
}
