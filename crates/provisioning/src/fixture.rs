//! Fixtures for the tests of this crate: certificates, records, a store in a temporary folder and a
//! hub that remembers what it was told.

mod hubs;
mod issuer;
mod outside;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use provost_access::NewToken;
use provost_attestation::sas;
use provost_model::ambient::SystemRandom;
use provost_model::{
    AccessPolicy, Action, Actor, AllocationPolicy, AuditEvent, Clock, DpsInstance, DpsName,
    EnrollmentSettings, Etag, HostName, Hub, HubName, IdScope, KeyPair, LinkedHub, PolicyName, PolicyOwner,
    ProvisioningStatus, RegistrationId, RemoteHub, Secret, SymmetricKey, Timestamp,
};
use provost_pki::issue::{
    Issuance, KeyAlgorithm, KeyPair as PrivateKey, Profile, SubjectName, issue, self_signed,
};
use provost_pki::{Certificate, PresentedChain};
use provost_store::{Store, StoreAddress, StoreOptions, WriteTx};
use provost_wire::dps::service::{EnrollmentInput, GroupInput};
use serde_json::{Value, json};

use crate::{
    AdminCaller, CertificateIssuer, HubDirectory, NewInstance, ProvisioningError, ProvisioningOptions,
    ProvisioningParts, ProvisioningService, RegistrationProof, RemoteHubs, ServiceCaller, ServiceCredential,
    Webhooks, create_instance, link_hub,
};

pub(crate) use self::hubs::FakeHubs;
pub(crate) use self::issuer::FakeIssuer;
pub(crate) use self::outside::Outside;

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);
pub(crate) const DAY: Duration = Duration::from_hours(24);

#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A certificate and its key.
pub(crate) struct Made {
    pub(crate) certificate: Certificate,
    pub(crate) key: PrivateKey,
}

impl Made {
    pub(crate) fn root(name: &str) -> Self {
        Self::make(name, &Profile::Ca { path_len: None }, None, DAY)
    }

    pub(crate) fn ca(&self, name: &str) -> Self {
        Self::make(name, &Profile::Ca { path_len: None }, Some(self), DAY)
    }

    pub(crate) fn leaf(&self, name: &str) -> Self {
        Self::make(name, &Profile::Client, Some(self), DAY)
    }

    /// A leaf that ends `life` after [`NOW`].
    pub(crate) fn short_leaf(&self, name: &str, life: Duration) -> Self {
        Self::make(name, &Profile::Client, Some(self), life)
    }

    pub(crate) fn alone(name: &str) -> Self {
        Self::make(name, &Profile::Client, None, DAY)
    }

    fn make(name: &str, profile: &Profile, issuer: Option<&Self>, life: Duration) -> Self {
        let key = PrivateKey::generate(KeyAlgorithm::P256).unwrap();
        let mut serial = [0; 16];
        provost_model::Random::fill(&SystemRandom, &mut serial);
        serial[0] |= 1;
        let issuance = Issuance {
            subject: &SubjectName::common_name(name).unwrap(),
            public_key_der: &key.public_key_der().unwrap(),
            profile,
            not_before: NOW.before(DAY),
            not_after: NOW.after(life),
            serial: &serial,
        };
        let certificate = match issuer {
            Some(issuer) => issue(&issuance, &issuer.certificate, &issuer.key).unwrap(),
            None => self_signed(&issuance, &key).unwrap(),
        };
        Self { certificate, key }
    }

    /// The chain of a device that sends this leaf and these others.
    pub(crate) fn with(&self, others: &[&Self]) -> PresentedChain {
        let others = others.iter().map(|made| made.certificate.clone()).collect();
        PresentedChain::new(self.certificate.clone(), others).unwrap()
    }
}

/// The body of an enrollment with this client certificate.
pub(crate) fn pinned(made: &Made) -> Value {
    json!({ "attestation": { "type": "x509", "x509": { "clientCertificates": {
        "primary": { "certificate": made.certificate.to_pem() } } } } })
}

/// The body of a group with this signing certificate.
pub(crate) fn signed(made: &Made) -> Value {
    json!({ "attestation": { "type": "x509", "x509": { "signingCertificates": {
        "primary": { "certificate": made.certificate.to_pem() } } } } })
}

pub(crate) fn disabled(mut body: Value) -> Value {
    body["provisioningStatus"] = json!("disabled");
    body
}

pub(crate) fn instance(seed: u8) -> DpsInstance {
    DpsInstance {
        name: DpsName::parse("dps").unwrap(),
        id_scope: IdScope::parse("0ne00111111").unwrap(),
        host: HostName::parse("dps.localhost").unwrap(),
        allocation: AllocationPolicy::Hashed,
        operation_key: Secret::new(vec![seed; 32]),
        etag: Etag::from_text("e"),
        created_at: NOW,
        trust_version: 0,
    }
}

