use std::sync::Arc;

use provost::connection_file::{ConnectionFile, DpsConnection, HubConnection};
use provost_device::Target;
use provost_device::tls::{ClientIdentity, ClientTls, Roots, TlsVersion};
use provost_model::{Clock, DpsName, HubName, IdScope, SymmetricKey};

use crate::{ServiceApi, service_token};

/// Where a running server is reached, and as whom.
#[derive(Clone)]
pub struct Endpoints {
    /// What the server says of itself.
    pub connection: ConnectionFile,
    /// What clients trust.
    pub roots: Roots,
    /// The clock tokens are made by.
    pub clock: Arc<dyn Clock>,
}

impl Endpoints {
    pub(crate) fn new(connection: ConnectionFile, root_pem: &[u8], clock: Arc<dyn Clock>) -> Self {
        let roots = Roots::from_pem(root_pem).expect("root of the server");
        Self {
            connection,
            roots,
            clock,
        }
    }

    /// The provisioning service.
    pub fn dps(&self) -> &DpsConnection {
        &self.connection.dps[0]
    }

    /// The hub.
    pub fn hub(&self) -> &HubConnection {
        &self.connection.hubs[0]
    }

    /// Name of the provisioning service.
    pub fn dps_name(&self) -> DpsName {
        DpsName::parse(&self.dps().name).expect("a name")
    }

    /// Name of the hub.
    pub fn hub_name(&self) -> HubName {
        HubName::parse(&self.hub().name).expect("a name")
    }

    /// The ID scope.
    pub fn id_scope(&self) -> IdScope {
        IdScope::parse(&self.dps().id_scope).expect("an ID scope")
    }

    /// HTTPS and WebSocket, asked for this name.
    pub fn https(&self, name: &str) -> Target {
        target(&self.connection.https, name)
    }

    /// MQTT, asked for this name.
    pub fn mqtt(&self, name: &str) -> Target {
        target(&self.connection.mqtt, name)
    }

    /// TLS of a client with this certificate, or none.
    pub fn tls(&self, identity: Option<&ClientIdentity>) -> ClientTls {
        ClientTls::new(&self.roots, identity, TlsVersion::Any).expect("a TLS configuration")
    }

    /// The service API of the provisioning service, as the holder of all rights.
    pub fn dps_api(&self) -> ServiceApi {
        let (host, policy) = (&self.dps().host, &self.dps().policies);
        let policy = policy
            .iter()
            .find(|policy| policy.name == "provisioningserviceowner")
            .expect("a policy");
        let key = SymmetricKey::parse(&policy.key).expect("a key");
        let token = service_token(host, &policy.name, &key, &*self.clock);
        self.api(host, "api-version=2021-10-01").authorized(Some(token))
    }

    /// The service API of the hub, as the holder of all rights.
    pub fn hub_api(&self) -> ServiceApi {
        let host = &self.hub().host;
        let token = service_token(host, "iothubowner", &self.hub_key("iothubowner"), &*self.clock);
        self.api(host, "api-version=2021-04-12").authorized(Some(token))
    }

    /// The key of a policy of the hub.
    pub fn hub_key(&self, policy: &str) -> SymmetricKey {
        let policy = self
            .hub()
            .policies
            .iter()
            .find(|found| found.name == policy)
            .expect("a policy");
        SymmetricKey::parse(&policy.key).expect("a key")
    }

    /// The management plane, as the operator.
    pub fn management(&self) -> ServiceApi {
        self.api(&self.dps().host, "api-version=2021-10-15")
            .authorized(Some(self.admin()))
    }

    /// What lives under `/provost/`, as the operator.
    pub fn own_api(&self) -> ServiceApi {
        self.api(&self.dps().host, "").authorized(Some(self.admin()))
    }

    /// The `Authorization` header of the operator.
    pub fn admin(&self) -> String {
        let token = std::fs::read_to_string(&self.connection.admin_token_file).expect("admin token");
        format!("Bearer {}", token.trim())
    }

    /// The address of a CA certificate of the provisioning service, or of one of its verbs.
    pub fn authority_path(&self, tail: &str) -> String {
        let kind = "providers/Microsoft.Devices/provisioningServices";
        format!(
            "/subscriptions/s1/resourceGroups/g1/{kind}/{}/certificates{tail}",
            self.dps().name
        )
    }

    /// The address of a CA certificate of the hub, or of one of its verbs.
    pub fn hub_authority_path(&self, tail: &str) -> String {
        let kind = "providers/Microsoft.Devices/IotHubs";
        format!(
            "/subscriptions/s1/resourceGroups/g1/{kind}/{}/certificates{tail}",
            self.hub().name
        )
    }

    fn api(&self, host: &str, query: &'static str) -> ServiceApi {
        ServiceApi::new(self.https(host), self.tls(None), query)
    }
}

/// Connects to loopback whatever the name: the name is for TLS and for the service.
fn target(listener: &str, name: &str) -> Target {
    let (_, port) = listener.rsplit_once(':').expect("host and port");
    let port = port.parse().expect("a port");
    Target {
        server_name: name.to_owned(),
        ..Target::new("127.0.0.1", port)
    }
}
