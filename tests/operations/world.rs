use std::time::Duration;

use provost_attestation::sas;
use provost_model::ambient::SystemRandom;
use provost_model::{AccessRight, SymmetricKey};
use provost_testkit::{
    Device, Enrollment, FixtureAuthority, ServiceApi, TestServer, Via, assigned, service_token,
};

use super::{Door, Operation};

/// A server with what the catalogue needs to be there: a CA to upload, and a registered device.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) authority: FixtureAuthority,
    /// Key of the registered device `known`.
    pub(crate) key: SymmetricKey,
    /// The operation of its registration.
    pub(crate) operation: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = TestServer::start().await;
        let key = SymmetricKey::generate(&SystemRandom);
        server
            .dps_api()
            .put_enrollment(&Enrollment::individual("known").keys(Some(&key), None))
            .await;
        let outcome = assigned(
            Device::with_key("known", &key)
                .register(&server, Via::Https)
                .await,
        );
        let operation = outcome.raw["operationId"]
            .as_str()
            .expect("an operation")
            .to_owned();
        Self {
            server,
            authority: FixtureAuthority::root("Catalogue Root"),
            key,
            operation,
        }
    }

    /// The API an operation belongs to, with the credential that opens its door.
    pub(crate) fn api(&self, door: Door) -> ServiceApi {
        match door {
            Door::Open => self.server.own_api().authorized(None),
            Door::Dps(_) => self.server.dps_api(),
            Door::Hub(_) => self.server.hub_api(),
            Door::Management => self.server.management(),
            Door::Own | Door::DpsAndAdmin => self.server.own_api(),
            Door::HubDevice => self.server.hub_api().authorized(Some(self.hub_device_token())),
            Door::Device => self.server.dps_api().authorized(Some(self.device_token())),
        }
    }

    /// Calls an operation with another credential, or none.
    pub(crate) async fn call(&self, api: &ServiceApi, operation: &Operation) -> provost_testkit::Answer {
        let any = [("if-match", "*")];
        // Creating says nothing of what there is; everything else takes whatever there is.
        let creates =
            operation.method == "PUT" && operation.event.as_ref().is_some_and(|event| event.0 == "create");
        let headers: &[(&str, &str)] = if creates { &[] } else { &any };
        let path = self.current(&operation.path);
        let body = match (operation.method, operation.path.ends_with("/verify")) {
            ("POST", true) => Some(self.proof().await),
            _ => operation.body.clone(),
        };
        api.send(operation.method, &path, headers, body.as_ref()).await
    }

    /// A token of the device `known` for the device API.
    pub(crate) fn device_token(&self) -> String {
        let resource = format!("{}/registrations/known", self.server.dps().id_scope);
        self.signed(&resource, &self.key, Some("registration"))
    }

    /// A token of the device `dev-1` for its hub, where it has the key of `known`.
    pub(crate) fn hub_device_token(&self) -> String {
        let resource = format!("{}/devices/dev-1", self.server.hub().host);
        self.signed(&resource, &self.key, None)
    }

    /// A token for any resource.
    pub(crate) fn signed(&self, resource: &str, key: &SymmetricKey, policy: Option<&str>) -> String {
        sas::sign(
            resource,
            key,
            self.server.clock.now().after(Duration::from_hours(1)),
            policy,
        )
    }

    /// A token for any resource that is over.
    pub(crate) fn expired(&self, resource: &str, key: &SymmetricKey, policy: Option<&str>) -> String {
        sas::sign(
            resource,
            key,
            self.server.clock.now().before(Duration::from_mins(6)),
            policy,
        )
    }

    /// A token of a policy of the provisioning service that has all rights.
    pub(crate) fn dps_owner(&self) -> String {
        let policy = &self.server.dps().policies[0];
        let key = SymmetricKey::parse(&policy.key).expect("a key");
        service_token(&self.server.dps().host, &policy.name, &key, &*self.server.clock)
    }

    /// A token of a policy of the hub that has all rights.
    pub(crate) fn hub_owner(&self) -> String {
        let key = self.server.hub_key("iothubowner");
        service_token(&self.server.hub().host, "iothubowner", &key, &*self.server.clock)
    }

    /// The name of a policy with this right alone.
    pub(crate) fn policy_of(right: AccessRight) -> String {
        format!("only-{right:?}")
    }

    fn current(&self, path: &str) -> String {
        path.replace("{operation}", &self.operation)
    }

    /// What proves possession of the CA: asks for the code it was given.
    async fn proof(&self) -> serde_json::Value {
        let shown = self
            .server
            .stored()
            .verification_code("anchor")
            .await
            .unwrap_or_default();
        let code = if shown.is_empty() {
            "none yet".to_owned()
        } else {
            shown
        };
        serde_json::json!({ "certificate": self.authority.leaf(&code).pem() })
    }
}
