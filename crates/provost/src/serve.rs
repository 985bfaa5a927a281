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
pub(crate) mod store_mark;
pub(crate) mod telling;
mod tls_files;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use provost_ca::CaKeys;
use provost_hub::{HubOptions, HubService};
use provost_keys::KeyProvider;
use provost_model::{Clock, Random};
use provost_provisioning::ProvisioningService;
use provost_registry::RegistryService;
use provost_store::{CommitCounts, Store, StoreAddress, StoreOptions};
use provost_transport::metrics::Metrics;
use provost_transport::shutdown::ShutdownTrigger;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::certificate_issuer::{IssuerOfHubs, RegistryIssuer};
use self::data_lock::DataLock;
use self::keys::ServedKeys;
use self::publishing::Publishing;
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
    https: SocketAddr,
    mqtt: SocketAddr,
    http: Option<SocketAddr>,
    store: Store,
    hub: HubService,
    dps: ProvisioningService,
    registry: RegistryService,
    keys: ServedKeys,
    trigger: ShutdownTrigger,
    tasks: JoinSet<()>,
    marking: StoreMarking,
    _lock: DataLock,
}

/// How long background work may take to end after the listeners have; together with the listeners'
/// own limit it stays below ten seconds.
const END_LIMIT: Duration = Duration::from_secs(1);

fn hub_options(config: &Config, store: &Store, ambient: &Ambient) -> HubOptions {
    HubOptions {
        store: store.clone(),
        clock: Arc::clone(&ambient.clock),
        random: Arc::clone(&ambient.random),
        retention: config.telemetry,
        telemetry_partitions: config.telemetry_partitions,
        jobs: config.jobs.clone(),
        refuse_revoked_serials: config.refuse_revoked_serials,
        measured_renewal_codes: config.measured_renewal_codes,
        messages: config.messages,
    }
}

async fn open_store(config: &Config, ambient: &Ambient) -> Result<Store> {
    let opened = Store::open(StoreOptions {
        address: config.store.clone(),
        clock: Arc::clone(&ambient.clock),
        queue: config.limits.write_queue,
    });
    opened.await.context("cannot open the store")
}

/// The Device Registry, plugged into the hubs; what an earlier run left is taken up.
async fn open_registry(
    config: &Config,
    store: &Store,
    keys: &CaKeys,
    hub: &HubService,
    ambient: &Ambient,
) -> Result<(RegistryService, Arc<RegistryIssuer>)> {
    let registry = registry::service(config, store, keys, hub, ambient);
    let trial_day = config.registry.leaf_day;
    if trial_day < Duration::from_hours(24) {
        let seconds = trial_day.as_secs();
        warn!(
            seconds,
            "a day of a device certificate's validity is shortened: for trials only"
        );
    }
    let issuer = Arc::new(RegistryIssuer::new(registry.clone()));
    hub.issue_certificates_by(Arc::new(IssuerOfHubs::new(&issuer)));
    let is_alone = matches!(config.store, StoreAddress::Sqlite(_));
    let resumed = registry.resume(is_alone).await;
    resumed.context("cannot take up the work of the device registry")?;
    Ok((registry, issuer))
}

/// The data folder, as long as the server runs; refused where it is being restored or half restored.
fn hold(config: &Config) -> Result<DataLock> {
    private_file::make_folder(&config.data)?;
    let lock = DataLock::shared(&config.data, &config.store)?;
    crate::backup::refuse_cut_off(&config.data)?;
    Ok(lock)
}

impl Server {
    /// Starts everything; returns when every listener accepts.
    #[expect(
        clippy::too_many_lines,
        reason = "one step of the start after the other, in their order"
    )]
    pub async fn start(config: Config, ambient: Ambient) -> Result<Self> {
        let lock = hold(&config)?;
        let opening = keys::begin(&config, &ambient);
        let store = open_store(&config, &ambient).await?;
        let marking = StoreMarking::begin(&config.data, &store, &ambient).await?;
        first_start::prepare(&config, &store, &ambient).await?;
        let hubs = background::own_hosts(&store).await?;
        let tls = tls_files::prepare(&config, &hubs, ambient.clock.now(), &*ambient.random)?;
        let hub = HubService::new(hub_options(&config, &store, &ambient));
        let keys = keys::opened(opening).await?;
        let ca_keys = CaKeys::new(keys.provider());
        let (registry, issuer) = open_registry(&config, &store, &ca_keys, &hub, &ambient).await?;
        provisioning::warn_of_unknown_hubs(&config.geo, &store).await?;
        let dps = provisioning::service(&config, &store, &hub, issuer, &ambient)?;
        let ((trigger, shutdown), mut tasks) = (ShutdownTrigger::new(), JoinSet::new());
        let metrics = Arc::new(Metrics::default());
        let (https, mqtt) = listeners::open(
            &config,
            &tls,
            hub.clone(),
            (dps.clone(), registry.clone()),
            &ambient,
            (&metrics, &shutdown),
            &mut tasks,
        )?;
        let publishing = Publishing::new(&config, &store, &ca_keys, &ambient);
        let http = publishing.open((&metrics, &shutdown), &mut tasks)?;
        let workers = background::Workers {
            config: &config,
            tls: &tls,
            hub: &hub,
            dps: &dps,
            registry: &registry,
            store: &store,
            ambient: &ambient,
        };
        background::start(&workers, &shutdown, &mut tasks);
        publishing.start(&shutdown, &mut tasks);
        background::start_leased(&workers, &shutdown, &mut tasks).await?;
        let connection = ready::connection(&config, &store, https, mqtt).await?;
        connection.write(&config.data)?;
        workers.keep_connection(&connection, [https, mqtt], &shutdown, &mut tasks);
        marking.note(&store).await?;
        // Last: whoever waits for it may stop the server, or take its folder away, right after.
        ready::tell(&config, &connection)?;
        info!(%https, %mqtt, host = %config.host, "serving");
        Ok(Self {
            connection,
            https,
            mqtt,
            http,
            store,
            hub,
            dps,
            registry,
            keys,
            trigger,
            tasks,
            marking,
            _lock: lock,
        })
    }

    /// Where HTTPS and WebSocket are accepted.
    pub fn https_address(&self) -> SocketAddr {
        self.https
    }

    /// Where MQTT is accepted.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where CRLs and CA certificates are served, when they are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
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
        &self.registry
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
        if tokio::time::timeout(END_LIMIT, self.hub.flush_telemetry())
            .await
            .is_err()
        {
            warn!("the last telemetry was not stored in time; the devices send it again");
        }
        if let Err(error) = self.hub.release_held().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "jobs are taken up again when their leases are over"
            );
        }
        if let Err(error) = self.hub.flush_activity().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "the last signs of life were not stored"
            );
        }
        if let Err(error) = self.dps.flush_refusals().await {
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
