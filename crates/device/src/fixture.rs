//! A scripted server for the tests of this crate: real TLS on loopback, answers by rote.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use provost_model::{Clock, Timestamp};
use provost_pki::issue::{Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, self_signed};
use provost_transport::http::{HttpLimits, ResponseBody, full_body, read_body, serve};
use provost_transport::listener::{Listener, ListenerLimits};
use provost_transport::mqtt::codec::{
    Connack, ConnectReturnCode, Delivery, Packet, Publish, QoS, SubscribeReturnCode,
};
use provost_transport::mqtt::connection::{Connection, Limits, Outbox};
use provost_transport::peer::Peer;
use provost_transport::shutdown::{Shutdown, ShutdownTrigger};
use provost_transport::tls::{ALPN_HTTP_1_1, ServerIdentity, handshake, server_config};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::Target;
use crate::tls::{ClientIdentity, ClientTls, Roots, TlsVersion};

/// 2026-01-01T00:00:00Z for ever.
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_767_225_600)
    }
}

pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A self-signed certificate with its key.
pub(crate) fn identity(name: &str, profile: &Profile) -> Identity {
    let key = KeyPair::generate(KeyAlgorithm::P256).unwrap();
    let issuance = Issuance {
        subject: &SubjectName::common_name(name).unwrap(),
        public_key_der: &key.public_key_der().unwrap(),
        profile,
        not_before: Timestamp::from_unix_seconds(1_577_836_800),
        not_after: Timestamp::from_unix_seconds(2_366_841_600),
        serial: &[7; 16],
    };
    let certificate = self_signed(&issuance, &key).unwrap().der().to_vec().into();
    let key = PrivatePkcs8KeyDer::from(key.to_pkcs8_der().unwrap().expose().clone());
    (vec![certificate], key.into())
}

/// Both listeners of a scripted service.
pub(crate) struct Server {
    roots: Roots,
    mqtt: SocketAddr,
    https: SocketAddr,
    pub(crate) trigger: ShutdownTrigger,
}

impl Server {
    pub(crate) fn start() -> Self {
        let profile = Profile::Server {
            dns: vec!["localhost".to_owned()],
            ip: Vec::new(),
        };
        let (chain, key) = identity("localhost", &profile);
        let roots = Roots::from_der(chain.clone()).unwrap();
        let identity = Arc::new(ServerIdentity::new(chain, key).unwrap());
        let (trigger, shutdown) = ShutdownTrigger::new();
        let listen = || Listener::bind("127.0.0.1:0".parse().unwrap(), ListenerLimits::default()).unwrap();
        let (mqtt, https) = (listen(), listen());
        let (mqtt_address, https_address) = (mqtt.local_address(), https.local_address());
        let config = server_config(identity.clone(), &[]).unwrap();
        tokio::spawn(mqtt.run(shutdown.clone(), move |stream, address| {
            let config = Arc::clone(&config);
            async move {
                if let Some((stream, peer)) = secure(config, stream, address).await {
                    mqtt_session(stream, peer).await;
                }
            }
        }));
        let config = server_config(identity, &[ALPN_HTTP_1_1]).unwrap();
        let token = shutdown.clone();
        tokio::spawn(https.run(shutdown, move |stream, address| {
            https_connection(Arc::clone(&config), stream, address, token.clone())
        }));
        Self {
            roots,
            mqtt: mqtt_address,
            https: https_address,
            trigger,
        }
    }

    pub(crate) fn target(&self, websocket_or_https: bool) -> Target {
        let address = if websocket_or_https { self.https } else { self.mqtt };
        let host = address.ip().to_string();
        let server_name = "localhost".to_owned();
        Target {
            host,
            port: address.port(),
            server_name,
            websocket: websocket_or_https,
        }
    }

    pub(crate) fn tls(&self, shown: Option<&ClientIdentity>, version: TlsVersion) -> ClientTls {
        ClientTls::new(&self.roots, shown, version).unwrap()
    }
}

async fn secure(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<(provost_transport::tls::Secured<TcpStream>, Peer)> {
    let stream = handshake(config, stream, Duration::from_secs(10)).await.ok()?;
    let peer = Peer::of(&stream, address);
    Some((stream, peer))
}

async fn https_connection(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    address: SocketAddr,
    shutdown: Shutdown,
) {
    if let Some((stream, peer)) = secure(config, stream, address).await {
        serve(
            stream,
            peer,
            HttpLimits::default(),
            shutdown,
            answer_http,
            mqtt_session,
        )
        .await;
    }
}

/// Says who asked and what.
async fn answer_http(request: Request<hyper::body::Incoming>, peer: Peer) -> Response<ResponseBody> {
    let (head, body) = request.into_parts();
    let has_token = head.headers.contains_key("authorization");
    let body = read_body(body, 1_000, Duration::from_secs(5)).await.unwrap();
    let proof = Proof {
        certificates: peer.certificates.len(),
        has_token,
    };
    let (status, text) = match head.uri.path() {
        path if path.ends_with("/register") => {
            assert!(body.starts_with(b"{\"registrationId\""));
            proof.register()
        }
        path if path.contains("/operations/4.op") => (200, ASSIGNED.to_owned()),
        _ => (404, String::new()),
    };
    Response::builder()
        .status(status)
        .header("retry-after", "3")
        .body(full_body(text))
        .unwrap()
}

const ASSIGNED: &str = r#"{"operationId":"4.op","status":"assigned","registrationState":
    {"registrationId":"dev-1","assignedHub":"hub.test","deviceId":"dev-1","status":"assigned"}}"#;