pub(crate) fn settings() -> EnrollmentSettings {
    EnrollmentSettings {
        status: ProvisioningStatus::Enabled,
        iot_edge: false,
        initial_twin: None,
        reprovision: None,
        allocation: None,
        iot_hubs: Vec::new(),
        custom_allocation: None,
        credential_policy: None,
        etag: Etag::from_text("e"),
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn linked_hub(name: &str) -> LinkedHub {
    LinkedHub {
        hub: hub(name),
        host: HostName::parse(&format!("{name}.localhost")).unwrap(),
        is_remote: false,
        apply_allocation_policy: true,
        allocation_weight: 1,
    }
}

pub(crate) fn hub(name: &str) -> HubName {
    HubName::parse(name).unwrap()
}

pub(crate) fn id(text: &str) -> RegistrationId {
    RegistrationId::parse(text).unwrap()
}

pub(crate) fn key(byte: u8) -> SymmetricKey {
    SymmetricKey::from_bytes(vec![byte; 32]).unwrap()
}

pub(crate) fn keys(byte: u8) -> KeyPair {
    KeyPair {
        primary: key(byte),
        secondary: key(byte + 1),
    }
}

/// A service over a SQLite store in a temporary folder, with one instance and linked hubs.
pub(crate) struct House {
    pub(crate) service: ProvisioningService,
    pub(crate) store: Store,
    pub(crate) hubs: Arc<FakeHubs>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) issuer: Arc<FakeIssuer>,
    pub(crate) clock: TestClock,
    pub(crate) instance: DpsInstance,
    pub(crate) admin: AdminCaller,
    pub(crate) caller: ServiceCaller,
    _folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(ProvisioningOptions::default(), &["one"]).await
    }

    pub(crate) async fn with(options: ProvisioningOptions, hub_names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock(Arc::new(AtomicI64::new(NOW.as_micros())));
        let store = Store::open(StoreOptions {
            address: StoreAddress::Sqlite(folder.path().join("provost.db")),
            clock: Arc::new(clock.clone()),
            queue: 1000,
        })
        .await
        .unwrap();
        let (instance, token) = furnish(&store, hub_names).await;
        let hubs = Arc::new(FakeHubs::default());
        let outside = Arc::new(Outside::default());
        let issuer = Arc::new(FakeIssuer::default());
        let service = ProvisioningService::new(ProvisioningParts {
            store: store.clone(),
            hubs: Arc::clone(&hubs) as Arc<dyn HubDirectory>,
            remote_hubs: Arc::clone(&outside) as Arc<dyn RemoteHubs>,
            webhooks: Arc::clone(&outside) as Arc<dyn Webhooks>,
            certificates: Arc::clone(&issuer) as Arc<dyn CertificateIssuer>,
            clock: Arc::new(clock.clone()),
            random: Arc::new(SystemRandom),
            options,
        });
        let admin = service
            .authenticate_admin(Some(&format!("Bearer {token}")))
            .await
            .unwrap();
        let caller = service_caller(&service, &store, &instance).await;
        Self {
            service,
            store,
            hubs,
            outside,
            issuer,
            clock,
            instance,
            admin,
            caller,
            _folder: folder,
        }
    }

    pub(crate) async fn link(&self, name: &str) {
        let (dps, link) = (self.instance.name.clone(), linked_hub(name));
        self.store
            .write(move |tx| {
                add_hub(&tx, &dps, &link)?;
                Ok::<_, ProvisioningError>(tx.record(&event(), ())?)
            })
            .await
            .unwrap();
    }

    /// Makes a hub elsewhere known and links it, to be used by name only.
    pub(crate) async fn link_elsewhere(&self, name: &str) {
        let link = linked_hub(name);
        let remote = RemoteHub {
            name: link.hub.clone(),
            host: link.host.clone(),
            port: 443,
            policy: PolicyName::parse("iothubowner").unwrap(),
            key: key(9),
            ca: None,
        };
        self.service.put_remote_hub(&self.admin, remote).await.unwrap();
        let dps = self.instance.name.clone();
        self.service
            .put_linked_hub(&self.admin, dps, link.hub, 1, false)
            .await
            .unwrap();
    }

    /// Does what is due outside the program, until nothing is.
    pub(crate) async fn work(&self) {
        loop {
            let runs = self.service.lease_pending(10).await.unwrap();
            let removals = self.service.lease_removals(10).await.unwrap();
            if runs.is_empty() && removals.is_empty() {
                return;
            }
            for run in runs {
                self.service.run_pending(run).await.unwrap();
            }
            for removal in removals {
                self.service.run_removal(removal).await.unwrap();
            }
        }
    }

    /// When the earliest work outside the program is due.
    pub(crate) async fn next_outbound(&self) -> Option<Timestamp> {
        let run = self.service.next_pending().await.unwrap();
        let removal = self.service.next_removal().await.unwrap();
        run.into_iter().chain(removal).min()
    }

    pub(crate) async fn unlink(&self, name: &str) {
        let (dps, hub) = (self.instance.name.clone(), hub(name));
        self.store
            .write(move |tx| {
                tx.delete_linked_hub(&dps, &hub)?;
                tx.record(&event(), ())
            })
            .await
            .unwrap();
    }

    /// Puts an individual enrollment over whatever is there.
    pub(crate) async fn enroll(
        &self,
        id: &str,
        mut body: Value,
    ) -> Result<crate::ShownEnrollment, ProvisioningError> {
        body["registrationId"] = json!(id);
        let input = EnrollmentInput::parse(body.to_string().as_bytes()).unwrap();
        let exists = self
            .service
            .get_entry(&self.caller, input.registration_id.clone())
            .await;
        let if_match = if exists.is_ok() { "*" } else { "" };
        let if_match = provost_model::IfMatch::parse(Some(if_match));
        self.service
            .put_entry(&self.caller, &input.registration_id.clone(), input, if_match)
            .await
    }

    /// Puts a group over whatever is there.
    pub(crate) async fn group(
        &self,
        id: &str,
        mut body: Value,
    ) -> Result<crate::ShownGroup, ProvisioningError> {
        body["enrollmentGroupId"] = json!(id);
        let input = GroupInput::parse(body.to_string().as_bytes()).unwrap();
        let exists = self.service.get_entry(&self.caller, input.id.clone()).await;
        let if_match = if exists.is_ok() { "*" } else { "" };
        let if_match = provost_model::IfMatch::parse(Some(if_match));
        self.service
            .put_entry(&self.caller, &input.id.clone(), input, if_match)
            .await
    }

    pub(crate) fn by_chain(&self, registration_id: &str, chain: PresentedChain) -> RegistrationProof {
        RegistrationProof {
            id_scope: self.instance.id_scope.clone(),
            registration_id: id(registration_id),
            sas: None,
            chain: Some(chain),
        }
    }

    pub(crate) fn by_key(&self, registration_id: &str, key: &SymmetricKey) -> RegistrationProof {
        let resource = format!("{}/registrations/{registration_id}", self.instance.id_scope);
        let expiry = self.clock.now().after(Duration::from_hours(1));
        RegistrationProof {
            id_scope: self.instance.id_scope.clone(),
            registration_id: id(registration_id),
            sas: Some(sas::sign(&resource, key, expiry, Some("registration"))),
            chain: None,
        }
    }
}

