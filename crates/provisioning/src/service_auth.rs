//! Who calls the service API: the holder of a shared access policy's key (dps-service-api.md 1).

use provost_attestation::sas::{CLOCK_SKEW, SasToken, resource_covers};
use provost_model::{DpsInstance, PolicyName, PolicyOwner};
use provost_store::ReadTx;

use crate::allocate::bare_host;
use crate::{Noun, ProvisioningError, ProvisioningService, ServiceCaller};

/// What a request of the service API shows.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCredential<'a> {
    /// The host the request was sent to, with or without a port.
    pub host: &'a str,
    /// Its path: a token may be made for a part of the API.
    pub path: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
}

impl ProvisioningService {
    /// Proves the caller against the policies of the instance reached under this host name. Where
    /// there is only one instance it answers under every name.
    ///
    /// # Errors
    /// 401000, 401003, and 404206 when no instance has this host name.
    pub async fn authenticate_service(
        &self,
        credential: ServiceCredential<'_>,
    ) -> Result<ServiceCaller, ProvisioningError> {
        let no_token = |reason| ProvisioningError::NoToken { reason };
        let text = credential
            .authorization
            .ok_or(no_token("no authorization header"))?;
        let token = SasToken::parse(text).map_err(|error| ProvisioningError::service_token(&error))?;
        let policy = token.policy().ok_or(no_token("no policy name"))?;
        let policy = PolicyName::parse(policy).map_err(|_| no_token("unknown policy"))?;
        let (host, path) = (credential.host.to_owned(), credential.path.to_owned());
        let now = self.now();
        self.store()
            .read(move |tx| {
                let instance = instance_of_host(tx, &host)?;
                let owner = PolicyOwner::Dps(instance.name.clone());
                let policy = tx
                    .access_policy(&owner, &policy)?
                    .ok_or(ProvisioningError::NoToken {
                        reason: "unknown policy",
                    })?;
                token
                    .verify(&[&policy.keys.primary, &policy.keys.secondary], now, CLOCK_SKEW)
                    .map_err(|error| ProvisioningError::service_token(&error))?;
                if !covers(token.resource(), &[&host, instance.host.as_str()], &path) {
                    return Err(ProvisioningError::NoToken {
                        reason: "token is for another resource",
                    });
                }
                Ok(ServiceCaller::new(instance, policy.name, policy.rights))
            })
            .await
    }
}

fn instance_of_host(tx: &ReadTx<'_>, host: &str) -> Result<DpsInstance, ProvisioningError> {
    let mut instances = tx.dps_instances()?;
    let wanted = bare_host(host).to_ascii_lowercase();
    let position = instances
        .iter()
        .position(|instance| bare_host(instance.host.key()) == wanted);
    match position {
        Some(position) => Ok(instances.swap_remove(position)),
        None if instances.len() == 1 => Ok(instances.swap_remove(0)),
        None => Err(ProvisioningError::NotFound(Noun::Instance)),
    }
}

/// The audience is the host, with or without a port, and perhaps a path of which each segment counts
/// (dps-service-api.md 1.3).
fn covers(granted: &str, hosts: &[&str], path: &str) -> bool {
    let (granted_host, granted_path) = match granted.split_once('/') {
        Some((host, path)) => (host, path),
        None => (granted, ""),
    };
    let granted = format!("{}/{granted_path}", bare_host(granted_host));
    hosts.iter().any(|host| {
        let requested = format!("{}/{}", bare_host(host), path.trim_start_matches('/'));
        resource_covers(&granted, &requested)
    })
}

#[cfg(test)]
mod tests;
