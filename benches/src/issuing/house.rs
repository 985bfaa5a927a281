//! A registry over a store of its own, and devices that ask it for certificates.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use provost_access::AdminCaller;
use provost_attestation::admin::AdminToken;
use provost_ca::CaKeys;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::{CertificateRequest, Completion, NamespaceLink, RequestedBy};
use provost_model::{
    Action, Actor, Assignment, AuditEvent, Clock, CredentialPolicyName, DeviceId, DpsName, HubName,
    NamespaceName, RegistryDeviceName, Uuid,
};
use provost_registry::{
    CredentialInput, LinkedHubs, NamespaceInput, PolicyInput, PortFuture, RegistryOptions, RegistryParts,
    RegistryService,
};
use provost_store::{AdminTokenRow, Store, StoreAddress, StoreError, StoreOptions, WriteTx};
use serde_json::Map;
use tokio::task::JoinSet;

use super::requests::Requests;

/// Requests at a time.
const AT_ONCE: usize = 64;
const POLICY: &str = "line";

/// A registry that is furnished: namespace, credential, policy, links.
pub(super) struct House {
    registry: RegistryService,
    store: Store,
}

impl House {
    /// Makes one in a folder, which is to be empty.
    pub(super) async fn build(folder: &Path, keys: CaKeys) -> Result<Self> {
        let store = Store::open(StoreOptions {
            address: StoreAddress::Sqlite(folder.join("provost.db")),
            clock: Arc::new(SystemClock),
            queue: 4 * AT_ONCE,
        })
        .await?;
        let registry = RegistryService::new(RegistryParts {
            store: store.clone(),
            keys,
            hubs: Arc::new(NoHubs),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            options: RegistryOptions::default(),
        });
        let house = Self { registry, store };
        house.furnish().await?;
        Ok(house)
    }

    /// Namespace, credential, policy, and who is linked to it.
    async fn furnish(&self) -> Result<()> {
        let admin = self.owner().await?;
        let (namespace, policy) = (
            NamespaceName::parse("plant")?,
            CredentialPolicyName::parse(POLICY)?,
        );
        let input = NamespaceInput {
            location: "local".to_owned(),
            tags: Map::new(),
            document: Map::new(),
        };
        self.registry.put_namespace(&admin, &namespace, input).await?;
        let input = CredentialInput {
            location: "local".to_owned(),
            tags: Map::new(),
        };
        self.registry.put_credential(&admin, &namespace, input).await?;
        let input = PolicyInput {
            validity_days: 30,
            is_external: false,
        };
        self.registry
            .put_policy(&admin, &namespace, &policy, input)
            .await?;
        let links = [
            NamespaceLink::Dps(DpsName::parse("dps")?),
            NamespaceLink::Hub(HubName::parse("hub")?),
        ];
        let linked = namespace.clone();
        self.store
            .write(move |tx| {
                for link in &links {
                    tx.put_namespace_link(link, &linked)?;
                }
                tx.record(&event("link"), ())
            })
            .await?;
        Ok(())
    }

    async fn owner(&self) -> Result<AdminCaller> {
        let token = AdminToken::generate(&SystemRandom);
        let row = AdminTokenRow {
            hash: *token.hash().as_bytes(),
            name: "bench".to_owned(),
            role: "owner".to_owned(),
            namespace: None,
            created_at: SystemClock.now(),
        };
        self.store
            .write(move |tx| {
                tx.insert_admin_token(&row)?;
                tx.record(&event("token"), ())
            })
            .await?;
        let header = format!("Bearer {}", token.expose());
        Ok(provost_access::authenticate(&self.store, Some(&header)).await?)
    }

    /// Issues to all devices.
    pub(super) async fn issue(self, requests: Arc<Requests>) -> Result<()> {
        let house = Arc::new(self);
        let next = Arc::new(AtomicUsize::new(0));
        let mut devices = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (house, requests, next) = (Arc::clone(&house), Arc::clone(&requests), Arc::clone(&next));
            devices.spawn(async move {
                while let Some((id, csr)) = requests.0.get(next.fetch_add(1, Ordering::Relaxed)) {
                    house.one(id, csr).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = devices.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn one(&self, id: &str, csr: &str) -> Result<()> {
        let device_id = DeviceId::parse(id)?;
        let request = CertificateRequest {
            device: RegistryDeviceName::parse(id)?,
            device_id: device_id.clone(),
            by: RequestedBy::Registration {
                dps: DpsName::parse("dps")?,
                policy: CredentialPolicyName::parse(POLICY)?,
            },
            csr: csr.to_owned(),
        };
        let prepared = self.registry.prepare_certificate(&request).await?;
        let at = Assignment {
            hub: HubName::parse("hub")?,
            device_id,
        };
        let registry = self.registry.clone();
        let completion = self
            .store
            .write(move |tx| {
                let completion = registry.complete_certificate(&tx, &prepared, &at)?;
                tx.record(&event("issue"), completion)
            })
            .await?;
        if completion != Completion::Issued {
            bail!("not issued: {completion:?}");
        }
        Ok(())
    }
}

fn event(key: &str) -> AuditEvent {
    AuditEvent::new(Actor::System, Action::Create, "certificate", "bench", key)
}

/// Nobody is connected.
struct NoHubs;

impl LinkedHubs for NoHubs {
    fn set_enabled(
        &self,
        _tx: &WriteTx<'_>,
        _hub: &HubName,
        _device: &DeviceId,
        _enabled: bool,
    ) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn announce(&self, _: &WriteTx<'_>, _: &HubName, _: &DeviceId) -> Result<(), StoreError> {
        Ok(())
    }

    fn settle<'a>(&'a self, _: &'a [Assignment]) -> PortFuture<'a> {
        Box::pin(std::future::ready(()))
    }

    fn settle_leaves(&self, _: Uuid) -> PortFuture<'_> {
        Box::pin(std::future::ready(()))
    }

    fn settle_authorities(&self) -> PortFuture<'_> {
        Box::pin(std::future::ready(()))
    }

    fn connected(&self) -> Vec<Assignment> {
        Vec::new()
    }
}
