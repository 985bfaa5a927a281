//! Bulk operations 5 and 11 (dps-service-api.md 2.4): a few items, each on its own.

use std::collections::HashSet;

use provost_model::{AccessRight, Etag, IfMatch};
use provost_wire::dps::service::{BulkInput, BulkMode, BulkResult};

use crate::write_rule::WriteMode;
use crate::{EntryId, Noun, ProvisioningError, ProvisioningService, ServiceCaller};

impl ProvisioningService {
    /// Operations 5 and 11.
    ///
    /// # Errors
    /// Only a missing right; what fails of the items stands in the result.
    pub async fn bulk_entries<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        input: BulkInput<I::Input>,
    ) -> Result<BulkResult, ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (mut seen, mut errors) = (HashSet::new(), Vec::new());
        for item in input.items {
            let id = I::of_input(&item).clone();
            let outcome = if seen.insert(id.key().to_owned()) {
                self.bulk_entry::<I>(caller, input.mode, item).await
            } else {
                Err(repeated())
            };
            if let Err(error) = outcome {
                errors.push(id.bulk_error(&error));
            }
        }
        Ok(BulkResult::new(errors))
    }

    async fn bulk_entry<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        mode: BulkMode,
        item: I::Input,
    ) -> Result<(), ProvisioningError> {
        match step(I::NOUN, mode, I::input_etag(&item).cloned())? {
            ItemStep::Write(mode) => self.write_entry::<I>(caller, item, mode).await.map(drop),
            ItemStep::Delete(if_match) => {
                let id = I::of_input(&item).clone();
                self.delete_entry(caller, id, if_match).await
            }
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
