use provost_model::{
    AccessPolicy, AccessRights, Action, Actor, AuditEvent, AuthorityOwner, CertificateName, Change, DeviceId,
    DeviceIdentity, DeviceJob, DpsName, HubName, HubRemoval, JobId, KeyPair, PageSize, PolicyName,
    PolicyOwner, RegistrationId, RegistrationRecord, RemovalAction, SymmetricKey, ambient::SystemRandom,
    twin::Twin,
};
use provost_store::{DeviceJobFilter, ReadTx, RegistrationFilter, Store, StoreError, StoredAuditEvent};

/// What a server has stored, read beside it: what a test asserts when the answers alone do not
/// prove it.
pub struct Stored {
    store: Store,
    dps: DpsName,
    hub: HubName,
}

impl Stored {
    /// What of this instance and this hub.
    pub fn new(store: Store, dps: DpsName, hub: HubName) -> Self {
        Self { store, dps, hub }
    }

    /// The store itself.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The registration record of a device.
    pub async fn registration(&self, id: &str) -> Option<RegistrationRecord> {
        let (dps, id) = (
            self.dps.clone(),
            RegistrationId::parse(id).expect("a registration ID"),
        );
        self.store
            .read(move |tx| tx.registration(&dps, &id))
            .await
            .expect("the store answers")
    }

    /// All registration records.
    pub async fn registrations(&self) -> Vec<RegistrationRecord> {
        let dps = self.dps.clone();
        let all = self
            .store
            .scan(move |tx| tx.registrations(&dps, &RegistrationFilter::default(), None, everything()));
        all.await.expect("the store answers")
    }

    /// The hub identity of a device.
    pub async fn identity(&self, id: &str) -> Option<DeviceIdentity> {
        let (hub, id) = (self.hub.clone(), DeviceId::parse(id).expect("a device ID"));
        self.store
            .read(move |tx| tx.device(&hub, &id))
            .await
            .expect("the store answers")
    }

    /// All hub identities.
    pub async fn identities(&self) -> Vec<DeviceIdentity> {
        let hub = self.hub.clone();
        self.store
            .scan(move |tx| tx.devices(&hub, None, everything()))
            .await
            .expect("the store answers")
    }

    /// The twin of a device.
    pub async fn twin(&self, id: &str) -> Option<Twin> {
        let (hub, id) = (self.hub.clone(), DeviceId::parse(id).expect("a device ID"));
        self.store
            .read(move |tx| tx.twin(&hub, &id.into()))
            .await
            .expect("the store answers")
    }

    /// What became of the devices of a job.
    pub async fn device_jobs(&self, job_id: &str) -> Vec<DeviceJob> {
        let hub = self.hub.clone();
        let filter = DeviceJobFilter {
            job_id: Some(JobId::parse(job_id).expect("a job ID")),
            ..DeviceJobFilter::default()
        };
        let read = self
            .store
            .read(move |tx: &ReadTx<'_>| tx.device_jobs(&hub, &filter, None, 10_000));
        read.await.expect("the store answers")
    }

    /// The verification code a CA certificate of the provisioning service waits for.
    pub async fn verification_code(&self, name: &str) -> Option<String> {
        let owner = AuthorityOwner::Dps(self.dps.clone());
        let name = CertificateName::parse(name).expect("a name");
        let found = self
            .store
            .read(move |tx| tx.certificate_authority(&owner, &name))
            .await;
        let found = found.expect("the store answers")?;
        found.verification_code.map(|code| code.expose().clone())
    }

    /// Every audit event, oldest first.
    pub async fn audit_events(&self) -> Vec<StoredAuditEvent> {
        self.store
            .scan(|tx| tx.audit_events_after(0, 100_000))
            .await
            .expect("the store answers")
    }

    /// Adds a policy with these rights to the provisioning service; returns its key.
    pub async fn add_dps_policy(&self, name: &str, rights: AccessRights) -> SymmetricKey {
        self.add_policy(PolicyOwner::Dps(self.dps.clone()), name, rights)
            .await
    }

    /// Adds a policy with these rights to the hub; returns its key.
    pub async fn add_hub_policy(&self, name: &str, rights: AccessRights) -> SymmetricKey {
        self.add_policy(PolicyOwner::Hub(self.hub.clone()), name, rights)
            .await
    }

    /// Removes a policy of the hub.
    pub async fn remove_hub_policy(&self, name: &str) {
        let (owner, name) = (
            PolicyOwner::Hub(self.hub.clone()),
            PolicyName::parse(name).expect("a name"),
        );
        self.write(Action::Delete, move |tx| {
            tx.delete_access_policy(&owner, &name).map(|_| ())
        })
        .await;
    }

    /// Asks for a device to be deleted or disabled on a hub elsewhere, as a disenrollment does.
    pub async fn remove_elsewhere(&self, hub: &str, device: &str, action: RemovalAction) {
        let (hub, device) = (
            HubName::parse(hub).expect("a name"),
            DeviceId::parse(device).expect("a device ID"),
        );
        self.write(Action::Delete, move |tx| {
            tx.put_hub_removal(&HubRemoval {
                action,
                ..HubRemoval::delete(hub, device, tx.now())
            })?;
            tx.announce(&Change::Outbound)
        })
        .await;
    }

    async fn add_policy(&self, owner: PolicyOwner, name: &str, rights: AccessRights) -> SymmetricKey {
        let keys = KeyPair {
            primary: SymmetricKey::generate(&SystemRandom),
            secondary: SymmetricKey::generate(&SystemRandom),
        };
        let primary = keys.primary.clone();
        let policy = AccessPolicy {
            name: PolicyName::parse(name).expect("a name"),
            keys,
            rights,
        };
        self.write(Action::Create, move |tx| tx.put_access_policy(&owner, &policy))
            .await;
        primary
    }

    async fn write(
        &self,
        action: Action,
        write: impl FnOnce(&provost_store::WriteTx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) {
        let written = self.store.write(move |tx| {
            write(&tx)?;
            let event = AuditEvent::new(Actor::System, action, "accessPolicy", "test", "test");
            tx.record(&event, ())
        });
        written.await.expect("the policy is written");
    }
}

/// Tests make no more of anything.
fn everything() -> PageSize {
    PageSize::clamp(None, 100_000, 100_000)
}
