use std::path::Path;

use super::desk::Desk;

/// Reads the lines of an exported log.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn write(path: &Path, lines: &[String]) {
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// the log can be exported and verified, and whatever was done to it is found and named.
#[tokio::test]
async fn a_053_an_exported_log_is_verified_and_tampering_is_named_by_its_line() {
    let desk = Desk::new().await;
    for name in ["one", "two", "three"] {
        let body = ["hub", "device-identity", "create", "-d", name];
        desk.provost(&body).await;
        desk.provost(&["token", "create", "--name", name]).await.ok();
    }
    let path = desk.path("audit.jsonl");
    let file = path.to_str().unwrap();
    let exported = desk.provost(&["audit", "export", "--file", file]).await;
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let whole = lines(&path);
    assert!(whole.len() >= 4, "{}", whole.len());
    let told = desk.provost(&["audit", "verify", "--file", file]).await.ok();
    assert_eq!(told["events"], whole.len());
    let head = told["head"].as_str().unwrap().to_owned();
    let server = desk.provost(&["audit", "verify", "--head", &head]).await.ok();
    assert_eq!(server["status"], "intact");
    let of_token = whole
        .iter()
        .rev()
        .find(|line| line.contains("\"adminToken\""))
        .unwrap();
    assert!(of_token.contains("\"address\":\"127.0.0.1:"), "{of_token}");

    let verify = async |lines: &[String], more: &[&str]| {
        write(&path, lines);
        let arguments = [&["audit", "verify", "--file", file], more].concat();
        let done = desk.provost(&arguments).await;
        (done.code, done.stderr)
    };
    let mut changed = whole.clone();
    changed[1] = changed[1].replace("\"result\":\"", "\"result\":\"X");
    let (code, said) = verify(&changed, &[]).await;
    assert!(code == Some(1) && said.contains("line 2"), "{said}");
    let mut removed = whole.clone();
    removed.remove(1);
    let (code, said) = verify(&removed, &[]).await;
    assert!(code == Some(1) && said.contains("line 2"), "{said}");
    let mut moved = whole.clone();
    moved.swap(1, 2);
    let (code, said) = verify(&moved, &[]).await;
    assert!(code == Some(1) && said.contains("line 2"), "{said}");
    // The end is missed by whoever noted the head, and by nobody else.
    let cut = &whole[..whole.len() - 1];
    assert_eq!(verify(cut, &[]).await.0, Some(0));
    let (code, said) = verify(cut, &["--head", &head]).await;
    assert!(code == Some(1) && said.contains(&head), "{said}");
    assert_eq!(verify(&whole, &["--head", &head]).await.0, Some(0));
}
