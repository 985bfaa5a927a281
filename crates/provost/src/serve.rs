//! Running the server: from a configuration to listeners that accept, and back in order.
//!
//! 1. the data folder, the TLS files and the store
//! 2. what a first start makes: a hub, a provisioning service linked to it, an admin token
//! 3. the services, plugged together
//! 4. the listeners and the background work
//! 5. the connection file and the ready file, once everything accepts

mod background;
mod certificate_issuer;
pub(crate) mod data_lock;
mod first_start;
mod hub_directory;
pub(crate) mod keys;
mod listeners;
mod outbound_work;
pub mod private_file;
mod provisioning;
mod publishing;
mod ready;
mod registry;
mod starting;
pub(crate) mod store_mark;
pub(crate) mod telling;
mod tls_files;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use provost_ca::CaKeys;
use provost_keys::KeyProvider;
use provost_model::{Clock, Random};
use provost_registry::RegistryService;
use provost_store::{CommitCounts, Store};
use provost_transport::metrics::Metrics;
use provost_transport::shutdown::ShutdownTrigger;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::data_lock::DataLock;
use self::keys::ServedKeys;
use self::starting::{Addresses, Ground, Running, Services};
use self::store_mark::StoreMarking;
use crate::config::{Config, ServeArguments};
use crate::connection_file::ConnectionFile;

/// Where the program takes time and randomness from.
#[derive(Clone)]
pub struct Ambient {
    /// Judges dates and stamps records.
    pub clock: Arc<dyn Clock>,
    /// Makes keys, codes and ids.
    pub random: Arc<dyn Random>,
}

impl Default for Ambient {
    /// The machine's own.
    fn default() -> Self {
        Self {
            clock: Arc::new(provost_model::ambient::SystemClock),
            random: Arc::new(provost_model::ambient::SystemRandom),
        }
    }
}

/// A running server.
pub struct Server {
    connection: ConnectionFile,
    addresses: Addresses,
    store: Store,
    services: Services,
    keys: ServedKeys,
    trigger: ShutdownTrigger,
    tasks: JoinSet<()>,
    marking: StoreMarking,
    _lock: DataLock,
}

/// How long background work may take to end after the listeners have; together with the listeners'
/// own limit it stays below ten seconds.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The data folder, as long as the server runs; refused where it is being restored or half restored.
fn hold(config: &Config) -> Result<DataLock> {
    private_file::make_folder(&config.data)?;
    let lock = DataLock::shared(&config.data, &config.store)?;
    crate::backup::refuse_cut_off(&config.data)?;
    Ok(lock)
}

impl Server {
    /// Starts everything; returns when every listener accepts.
    pub async fn start(config: Config, ambient: Ambient) -> Result<Self> {
        let lock = hold(&config)?;
        // Opened beside the store: both take their time.
        let opening = keys::begin(&config, &ambient);
        let ground = Ground::lay(&config, &ambient).await?;
        let keys = keys::opened(opening).await?;
        let ca_keys = CaKeys::new(keys.provider());
        let services = Services::open(&config, &ground.store, &ca_keys, &ambient).await?;
        let ((trigger, shutdown), mut tasks) = (ShutdownTrigger::new(), JoinSet::new());
        let running = Running {
            config,
            ambient,
            ground,
            keys: ca_keys,
            services,
            metrics: Arc::new(Metrics::default()),
            shutdown,
        };
        let addresses = running.listen(&mut tasks)?;
        let connection = running.work(&addresses, &mut tasks).await?;
        let Running {
            config,
            ground,
            services,
            ..
        } = running;
        ground.marking.note(&ground.store).await?;
        // Last: whoever waits for it may stop the server, or take its folder away, right after.
        ready::tell(&config, &connection)?;
        info!(https = %addresses.https, mqtt = %addresses.mqtt, host = %config.host, "serving");
        Ok(Self {
            connection,
            addresses,
            store: ground.store,
            services,
            keys,
            trigger,
            tasks,
            marking: ground.marking,
            _lock: lock,
        })
    }

    /// Where HTTPS and WebSocket are accepted.
    pub fn https_address(&self) -> SocketAddr {
        self.addresses.https
    }

    /// Where MQTT is accepted.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.addresses.mqtt
    }

    /// Where CRLs and CA certificates are served, when they are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.addresses.http
    }

    /// How to reach the server and as whom.
    pub fn connection(&self) -> &ConnectionFile {
        &self.connection
    }

    /// The private keys of CAs.
    pub fn keys(&self) -> Arc<dyn KeyProvider> {
        self.keys.provider()
    }

    /// The Device Registry.
    pub fn registry(&self) -> &RegistryService {
        &self.services.registry
    }

    /// Commits and writes since the start.
    pub fn commit_counts(&self) -> CommitCounts {
        self.store.commit_counts()
    }

    /// Stops accepting, lets requests and sessions end, and ends.
    pub async fn stop(mut self) {
        self.trigger.request();
        let listeners_limit = listeners::DRAIN_LIMIT + END_LIMIT;
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(listeners_limit, all).await.is_err() {
            warn!("some tasks did not end in time and are cut");
        }
        if tokio::time::timeout(END_LIMIT, self.services.hub.flush_telemetry())
            .await
            .is_err()
        {
            warn!("the last telemetry was not stored in time; the devices send it again");
        }
        if let Err(error) = self.services.hub.release_held().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "jobs are taken up again when their leases are over"
            );
        }
        if let Err(error) = self.services.hub.flush_activity().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "the last signs of life were not stored"
            );
        }
        if let Err(error) = self.services.dps.flush_refusals().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "the last refusals were not stored"
            );
        }
        self.keys.close().await;
        if let Err(error) = self.marking.note(&self.store).await {
            warn!(%error, "how far the database is was not noted");
        }
    }
}

/// The verb `serve`: runs until SIGTERM or SIGINT.
pub fn run(arguments: ServeArguments) -> Result<()> {
    let config = Config::load(arguments)?;
    telling::start_log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(until_a_signal(config))?;
    // Whatever still blocks a thread, a long scan for example, is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(500));
    Ok(())
}

/// Serves until a signal. One that comes during the start, while a database is waited for, ends that.
async fn until_a_signal(config: Config) -> Result<()> {
    let mut signals = EndSignals::listen()?;
    let start = Server::start(config.clone(), Ambient::default());
    let server = tokio::select! {
        server = start => server?,
        () = signals.next() => return Ok(()),
    };
    telling::how_to_connect(&config, server.connection());
    signals.next().await;
    info!("shutting down");
    server.stop().await;
    Ok(())
}

/// The signals that end a server. They are listened for before it tells that it is ready: who is told may
/// send one at once.
struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
