//! The two listeners: HTTPS with WebSocket, and MQTT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use provost_hub::HubService;
use provost_provisioning::ProvisioningService;
use provost_registry::RegistryService;
use provost_transport::device_api::{DeviceApi, DeviceApiParts, ServiceRate};
use provost_transport::http::api::{ApiParts, HttpApi, RequestLimits};
use provost_transport::http::{self, HttpLimits};
use provost_transport::listener::{Listener, ListenerLimits};
use provost_transport::metrics::Metrics;
use provost_transport::mqtt::session::{MqttServer, SessionLimits};
use provost_transport::peer::Peer;
use provost_transport::publication::PublicationApi;
use provost_transport::shutdown::Shutdown;
use provost_transport::tls::{ALPN_HTTP_1_1, ReloadingIdentity, Secured, handshake, server_config};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tracing::debug;

use super::Ambient;
use super::background::follow_identity;
use super::tls_files::TlsMaterial;
use crate::config::Config;

/// How long connections may take to end once the end is asked for.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// Binds both, spawns their accept loops, and says where they are.
pub(super) fn open(
    config: &Config,
    tls: &TlsMaterial,
    hub: HubService,
    (dps, registry): (ProvisioningService, RegistryService),
    ambient: &Ambient,
    (metrics, shutdown): (&Arc<Metrics>, &Shutdown),
    tasks: &mut JoinSet<()>,
) -> Result<(SocketAddr, SocketAddr)> {
    let identity = Arc::new(ReloadingIdentity::from_pem_files(
        &tls.files.certificate,
        &tls.files.key,
    )?);
    tasks.spawn(follow_identity(Arc::clone(&identity), shutdown.clone()));
    let (api, mqtt) = services(config, hub, (dps, registry), ambient, metrics, shutdown);
    let https_listener = bind(config, config.https_port, "HTTPS")?;
    let mqtt_listener = bind(config, config.mqtt_port, "MQTT")?;
    let addresses = (https_listener.local_address(), mqtt_listener.local_address());
    let front = Front {
        shutdown: shutdown.clone(),
        handshake_timeout: config.limits.handshake_timeout,
        metrics: Arc::clone(metrics),
    };
    let https = HttpsFront {
        front: front.clone(),
        tls: server_config(Arc::clone(&identity) as _, &[ALPN_HTTP_1_1])?,
        limits: HttpLimits {
            head_timeout: config.limits.http_idle_timeout,
            ..HttpLimits::default()
        },
        api,
        mqtt: mqtt.clone(),
    };
    let accepting = https_listener.run(shutdown.clone(), move |stream, address| {
        https.clone().serve(stream, address)
    });
    tasks.spawn(accepting);
    let mqtt = MqttFront {
        front,
        tls: server_config(identity, &[])?,
        mqtt,
    };
    let accepting = mqtt_listener.run(shutdown.clone(), move |stream, address| {
        mqtt.clone().serve(stream, address)
    });
    tasks.spawn(accepting);
    Ok(addresses)
}

/// Opens the plain HTTP listener when there is to be one, and says where it is.
pub(super) fn open_plain(
    config: &Config,
    api: PublicationApi,
    shutdown: &Shutdown,
    tasks: &mut JoinSet<()>,
) -> Result<Option<SocketAddr>> {
    let Some(port) = config.http_port else {
        return Ok(None);
    };
    let listener = bind(config, port, "HTTP")?;
    let address = listener.local_address();
    let limits = HttpLimits {
        head_timeout: config.limits.http_idle_timeout,
        ..HttpLimits::default()
    };
    let ending = shutdown.clone();
    let accepting = listener.run(shutdown.clone(), move |stream, address| {
        let (api, shutdown) = (api.clone(), ending.clone());
        let peer = Peer {
            address,
            certificates: Arc::new([]),
        };
        async move {
            let answer = |request, _peer| api.answer(request);
            // Nothing here is told over a WebSocket: one that is opened ends at once.
            http::serve(stream, peer, limits, shutdown, answer, |_, _| async {}).await;
        }
    });
    tasks.spawn(accepting);
    Ok(Some(address))
}

