//! Administration: bearer tokens (dps-service-api.md 4 is reached with them).

use provost_attestation::admin::AdminToken;
use provost_model::{AccessRight, Random};
use provost_store::{AdminTokenRow, WriteTx};

use crate::{AdminCaller, ProvisioningError, ProvisioningService};

const SCHEME: &str = "Bearer";
/// May do everything; further roles come with the Device Registry.
const OWNER: &str = "owner";

impl ProvisioningService {
    /// Proves the holder of an administration token, sent as `Authorization: Bearer …`.
    ///
    /// # Errors
    /// 401000; 403001 for a token of a role that is not known here.
    pub async fn authenticate_admin(
        &self,
        authorization: Option<&str>,
    ) -> Result<AdminCaller, ProvisioningError> {
        let no_token = |reason| ProvisioningError::NoToken { reason };
        let text = authorization.ok_or(no_token("no authorization header"))?;
        let (scheme, token) = text
            .trim()
            .split_once(' ')
            .ok_or(no_token("malformed authorization header"))?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(no_token("not a bearer token"));
        }
        let token = AdminToken::parse(token.trim()).map_err(|_| no_token("malformed token"))?;
        let hash = *token.hash().as_bytes();
        let row = self
            .store()
            .read(move |tx| tx.admin_token(&hash).map_err(ProvisioningError::from))
            .await?
            .ok_or(no_token("unknown token"))?;
        if row.role != OWNER {
            return Err(ProvisioningError::RightMissing(AccessRight::ServiceConfig));
        }
        Ok(AdminCaller::new(row.name))
    }
}

/// Makes an owner's token. It is shown once; the store keeps its hash. The caller ends the
/// transaction with an audit event of kind `adminToken`.
pub fn create_admin_token(
    tx: &WriteTx<'_>,
    name: &str,
    random: &dyn Random,
) -> Result<AdminToken, ProvisioningError> {
    let token = AdminToken::generate(random);
    tx.insert_admin_token(&AdminTokenRow {
        hash: *token.hash().as_bytes(),
        name: name.to_owned(),
        role: OWNER.to_owned(),
        created_at: tx.now(),
    })?;
    Ok(token)
}
