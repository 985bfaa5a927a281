//! A hub service over a store in a temporary folder, with a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use provost_access::{AdminCaller, NewToken};
use provost_attestation::sas;
use provost_hub::{
    ConnectRefusal, ConnectRequest, DeviceSession, DeviceView, HubOptions, HubService, JobOptions,
    ServiceCaller, SessionEvent, create_hub,
};
use provost_model::ambient::SystemRandom;
use provost_model::{
    Action, Actor, AuditEvent, Clock, DeviceAuth, DeviceId, DeviceStatus, HostName, Hub, HubName, IdentityId,
    IfMatch, KeyPair, PolicyName, PolicyOwner, QueueLimits, Retention, SymmetricKey, Timestamp,
};
use provost_store::{Store, StoreAddress, StoreOptions};
use provost_wire::hub::service::DeviceInput;
use tempfile::TempDir;

pub(crate) const HOST: &str = "hub.example";

pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct House {
    pub(crate) service: HubService,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hub: Hub,
    /// Removed with the house.
    _folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with_retention(Retention::default()).await
    }

    /// In strict mode.
    pub(crate) async fn strict() -> Self {
        Self::with(Retention::default(), true).await
    }

    pub(crate) async fn with_retention(retention: Retention) -> Self {
        Self::with(retention, false).await
    }

    async fn with(retention: Retention, refuse_revoked_serials: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // 2026-01-01T00:00:00Z
        let clock = Arc::new(ManualClock(AtomicI64::new(1_767_225_600_000_000)));
        let options = StoreOptions {
            address: StoreAddress::Sqlite(folder.path().join("provost.db")),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            queue: 1024,
        };
        let store = Store::open(options).await.unwrap();
        let hub = Hub {
            name: HubName::parse("hub1").unwrap(),
            host: HostName::parse(HOST).unwrap(),
            is_remote: false,
            created_at: clock.now(),
        };
        let service = HubService::new(HubOptions {
            store: store.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            retention,
            telemetry_partitions: 4,
            jobs: JobOptions::default(),
            refuse_revoked_serials,
            measured_renewal_codes: false,
            messages: QueueLimits::default(),
        });
        let house = Self {
            service,
            store,
            clock,
            hub: hub.clone(),
            _folder: folder,
        };
        house
            .store
            .write(move |tx| {
                create_hub(&tx, &hub, &SystemRandom)?;
                Ok::<_, provost_hub::HubError>(tx.record(&made("hub"), ())?)
            })
            .await
            .unwrap();
        house
    }

    /// Another service over the same data, as another node would be.
    pub(crate) fn second_node(&self) -> HubService {
        HubService::new(HubOptions {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            retention: Retention::default(),
            telemetry_partitions: 4,
            jobs: JobOptions::default(),
            refuse_revoked_serials: false,
            measured_renewal_codes: false,
            messages: QueueLimits::default(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn policy_keys(&self, policy: &str) -> KeyPair {
        let owner = PolicyOwner::Hub(self.hub.name.clone());
        let name = PolicyName::parse(policy).unwrap();
        let found = self.store.read(move |tx| tx.access_policy(&owner, &name)).await;
        found.unwrap().unwrap().keys
    }

    pub(crate) fn token(&self, resource: &str, key: &SymmetricKey, policy: Option<&str>) -> String {
        sas::sign(resource, key, self.now().after(Duration::from_hours(1)), policy)
    }

    pub(crate) async fn caller(&self, policy: &str) -> ServiceCaller {
        let token = self.token(HOST, &self.policy_keys(policy).await.primary, Some(policy));
        self.service
            .authenticate_service(HOST, "/devices/any", Some(&token))
            .await
            .unwrap()
    }

    /// Who may do everything.
    pub(crate) async fn admin(&self) -> AdminCaller {
        let token = self
            .store
            .write(|tx| {
                let token = NewToken::owner("ops").create(&tx, &SystemRandom)?;
                Ok::<_, provost_hub::HubError>(tx.record(&made("adminToken"), token)?)
            })
            .await
            .unwrap();
        let header = format!("Bearer {}", token.expose());
        provost_access::authenticate(&self.store, Some(&header))
            .await
            .unwrap()
    }

    pub(crate) async fn owner(&self) -> ServiceCaller {
        self.caller("iothubowner").await
    }

    pub(crate) async fn create(&self, id: &str) -> DeviceView {
        self.put(id, DeviceInput::default(), IfMatch::Absent).await
    }

    pub(crate) async fn put(&self, id: &str, input: DeviceInput, if_match: IfMatch) -> DeviceView {
        let caller = self.owner().await;
        let id = device(id);
        let put = self.service.put_device(&caller, &id, input, if_match);
        put.await.unwrap()
    }

    pub(crate) async fn set_status(&self, id: &str, status: DeviceStatus) -> DeviceView {
        let input = DeviceInput {
            status: Some(status),
            ..DeviceInput::default()
        };
        self.put(id, input, IfMatch::Any).await
    }

    pub(crate) async fn delete(&self, id: &str) {
        let caller = self.owner().await;
        let id = device(id);
        let delete = self.service.delete_device(&caller, &id, IfMatch::Any);
        delete.await.unwrap();
    }

    pub(crate) async fn connect_with_token(
        &self,
        id: &str,
        token: &str,
    ) -> Result<DeviceSession, ConnectRefusal> {
        let id = identity(id);
        let request = ConnectRequest {
            host: HOST,
            id: &id,
            sas: Some(token),
            certificates: None,
            is_kept: false,
        };
        self.service.connect(request).await
    }

    pub(crate) async fn connect_with_key(
        &self,
        id: &str,
        key: &SymmetricKey,
    ) -> Result<DeviceSession, ConnectRefusal> {
        let token = self.token(&format!("{HOST}/devices/{id}"), key, None);
        self.connect_with_token(id, &token).await
    }

    /// A device that keeps its session.
    pub(crate) async fn connect_kept(&self, id: &str, key: &SymmetricKey) -> DeviceSession {
        let id = identity(id);
        let resource = provost_wire::hub::device::sas_audience(HOST, &id);
        let token = self.token(&resource, key, None);
        let request = ConnectRequest {
            host: HOST,
            id: &id,
            sas: Some(&token),
            certificates: None,
            is_kept: true,
        };
        self.service.connect(request).await.unwrap()
    }

    /// A new device, connected.
    pub(crate) async fn connected(&self, id: &str) -> DeviceSession {
        let view = self.create(id).await;
        self.connect_with_key(id, &keys(&view).primary).await.unwrap()
    }
}

pub(crate) fn device(id: &str) -> DeviceId {
    DeviceId::parse(id).unwrap()
}

/// `device` or `device/module`.
pub(crate) fn identity(id: &str) -> IdentityId {
    IdentityId::parse(id).unwrap()
}

pub(crate) fn keys(view: &DeviceView) -> KeyPair {
    match &view.identity.auth {
        DeviceAuth::Sas(keys) => keys.clone(),
        other => panic!("{other:?} has no keys"),
    }
}

pub(crate) fn made(kind: &'static str) -> AuditEvent {
    AuditEvent::new(Actor::System, Action::Create, kind, "hub1", "test")
}

pub(crate) fn reason(refused: Result<DeviceSession, ConnectRefusal>) -> &'static str {
    refused.unwrap_err().as_str()
}

/// The next event, which must be there already or come soon.
pub(crate) async fn event(session: &DeviceSession) -> SessionEvent {
    tokio::time::timeout(Duration::from_secs(10), session.next_event())
        .await
        .expect("no event came")
}
