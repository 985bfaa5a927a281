use std::path::{Path, PathBuf};

use provost_device::Target;
use provost_device::tls::{ClientTls, Roots, TlsVersion};
use provost_model::{Secret, SymmetricKey};
use provost_wire::ConnectionString;

use super::ClientError;
use super::address::{Address, HTTPS_PORT};
use super::api::{ApiClient, Authorization};
use crate::connection_file::{ConnectionFile, PolicyKey};

/// The subscription in management paths: any is accepted, this one says it is none of Azure's.
pub const MANAGEMENT_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
/// Trust anchors of the machine, where Linux distributions keep them.
const MACHINE_ROOTS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];
const DPS_OWNER: &str = "provisioningserviceowner";
const HUB_OWNER: &str = "iothubowner";

/// A provisioning service or a hub, and how to reach it.
#[derive(Clone)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its host name, without port.
    pub host: String,
    /// ID scope of a provisioning service; unknown with `--login`.
    pub id_scope: Option<String>,
    /// Where HTTPS listens.
    pub https: Address,
    /// Where MQTT listens.
    pub mqtt: Address,
    credential: Credential,
    owner: &'static str,
}

#[derive(Clone)]
enum Credential {
    Policies(Vec<PolicyKey>),
    Login(ConnectionString),
}

/// Finds the server: from `--login`, otherwise from the data folder.
#[derive(Clone)]
pub struct Locator {
    /// The data folder.
    pub data: PathBuf,
    /// `--login`.
    pub login: Option<Secret<String>>,
    /// `--root-ca`.
    pub root_ca: Option<PathBuf>,
    /// `--token`.
    pub token: Option<Secret<String>>,
}

impl Locator {
    /// What the server wrote about itself.
    pub fn file(&self) -> Result<ConnectionFile, ClientError> {
        ConnectionFile::read(&self.data).map_err(|error| ClientError::ConnectionFile(format!("{error:#}")))
    }

    /// A provisioning service, by name or the first one.
    pub fn dps(&self, name: Option<&str>) -> Result<Instance, ClientError> {
        if let Some(login) = &self.login {
            return login_instance(login, name, DPS_OWNER);
        }
        let file = self.file()?;
        let names: Vec<&str> = file.dps.iter().map(|dps| dps.name.as_str()).collect();
        let index = pick("provisioning service", &names, name)?;
        let dps = file.dps.into_iter().nth(index);
        let dps = dps.ok_or(ClientError::Unexpected("no provisioning service"))?;
        Ok(Instance {
            name: dps.name,
            host: dps.host,
            id_scope: Some(dps.id_scope),
            https: Address::parse(&file.https, HTTPS_PORT)?,
            mqtt: Address::parse(&file.mqtt, 8883)?,
            credential: Credential::Policies(dps.policies),
            owner: DPS_OWNER,
        })
    }

    /// A hub, by name or the first one.
    pub fn hub(&self, name: Option<&str>) -> Result<Instance, ClientError> {
        if let Some(login) = &self.login {
            return login_instance(login, name, HUB_OWNER);
        }
        let file = self.file()?;
        let names: Vec<&str> = file.hubs.iter().map(|hub| hub.name.as_str()).collect();
        let index = pick("hub", &names, name)?;
        let hub = file.hubs.into_iter().nth(index);
        let hub = hub.ok_or(ClientError::Unexpected("no hub"))?;
        self.other_hub(&hub.name, &hub.host, hub.policies)
    }

    /// A hub of this server that is known from elsewhere.
    pub(super) fn other_hub(
        &self,
        name: &str,
        host: &str,
        policies: Vec<PolicyKey>,
    ) -> Result<Instance, ClientError> {
        let file = self.file()?;
        Ok(Instance {
            name: name.to_owned(),
            host: host.to_owned(),
            id_scope: None,
            https: Address::parse(&file.https, HTTPS_PORT)?,
            mqtt: Address::parse(&file.mqtt, 8883)?,
            credential: Credential::Policies(policies),
            owner: HUB_OWNER,
        })
    }

