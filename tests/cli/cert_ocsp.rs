//! `provost cert verify --ocsp` against openssl as the responder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Desk;

/// A leaf that names the responder, and a responder's certificate, both of the sample intermediate; then an index of
/// openssl's that knows the leaf.
fn made_by_openssl(port: u16) -> String {
    format!(
        "cd certificates
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout r.key -subj /CN=answers -out r.csr
        printf 'extendedKeyUsage=OCSPSigning\\n' >r.ext
        openssl x509 -req -in r.csr -CA intermediate.pem -CAkey intermediate.key -days 2 -set_serial 0x4243 -extfile r.ext -out r.pem
        openssl req -new -key press-0001.key -subj /CN=press-0001 -out l.csr
        printf 'authorityInfoAccess=OCSP;URI:http://127.0.0.1:{port}/ocsp\\n' >l.ext
        openssl x509 -req -in l.csr -CA intermediate.pem -CAkey intermediate.key -days 2 -set_serial 0x4242 -extfile l.ext -out leaf.pem
        printf 'V\\t350101000000Z\\t\\t4242\\tunknown\\t/CN=press-0001\\n' >good.txt
        printf 'R\\t350101000000Z\\t260101000000Z,superseded\\t4242\\tunknown\\t/CN=press-0001\\n' >revoked.txt
        : >unknown.txt"
    )
}

/// Answers with what openssl makes of each request, by the index that the path names.
async fn respond(listener: TcpListener, folder: Arc<PathBuf>) {
    while let Ok((stream, _)) = listener.accept().await {
        let folder = Arc::clone(&folder);
        tokio::spawn(async move { answer(stream, &folder).await });
    }
}

async fn answer(mut stream: TcpStream, folder: &Path) {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let count = stream.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if read.len() >= end + 4 + length {
            break (head, read[end + 4..].to_vec());
        }
    };
    assert!(head.contains("content-type: application/ocsp-request"), "{head}");
    let path = head.split(' ').nth(1).unwrap();
    let (index, signer) = match path {
        "/stranger" => ("good", "root"),
        "/revoked" => ("revoked", "r"),
        "/unknown" => ("unknown", "r"),
        _ => ("good", "r"),
    };
    let own = tempfile::tempdir().unwrap();
    let (request, response) = (own.path().join("req.der"), own.path().join("resp.der"));
    std::fs::write(&request, &body).unwrap();
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["ocsp", "-CA", "intermediate.pem", "-ndays", "1"])
        .args(["-index", &format!("{index}.txt")])
        .args([
            "-rsigner",
            &format!("{signer}.pem"),
            "-rkey",
            &format!("{signer}.key"),
        ])
        .arg("-reqin")
        .arg(&request)
        .arg("-respout")
        .arg(&response)
        .output()
        .unwrap();
    let der =
        std::fs::read(&response).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&made.stderr)));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", der.len());
    stream.write_all(&[head.as_bytes(), &der].concat()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openssl_answers_is_told_as_good_revoked_unknown_or_unreachable() {
    let desk = Desk::after_quickstart().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(desk.shell(&made_by_openssl(port)).await.code, Some(0));
    let responding = tokio::spawn(respond(listener, Arc::new(desk.path("certificates"))));
    let verify = "provost cert verify certificates/leaf.pem certificates/intermediate.pem --anchor certificates/root.pem";
    let at = |path: &str| format!("{verify} --ocsp http://127.0.0.1:{port}/{path}");
    for (line, code, word, said) in [
        (at("good"), 0, "good", ""),
        (format!("{} --no-nonce", at("good")), 0, "good", ""),
        (format!("{verify} --ocsp from-certificate"), 0, "good", ""),
        (at("revoked"), 1, "revoked", "is revoked"),
        (at("unknown"), 1, "unknown", "is unknown"),
        (at("stranger"), 1, "unreachable", "may not answer for this issuer"),
    ] {
        let done = desk.shell(&line).await;
        assert_eq!(done.code, Some(code), "{line}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{line}: {}", done.stderr);
        let told: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(told["ocsp"][0]["status"], word, "{line}: {told}");
        assert_eq!(told["verified"], code == 0, "{line}");
        assert_eq!(
            told["ocsp"].as_array().unwrap().len(),
            1,
            "the issuing CA names nobody"
        );
        if word == "revoked" {
            assert_eq!(told["ocsp"][0]["reason"], "superseded");
            assert_eq!(told["ocsp"][0]["revokedAt"], "2026-01-01T00:00:00Z");
        }
    }
    responding.abort();
    let _ = responding.await;
    let gone = desk.shell(&at("good")).await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("is unreachable"), "{}", gone.stderr);

    let plain = "provost cert verify certificates/press-0001.pem certificates/intermediate.pem --anchor certificates/root.pem";
    let none = desk.shell(&format!("{plain} --ocsp from-certificate")).await;
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("names an OCSP responder"), "{}", none.stderr);
    for wrong in ["--ocsp https://ca.example/", "--ocsp nowhere", "--no-nonce"] {
        assert_eq!(
            desk.shell(&format!("{plain} {wrong}")).await.code,
            Some(2),
            "{wrong}"
        );
    }
}
