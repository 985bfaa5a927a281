use std::time::Duration;

use provost_attestation::sas::{SasError, SasToken, VerifiedSas};
use provost_model::{
    AccessPolicy, AccessRight, AccessRights, Actor, Hub, HubName, PolicyName, PolicyOwner, SymmetricKey,
    Timestamp,
};

use crate::HubError;
use crate::audience::covers;
use crate::service::HubService;

/// A back end that proved it holds a key of a hub's shared access policy. Every service method takes
/// one and checks the right it needs itself.
#[derive(Debug, Clone)]
pub struct ServiceCaller {
    hub: Hub,
    policy: PolicyName,
    rights: AccessRights,
}

impl ServiceCaller {
    /// The hub the caller spoke to.
    pub fn hub(&self) -> &HubName {
        &self.hub.name
    }

    /// The policy it used.
    pub fn policy(&self) -> &PolicyName {
        &self.policy
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor::Policy(self.policy.clone())
    }

    pub(crate) fn require(&self, right: AccessRight) -> Result<(), HubError> {
        if self.rights.allow(right) {
            Ok(())
        } else {
            Err(HubError::RightMissing)
        }
    }
}

impl HubService {
    /// Proves a caller of the service API from its `Authorization` header. `host` is the request's
    /// host name, `path` its path, beginning with `/`: the token must be for the host or for a
    /// parent of the path (iot-hub-service-api.md 1.3).
    ///
    /// # Errors
    /// [`HubError::HubNotFound`], [`HubError::Unauthenticated`], [`HubError::RightMissing`] for a
    /// kind of credential that is not served, [`HubError::Store`].
    pub async fn authenticate_service(
        &self,
        host: &str,
        path: &str,
        authorization: Option<&str>,
    ) -> Result<ServiceCaller, HubError> {
        let text = authorization.ok_or_else(|| unauthenticated("authorization header is missing"))?;
        if !SasToken::is_sas(text) {
            return Err(HubError::RightMissing);
        }
        let token = SasToken::parse(text).map_err(bad_token)?;
        let hub = self.hub_by_host(host).await?;
        let policy = self.policy_of(&hub, &token).await?;
        let Some(policy) = policy else {
            spend_like_a_judgement(&token, self.now());
            return Err(unauthenticated("the token names no policy of this hub"));
        };
        let keys = [&policy.keys.primary, &policy.keys.secondary];
        let verified = token.verify(&keys, self.now(), SKEW).map_err(bad_token)?;
        check_audience(&verified, &hub, path)?;
        Ok(caller(hub, policy))
    }

    async fn policy_of(&self, hub: &Hub, token: &SasToken) -> Result<Option<AccessPolicy>, HubError> {
        let Some(Ok(name)) = token.policy().map(PolicyName::parse) else {
            return Ok(None);
        };
        let owner = PolicyOwner::Hub(hub.name.clone());
        Ok(self
            .store()
            .read(move |tx| tx.access_policy(&owner, &name))
            .await?)
    }
}

/// A token of a back end whose clock is a little behind is still good.
const SKEW: Duration = provost_attestation::sas::CLOCK_SKEW;

fn caller(hub: Hub, policy: AccessPolicy) -> ServiceCaller {
    ServiceCaller {
        hub,
        policy: policy.name,
        rights: policy.rights,
    }
}

fn check_audience(token: &VerifiedSas, hub: &Hub, path: &str) -> Result<(), HubError> {
    let requested = format!("{}{path}", hub.host);
    if covers(token.resource(), &requested) {
        Ok(())
    } else {
        Err(unauthenticated("the token is for another resource"))
    }
}

fn unauthenticated(reason: impl Into<String>) -> HubError {
    HubError::Unauthenticated(reason.into())
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function of an error")]
fn bad_token(error: SasError) -> HubError {
    unauthenticated(error.to_string())
}

/// An unknown policy costs what a known one does.
fn spend_like_a_judgement(token: &SasToken, now: Timestamp) {
    if let Ok(key) = SymmetricKey::from_bytes(vec![0; 32]) {
        let _ = token.verify(&[&key, &key], now, SKEW);
    }
}
