use provost::config::Config;
use provost_access::AdminCaller;
use provost_device::certificate::{DeviceCertificate, SigningRequest};
use provost_device::hub::HubSession;
use provost_device::provisioning::{RegisterError, RegistrationOutcome};
use provost_model::ambient::SystemRandom;
use provost_model::registry::{
    CaId, IssuedCertificate, IssuedState, NamespaceLink, OperationState, RegistryDevice, RegistryOperation,
};
use provost_model::{
    AuthorityOwner, CertificateAuthority, CredentialPolicyName, HubName, NamespaceName, PageSize,
    RegistryDeviceName, SymmetricKey,
};
use provost_registry::{
    CertificateFilter, CredentialInput, DeviceRevocation, NamespaceInput, PolicyInput, PolicyView,
    RegistryService,
};
use provost_testkit::{Device, Endpoints, Enrollment, ManualClock, TestServer, Via};
use serde_json::Map;

/// A server with a namespace that hub and provisioning service are linked to, a credential, a policy, and
/// an enrollment group with symmetric keys that names the policy.
pub(super) struct Plant {
    pub(super) server: TestServer,
    pub(super) caller: AdminCaller,
    group_key: SymmetricKey,
}

/// A device with a certificate that was issued to it.
pub(super) struct Certified {
    pub(super) device: Device,
    pub(super) certificate: DeviceCertificate,
    pub(super) chain: Vec<Vec<u8>>,
}

pub(super) fn namespace() -> NamespaceName {
    NamespaceName::parse("plant-7").unwrap()
}

pub(super) fn policy() -> CredentialPolicyName {
    CredentialPolicyName::parse("line-7").unwrap()
}

pub(super) fn named(id: &str) -> RegistryDeviceName {
    RegistryDeviceName::parse(id).unwrap()
}

impl Plant {
    /// With a policy under the namespace's own root, synchronized.
    pub(super) async fn open() -> Self {
        Self::open_with(|_| {}, false).await
    }

    /// With a policy under a customer's root that waits for it.
    pub(super) async fn open_external(configure: impl FnOnce(&mut Config)) -> Self {
        Self::open_with(configure, true).await
    }

    pub(super) async fn open_with(configure: impl FnOnce(&mut Config), is_external: bool) -> Self {
        let plant = Self::open_bare(configure).await;
        Box::pin(plant.make_policy(&policy(), is_external)).await;
        plant.synchronize().await;
        plant
    }

    /// Without a policy.
    pub(super) async fn open_bare(configure: impl FnOnce(&mut Config)) -> Self {
        Box::pin(Self::on(TestServer::start_configured(configure).await)).await
    }

    /// With a clock that is moved by the test, and a policy under the namespace's own root.
    pub(super) async fn open_with_clock() -> (Self, ManualClock) {
        let (server, clock) = TestServer::start_with_clock().await;
        (Self::on_with_policy(server).await, clock)
    }

    /// With a policy under the namespace's own root, on a server that runs.
    pub(super) async fn on_with_policy(server: TestServer) -> Self {
        // Boxed, here and below: tests await these through several layers.
        let plant = Box::pin(Self::on(server)).await;
        Box::pin(plant.make_policy(&policy(), false)).await;
        plant.synchronize().await;
        plant
    }

    /// Without a credential and a policy.
    pub(super) async fn open_without_credential(configure: impl FnOnce(&mut Config)) -> Self {
        Self::bare_on(TestServer::start_configured(configure).await).await
    }

    /// The same with a clock that is moved by the test.
    pub(super) async fn open_without_credential_with_clock() -> (Self, ManualClock) {
        let (server, clock) = TestServer::start_with_clock().await;
        (Self::bare_on(server).await, clock)
    }

    async fn on(server: TestServer) -> Self {
        let plant = Self::bare_on(server).await;
        plant.make_credential().await;
        plant
    }

    async fn bare_on(server: TestServer) -> Self {
        let caller = server.admin_caller().await;
        let plant = Self {
            caller,
            group_key: SymmetricKey::generate(&SystemRandom),
            server,
        };
        let registry = plant.registry();
        let input = NamespaceInput {
            location: "here".to_owned(),
            tags: Map::new(),
            document: Map::new(),
        };
        registry
            .put_namespace(&plant.caller, &namespace(), input)
            .await
            .unwrap();
        let links = [
            NamespaceLink::Dps(plant.server.dps_name()),
            NamespaceLink::Hub(plant.server.hub_name()),
        ];
        for link in links {
            registry.link(&plant.caller, &link, &namespace()).await.unwrap();
        }
        let group = Enrollment::group("line")
            .keys(Some(&plant.group_key), None)
            .with("credentialPolicyName", policy().as_str());
        plant.server.dps_api().put_enrollment(&group).await;
        plant
    }

    /// Revokes the issuing CA of the policy, to the end.
    pub(super) async fn revoke_issuer(&self) -> RegistryOperation {
        let revoked = self
            .registry()
            .revoke_issuer(&self.caller, &namespace(), &policy())
            .await;
        let operation = revoked.unwrap();
        assert_eq!(operation.state, OperationState::Succeeded);
        operation
    }

    pub(super) fn group_key(&self) -> &SymmetricKey {
        &self.group_key
    }

    pub(super) fn registry(&self) -> &RegistryService {
        self.server.registry()
    }