struct Proof {
    certificates: usize,
    has_token: bool,
}

impl Proof {
    fn register(&self) -> (u16, String) {
        if self.certificates > 0 || self.has_token {
            (202, r#"{"operationId":"4.op","status":"assigning"}"#.to_owned())
        } else {
            (
                401,
                r#"{"errorCode":401002,"message":"Unauthorized","trackingId":"t"}"#.to_owned(),
            )
        }
    }
}

/// CONNECT of a device named `refused` is refused; everything else is answered by topic.
async fn mqtt_session<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: Peer) {
    let mut connection = Connection::new(stream, Limits::default());
    let mut proof = Proof {
        certificates: peer.certificates.len(),
        has_token: false,
    };
    while let Ok(Some(incoming)) = connection.next().await {
        let outbox = incoming.outbox;
        let mut is_over = false;
        match incoming.packet {
            Packet::Connect(connect) if connect.client_id == "refused" => {
                outbox.connack(Connack::refused(ConnectReturnCode::NotAuthorized));
                is_over = true;
            }
            Packet::Connect(connect) => {
                proof.has_token = connect.password.is_some();
                outbox.connack(Connack::ACCEPTED);
            }
            Packet::Subscribe(subscribe) => {
                let granted = SubscribeReturnCode::Granted(QoS::AtLeastOnce);
                let codes: Vec<_> = subscribe.filters().map(|_| granted).collect();
                outbox.suback(subscribe.packet_id, &codes).unwrap();
            }
            Packet::Publish(publish) => {
                if let Delivery::AtLeastOnce(packet_id) = publish.delivery {
                    outbox.puback(packet_id);
                }
                is_over = answer_publish(&publish, &proof, outbox);
            }
            Packet::Pingreq => outbox.pingresp(),
            _ => is_over = true,
        }
        if connection.flush().await.is_err() || is_over {
            break;
        }
    }
    connection.close().await;
}

fn say(outbox: &mut Outbox, topic: &str, payload: &[u8]) {
    let delivery = Delivery::AtMostOnce;
    let publish = Publish {
        topic,
        payload,
        delivery,
        duplicate: false,
        retain: false,
    };
    outbox.publish(&publish).unwrap();
}

/// True when the connection is over.
fn answer_publish(publish: &Publish<'_>, proof: &Proof, outbox: &mut Outbox) -> bool {
    let (path, query) = publish.topic.split_once('?').unwrap_or((publish.topic, ""));
    let rid = query.split('&').next().unwrap_or_default();
    match path {
        "$dps/registrations/PUT/iotdps-register/" => {
            let (status, text) = proof.register();
            let topic = format!("$dps/registrations/res/{status}/?{rid}&retry-after=3");
            say(outbox, &topic, text.as_bytes());
        }
        "$dps/registrations/GET/iotdps-get-operationstatus/" => {
            assert!(query.ends_with("&operationId=4.op"), "{query}");
            say(
                outbox,
                &format!("$dps/registrations/res/200/?{rid}"),
                ASSIGNED.as_bytes(),
            );
        }
        "$iothub/twin/GET/" => {
            // An event overtakes the answer and must not be lost.
            let topic = "$iothub/twin/PATCH/properties/desired/?$version=7";
            say(outbox, topic, br#"{"fan":1,"$version":7}"#);
            let twin = br#"{"desired":{"$version":7},"reported":{"$version":1}}"#;
            say(outbox, &format!("$iothub/twin/res/200/?{rid}"), twin);
        }
        "$iothub/twin/PATCH/properties/reported/" if publish.payload == b"null" => {
            let error = br#"{"errorCode":400000,"message":"not an object"}"#;
            say(outbox, &format!("$iothub/twin/res/400/?{rid}"), error);
        }
        "$iothub/twin/PATCH/properties/reported/" => {
            say(outbox, &format!("$iothub/twin/res/204/?{rid}&$version=2"), b"");
        }
        "devices/dev-1/messages/events/%24.ct=application%2Fjson&a%20b=c%26d" => {
            say(outbox, "$iothub/methods/POST/reboot/?$rid=1f", publish.payload);
        }
        "$iothub/methods/res/200/" => say(outbox, "devices/dev-1/messages/devicebound/x", b"thanks"),
        _ => return true,
    }
    false
}
