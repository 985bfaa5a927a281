//! What tells others of our certificates: CRLs, and OCSP when it is switched on.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use provost_ca::{CaKeys, CrlPublisher, CrlSchedule, OcspDelegates, OcspResponder, Publications};
use provost_store::Store;
use provost_transport::metrics::Metrics;
use provost_transport::publication::PublicationApi;
use provost_transport::shutdown::Shutdown;
use tokio::task::JoinSet;

use super::{Ambient, background, listeners};
use crate::config::Config;

/// What it is done with.
pub(super) struct Publishing<'a> {
    config: &'a Config,
    store: &'a Store,
    keys: &'a CaKeys,
    ambient: &'a Ambient,
}

impl<'a> Publishing<'a> {
    pub(super) fn new(config: &'a Config, store: &'a Store, keys: &'a CaKeys, ambient: &'a Ambient) -> Self {
        Self {
            config,
            store,
            keys,
            ambient,
        }
    }

    /// Opens the plain HTTP listener when there is to be one, and says where it is.
    pub(super) fn open(
        &self,
        (metrics, shutdown): (&Arc<Metrics>, &Shutdown),
        tasks: &mut JoinSet<()>,
    ) -> Result<Option<SocketAddr>> {
        let clock = || Arc::clone(&self.ambient.clock);
        let mut api = PublicationApi::new(Publications::new(self.store.clone()), clock());
        if self.config.registry.publication.is_ocsp_on() {
            let responder = OcspResponder::new(self.store.clone(), self.ca_keys(), clock());
            api = api.with_ocsp(responder, Arc::clone(metrics));
        }
        listeners::open_plain(self.config, api, shutdown, tasks)
    }

    /// Spawns what makes CRLs and looks after OCSP responders.
    pub(super) fn start(&self, shutdown: &Shutdown, tasks: &mut JoinSet<()>) {
        let addresses = self.config.registry.publication.clone();
        let delegates = OcspDelegates::new(
            self.store.clone(),
            self.ca_keys(),
            Arc::clone(&self.ambient.clock),
            Arc::clone(&self.ambient.random),
            addresses.is_ocsp_on(),
        );
        let publisher = CrlPublisher::new(
            self.store.clone(),
            self.ca_keys(),
            Arc::clone(&self.ambient.clock),
            addresses,
            CrlSchedule::default(),
        );
        let publisher = publisher.with_responders(delegates.clone());
        background::spawn(tasks, shutdown, publisher.run());
        background::spawn(tasks, shutdown, delegates.run());
    }

    fn ca_keys(&self) -> CaKeys {
        self.keys.clone()
    }
}
