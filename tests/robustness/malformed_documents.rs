use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_testkit::{Enrollment, Leaf, RawStream};
use serde_json::json;

use super::Witness;

#[tokio::test]
async fn malformed_json_is_400_on_every_api() {
    let mut witness = Witness::new().await;
    let server = &witness.server;
    let bodies: [Vec<u8>; 7] = [
        b"{".to_vec(),
        b"{\"registrationId\":}".to_vec(),
        b"[1,2".to_vec(),
        b"\"text\"".to_vec(),
        b"{\"registrationId\":\"a\xff\"}".to_vec(),
        "[".repeat(90_000).into_bytes(),
        b"nul".to_vec(),
    ];
    let certificate = server.authority_path("/anchor");
    for body in bodies {
        for (api, method, path) in [
            (server.dps_api(), "PUT", "/enrollments/a"),
            (server.dps_api(), "PUT", "/enrollmentGroups/a"),
            (server.dps_api(), "POST", "/enrollments"),
            (server.hub_api(), "PUT", "/devices/a"),
            (server.hub_api(), "POST", "/devices"),
            (server.hub_api(), "POST", "/twins/witness/methods"),
            (server.hub_api(), "PATCH", "/twins/witness"),
            (server.management(), "PUT", certificate.as_str()),
        ] {
            let answer = api.send_bytes(method, path, &[], Some(body.clone().into())).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(answer.status, 400, "{method} {path} {shown}: {}", answer.body);
            let has_code = answer.code() / 1000 == 400 || answer.body["error"]["code"].is_string();
            assert!(has_code, "{method} {path} {shown}: {}", answer.body);
        }
    }
    assert!(server.dps_api().get("/enrollments/a").await.status == 404);
    witness.is_unharmed().await;
}

#[tokio::test]
async fn a_body_of_another_kind_is_415() {
    let witness = Witness::new().await;
    let mut stream = RawStream::https(&witness.server).await;
    let request = "PUT /enrollments/a?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n\
                   Content-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>";
    stream.send(request.as_bytes()).await;
    let head = stream.read_head().await;
    assert!(head.starts_with("HTTP/1.1 415"), "{head}");
    assert!(head.contains("x-ms-error-code: 415000"), "{head}");
}

#[tokio::test]
async fn malformed_certificates_in_documents_are_400() {
    let mut witness = Witness::new().await;
    let leaf = Leaf::self_signed("press-1");
    let der = leaf.der();
    let texts = [
        String::new(),
        "not base64 !!".to_owned(),
        STANDARD.encode([0x30, 0x82, 0xff, 0xff]),
        STANDARD.encode(&der[..der.len() - 1]),
        STANDARD.encode([0x30, 0x84, 0xff, 0xff, 0xff, 0xff].repeat(50)),
        STANDARD.encode([0x30, 0x80].repeat(2_000)),
        leaf.pem().replace("MII", "!!!"),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        leaf.key_pem(),
    ];
    let server = &witness.server;
    for text in &texts {
        let slot = json!({ "primary": { "certificate": text } });
        let single = Enrollment::individual("press-1").x509(&json!({ "clientCertificates": slot }));
        let group = Enrollment::group("hall").x509(&json!({ "signingCertificates": slot }));
        for enrollment in [single, group] {
            let answer = server.dps_api().put(&enrollment.path(), &enrollment.body()).await;
            assert_eq!(answer.status, 400, "{text}: {}", answer.body);
            answer.refused(answer.code());
        }
        let upload = json!({ "properties": { "certificate": text } });
        let answer = server
            .management()
            .put(&server.authority_path("/anchor"), &upload)
            .await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
    }
    assert_eq!(
        server.management().get(&server.authority_path("")).await.ok()["value"],
        json!([])
    );
    witness.is_unharmed().await;
}

#[tokio::test]
async fn malformed_tokens_are_401() {
    let mut witness = Witness::new().await;
    let server = &witness.server;
    let long = format!("SharedAccessSignature sr={}&sig=a&se=1", "x".repeat(10_000));
    for token in [
        "",
        "x",
        "SharedAccessSignature",
        "SharedAccessSignature ",
        "SharedAccessSignature sr=a",
        "SharedAccessSignature sr=a&sig=b&se=c&skn=d",
        "SharedAccessSignature sr=%zz&sig=%zz&se=99999999999999999999&skn=%",
        "SharedAccessSignature sr=a&sr=a&sig=&se=-1",
        "Bearer",
        "Bearer provost_",
        "Basic YTpi",
        long.as_str(),
    ] {
        let with = Some(token.to_owned());
        for (api, path) in [
            (server.dps_api(), "/enrollments/a".to_owned()),
            (server.hub_api(), "/devices/witness".to_owned()),
            (server.management(), server.authority_path("")),
            (server.own_api(), "/provost/hubs".to_owned()),
        ] {
            let answer = api.authorized(with.clone()).get(&path).await;
            assert_eq!(answer.status, 401, "{path} {token}: {}", answer.body);
        }
        let path = format!("/{}/registrations/a/register", server.dps().id_scope);
        let body = json!({ "registrationId": "a" });
        server
            .dps_api()
            .authorized(with)
            .put(&path, &body)
            .await
            .refused(401_002);
    }
    witness.is_unharmed().await;
}
