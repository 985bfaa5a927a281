use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use provost::config::{
    Config, DpsOptions, JobOptions, KeysConfig, KeysProcess, Limits, LogConfig, OutboundConfig, TlsFiles,
};
use provost::serve::{Ambient, Server};
use provost_access::AdminCaller;
use provost_model::{Clock, GeoOrder, HostName, QueueLimits, Retention};
use provost_registry::RegistryService;
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_transport::device_api::RateLimits;
use tempfile::TempDir;

use crate::child::program;
use crate::store::fresh_address;
use crate::{Endpoints, Enrollment, ManualClock, Stored};

/// Environment variable; when it is set, the keys of CAs are in a process of their own, as they are in the program. Otherwise
/// they are in that of the test, which is quicker.
const SIGNER: &str = "PROVOST_TEST_SIGNER";

/// A server in this process on a fresh store of the engine under test, gone with this value.
pub struct TestServer {
    endpoints: Endpoints,
    server: Option<Server>,
    config: Config,
    ambient: Ambient,
    stored: Stored,
    _folder: TempDir,
}

impl TestServer {
    /// A server with the machine's clock.
    pub async fn start() -> Self {
        Self::start_with(Ambient::default(), |_| {}).await
    }

    /// A server that has this enrollment or group.
    pub async fn with_entry(entry: &Enrollment) -> Self {
        let server = Self::start().await;
        server.dps_api().put_enrollment(entry).await;
        server
    }

    /// A server whose clock stands still until it is moved. It stands at the present: clients
    /// judge the server's certificate by the machine's clock.
    pub async fn start_with_clock() -> (Self, ManualClock) {
        Self::start_with_clock_configured(|_| {}).await
    }

    /// As [`Self::start_with_clock`], configured differently.
    pub async fn start_with_clock_configured(configure: impl FnOnce(&mut Config)) -> (Self, ManualClock) {
        let clock = ManualClock::default();
        clock.set(Ambient::default().clock.now());
        let ambient = Ambient {
            clock: Arc::new(clock.clone()),
            ..Ambient::default()
        };
        (Self::start_with(ambient, configure).await, clock)
    }

    /// A server configured differently.
    pub async fn start_configured(configure: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(Ambient::default(), configure).await
    }

    async fn start_with(ambient: Ambient, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut config = config(folder.path(), fresh_address(&folder).await);
        configure(&mut config);
        let server = Box::pin(Server::start(config.clone(), ambient.clone()))
            .await
            .expect("the server starts");
        let endpoints = endpoints(&server, &config, &ambient);
        let options = StoreOptions {
            address: config.store.clone(),
            clock: Arc::clone(&ambient.clock),
            queue: 1_000,
        };
        let store = Store::open(options).await.expect("the store opens again");
        let stored = Stored::new(store, endpoints.dps_name(), endpoints.hub_name());
        Self {
            endpoints,
            server: Some(server),
            config,
            ambient,
            stored,
            _folder: folder,
        }
    }

    /// Another node: a second server on the same store, with a data folder and ports of its own.
    pub async fn second_node(&self) -> Self {
        let store = self.config.store.clone();
        Self::start_with(self.ambient.clone(), |config| config.store = store).await
    }

    /// Whether the engine under test is PostgreSQL, which nodes can share.
    pub fn is_on_postgres(&self) -> bool {
        matches!(self.config.store, StoreAddress::Postgres(_))
    }

    /// Stops the server and starts it again on the same data. Its ports change.
    pub async fn restart(&mut self) {
        self.stop().await;
        let server = Box::pin(Server::start(self.config.clone(), self.ambient.clone()))
            .await
            .expect("it starts again");
        self.endpoints = endpoints(&server, &self.config, &self.ambient);
        self.server = Some(server);
    }

    /// From the next start on the ports are those of now.
    pub fn keep_ports(&mut self) {
        let server = self.server.as_ref().expect("it runs");
        self.config.https_port = server.https_address().port();
        self.config.mqtt_port = server.mqtt_address().port();
    }

    /// Stops the server and keeps its data.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// The Device Registry, asked without a socket.
    pub fn registry(&self) -> &RegistryService {
        self.server.as_ref().expect("it runs").registry()
    }

    /// Where CRLs are served, when they are.
    pub fn http_address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().and_then(Server::http_address)
    }

    /// The operator, as services know him.
    pub async fn admin_caller(&self) -> AdminCaller {
        let token = self.admin();
        let proof = provost_access::authenticate(self.stored.store(), Some(&token));
        proof.await.expect("the operator's token")
    }

    /// What the server has stored.
    pub fn stored(&self) -> &Stored {
        &self.stored
    }
}

impl Deref for TestServer {
    type Target = Endpoints;

    fn deref(&self) -> &Endpoints {
        &self.endpoints
    }
}

fn endpoints(server: &Server, config: &Config, ambient: &Ambient) -> Endpoints {
    let connection = server.connection().clone();
    let root = connection.root_ca.clone();
    // With an operator's certificate the chain file ends with what is to be trusted.
    let trusted = root.or(config
        .tls_files
        .as_ref()
        .map(|TlsFiles { certificate, .. }| certificate.clone()));
    let root = std::fs::read(trusted.expect("a root or an own certificate")).expect("root certificate");
    Endpoints::new(connection, &root, Arc::clone(&ambient.clock) as Arc<dyn Clock>)
}

fn config(data: &Path, store: StoreAddress) -> Config {
    Config {
        data: data.join("data"),
        store,
        host: HostName::parse("localhost").expect("a host name"),
        aliases: Vec::new(),
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        https_port: 0,
        mqtt_port: 0,
        http_port: None,
        tls_files: None,
        ready_file: None,
        registry: provost_registry::RegistryOptions::default(),
        log: LogConfig {
            filter: "off".to_owned(),
            json: false,
        },
        // Tests come faster than clients should; those of the limits set them.
        limits: Limits {
            rates: RateLimits::NONE,
            ..Limits::default()
        },
        metrics_open: false,
        telemetry: Retention::default(),
        telemetry_partitions: 4,
        refuse_revoked_serials: false,
        measured_renewal_codes: false,
        jobs: JobOptions::default(),
        messages: QueueLimits::default(),
        dps: DpsOptions::default(),
        geo: GeoOrder::default(),
        outbound: OutboundConfig::default(),
        keys: keys(&data.join("data")),
    }
}

fn keys(data: &Path) -> KeysConfig {
    let mut keys = KeysConfig::of_data(data);
    if std::env::var_os(SIGNER).is_some() {
        keys.process = KeysProcess::Own(program());
    }
    keys
}
