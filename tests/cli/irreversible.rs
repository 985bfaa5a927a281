use serde_json::json;

use super::Desk;

/// The four, with their pages of help.
const OPERATIONS: [&[&str]; 4] = [
    &["adr", "device", "revoke"],
    &["adr", "policy", "revoke-issuer"],
    &["adr", "policy", "delete"],
    &["adr", "credential", "delete"],
];
const NAMED: [&[&str]; 4] = [
    &["--device-name", "cell-0000001"],
    &["--name", "default"],
    &["--name", "default"],
    &[],
];

async fn plant() -> Desk {
    let desk = Desk::new().await;
    desk.shell(
        "provost adr namespace create --name plant --enable-certificate-management\n\
         provost hub update --namespace plant\n\
         provost dps update --namespace plant\n\
         provost adr credential sync --ns plant\n\
         provost simulate --devices 1 --prefix cell --credential-policy default",
    )
    .await
    .ok();
    desk
}

/// help and documents say that it cannot be taken back; asking is the command line's alone: without a
/// terminal and `--yes` it does nothing, and the server does what it is asked at once.
#[tokio::test]
async fn a_054_what_cannot_be_taken_back_says_so_and_only_the_command_line_asks() {
    let desk = plant().await;
    for (verb, named) in OPERATIONS.iter().zip(NAMED) {
        let help = desk.provost(&[*verb, &["--help"]].concat()).await;
        assert!(
            help.stdout.contains("cannot be taken back"),
            "{verb:?}: {}",
            help.stdout
        );
        let asked = [*verb, &["--ns", "plant"], named].concat();
        let refused = desk.provost(&asked).await;
        assert_eq!(refused.code, Some(2), "{asked:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("--yes"), "{asked:?}: {}", refused.stderr);
    }
    let own = desk.server.own_api();
    let log = own.get("/provost/audit?limit=1000").await.ok();
    let happened = |action: &str| {
        let events = log["value"].as_array().unwrap();
        events.iter().any(|event| event["action"] == action)
    };
    assert!(!happened("revoke") && !happened("delete"), "nothing was done");
    // The server is asked once and answers with the deed.
    let at = |below: &str| {
        format!(
            "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant/{below}\
             ?api-version=2026-03-01-preview"
        )
    };
    let policy = "credentials/default/policies/default";
    let nothing = json!({});
    let revoked = own.post(&at("devices/cell-0000001/revoke"), &nothing).await;
    assert_eq!(revoked.status, 202, "{}", revoked.body);
    let revoked = own.post(&at(&format!("{policy}/revokeIssuer")), &nothing).await;
    assert_eq!(revoked.status, 202, "{}", revoked.body);
    assert_eq!(own.delete(&at(policy)).await.status, 204);
    assert_eq!(own.delete(&at("credentials/default")).await.status, 204);
    let page = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/DEVICE-REGISTRY.md"),
    );
    assert!(page.unwrap().contains("cannot be taken back"));
}

#[tokio::test]
async fn a_forced_deletion_tells_first_and_names_what_it_orphans() {
    let desk = plant().await;
    let delete = ["adr", "credential", "delete", "--ns", "plant"];
    let would = desk.provost(&[&delete[..], &["--dry-run"]].concat()).await.ok();
    assert_eq!(
        (&would["dryRun"], &would["certificates"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(would["orphaned"][0]["device"], "cell-0000001");
    let refused = desk.provost(&[&delete[..], &["--force"]].concat()).await;
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("cell-0000001"), "{}", refused.stderr);
    let done = desk
        .provost(&[&delete[..], &["--force", "--yes"]].concat())
        .await
        .ok();
    assert_eq!(
        (&done["dryRun"], &done["policies"]),
        (&json!(false), &json!(["default"]))
    );
    let ca = done["authorities"][0].as_str().unwrap();
    let list = ["adr", "certificate", "list", "--ns", "plant", "--standing-of", ca];
    let left = desk.provost(&list).await.ok();
    assert_eq!(left[0]["device"], "cell-0000001");
}

#[tokio::test]
async fn cas_and_their_crls_are_listed_shown_and_written() {
    let desk = plant().await;
    let all = desk.provost(&["ca", "list", "--ns", "plant"]).await.ok();
    let roles: Vec<_> = all.as_array().unwrap().iter().map(|ca| &ca["role"]).collect();
    assert_eq!(roles, ["root", "issuing"]);
    for ca in all.as_array().unwrap() {
        assert_eq!(ca["state"], "active");
        assert_eq!(ca["sha1Thumbprint"].as_str().map(str::len), Some(40));
        assert!(ca["serialNumber"].is_string() && ca["key"].is_string(), "{ca}");
    }
    let table = desk
        .provost(&["ca", "list", "--ns", "plant", "--output", "table"])
        .await;
    assert!(table.stdout.contains("THUMBPRINT"), "{}", table.stdout);
    let shown = desk
        .provost(&["ca", "show", "--ns", "plant", "--role", "root"])
        .await
        .ok();
    assert_eq!(shown, all[0]);
    let before = desk.provost(&["ca", "crl", "--ns", "plant"]).await.ok();
    assert_eq!(
        (&before["kind"], &before["count"]),
        (&json!("revocationList"), &json!(0))
    );
    assert!(
        before["number"].is_u64(),
        "in decimal digits, as the API has it: {before}"
    );
    desk.shell("provost adr device revoke --ns plant --device-name cell-0000001 --yes")
        .await
        .ok();
    let serial = desk
        .shell("provost adr certificate list --ns plant --device cell-0000001")
        .await
        .ok();
    let after = provost_testkit::eventually("the CRL names it", async || {
        let crl = desk.provost(&["ca", "crl", "--ns", "plant"]).await.ok();
        (crl["count"] == 1).then_some(crl)
    })
    .await;
    assert_eq!(after["entries"][0]["serialNumber"], serial[0]["serialNumber"]);
    let script = "provost ca crl --ns plant --out line.crl\n\
                  provost ca show --ns plant --out line.pem\n\
                  openssl crl -in line.crl -CAfile line.pem -noout";
    let checked = desk.shell(script).await;
    assert!(checked.stderr.contains("verify OK"), "{}", checked.stderr);
}
