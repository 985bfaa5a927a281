use serde_json::Value;

use super::Desk;

const ROOT: &str = "provost ca ceremony root --folder root --passphrase-file passphrase";

/// The outcome of each piece of what was brought.
fn outcomes(done: &Value) -> Vec<(String, String)> {
    let answers = done["answers"].as_array().unwrap();
    let text = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
    answers
        .iter()
        .map(|answer| (text(answer, "what"), text(answer, "outcome")))
        .collect()
}

async fn exchange(desk: &Desk, number: u32) -> Value {
    let script = format!(
        "provost adr credential export --ns plant --to requests-{number} >/dev/null\n\
         provost ca ceremony answer --folder root --passphrase-file passphrase --requests requests-{number} \
         --out answers-{number} >/dev/null\n\
         provost adr credential import --ns plant --from answers-{number} --output json"
    );
    desk.shell(&script).await.ok()
}

/// The whole way of a root kept offline with the program alone: files out, files in; a revocation that needs no
/// signature; the CRL that tells of it.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story of a root")]
async fn a_root_kept_offline_from_the_first_request_to_a_revocation_on_its_crl() {
    let desk = Desk::new().await;
    desk.shell(
        "provost adr namespace create --name plant\n\
         provost hub update --namespace plant\n\
         provost adr credential create --ns plant --offline-root\n\
         provost adr policy create --ns plant --name line-7\n\
         (umask 077; echo 'correct horse battery' > passphrase)",
    )
    .await
    .ok();
    desk.shell(ROOT).await.ok();
    let waits = desk
        .shell("provost adr policy show --ns plant --name line-7 --output json")
        .await
        .ok();
    assert_eq!(waits["properties"]["provisioningState"], "Accepted");
    let taken = |what: &[&str]| -> Vec<(String, String)> {
        let pair = |what: &&str| ((*what).to_owned(), "taken".to_owned());
        what.iter().map(pair).collect()
    };
    let done = exchange(&desk, 1).await;
    let mut first = outcomes(&done);
    first.sort();
    assert_eq!(first, taken(&["crl", "issuing", "root", "spare"]));
    assert_eq!(done["warnings"].as_array().unwrap().len(), 0, "{done}");
    let shown = desk
        .shell("provost adr policy show --ns plant --name line-7 --output json")
        .await
        .ok();
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
    let preview = "provost adr policy revoke-issuer --ns plant --name line-7 --dry-run --output json";
    assert_eq!(desk.shell(preview).await.ok()["replacement"], "spareTookOver");
    desk.shell("provost adr policy revoke-issuer --ns plant --name line-7 --yes")
        .await
        .ok();
    let ended = desk
        .shell("provost adr operation list --ns plant --output json")
        .await
        .ok();
    assert_eq!(ended[0]["result"], "spareTookOver", "{ended}");
    let after = desk
        .shell("provost adr credential requests --ns plant --output json")
        .await
        .ok();
    assert_eq!(after["missing"].as_array().unwrap().len(), 1, "{after}");
    assert_eq!(
        desk.shell(preview).await.ok()["replacement"],
        "waitsForOfflineRoot"
    );
    let done = exchange(&desk, 2).await;
    let mut second = outcomes(&done);
    second.sort();
    let again = ("root".to_owned(), "alreadyThere".to_owned());
    assert_eq!(
        second,
        [
            &[("crl".to_owned(), "taken".to_owned())][..],
            &[again],
            &taken(&["spare"])
        ]
        .concat()
    );
    let now = desk
        .shell("provost adr credential requests --ns plant --output json")
        .await
        .ok();
    assert_eq!(now["missing"].as_array().unwrap().len(), 0, "{now}");
    assert_eq!(now["crl"]["entries"], 1);
    // What was brought once is there; bringing it again changes nothing.
    let again = desk
        .shell("provost adr credential import --ns plant --from answers-2 --output json")
        .await
        .ok();
    assert!(
        outcomes(&again)
            .iter()
            .all(|(_, outcome)| outcome == "alreadyThere"),
        "{again}"
    );
}

/// A folder that was altered on its way is refused on both ends.
#[tokio::test]
async fn a_folder_that_was_altered_on_its_way_is_refused() {
    let desk = Desk::new().await;
    desk.shell(
        "provost adr namespace create --name plant\n\
         provost adr credential create --ns plant --offline-root\n\
         provost adr policy create --ns plant --name line-7\n\
         provost adr credential export --ns plant --to requests\n\
         (umask 077; echo 'correct horse battery' > passphrase)",
    )
    .await
    .ok();
    desk.shell(ROOT).await.ok();
    let answer = "provost ca ceremony answer --folder root --passphrase-file passphrase --requests requests --out answers";
    let altered = desk
        .shell(&format!("echo 0A >> requests/revoked.txt; {answer}"))
        .await;
    assert_eq!(altered.code, Some(1), "{}", altered.stderr);
    assert!(altered.stderr.contains("revoked.txt"), "{}", altered.stderr);
    let mended = format!("rm -r requests; provost adr credential export --ns plant --to requests; {answer}");
    desk.shell(&mended).await.ok();
    let altered = "echo >> answers/root.pem; provost adr credential import --ns plant --from answers";
    let refused = desk.shell(altered).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("root.pem"), "{}", refused.stderr);
}
