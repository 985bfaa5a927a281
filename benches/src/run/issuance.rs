//! From a signing request to a certificate that is on disk, against what cannot be saved: verifying the
//! request, signing, reading what was signed. In this process, without sockets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_access::AdminCaller;
use provost_attestation::admin::AdminToken;
use provost_ca::CaKeys;
use provost_keys::{KekSource, KeyHome, KeyProvider, KeyRing, SealedKeys};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::{CertificateRequest, Completion, NamespaceLink, RequestedBy};
use provost_model::{
    Action, Actor, Assignment, AuditEvent, Clock, CredentialPolicyName, DeviceId, DpsName, HubName,
    NamespaceName, RegistryDeviceName, Secret,
};
use provost_pki::issue::{
    Issuance, KeyAlgorithm, KeyPair, Profile, SubjectName, ToBeSigned, certification_request, self_signed,
};
use provost_pki::{Certificate, Csr, CsrRules};
use provost_registry::{
    CredentialInput, LinkedHubs, NamespaceInput, PolicyInput, PortFuture, RegistryOptions, RegistryParts,
    RegistryService,
};
use provost_store::{AdminTokenRow, Store, StoreAddress, StoreError, StoreOptions, WriteTx};
use serde_json::Map;
use tokio::task::JoinSet;

use super::{Amounts, say};
use crate::process::CpuTime;

/// Requests at a time.
const AT_ONCE: usize = 64;
const POLICY: &str = "line";

/// CPU microseconds for each certificate, round by round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issuing {
    /// Verify, sign, read; on one thread.
    pub(crate) bare: Vec<f64>,
    /// The whole way, keys in sealed files.
    pub(crate) sealed: Vec<f64>,
}

/// Requests of so many devices, each with a key of its own.
struct Requests(Vec<(String, String)>);

/// Measures both in turn.
pub(super) fn measure(amounts: &Amounts, work: &Path) -> Result<Issuing> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut found = Issuing::default();
    let bare = Bare::new()?;
    for round in 0..=amounts.rounds {
        let requests = Requests::make(&format!("r{round}"), amounts.issued)?;
        let without = bare.run(&requests)?;
        let folder = work.join(format!("issuing-{round}"));
        std::fs::create_dir_all(&folder)?;
        let with = runtime.block_on(async { House::build(&folder).await?.issue(requests).await })?;
        std::fs::remove_dir_all(&folder)?;
        // The first warms up.
        if round > 0 {
            found.bare.push(without);
            found.sealed.push(with);
        }
    }
    say(format!(
        "issuing: {:?} us CPU a certificate, bare {:?}",
        found.sealed, found.bare
    ));
    Ok(found)
}

impl Requests {
    fn make(prefix: &str, count: u32) -> Result<Self> {
        let one = |number: u32| {
            let id = format!("{prefix}-{number}");
            let key = KeyPair::generate(KeyAlgorithm::P256)?;
            let der = certification_request(&SubjectName::common_name(&id)?, &key, None)?;
            Ok((id, STANDARD.encode(der)))
        };
        (0..count).map(one).collect::<Result<_>>().map(Self)
    }
}

/// What cannot be saved.
struct Bare {
    key: KeyPair,
    issuer: Certificate,
}

impl Bare {
    fn new() -> Result<Self> {
        let key = KeyPair::generate(KeyAlgorithm::P384)?;
        let subject = SubjectName::common_name("ica")?;
        let spki = key.public_key_der()?;
        let issuance = Issuance {
            subject: &subject,
            public_key_der: &spki,
            profile: &Profile::Ca { path_len: Some(0) },
            not_before: SystemClock.now(),
            not_after: SystemClock.now().after(Duration::from_hours(24)),
            serial: &[7; 16],
        };
        let issuer = self_signed(&issuance, &key)?;
        Ok(Self { key, issuer })
    }

    /// Microseconds of CPU for each request.
    fn run(&self, requests: &Requests) -> Result<f64> {
        let before = CpuTime::of(std::process::id())?;
        for (_, csr) in &requests.0 {
            let csr = Csr::from_base64(csr)?.verify(&CsrRules::default())?;
            let subject = SubjectName::from_der(csr.subject_der())?;
            let issuance = Issuance {
                subject: &subject,
                public_key_der: csr.spki_der(),
                profile: &Profile::Client,
                not_before: SystemClock.now(),
                not_after: SystemClock.now().after(Duration::from_hours(24)),
                serial: &[9; 16],
            };
            let leaf = ToBeSigned::under(&issuance, &self.issuer)?.signed_with(&self.key)?;
            Certificate::from_der(leaf.der())?;
        }
        micros(before, requests)
    }
}

fn micros(before: CpuTime, requests: &Requests) -> Result<f64> {
    let seconds = CpuTime::of(std::process::id())?.seconds_since(before);
    let count = u32::try_from(requests.0.len())?;
    Ok(seconds * 1e6 / f64::from(count.max(1)))
}

/// A registry over a store and sealed keys of its own.
struct House {
    registry: RegistryService,
    store: Store,
}

impl House {
    async fn build(folder: &Path) -> Result<Self> {
        let store = Store::open(StoreOptions {
            address: StoreAddress::Sqlite(folder.join("provost.db")),
            clock: Arc::new(SystemClock),
            queue: 4 * AT_ONCE,
        })
        .await?;
        let keys = sealed_keys(folder)?;
        let registry = RegistryService::new(RegistryParts {
            store: store.clone(),
            keys: CaKeys::new(keys),
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

    /// Issues to all devices; microseconds of CPU for each.
    async fn issue(self, requests: Requests) -> Result<f64> {
        let (house, requests) = (Arc::new(self), Arc::new(requests));
        let next = Arc::new(AtomicUsize::new(0));
        let before = CpuTime::of(std::process::id())?;
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
        micros(before, &requests)
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

fn sealed_keys(folder: &Path) -> Result<Arc<dyn KeyProvider>> {
    let source = KekSource::key(Secret::new(vec![7; 32]))?;
    let keys = SealedKeys::open(
        &folder.join("keys"),
        &source,
        Duration::ZERO,
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
    )
    .context("sealed keys")?;
    Ok(Arc::new(KeyRing::new(KeyHome::sealed(keys), Vec::new())))
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

    fn settle_authorities(&self) -> PortFuture<'_> {
        Box::pin(std::future::ready(()))
    }

    fn connected(&self) -> Vec<Assignment> {
        Vec::new()
    }
}
