//! certificate-management.md 5.5: rolling the CA certificates that groups refer to.

use std::time::Duration;

use provost_device::tls::ClientIdentity;
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, OpensslFolder, TestServer, Via, authority_slots,
    over_every_transport,
};
use serde_json::json;

/// A group that refers to one CA certificate or to two.
fn line(primary: &str, secondary: Option<&str>) -> Enrollment {
    Enrollment::group("line").x509(&authority_slots(Some(primary), secondary))
}

/// A device below an intermediate of this root.
fn device(id: &str, root: &FixtureAuthority) -> Device {
    Device::with_leaf(&root.intermediate("Line CA").leaf(id))
}

/// A server that trusts these roots, and a group.
async fn trusting(roots: &[(&str, &FixtureAuthority)], group: &Enrollment) -> TestServer {
    let server = TestServer::start().await;
    for (name, root) in roots {
        server.trust(name, root).await;
    }
    server.dps_api().put_enrollment(group).await;
    server
}

#[tokio::test]
async fn r_086_after_a_breach_deleting_the_ca_certificate_ends_trust_in_it() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root 1");
        let server = trusting(&[("root-1", &root)], &line("root-1", None)).await;
        let device = device("press-86", &root);
        device.is_assigned(&server, via).await;
        let path = server.authority_path("/root-1");
        let etag = server.management().get(&path).await.ok()["etag"].clone();

        let if_match = [("if-match", etag.as_str().unwrap())];
        let deleted = server.management().send("DELETE", &path, &if_match, None).await;
        deleted.no_content();
        device.is_unauthorized(&server, via).await;
        device.is_let_in(&server).await;
        // The same certificate uploaded again, but not verified, anchors nothing.
        let upload = json!({ "properties": { "certificate": root.pem(), "isVerified": false } });
        server.management().put(&path, &upload).await.ok();
        device.is_unauthorized(&server, via).await;
    })
    .await;
}

/// A key, and a certificate for it with this common name: signed by another, or by itself.
fn certificate(folder: &OpensslFolder, name: &str, common_name: &str, signer: Option<&str>) {
    let key = format!("ecparam -name prime256v1 -genkey -noout -out {name}.key");
    folder.run(&key);
    let Some(signer) = signer else {
        let own = format!("req -x509 -new -key {name}.key -subj /CN={common_name} -days 30 -out {name}.pem");
        return folder.run(&own);
    };
    folder.run(&format!(
        "req -new -key {name}.key -subj /CN={common_name} -out {name}.csr"
    ));
    let by = format!("-CA {signer}.pem -CAkey {signer}.key -set_serial 0x1001 -days 30");
    folder.run(&format!("x509 -req -in {name}.csr {by} -out {name}.pem"));
}

#[tokio::test]
async fn r_087_a_new_root_serves_once_its_key_has_signed_the_code() {
    let folder = &OpensslFolder::new();
    certificate(folder, "root", "Root-87", None);
    certificate(folder, "stranger", "Root-87", None);
    certificate(folder, "press", "press-87", Some("root"));
    let read = |name: &str| folder.text(name);
    let identity = ClientIdentity::from_pem(read("press.pem").as_bytes(), read("press.key").as_bytes());
    let device = Device::with_identity("press-87", identity.unwrap());

    let server = TestServer::start_configured(|config| config.dps.require_proof_of_possession = true).await;
    let (api, path) = (server.management(), server.authority_path("/root-87"));
    server.dps_api().put_enrollment(&line("root-87", None)).await;
    // The uploader's word counts for nothing here.
    let upload = json!({ "properties": { "certificate": read("root.pem"), "isVerified": true } });
    let uploaded = api.put(&path, &upload).await.ok();
    assert_eq!(uploaded["properties"]["isVerified"], false);
    for via in Via::ALL {
        device.is_unauthorized(&server, via).await;
    }
    let any = [("if-match", "*")];
    let code_path = format!("{path}/generateVerificationCode");
    let asked = api.send("POST", &code_path, &any, None).await.ok();
    let code = asked["properties"]["verificationCode"].as_str().unwrap();
    certificate(folder, "proof", code, Some("root"));
    certificate(folder, "by-stranger", code, Some("stranger"));
    certificate(folder, "other-code", "0123456789", Some("root"));
    let verify = async |proof: &str| {
        let body = json!({ "certificate": read(proof) });
        api.send("POST", &format!("{path}/verify"), &any, Some(&body))
            .await
    };
    for wrong in ["by-stranger.pem", "other-code.pem"] {
        verify(wrong).await.expect(400);
        device.is_unauthorized(&server, Via::Mqtt).await;
    }
    assert_eq!(verify("proof.pem").await.ok()["properties"]["isVerified"], true);
    for via in Via::ALL {
        device.is_assigned(&server, via).await;
    }
}

