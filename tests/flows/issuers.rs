//! certificate-management.md 5.4: who may have signed a device's certificate.

use provost_testkit::{
    Device, Enrollment, FixtureAuthority, Leaf, TestServer, Via, assigned, clients, over_every_transport,
    refusal, signers,
};
use serde_json::json;

fn group_of(authority: &FixtureAuthority) -> Enrollment {
    Enrollment::group("line").x509(&signers(authority))
}

#[tokio::test]
async fn r_069_leaves_of_any_issuer_work() {
    over_every_transport(async |via| {
        let factory = FixtureAuthority::root("Factory").intermediate("Factory Line");
        let third_party = FixtureAuthority::root("Third Party");
        let leaves = [
            factory.leaf("by-factory"),
            third_party.leaf("by-third"),
            Leaf::self_signed("by-self"),
        ];
        let server = TestServer::start().await;
        for leaf in &leaves {
            // Pinned by thumbprint: nobody knows the issuer, and it does not matter.
            let enrollment = Enrollment::individual(leaf.common_name()).x509(&clients(leaf, None));
            server.dps_api().put_enrollment(&enrollment).await;
            let device = Device::with_leaf(leaf);
            assigned(device.register(&server, via).await);
            device.connect(&server).await.unwrap();
            let alone = Device::with_leaf_alone(leaf);
            assigned(alone.register(&server, via).await);
        }
    })
    .await;
}

#[tokio::test]
async fn r_070_a_signing_certificate_may_be_a_root_or_an_intermediate() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let (near, far) = (
            root.intermediate("Near"),
            root.intermediate("Middle").intermediate("Far"),
        );
        for (signing, issuer) in [(&root, &root), (&root, &far), (&near, &near), (&far, &far)] {
            let server = TestServer::with_entry(&group_of(signing)).await;
            assigned(
                Device::with_leaf(&issuer.leaf("press-70"))
                    .register(&server, via)
                    .await,
            );
        }
        let server = TestServer::with_entry(&group_of(&near)).await;
        let beside = Device::with_leaf(&far.leaf("press-70"));
        assert_eq!(
            refusal(beside.register(&server, via).await),
            (401, 401_002),
            "{via:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn r_070_a_ca_reference_may_name_a_root_or_an_intermediate() {
    over_every_transport(async |via| {
        let root = FixtureAuthority::root("Root");
        let intermediate = root.intermediate("Line CA");
        for (authority, is_root) in [(&root, true), (&intermediate, false)] {
            let server = TestServer::start().await;
            let upload = json!({ "properties": { "certificate": authority.pem(), "isVerified": false } });
            let path = server.authority_path("/anchor");
            server.management().put(&path, &upload).await.ok();
            let group = Enrollment::group("line").authority("anchor");
            server.dps_api().put_enrollment(&group).await;
            let device = Device::with_leaf(&intermediate.leaf("press-70"));
            assert_eq!(
                refusal(device.register(&server, via).await),
                (401, 401_002),
                "not verified, {via:?}"
            );

            prove_possession(&server, &path, authority).await;
            assigned(device.register(&server, via).await);
            let record = server.stored().registration("press-70").await.unwrap();
            assert_eq!(record.group.unwrap().as_str(), "line", "root: {is_root}");
        }
    })
    .await;
}

/// Asks for a code, signs it with the CA's key, and shows the signature.
async fn prove_possession(server: &TestServer, path: &str, authority: &FixtureAuthority) {
    let api = server.management();
    let any = [("if-match", "*")];
    let asked = api
        .send("POST", &format!("{path}/generateVerificationCode"), &any, None)
        .await
        .ok();
    let code = asked["properties"]["verificationCode"].as_str().expect("a code");
    let wrong = json!({ "certificate": authority.leaf("another code").pem() });
    let refused = api
        .send("POST", &format!("{path}/verify"), &any, Some(&wrong))
        .await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let proof = json!({ "certificate": authority.leaf(code).pem() });
    let shown = api
        .send("POST", &format!("{path}/verify"), &any, Some(&proof))
        .await
        .ok();
    assert_eq!(shown["properties"]["isVerified"], true);
}

/// Operators give every line's CA the same name; a service can have a hundred groups.
#[tokio::test]
async fn many_signing_certificates_of_one_name_do_not_hide_one_another() {
    let root = FixtureAuthority::root("Root");
    let lines: Vec<_> = (0..30).map(|_| root.intermediate("Line CA")).collect();
    let server = TestServer::start().await;
    for (n, line) in lines.iter().enumerate() {
        let group = Enrollment::group(&format!("line-{n}")).x509(&signers(line));
        server.dps_api().put_enrollment(&group).await;
    }
    for n in [0, 15, 29] {
        let id = format!("press-{n}");
        let device = Device::with_leaf(&lines[n].leaf(&id));
        device.is_assigned(&server, Via::Https).await;
        let record = server.stored().registration(&id).await.unwrap();
        assert_eq!(record.group.unwrap().to_string(), format!("line-{n}"));
    }
}