    pub(super) async fn make_credential(&self) {
        let input = CredentialInput {
            location: "here".to_owned(),
            tags: Map::new(),
        };
        let made = self
            .registry()
            .put_credential(&self.caller, &namespace(), input)
            .await;
        assert!(made.unwrap().is_new);
    }

    pub(super) async fn make_policy(&self, name: &CredentialPolicyName, is_external: bool) -> PolicyView {
        let input = PolicyInput {
            validity_days: 30,
            is_external,
        };
        let made = self
            .registry()
            .put_policy(&self.caller, &namespace(), name, input)
            .await;
        made.unwrap().value
    }

    pub(super) async fn synchronize(&self) {
        self.registry()
            .synchronize(&self.caller, &namespace())
            .await
            .unwrap();
    }

    /// The policy as it stands.
    pub(super) async fn policy(&self) -> PolicyView {
        self.registry()
            .policy(&self.caller, &namespace(), &policy())
            .await
            .unwrap()
    }

    /// The device as it stands in the registry.
    pub(super) async fn device(&self, id: &str) -> RegistryDevice {
        self.registry()
            .device(&self.caller, &namespace(), &named(id))
            .await
            .unwrap()
    }

    /// Registers with a signing request over the onboarding credential.
    pub(super) async fn ask(
        &self,
        id: &str,
        via: Via,
        csr: &str,
    ) -> Result<RegistrationOutcome, RegisterError> {
        let device = Device::of_group(id, &self.group_key);
        device.register_with_csr(&self.server, via, csr).await
    }

    /// Registers with a signing request and takes the certificate.
    pub(super) async fn certify(&self, id: &str) -> Certified {
        self.certify_over(id, Via::Mqtt).await
    }

    pub(super) async fn certify_over(&self, id: &str, via: Via) -> Certified {
        let request = SigningRequest::new(id).unwrap();
        let outcome = self.ask(id, via, request.csr()).await.unwrap();
        assert!(!outcome.issued_chain.is_empty(), "{}", outcome.raw);
        let chain = outcome.issued_chain;
        let certificate = request.answered(chain.clone()).unwrap();
        Certified {
            device: Device::with_identity(id, certificate.identity().clone()),
            certificate,
            chain,
        }
    }

    /// Whether a registration with a signing request ends without a certificate.
    pub(super) async fn is_refused_a_certificate(&self, id: &str) -> bool {
        let request = SigningRequest::new(id).unwrap();
        match self.ask(id, Via::Https, request.csr()).await {
            Ok(outcome) => outcome.issued_chain.is_empty(),
            Err(RegisterError::Refused { .. }) => true,
            Err(other) => panic!("{other}"),
        }
    }

    pub(super) async fn connect(&self, certified: &Certified) -> HubSession {
        certified
            .device
            .connect(&self.server)
            .await
            .expect("the hub lets it in")
    }

    pub(super) async fn connects(&self, certified: &Certified) -> bool {
        certified.device.connect(&self.server).await.is_ok()
    }

    pub(super) async fn revoke(&self, id: &str, disable: bool) {
        let revocation = DeviceRevocation {
            disable,
            ..DeviceRevocation::default()
        };
        let done = self
            .registry()
            .revoke_device(&self.caller, &namespace(), &named(id), revocation)
            .await;
        done.unwrap();
    }

    /// How many certificates of a device are revoked.
    pub(super) async fn revoked(&self, id: &str) -> usize {
        let all = self.certificates_of(id).await;
        all.iter()
            .filter(|certificate| certificate.revoked.is_some())
            .count()
    }

    /// How many certificates were issued to a device.
    pub(super) async fn issued(&self, id: &str) -> usize {
        let all = self.certificates_of(id).await;
        all.iter()
            .filter(|certificate| certificate.state == IssuedState::Issued)
            .count()
    }

    async fn certificates_of(&self, id: &str) -> Vec<IssuedCertificate> {
        let filter = CertificateFilter::Device {
            name: named(id),
            before: None,
        };
        let page = PageSize::clamp(None, 100, 100);
        let found = self
            .registry()
            .certificates(&self.caller, &namespace(), filter, page)
            .await;
        found.unwrap()
    }

    /// The CAs of policies that a hub trusts.
    pub(super) async fn synchronized_to(&self, hub: &HubName) -> Vec<CaId> {
        let all = self.authorities_of(hub).await;
        all.into_iter()
            .filter_map(|authority| authority.synchronized)
            .map(|from| from.ca)
            .collect()
    }

    /// The CA certificates the hub has from policies.
    pub(super) async fn synchronized(&self) -> Vec<CertificateAuthority> {
        self.authorities_of(&self.server.hub_name()).await
    }

    async fn authorities_of(&self, hub: &HubName) -> Vec<CertificateAuthority> {
        let owner = AuthorityOwner::Hub(hub.clone());
        let store = self.server.stored().store();
        let all = store.read(move |tx| tx.certificate_authorities(&owner)).await;
        let mut all: Vec<CertificateAuthority> =
            all.unwrap_or_else(|error: provost_store::StoreError| panic!("{error}"));
        all.retain(|authority| authority.synchronized.is_some());
        all
    }
}

/// Enables or disables a device at a hub, by the hub's own API.
pub(super) async fn set_status(at: &Endpoints, id: &str, status: &str) {
    let path = format!("/devices/{id}");
    let mut shown = at.hub_api().get(&path).await.ok();
    shown["status"] = status.into();
    at.hub_api().put_if(&path, "*", &shown).await.ok();
}