pub(crate) fn event() -> AuditEvent {
    AuditEvent::new(Actor::System, Action::Create, "dps", "dps", "dps")
}

fn add_hub(tx: &WriteTx<'_>, dps: &DpsName, link: &LinkedHub) -> Result<(), ProvisioningError> {
    if tx.hub(&link.hub)?.is_none() {
        tx.insert_hub(&Hub {
            name: link.hub.clone(),
            host: link.host.clone(),
            is_remote: false,
            created_at: tx.now(),
        })?;
    }
    link_hub(tx, dps, link)
}

async fn furnish(store: &Store, hub_names: &[&str]) -> (DpsInstance, String) {
    let links: Vec<LinkedHub> = hub_names.iter().map(|name| linked_hub(name)).collect();
    store
        .write(move |tx| {
            let new = NewInstance {
                name: DpsName::parse("dps").unwrap(),
                host: HostName::parse("dps.localhost").unwrap(),
                allocation: AllocationPolicy::Hashed,
            };
            let instance = create_instance(&tx, new, &crate::Quotas::default(), &SystemRandom)?;
            for link in &links {
                add_hub(&tx, &instance.name, link)?;
            }
            let token = NewToken::owner("ops").create(&tx, &SystemRandom)?;
            let made = (instance, token.expose().to_owned());
            Ok::<_, ProvisioningError>(tx.record(&event(), made)?)
        })
        .await
        .unwrap()
}

pub(crate) async fn owner_policy(store: &Store, instance: &DpsInstance) -> AccessPolicy {
    let owner = PolicyOwner::Dps(instance.name.clone());
    let name = PolicyName::parse("provisioningserviceowner").unwrap();
    let policy = store.read(move |tx| tx.access_policy(&owner, &name)).await;
    policy.unwrap().unwrap()
}

async fn service_caller(
    service: &ProvisioningService,
    store: &Store,
    instance: &DpsInstance,
) -> ServiceCaller {
    let policy = owner_policy(store, instance).await;
    let expiry = NOW.after(DAY);
    let token = sas::sign(
        instance.host.as_str(),
        &policy.keys.primary,
        expiry,
        Some(policy.name.as_str()),
    );
    service
        .authenticate_service(ServiceCredential {
            host: "dps.localhost:8443",
            path: "/enrollments",
            authorization: Some(&token),
        })
        .await
        .unwrap()
}
