//! A group, or every entry that trusts a certificate, in batches: first the entries, so that nobody
//! comes in any more, then, everywhere, their devices.

use provost_model::{
    EnrollmentGroup, EnrollmentGroupId, EnrollmentKind, Etag, PageSize, ProvisioningStatus, RegistrationId,
    ShutOut,
};
use provost_store::{CertificateHolder, Looked, RegistrationFilter};
use provost_wire::own::DisenrollTarget;

use super::batch_token::Remaining;
use super::device::after;
use super::{ABSENT, Act, entry_word};
use crate::attestation::group_anchors;
use crate::blast_radius::holding;
use crate::group_tree::GroupTree;
use crate::settings::touch;
use crate::{Noun, ProvisioningError};

/// Entries or devices of one transaction, at most: other writes wait no longer than that takes.
const BATCH: usize = 200;

impl Act<'_> {
    pub(super) fn next_batch(&mut self) -> Result<(), ProvisioningError> {
        let target = &self.input.target;
        let mut remaining = Remaining::read(target, self.input.continuation.as_deref())?;
        if remaining.entries_done {
            self.end_devices(&mut remaining)?;
        } else {
            self.end_entries(&mut remaining)?;
        }
        let is_over = remaining.entries_done && (remaining.groups.is_empty() || !self.input.everywhere);
        if !is_over {
            self.outcome.continuation = Some(remaining.token(target));
        }
        Ok(())
    }

    fn end_entries(&mut self, remaining: &mut Remaining) -> Result<(), ProvisioningError> {
        let holders = self.holders(remaining)?;
        remaining.entries_done = holders.len() < BATCH;
        for holder in holders {
            remaining.entries_after = Some((holder.kind, holder.key.clone()));
            match holder.kind {
                EnrollmentKind::Group => self.end_group(&holder, remaining)?,
                EnrollmentKind::Individual => self.end_holder(&holder)?,
            }
        }
        Ok(())
    }

    /// The next entries it is about.
    fn holders(&self, remaining: &Remaining) -> Result<Vec<CertificateHolder>, ProvisioningError> {
        match &self.input.target {
            DisenrollTarget::Certificate(text) => {
                let holding = holding(self.tx, self.dps, text)?;
                let after = remaining.entries_after.as_ref();
                let after = after.map(|(kind, key)| (*kind, key.as_str()));
                let page = PageSize::clamp(Some(BATCH), BATCH, BATCH);
                let found = self.tx.certificate_holders(self.dps, &holding, after, page)?;
                if found.is_empty() && after.is_none() {
                    return Err(ProvisioningError::NotFound(Noun::CaCertificate));
                }
                Ok(found)
            }
            DisenrollTarget::Group(id) => {
                let group = self.tx.enrollment_group(self.dps, id)?;
                let group = group.ok_or(ProvisioningError::NotFound(Noun::Group))?;
                Ok(vec![CertificateHolder {
                    kind: EnrollmentKind::Group,
                    key: group.id.key().to_owned(),
                    id: group.id.to_string(),
                    status: group.settings.status,
                }])
            }
            DisenrollTarget::Device(_) => Ok(Vec::new()),
        }
    }

    fn end_group(
        &mut self,
        holder: &CertificateHolder,
        remaining: &mut Remaining,
    ) -> Result<(), ProvisioningError> {
        let id =
            EnrollmentGroupId::parse(&holder.id).map_err(|_| ProvisioningError::NotFound(Noun::Group))?;
        // Where devices are ended too, the group stays until they are: whoever is cut off begins again
        // and finds them by it.
        let act = if self.input.everywhere {
            ShutOut::Disable
        } else {
            self.input.entry
        };
        match act {
            ShutOut::Delete => self.delete_group(&id)?,
            ShutOut::Disable if holder.status == ProvisioningStatus::Disabled => {}
            ShutOut::Disable => {
                let group = self.tx.enrollment_group(self.dps, &id)?;
                let mut group = group.ok_or(ProvisioningError::NotFound(Noun::Group))?;
                self.disable_group(&mut group)?;
            }
        }
        self.touched(
            "enrollmentGroup",
            id.as_str(),
            entry_word(holder.status),
            after(act),
        );
        remaining.groups.push(id);
        Ok(())
    }

    fn delete_group(&mut self, id: &EnrollmentGroupId) -> Result<(), ProvisioningError> {
        self.tx
            .delete_enrollment(self.dps, EnrollmentKind::Group, id.key())?;
        self.warn(format!(
            "the enrollment group {id} is deleted, which is no block: another enabled group above or below its certificate lets its devices in"
        ));
        Ok(())
    }

    fn disable_group(&mut self, group: &mut EnrollmentGroup) -> Result<(), ProvisioningError> {
        for below in GroupTree::read(self.tx, self.dps, std::slice::from_ref(&group.id))?.below() {
            self.warn(format!(
                "devices of the enrollment group {below} hang below {} and are refused, too; their hub identities stay",
                group.id
            ));
        }
        group.settings.status = ProvisioningStatus::Disabled;
        let etag = Etag::generate(self.service.random());
        touch(&mut group.settings, etag, self.tx.now());
        let anchors = group_anchors(&group.mechanism);
        self.tx.put_enrollment_group(self.dps, group, &anchors)?;
        Ok(())
    }

    /// The individual enrollment of a holder; everywhere, its device too.
    fn end_holder(&mut self, holder: &CertificateHolder) -> Result<(), ProvisioningError> {
        let id =
            RegistrationId::parse(&holder.id).map_err(|_| ProvisioningError::NotFound(Noun::Enrollment))?;
        let Some(enrollment) = self.tx.individual_enrollment(self.dps, &id)? else {
            return Ok(());
        };
        if self.input.everywhere {
            let record = self.tx.registration(self.dps, &id)?;
            let places = self.places(&id, Some(&enrollment), record.as_ref())?;
            let missed = self.end_identities(&places)?;
            if let Some(record) = record {
                self.end_record(&record, &missed)?;
            }
        }
        self.end_enrollment(enrollment, self.input.entry)
    }

    /// The next devices of the first group: identity and record.
    fn end_devices(&mut self, remaining: &mut Remaining) -> Result<(), ProvisioningError> {
        let Some(group) = remaining.groups.first().cloned() else {
            return Ok(());
        };
        if !self.input.everywhere {
            remaining.groups.clear();
            return Ok(());
        }
        let filter = RegistrationFilter::of_group(group);
        let page = PageSize::clamp(Some(BATCH), BATCH, BATCH);
        let after = remaining.device_after.take();
        let Looked { found, until } =
            self.tx
                .look_at_registrations(self.dps, &filter, after.as_deref(), page)?;
        let hubs = self.hubs_of(&[])?;
        for record in &found {
            let places = self.places_of_member(record, &hubs)?;
            let missed = self.end_identities(&places)?;
            self.end_record(record, &missed)?;
        }
        if until.is_some() {
            remaining.device_after = until;
            return Ok(());
        }
        let group = remaining.groups.remove(0);
        if self.input.entry == ShutOut::Delete {
            self.delete_group(&group)?;
            self.touched("enrollmentGroup", group.as_str(), "disabled", ABSENT);
        }
        Ok(())
    }
}
