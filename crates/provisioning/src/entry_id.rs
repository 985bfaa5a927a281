//! What tells individual enrollments and groups apart, for what both of them do.

mod group;
mod individual;

use provost_model::{
    CertificateDer, DpsName, EnrollmentKind, EnrollmentSettings, Etag, PageSize, Random, Slots, Timestamp,
};
use provost_store::{ReadTx, StoreError, WriteTx};
use provost_wire::dps::service::BulkError;

use crate::{Noun, ProvisioningError, Quotas, RegistrationOutcome};

/// The ID of an entry: [`provost_model::RegistrationId`] of an individual enrollment,
/// [`provost_model::EnrollmentGroupId`] of a group. Stands for the kind of entry it names.
pub trait EntryId: Clone + PartialEq + Send + Sync + 'static {
    /// The entry.
    type Entry: Clone + PartialEq + Send + Sync + 'static;
    /// What a client writes.
    type Input: Send + 'static;

    /// Which kind.
    const KIND: EnrollmentKind;
    /// What errors call it.
    const NOUN: Noun;
    /// What the audit trail calls it.
    const AUDITED: &'static str;
    /// The member that holds the ID in a body.
    const MEMBER: &'static str;

    /// As it was spelt.
    fn text(&self) -> &str;
    /// In lower case.
    fn key(&self) -> &str;
    /// The ID in a body.
    fn of_input(input: &Self::Input) -> &Self;
    /// The etag in a body.
    fn input_etag(input: &Self::Input) -> Option<&Etag>;
    /// The ID of an entry.
    fn of(entry: &Self::Entry) -> &Self;
    /// What both kinds have in common.
    fn settings(entry: &Self::Entry) -> &EnrollmentSettings;
    /// The same, to be changed.
    fn settings_mut(entry: &mut Self::Entry) -> &mut EnrollmentSettings;
    /// The certificates it holds.
    fn certificates(entry: &Self::Entry) -> Option<&Slots<CertificateDer>>;
    /// Whether it stands on keys.
    fn has_keys(entry: &Self::Entry) -> bool;
    /// What a write makes of it; the first spelling of the ID stays.
    fn merged(
        input: Self::Input,
        stored: Option<&Self::Entry>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Self::Entry, ProvisioningError>;
    /// Whether there may be one more.
    fn check_quota(
        quotas: &Quotas,
        tx: &ReadTx<'_>,
        dps: &DpsName,
        stored: Option<&Self::Entry>,
        entry: &Self::Entry,
    ) -> Result<(), ProvisioningError>;
    /// Reads one.
    fn find(&self, tx: &ReadTx<'_>, dps: &DpsName) -> Result<Option<Self::Entry>, StoreError>;
    /// What became of its device the last time; a group has no device of its own.
    fn outcome(
        &self,
        tx: &ReadTx<'_>,
        dps: &DpsName,
    ) -> Result<Option<RegistrationOutcome>, ProvisioningError>;
    /// Reads a page.
    fn list(
        tx: &ReadTx<'_>,
        dps: &DpsName,
        after: Option<&str>,
        size: PageSize,
    ) -> Result<Vec<Self::Entry>, StoreError>;
    /// Writes one.
    fn put(tx: &WriteTx<'_>, dps: &DpsName, entry: &Self::Entry) -> Result<(), StoreError>;
    /// Removes what goes with a deleted one; the remark for the audit trail.
    fn end(&self, tx: &WriteTx<'_>, dps: &DpsName) -> Result<&'static str, StoreError>;
    /// An item of a bulk operation that failed.
    fn bulk_error(&self, error: &ProvisioningError) -> BulkError;
}