    /// Requests to an instance, signed with its owner policy or as `--login` says.
    pub fn client(&self, instance: &Instance, api_version: &'static str) -> Result<ApiClient, ClientError> {
        let authorization = match &instance.credential {
            Credential::Policies(_) => {
                let (policy, key) = instance.policy(None)?;
                Authorization::Policy {
                    resource: instance.host.clone(),
                    policy,
                    key,
                }
            }
            Credential::Login(login) => login_authorization(login)?,
        };
        let tls = ClientTls::new(&self.roots()?, None, TlsVersion::Any)?;
        let target = instance.https.target(&instance.host);
        Ok(ApiClient::new(target, tls, authorization, api_version))
    }

    /// Requests to the management plane, with the admin token.
    pub fn management(&self, api_version: &'static str) -> Result<ApiClient, ClientError> {
        let tls = ClientTls::new(&self.roots()?, None, TlsVersion::Any)?;
        let header = Secret::new(format!("Bearer {}", self.admin_token()?.expose()));
        let target = self.management_target()?;
        Ok(ApiClient::new(
            target,
            tls,
            Authorization::Header(header),
            api_version,
        ))
    }

    /// The same at another name of the server.
    pub(super) fn management_at(
        &self,
        host: &str,
        api_version: &'static str,
    ) -> Result<ApiClient, ClientError> {
        let tls = ClientTls::new(&self.roots()?, None, TlsVersion::Any)?;
        let header = Secret::new(format!("Bearer {}", self.admin_token()?.expose()));
        let target = Target {
            server_name: host.to_owned(),
            ..self.management_target()?
        };
        Ok(ApiClient::new(
            target,
            tls,
            Authorization::Header(header),
            api_version,
        ))
    }

    fn management_target(&self) -> Result<Target, ClientError> {
        if let Some(login) = &self.login {
            let instance = login_instance(login, None, DPS_OWNER)?;
            return Ok(instance.https.target(&instance.host));
        }
        let file = self.file()?;
        let address = Address::parse(&file.https, HTTPS_PORT)?;
        let host = file
            .dps
            .first()
            .map_or(address.host.clone(), |dps| dps.host.clone());
        Ok(address.target(&host))
    }

    fn admin_token(&self) -> Result<Secret<String>, ClientError> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        if self.login.is_some() {
            return Err(ClientError::NoToken);
        }
        let path = self.resolve(&self.file()?.admin_token_file);
        let text = std::fs::read_to_string(&path).map_err(|source| ClientError::File { path, source })?;
        Ok(Secret::new(text.trim().to_owned()))
    }

    /// Whom to trust: `--root-ca`, the server's own root, the machine's roots.
    pub fn roots(&self) -> Result<Roots, ClientError> {
        let path = self.root_path().ok_or(ClientError::NoRoots)?;
        let pem = std::fs::read(&path).map_err(|source| ClientError::File { path, source })?;
        Ok(Roots::from_pem(&pem)?)
    }

    fn root_path(&self) -> Option<PathBuf> {
        if let Some(path) = &self.root_ca {
            return Some(path.clone());
        }
        let own = self.file().ok().and_then(|file| file.root_ca);
        own.map(|path| self.resolve(&path)).or_else(|| {
            let machine = MACHINE_ROOTS.iter().map(PathBuf::from);
            machine.into_iter().find(|path| path.exists())
        })
    }

    /// A path of the connection file: relative ones begin at the data folder.
    fn resolve(&self, path: &Path) -> PathBuf {
        let inside = self.data.join(path);
        if inside.exists() { inside } else { path.to_owned() }
    }
}

impl Instance {
    /// Name and key of a policy; without a name the owner's, or else the first.
    pub fn policy(&self, name: Option<&str>) -> Result<(String, SymmetricKey), ClientError> {
        match &self.credential {
            Credential::Policies(policies) => {
                let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
                let owner = names.contains(&self.owner).then_some(self.owner);
                let index = pick("policy", &names, name.or(owner))?;
                let policy = policies.get(index).ok_or(ClientError::Unexpected("no policy"))?;
                let key = SymmetricKey::parse(&policy.key);
                let key = key.map_err(|_| ClientError::Key(policy.name.clone()))?;
                Ok((policy.name.clone(), key))
            }
            Credential::Login(login) => match (&login.policy, &login.key) {
                (Some(policy), Some(key)) => Ok((policy.clone(), key.clone())),
                _ => Err(ClientError::LoginWithoutKey),
            },
        }
    }

