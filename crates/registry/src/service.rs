use std::sync::Arc;

use provost_access::AdminCaller;
use provost_ca::{CaError, CaKeys, SignatureCounts};
use provost_model::registry::KeyRef;
use provost_model::{Action, AuditEvent, Clock, NamespaceName, Random, Timestamp};
use provost_store::{Store, StoreError, in_same_origin};

use crate::configuration::Configuration;
use crate::issuer::Issuers;
use crate::once_in::OnceIn;
use crate::signing::SigningThreads;
use crate::{LinkedHubs, RegistryError, RegistryOptions};

/// The Device Registry of this program. Cheap to clone.
#[derive(Clone)]
pub struct RegistryService {
    parts: Arc<RegistryParts>,
    issuers: Arc<Issuers>,
    configuration: Arc<Configuration>,
    ends_warned: Arc<OnceIn>,
    lines_forgotten: Arc<OnceIn>,
    signing: Arc<SigningThreads>,
}

/// What the service is made of.
pub struct RegistryParts {
    /// Where everything is kept.
    pub store: Store,
    /// The keys of CAs.
    pub keys: CaKeys,
    /// The hubs linked to namespaces.
    pub hubs: Arc<dyn LinkedHubs>,
    /// Judges dates.
    pub clock: Arc<dyn Clock>,
    /// Makes identifiers, names and serial numbers.
    pub random: Arc<dyn Random>,
    /// Switches.
    pub options: RegistryOptions,
}

/// What a write that may make a thing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made<T> {
    /// The thing as it stands now.
    pub value: T,
    /// It was not there before.
    pub is_new: bool,
}

impl RegistryService {
    /// Puts the service together. Starts nothing: [`Self::resume`] and [`Self::maintain`] are for the
    /// program to run.
    pub fn new(parts: RegistryParts) -> Self {
        let signing = SigningThreads::new(parts.options.signing_threads);
        Self {
            parts: Arc::new(parts),
            issuers: Arc::new(Issuers::default()),
            configuration: Arc::new(Configuration::default()),
            ends_warned: Arc::new(OnceIn::default()),
            lines_forgotten: Arc::new(OnceIn::default()),
            signing: Arc::new(signing),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.parts.store
    }

    pub(crate) fn keys(&self) -> &CaKeys {
        &self.parts.keys
    }

    /// How often each key of a CA was used since the program started.
    pub fn signature_counts(&self) -> Vec<(KeyRef, SignatureCounts)> {
        self.keys().signature_counts()
    }

    /// Whether the keys of CAs could be used a moment ago.
    pub async fn keys_were_usable(&self) -> bool {
        let keys = self.keys().clone();
        let asked = tokio::task::spawn_blocking(move || keys.were_usable());
        asked.await.unwrap_or(false)
    }

    pub(crate) fn hubs(&self) -> &Arc<dyn LinkedHubs> {
        &self.parts.hubs
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.parts.random
    }

    /// The same, for a transaction that takes it along.
    pub(crate) fn shared_random(&self) -> Arc<dyn Random> {
        Arc::clone(&self.parts.random)
    }

    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.parts.options
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    pub(crate) fn signing(&self) -> &SigningThreads {
        &self.signing
    }

    pub(crate) fn ends_warned(&self) -> &OnceIn {
        &self.ends_warned
    }

    pub(crate) fn lines_forgotten(&self) -> &OnceIn {
        &self.lines_forgotten
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Runs what may wait for a disk or a token where that is allowed.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CaError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let done = tokio::task::spawn_blocking(work).await;
        Ok(done.map_err(|_| StoreError::Stopped)??)
    }

    /// Runs something to its end, also when whoever asked for it is gone. What it writes still says from
    /// where it was asked for.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
    ) -> Result<T, RegistryError> {
        tokio::spawn(in_same_origin(work))
            .await
            .map_err(|_| StoreError::Stopped)?
    }
}

/// An audit event about something of a namespace.
pub(crate) fn event(
    caller: &AdminCaller,
    action: Action,
    kind: &'static str,
    namespace: &NamespaceName,
    key: &str,
) -> AuditEvent {
    AuditEvent::new(caller.actor(), action, kind, namespace.as_str(), key)
}
