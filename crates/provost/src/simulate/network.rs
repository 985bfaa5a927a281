use provost_device::Target;
use provost_device::provisioning::Transport;
use provost_device::tls::{ClientTls, Roots, TlsVersion};

use super::arguments::{Protocol, SimulateArguments};
use crate::cli::Failure;
use crate::client::{Address, Locator};

const HTTPS_PORT: u16 = 443;
const MQTT_PORT: u16 = 8883;

/// Where simulated devices find the services, and whom they trust.
#[derive(Clone)]
pub(super) struct Network {
    /// The provisioning service.
    pub(super) dps: Target,
    /// Its ID scope.
    pub(super) id_scope: String,
    /// What is spoken to it.
    pub(super) transport: Transport,
    /// Trust anchors.
    pub(super) roots: Roots,
    /// TLS without a client certificate.
    pub(super) tls: ClientTls,
    /// Where hubs of the same server listen; absent for any other server.
    hub_address: Option<Address>,
    websocket: bool,
}

impl Network {
    /// From the arguments and what is known of the server.
    pub(super) fn find(arguments: &SimulateArguments, locator: &Locator) -> Result<Self, Failure> {
        let instance = locator.dps(arguments.dps_name.as_deref())?;
        let id_scope = arguments.id_scope.clone().or_else(|| instance.id_scope.clone());
        let id_scope =
            id_scope.ok_or_else(|| Failure::Usage("--id-scope is needed with --login".to_owned()))?;
        let websocket = arguments.protocol == Protocol::MqttWs;
        let over_mqtt = arguments.protocol == Protocol::Mqtt;
        let dps = match &arguments.provisioning_host {
            Some(host) => {
                let default_port = if over_mqtt { MQTT_PORT } else { HTTPS_PORT };
                let address = Address::parse(host, default_port)?;
                address.target(&address.host)
            }
            None if over_mqtt => instance.mqtt.target(&instance.host),
            None => instance.https.target(&instance.host),
        };
        let hub_address = if over_mqtt || arguments.protocol == Protocol::Https {
            instance.mqtt
        } else {
            instance.https
        };
        let roots = locator.roots()?;
        let tls = ClientTls::new(&roots, None, TlsVersion::Any)?;
        Ok(Self {
            dps: dps.with_websocket(websocket),
            id_scope,
            transport: match arguments.protocol {
                Protocol::Https => Transport::Https,
                Protocol::Mqtt | Protocol::MqttWs => Transport::Mqtt,
            },
            roots,
            tls,
            hub_address: locator.login.is_none().then_some(hub_address),
            websocket,
        })
    }

    /// Where an assigned hub is reached: at the listeners of this server, or at the standard ports
    /// of its host name.
    pub(super) fn hub(&self, host: &str) -> Target {
        let target = match &self.hub_address {
            Some(address) => address.target(host),
            None => Target::new(host, if self.websocket { HTTPS_PORT } else { MQTT_PORT }),
        };
        target.with_websocket(self.websocket)
    }
}