#[tokio::test]
async fn r_088_a_group_is_switched_to_the_new_root() {
    over_every_transport(async |via| {
        let (old, new) = (FixtureAuthority::root("Root 1"), FixtureAuthority::root("Root 2"));
        let group = line("root-1", None);
        let server = trusting(&[("root-1", &old), ("root-2", &new)], &group).await;
        let (early, late) = (device("press-88", &old), device("press-88", &new));
        early.is_assigned(&server, via).await;
        late.is_unauthorized(&server, via).await;
        server
            .dps_api()
            .fill(&group, "primary", Some(json!("root-2")))
            .await;
        early.is_unauthorized(&server, via).await;
        late.is_assigned(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_089_several_compromised_roots_are_deleted_one_after_another() {
    over_every_transport(async |via| {
        let names = ["root-1", "root-2", "root-3", "root-4"];
        let roots = names.map(FixtureAuthority::root);
        let named: Vec<_> = names.into_iter().zip(&roots).collect();
        let server = trusting(&named, &line("root-1", Some("root-2"))).await;
        let beside = Enrollment::group("hall").x509(&authority_slots(Some("root-3"), Some("root-4")));
        server.dps_api().put_enrollment(&beside).await;
        let devices = [1, 2, 3, 4].map(|n| device(&format!("press-{n}"), &roots[n - 1]));
        for (gone, name) in names.into_iter().enumerate() {
            for (n, device) in devices.iter().enumerate() {
                if n < gone {
                    device.is_unauthorized(&server, via).await;
                } else {
                    device.is_assigned(&server, via).await;
                }
            }
            server.distrust(name).await;
        }
        devices[3].is_unauthorized(&server, via).await;
    })
    .await;
}

#[tokio::test]
async fn r_092_after_a_breach_of_the_root_hub_registrations_are_removed_too() {
    over_every_transport(async |via| {
        let (stolen, new) = (FixtureAuthority::root("Root 1"), FixtureAuthority::root("Root 2"));
        let group = line("root-1", None);
        let server = trusting(&[("root-1", &stolen), ("root-2", &new)], &group).await;
        let (thief, renewed) = (device("press-92", &stolen), device("press-92", &new));
        thief.is_assigned(&server, via).await;
        server.distrust("root-1").await;
        server
            .dps_api()
            .fill(&group, "primary", Some(json!("root-2")))
            .await;
        thief.is_unauthorized(&server, via).await;
        let mut session = thief.is_let_in(&server).await;
        server.hub_api().delete("/devices/press-92").await.no_content();
        assert!(session.closed(Duration::from_secs(10)).await, "{via:?}");
        thief.is_turned_away(&server).await;
        renewed.is_assigned(&server, via).await;
        renewed.is_let_in(&server).await;
    })
    .await;
}

#[tokio::test]
async fn r_093_before_expiry_devices_under_either_root_register() {
    over_every_transport(async |via| {
        let (old, new) = (FixtureAuthority::root("Root 1"), FixtureAuthority::root("Root 2"));
        let group = line("root-1", None);
        let server = trusting(&[("root-1", &old), ("root-2", &new)], &group).await;
        server
            .dps_api()
            .fill(&group, "secondary", Some(json!("root-2")))
            .await;
        let (early, late) = (device("press-93", &old), device("press-93", &new));
        for device in [&early, &late, &early, &late] {
            device.is_assigned(&server, via).await;
        }
        assert_eq!(server.stored().registrations().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn r_094_after_the_primarys_expiry_its_ca_certificate_may_be_deleted() {
    for via in Via::ALL {
        let (server, clock) = TestServer::start_with_clock().await;
        let last = clock.in_an_hour();
        let old = FixtureAuthority::root_between("Root 1", (last.before(Duration::from_hours(2)), last));
        let new = FixtureAuthority::root("Root 2");
        server.trust("root-1", &old).await;
        server.trust("root-2", &new).await;
        let group = line("root-1", Some("root-2"));
        server.dps_api().put_enrollment(&group).await;
        // Leaf and intermediate outlive their root.
        let (early, late) = (device("press-94", &old), device("press-94", &new));
        clock.set(last);
        early.is_assigned(&server, via).await;
        late.is_assigned(&server, via).await;
        clock.set(last.after(Duration::from_secs(1)));
        early.is_unauthorized(&server, via).await;
        late.is_assigned(&server, via).await;

        server.distrust("root-1").await;
        late.is_assigned(&server, via).await;
        let left = server.dps_api().fill(&group, "primary", None).await;
        let references = &left["attestation"]["x509"]["caReferences"];
        assert!(references["primary"].is_null(), "{left}");
        late.is_assigned(&server, via).await;
        early.is_unauthorized(&server, via).await;
    }
}

#[tokio::test]
async fn r_097_a_wrong_etag_deletes_nothing() {
    over_every_transport(async |via| {
        let (root, other) = (FixtureAuthority::root("Root 1"), FixtureAuthority::root("Root 2"));
        let server = trusting(&[("root-1", &root), ("root-2", &other)], &line("root-1", None)).await;
        let device = device("press-97", &root);
        let (api, path) = (server.management(), server.authority_path("/root-1"));
        let etag_of = async |name: &str| {
            let shown = api.get(&server.authority_path(name)).await.ok();
            shown["etag"].as_str().unwrap().to_owned()
        };
        let (right, wrong) = (etag_of("/root-1").await, etag_of("/root-2").await);
        let delete = async |path: &str, etag: Option<&str>| {
            let headers: Vec<_> = etag.map(|etag| ("if-match", etag)).into_iter().collect();
            api.send("DELETE", path, &headers, None).await.status
        };
        assert_eq!(delete(&path, Some(&wrong)).await, 412, "{via:?}");
        assert_eq!(delete(&path, None).await, 400);
        assert_eq!(delete(&server.authority_path("/root-9"), Some(&right)).await, 404);
        assert_eq!(etag_of("/root-1").await, right);
        device.is_assigned(&server, via).await;

        assert_eq!(delete(&path, Some(&right)).await, 204);
        assert_eq!(delete(&path, Some(&right)).await, 404);
        device.is_unauthorized(&server, via).await;
    })
    .await;
}
