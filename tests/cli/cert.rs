use super::Desk;

/// A CRL of the sample intermediate that revokes `press-0001`, made by openssl.
const REVOKE: &str = "cd certificates; : >index.txt; echo 01 >number
    printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=index.txt\\ncrlnumber=number\\ndefault_md=sha256\\n' >ca.cnf
    openssl ca -config ca.cnf -gencrl -cert intermediate.pem -keyfile intermediate.key -crldays 7 -out empty.crl
    openssl ca -config ca.cnf -revoke press-0001.pem -cert intermediate.pem -keyfile intermediate.key
    openssl ca -config ca.cnf -gencrl -cert intermediate.pem -keyfile intermediate.key -crldays 7 -out revoked.crl
    openssl req -new -key press-0001.key -subj /CN=press-0001 -out request.csr";

const VERIFY: &str = "provost cert verify certificates/press-0001.pem";

#[tokio::test]
async fn chains_in_files_are_judged_as_a_hub_does() {
    let desk = Desk::after_quickstart().await;
    assert_eq!(desk.shell(REVOKE).await.code, Some(0));
    let whole = format!("{VERIFY} certificates/intermediate.pem --anchor certificates/root.pem");
    let done = desk.shell(&whole).await.ok();
    assert_eq!(done["path"][2], "CN=Sample root");
    // The intermediate is an anchor, its own issuer is not needed.
    let partial = format!("{VERIFY} --anchor certificates/intermediate.pem");
    assert_eq!(
        desk.shell(&partial).await.ok()["path"][1],
        "CN=Sample intermediate"
    );
    let good = format!("{partial} --crl certificates/empty.crl");
    assert_eq!(desk.shell(&good).await.code, Some(0));
    for (line, reason) in [
        (
            format!("{VERIFY} --anchor certificates/root.pem"),
            "neither sent nor registered",
        ),
        (format!("{partial} --at 2020-01-01T00:00:00Z"), "not valid yet"),
        (
            format!("{partial} --crl certificates/revoked.crl"),
            "was revoked at",
        ),
        (format!("{good} --at 2027-06-01T00:00:00Z"), "is not of this time"),
    ] {
        let done = desk.shell(&line).await;
        assert_eq!(done.code, Some(1), "{line}");
        assert!(done.stderr.contains(reason), "{line}: {}", done.stderr);
        assert!(done.stdout.is_empty(), "{line}");
    }
    let wrong = desk.shell(&format!("{partial} --at yesterday")).await;
    assert_eq!(wrong.code, Some(2));
}

#[tokio::test]
async fn certificates_requests_and_lists_are_shown_and_linted() {
    let desk = Desk::after_quickstart().await;
    assert_eq!(desk.shell(REVOKE).await.code, Some(0));
    let inspect = "provost cert inspect certificates";
    let chain = desk.shell(&format!("{inspect}/press-0001-chain.pem")).await.ok();
    assert_eq!(chain[0]["subject"], "CN=press-0001");
    assert_eq!(chain[1]["isCa"], true);
    let request = desk.shell(&format!("{inspect}/request.csr")).await.ok();
    assert_eq!(
        (&request["kind"], &request["isAccepted"]),
        (&"request".into(), &true.into())
    );
    let list = desk.shell(&format!("{inspect}/revoked.crl")).await.ok();
    assert_eq!(
        (&list["kind"], &list["count"]),
        (&"revocationList".into(), &1.into())
    );
    let key = desk.shell(&format!("{inspect}/root.key")).await;
    assert_eq!(key.code, Some(1));
    assert!(key.stderr.contains("private key"), "{}", key.stderr);

    let lint = "provost cert lint --issuer certificates";
    let clean = desk
        .shell(&format!("{lint}/root.pem certificates/intermediate.pem"))
        .await;
    assert_eq!(clean.ok(), serde_json::json!([]));
    // The root issued it not, and its list has no key identifier.
    let stranger = desk
        .shell(&format!("{lint}/root.pem certificates/press-0001.pem"))
        .await;
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stdout.contains("\"signature\""), "{}", stranger.stdout);
    let list = desk
        .shell(&format!("{lint}/intermediate.pem certificates/revoked.crl"))
        .await;
    assert_eq!(list.code, Some(1));
    assert!(list.stdout.contains("authorityKeyIdentifier"), "{}", list.stdout);
}