/// What is served on them.
fn services(
    config: &Config,
    hub: HubService,
    (dps, registry): (ProvisioningService, RegistryService),
    ambient: &Ambient,
    metrics: &Arc<Metrics>,
    shutdown: &Shutdown,
) -> (HttpApi, MqttServer) {
    let device_api = DeviceApi::new(DeviceApiParts {
        dps: dps.clone(),
        clock: Arc::clone(&ambient.clock),
        random: Arc::clone(&ambient.random),
        rates: config.limits.rates,
        metrics: Arc::clone(metrics),
    });
    let mqtt = MqttServer::new(
        hub.clone(),
        device_api.clone(),
        Arc::clone(&ambient.clock),
        Arc::clone(&ambient.random),
        SessionLimits::default(),
    );
    let api = HttpApi::new(ApiParts {
        hub,
        dps,
        registry,
        device_api,
        clock: Arc::clone(&ambient.clock),
        random: Arc::clone(&ambient.random),
        limits: RequestLimits {
            max_body_bytes: config.limits.max_body_bytes,
            max_dps_body_bytes: config.dps.message_bytes,
            ..RequestLimits::default()
        },
        service_rate: ServiceRate::new(&config.limits.rates),
        metrics: Arc::clone(metrics),
        metrics_open: config.metrics_open,
        shutdown: shutdown.clone(),
    });
    (api, mqtt)
}

fn bind(config: &Config, port: u16, what: &str) -> Result<Listener> {
    let address = SocketAddr::new(config.listen, port);
    let limits = ListenerLimits {
        max_connections: config.limits.max_connections,
        drain_timeout: DRAIN_LIMIT,
    };
    Listener::bind(address, limits).with_context(|| format!("cannot listen for {what} on {address}"))
}

#[derive(Clone)]
struct Front {
    shutdown: Shutdown,
    handshake_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Front {
    /// The TLS handshake; a client that is still at it when the server ends is not waited for.
    async fn secure(
        &self,
        tls: Arc<ServerConfig>,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Option<Secured<TcpStream>> {
        let mut shutdown = self.shutdown.clone();
        let outcome = tokio::select! {
            () = shutdown.requested() => return None,
            outcome = handshake(tls, stream, self.handshake_timeout) => outcome,
        };
        outcome
            .inspect_err(
                |error| debug!(peer = %address, error = error as &dyn std::error::Error, "no handshake"),
            )
            .ok()
    }
}

#[derive(Clone)]
struct HttpsFront {
    front: Front,
    tls: Arc<ServerConfig>,
    limits: HttpLimits,
    api: HttpApi,
    mqtt: MqttServer,
}

impl HttpsFront {
    async fn serve(self, stream: TcpStream, address: SocketAddr) {
        let Self {
            front,
            tls,
            limits,
            api,
            mqtt,
        } = self;
        let _counted = front.metrics.connection("https");
        let Some(stream) = front.secure(tls, stream, address).await else {
            return;
        };
        let peer = Peer::of(&stream, address);
        let connection = api.connection(peer.clone());
        let answer = |request, _peer| connection.answer(request);
        let shutdown = front.shutdown.clone();
        let session = move |io, peer| async move { mqtt.serve(io, peer, shutdown).await };
        http::serve(stream, peer, limits, front.shutdown, answer, session).await;
    }
}

#[derive(Clone)]
struct MqttFront {
    front: Front,
    tls: Arc<ServerConfig>,
    mqtt: MqttServer,
}

impl MqttFront {
    async fn serve(self, stream: TcpStream, address: SocketAddr) {
        let Self { front, tls, mqtt } = self;
        let _counted = front.metrics.connection("mqtt");
        let Some(stream) = front.secure(tls, stream, address).await else {
            return;
        };
        let peer = Peer::of(&stream, address);
        mqtt.serve(stream, peer, front.shutdown).await;
    }
}
