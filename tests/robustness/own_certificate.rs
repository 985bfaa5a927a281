use std::path::Path;

use provost::config::TlsFiles;
use provost_testkit::{FixtureAuthority, Leaf, RawStream, TestServer, eventually};

fn write(folder: &Path, root: &FixtureAuthority, leaf: &Leaf) -> TlsFiles {
    let files = TlsFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    std::fs::write(&files.key, leaf.key_pem()).unwrap();
    std::fs::write(&files.certificate, leaf.chain_pem() + &root.pem()).unwrap();
    files
}

#[tokio::test]
async fn an_operators_certificate_is_shown_and_reloaded_when_its_files_change() {
    let folder = tempfile::tempdir().unwrap();
    let root = FixtureAuthority::root("Operator Root");
    let issuing = root.intermediate("Operator Issuing");
    let (first, second) = (issuing.server_leaf(), issuing.server_leaf());
    let files = write(folder.path(), &root, &first);
    let server = TestServer::start_configured(|config| config.tls_files = Some(files)).await;
    assert!(
        server.connection.root_ca.is_none(),
        "clients are not told of a root that is not ours"
    );
    let root_pem = root.pem();
    let shown = async || RawStream::certificate_shown(&server, root_pem.as_bytes()).await;
    assert_eq!(shown().await.as_deref(), Some(first.der()));

    write(folder.path(), &root, &second);
    eventually("the new certificate", async || {
        (shown().await.as_deref() == Some(second.der())).then_some(())
    })
    .await;
    assert_eq!(server.own_api().get("/provost/health").await.ok()["status"], "ok");
}

#[tokio::test]
async fn files_that_do_not_belong_together_leave_the_certificate_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = FixtureAuthority::root("Operator Root");
    let first = root.server_leaf();
    let files = write(folder.path(), &root, &first);
    let server = TestServer::start_configured(|config| config.tls_files = Some(files.clone())).await;
    let root_pem = root.pem();
    let shown = async || RawStream::certificate_shown(&server, root_pem.as_bytes()).await;
    std::fs::write(&files.certificate, "half a certifi").unwrap();
    // As long as it takes to be looked at twice.
    for _ in 0..50 {
        assert_eq!(shown().await.as_deref(), Some(first.der()));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