    /// The host as service clients are told it: with its port unless that is the one of HTTPS.
    pub fn service_host(&self) -> String {
        match self.https.port {
            HTTPS_PORT => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }
}

fn login_instance(
    login: &Secret<String>,
    name: Option<&str>,
    owner: &'static str,
) -> Result<Instance, ClientError> {
    let login = ConnectionString::parse(login.expose())?;
    let https = Address::parse(&login.host, HTTPS_PORT)?;
    let first_label = https.host.split('.').next().unwrap_or_default();
    Ok(Instance {
        name: name.unwrap_or(first_label).to_owned(),
        host: https.host.clone(),
        id_scope: None,
        mqtt: Address {
            host: https.host.clone(),
            port: 8883,
        },
        https,
        credential: Credential::Login(login),
        owner,
    })
}

fn login_authorization(login: &ConnectionString) -> Result<Authorization, ClientError> {
    match (&login.policy, &login.key, &login.token) {
        (_, None, Some(token)) => Ok(Authorization::Header(token.clone())),
        (Some(policy), Some(key), _) => Ok(Authorization::Policy {
            resource: login.host.clone(),
            policy: policy.clone(),
            key: key.clone(),
        }),
        _ => Err(ClientError::LoginWithoutKey),
    }
}

/// Index of the named one, or of the first when no name is given.
fn pick(kind: &'static str, known: &[&str], name: Option<&str>) -> Result<usize, ClientError> {
    let found = match name {
        None => (!known.is_empty()).then_some(0),
        Some(name) => known.iter().position(|other| other.eq_ignore_ascii_case(name)),
    };
    found.ok_or_else(|| ClientError::UnknownName {
        kind,
        name: name.unwrap_or("(any)").to_owned(),
        known: known.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"{{"https":"127.0.0.1:8443","mqtt":"127.0.0.1:8883","rootCa":"root.pem","adminTokenFile":"token",
            "dps":[{{"name":"dps1","idScope":"0ne1","host":"localhost","policies":[
                {{"name":"reader","key":"{KEY}"}},{{"name":"provisioningserviceowner","key":"{KEY}"}}]}}],
            "hubs":[{{"name":"hub1","host":"hub1.localhost","policies":[]}}]}}"#
        );
        std::fs::write(folder.path().join("connection.json"), text).unwrap();
        std::fs::write(folder.path().join("token"), "abc\n").unwrap();
        folder
    }

    fn locator(data: &Path) -> Locator {
        Locator {
            data: data.to_owned(),
            login: None,
            root_ca: None,
            token: None,
        }
    }

    #[test]
    fn the_first_instance_and_its_owner_policy_are_the_default() {
        let folder = folder();
        let dps = locator(folder.path()).dps(None).unwrap();
        assert_eq!(dps.service_host(), "localhost:8443");
        assert_eq!(dps.policy(None).unwrap().0, "provisioningserviceowner");
        assert_eq!(dps.policy(Some("READER")).unwrap().0, "reader");
        assert!(matches!(
            locator(folder.path()).hub(Some("hub2")),
            Err(ClientError::UnknownName { .. })
        ));
    }

    #[test]
    fn admin_token_comes_from_the_flag_or_the_file() {
        let folder = folder();
        let mut locator = locator(folder.path());
        assert_eq!(locator.admin_token().unwrap().expose(), "abc");
        locator.token = Some(Secret::new("given".to_owned()));
        assert_eq!(locator.admin_token().unwrap().expose(), "given");
    }

    #[test]
    fn login_needs_no_data_folder() {
        let login = format!("HostName=plant.example:9443;SharedAccessKeyName=p;SharedAccessKey={KEY}");
        let locator = Locator {
            login: Some(Secret::new(login)),
            ..locator(Path::new("/nowhere"))
        };
        let hub = locator.hub(None).unwrap();
        assert_eq!((hub.name.as_str(), hub.https.port), ("plant", 9443));
        assert_eq!(hub.service_host(), "plant.example:9443");
        assert_eq!(hub.policy(None).unwrap().0, "p");
    }
}
