use provost_model::{ProvisioningStatus, RegistrationRecord};

use super::Act;
use crate::ProvisioningError;

impl Act<'_> {
    /// Deleting an entry is no block (certificate-management.md R-032).
    pub(super) fn warn_of_groups(
        &mut self,
        record: Option<&RegistrationRecord>,
    ) -> Result<(), ProvisioningError> {
        let group = match record.and_then(|record| record.group.as_ref()) {
            Some(group) => self.tx.enrollment_group(self.dps, group)?,
            None => None,
        };
        match group {
            Some(group) if group.settings.status == ProvisioningStatus::Enabled => self.warn(format!(
                "the enrollment group {} would let the device in again; a disabled enrollment of its own would not",
                group.id
            )),
            _ => self.warn(
                "without an enrollment of its own, every enabled group whose certificate or key the device holds lets it in"
                    .to_owned(),
            ),
        }
        Ok(())
    }
}
