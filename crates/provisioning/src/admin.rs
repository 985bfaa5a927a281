//! Administration: bearer tokens (dps-service-api.md 4 is reached with them).

use provost_access::Permission;
use provost_attestation::admin::AdminToken;
use provost_model::Random;
use provost_store::{AdminTokenRow, WriteTx};

use crate::{AdminCaller, ProvisioningError, ProvisioningService};

/// The role that may do everything.
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
        let admin = provost_access::authenticate(self.store(), authorization).await?;
        admin.require(Permission::Everything, None)?;
        Ok(admin)
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
        namespace: None,
        created_at: tx.now(),
    })?;
    Ok(token)
}
