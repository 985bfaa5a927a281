//! Administration: bearer tokens (dps-service-api.md 4 is reached with them).

use crate::{AdminCaller, ProvisioningError, ProvisioningService};

impl ProvisioningService {
    /// Proves the holder of an administration token, sent as `Authorization: Bearer …`.
    ///
    /// # Errors
    /// 401000.
    pub async fn authenticate_admin(
        &self,
        authorization: Option<&str>,
    ) -> Result<AdminCaller, ProvisioningError> {
        Ok(provost_access::authenticate(self.store(), authorization).await?)
    }
}
