//! `provost adr` where something goes wrong half-way, and what it says before it deletes.

use super::Desk;

async fn run(desk: &Desk, line: &str) -> super::desk::Done {
    desk.provost(&line.split_whitespace().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_namespace_with_a_wrong_policy_is_not_made_by_half() {
    let desk = Desk::new().await;
    for wrong in [
        "--policy-name x!",
        "--policy-name ab",
        "--cert-validity-days 0",
        "--cert-validity-days many",
    ] {
        let line = format!("adr ns create --name plant --enable-certificate-management {wrong}");
        let refused = run(&desk, &line).await;
        assert_eq!(refused.code, Some(2), "{wrong}: {}", refused.stderr);
    }
    let shown = run(&desk, "adr ns show --name plant").await;
    assert_eq!(shown.code, Some(1), "{}", shown.stdout);
}

/// How long certificates may be valid is the server's to say.
#[tokio::test]
async fn what_the_server_refuses_last_is_told_with_what_is_there_and_how_to_go_on() {
    let desk = Desk::new().await;
    let line = "adr ns create --name plant --enable-certificate-management --cert-validity-days 3650";
    let refused = run(&desk, line).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    for told in [
        "ValidityOutOfRange",
        "the namespace plant and its credential are there",
        "provost adr policy create --ns plant --name default",
    ] {
        assert!(refused.stderr.contains(told), "{told}: {}", refused.stderr);
    }
    run(&desk, "adr policy create --ns plant --name default")
        .await
        .ok();
}

#[tokio::test]
async fn a_chosen_subject_is_taken_and_said_to_be_ignored() {
    let desk = Desk::new().await;
    run(&desk, "adr ns create --name plant").await.ok();
    run(&desk, "adr credential create --ns plant").await.ok();
    let made = run(
        &desk,
        "adr policy create --ns plant --name line-7 --cert-subject CN=mine",
    )
    .await;
    assert!(
        made.stderr.contains("--cert-subject is ignored"),
        "{}",
        made.stderr
    );
    let made = made.ok();
    let subject = made.pointer("/properties/certificate/certificateAuthorityConfiguration/subject");
    assert!(subject.is_some_and(|subject| *subject != "CN=mine"), "{made}");
}

#[tokio::test]
async fn deleting_a_namespace_says_first_what_goes_with_it() {
    let desk = Desk::new().await;
    run(&desk, "adr ns create --name plant").await.ok();
    for device in ["press", "drill"] {
        run(
            &desk,
            &format!("adr device create --ns plant --device-name {device}"),
        )
        .await
        .ok();
    }
    let refused = run(&desk, "adr ns delete --name plant").await;
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("2 devices of it"), "{}", refused.stderr);
    run(&desk, "adr ns show --name plant").await.ok();
    let help = run(&desk, "adr ns delete --help").await;
    assert!(help.stdout.contains("with its devices"), "{}", help.stdout);
}
