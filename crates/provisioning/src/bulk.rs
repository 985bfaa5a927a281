//! Bulk operations 5 and 11 (dps-service-api.md 2.4): up to ten items, each on its own.

use std::collections::HashSet;

use provost_model::{AccessRight, Etag, IfMatch};
use provost_wire::dps::service::{BulkError, BulkInput, BulkMode, BulkResult, EnrollmentInput, GroupInput};

use crate::write_rule::WriteMode;
use crate::{Noun, ProvisioningError, ProvisioningService, ServiceCaller};

impl ProvisioningService {
    /// Operation 5.
    ///
    /// # Errors
    /// Only a missing right; what fails of the items stands in the result.
    pub async fn bulk_enrollments(
        &self,
        caller: &ServiceCaller,
        input: BulkInput<EnrollmentInput>,
    ) -> Result<BulkResult, ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (mut seen, mut errors) = (HashSet::new(), Vec::new());
        for item in input.items {
            let id = item.registration_id.clone();
            let outcome = if seen.insert(id.key().to_owned()) {
                self.bulk_enrollment(caller, input.mode, item).await
            } else {
                Err(repeated())
            };
            if let Err(error) = outcome {
                errors.push(BulkError::enrollment(
                    id.as_str(),
                    error.code(),
                    error.public_message(),
                ));
            }
        }
        Ok(BulkResult::new(errors))
    }

    /// Operation 11.
    ///
    /// # Errors
    /// Only a missing right; what fails of the items stands in the result.
    pub async fn bulk_groups(
        &self,
        caller: &ServiceCaller,
        input: BulkInput<GroupInput>,
    ) -> Result<BulkResult, ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (mut seen, mut errors) = (HashSet::new(), Vec::new());
        for item in input.items {
            let id = item.id.clone();
            let outcome = if seen.insert(id.key().to_owned()) {
                self.bulk_group(caller, input.mode, item).await
            } else {
                Err(repeated())
            };
            if let Err(error) = outcome {
                errors.push(BulkError::group(
                    id.as_str(),
                    error.code(),
                    error.public_message(),
                ));
            }
        }
        Ok(BulkResult::new(errors))
    }

    async fn bulk_enrollment(
        &self,
        caller: &ServiceCaller,
        mode: BulkMode,
        item: EnrollmentInput,
    ) -> Result<(), ProvisioningError> {
        match step(Noun::Enrollment, mode, item.settings.etag.clone())? {
            ItemStep::Write(mode) => self.write_enrollment(caller, item, mode).await.map(drop),
            ItemStep::Delete(if_match) => {
                self.delete_enrollment(caller, item.registration_id, if_match)
                    .await
            }
        }
    }

    async fn bulk_group(
        &self,
        caller: &ServiceCaller,
        mode: BulkMode,
        item: GroupInput,
    ) -> Result<(), ProvisioningError> {
        match step(Noun::Group, mode, item.settings.etag.clone())? {
            ItemStep::Write(mode) => self.write_group(caller, item, mode).await.map(drop),
            ItemStep::Delete(if_match) => self.delete_group(caller, item.id, if_match).await,
        }
    }
}

enum ItemStep {
    Write(WriteMode),
    Delete(IfMatch),
}

/// What a mode means for an item with this etag.
fn step(noun: Noun, mode: BulkMode, etag: Option<Etag>) -> Result<ItemStep, ProvisioningError> {
    let tag = etag.map(|etag| match etag.as_str() {
        "*" => IfMatch::Any,
        _ => IfMatch::Tag(etag),
    });
    Ok(match mode {
        BulkMode::Create => ItemStep::Write(WriteMode::Create),
        BulkMode::Update => ItemStep::Write(WriteMode::Update(IfMatch::Any)),
        BulkMode::UpdateIfMatchEtag => {
            let tag = tag.ok_or(ProvisioningError::PreconditionFailed(noun))?;
            ItemStep::Write(WriteMode::Update(tag))
        }
        BulkMode::Delete => ItemStep::Delete(tag.unwrap_or(IfMatch::Any)),
    })
}

fn repeated() -> ProvisioningError {
    ProvisioningError::invalid("this item stands in the request twice")
}
