use std::sync::Arc;

use provost_model::{Clock, Random, Timestamp};
use provost_pki::SignatureMemo;
use provost_store::Store;

use crate::refusals::WaitingRefusals;
use crate::turns::Turns;
use crate::{CertificateIssuer, HubDirectory, ProvisioningOptions, RemoteHubs, Webhooks};

/// The provisioning service of every instance of this program. Cheap to clone.
#[derive(Clone)]
pub struct ProvisioningService {
    parts: Arc<ProvisioningParts>,
    memo: Arc<SignatureMemo>,
    refusals: Arc<WaitingRefusals>,
    turns: Turns,
}

/// What the service is made of.
pub struct ProvisioningParts {
    /// Where everything is kept.
    pub store: Store,
    /// Where devices are assigned to.
    pub hubs: Arc<dyn HubDirectory>,
    /// Those elsewhere.
    pub remote_hubs: Arc<dyn RemoteHubs>,
    /// Who is asked where a device goes.
    pub webhooks: Arc<dyn Webhooks>,
    /// Who issues certificates.
    pub certificates: Arc<dyn CertificateIssuer>,
    /// Judges dates.
    pub clock: Arc<dyn Clock>,
    /// Makes keys, codes and operation IDs.
    pub random: Arc<dyn Random>,
    /// Switches.
    pub options: ProvisioningOptions,
}

impl ProvisioningService {
    /// Puts the service together.
    pub fn new(parts: ProvisioningParts) -> Self {
        Self {
            parts: Arc::new(parts),
            memo: Arc::new(SignatureMemo::default()),
            refusals: Arc::new(WaitingRefusals::default()),
            turns: Turns::default(),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.parts.store
    }

    pub(crate) fn hubs(&self) -> &dyn HubDirectory {
        &*self.parts.hubs
    }

    pub(crate) fn remote_hubs(&self) -> &dyn RemoteHubs {
        &*self.parts.remote_hubs
    }

    pub(crate) fn webhooks(&self) -> &dyn Webhooks {
        &*self.parts.webhooks
    }

    pub(crate) fn certificates(&self) -> &dyn CertificateIssuer {
        &*self.parts.certificates
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.parts.random
    }

    pub(crate) fn options(&self) -> &ProvisioningOptions {
        &self.parts.options
    }

    pub(crate) fn memo(&self) -> &SignatureMemo {
        &self.memo
    }

    pub(crate) fn waiting_refusals(&self) -> &WaitingRefusals {
        &self.refusals
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}
