//! One device, whatever is known of it: an enrollment, a record, identities.

use provost_model::{
    Assignment, DeviceId, EnrollmentKind, EnrollmentSettings, Etag, HubName, IndividualEnrollment,
    IndividualMechanism, KeyPair, ProvisioningStatus, RegistrationId, RegistrationRecord, ShutOut,
    SymmetricKey,
};

use super::{ABSENT, Act, entry_word};
use crate::attestation::individual_anchors;
use crate::settings::touch;
use crate::{HubPortError, Noun, ProvisioningError};

impl Act<'_> {
    pub(super) fn one_device(&mut self, id: &RegistrationId) -> Result<(), ProvisioningError> {
        let enrollment = self.tx.individual_enrollment(self.dps, id)?;
        let record = self.tx.registration(self.dps, id)?;
        let mut missed = Vec::new();
        if self.input.everywhere {
            let places = self.places(id, enrollment.as_ref(), record.as_ref())?;
            missed = self.end_identities(&places)?;
        }
        let is_known = enrollment.is_some() || record.is_some() || !self.outcome.devices.is_empty();
        if !is_known {
            return Err(ProvisioningError::NotFound(Noun::Enrollment));
        }
        match (enrollment, self.input.entry) {
            (Some(enrollment), act) => self.end_enrollment(enrollment, act)?,
            (None, ShutOut::Disable) => {
                let spelt = record.as_ref().map_or(id, |record| &record.registration_id);
                self.block(spelt)?;
            }
            (None, ShutOut::Delete) => {}
        }
        if self.input.entry == ShutOut::Delete {
            self.warn_of_groups(record.as_ref())?;
        }
        match record {
            Some(record) => self.end_record(&record, &missed),
            None => Ok(()),
        }
    }

    /// Disables or deletes an individual enrollment.
    pub(super) fn end_enrollment(
        &mut self,
        mut enrollment: IndividualEnrollment,
        act: ShutOut,
    ) -> Result<(), ProvisioningError> {
        let id = enrollment.registration_id.clone();
        let before = enrollment.settings.status;
        match act {
            ShutOut::Delete => {
                self.tx
                    .delete_enrollment(self.dps, EnrollmentKind::Individual, id.key())?;
            }
            ShutOut::Disable if before == ProvisioningStatus::Disabled => {}
            ShutOut::Disable => {
                enrollment.settings.status = ProvisioningStatus::Disabled;
                self.put(&mut enrollment)?;
            }
        }
        self.touched("enrollment", id.as_str(), entry_word(before), after(act));
        Ok(())
    }

    /// A disabled enrollment with keys nobody has: it shadows every group without owning the device's
    /// certificate (certificate-management.md R-026). It may exceed the quota: a full instance must
    /// still be able to shut a device out.
    fn block(&mut self, id: &RegistrationId) -> Result<(), ProvisioningError> {
        let (now, random) = (self.tx.now(), self.service.random());
        let mut enrollment = IndividualEnrollment {
            registration_id: id.clone(),
            device_id: None,
            optional_device_information: None,
            mechanism: IndividualMechanism::SymmetricKey(KeyPair {
                primary: SymmetricKey::generate(random),
                secondary: SymmetricKey::generate(random),
            }),
            settings: EnrollmentSettings {
                status: ProvisioningStatus::Disabled,
                iot_edge: false,
                initial_twin: None,
                reprovision: None,
                allocation: None,
                iot_hubs: Vec::new(),
                custom_allocation: None,
                credential_policy: None,
                etag: Etag::from_text(""),
                created_at: now,
                updated_at: now,
            },
        };
        self.put(&mut enrollment)?;
        self.touched("enrollment", id.as_str(), ABSENT, "disabled");
        Ok(())
    }

    fn put(&self, enrollment: &mut IndividualEnrollment) -> Result<(), ProvisioningError> {
        let etag = Etag::generate(self.service.random());
        touch(&mut enrollment.settings, etag, self.tx.now());
        let anchors = individual_anchors(&enrollment.mechanism);
        self.tx
            .put_individual_enrollment(self.dps, enrollment, &anchors)?;
        Ok(())
    }

    /// Where the device may have an identity: where its record says, and in every hub its enrollment
    /// or its group may assign it to; there by its registration ID in whatever case, unless its enrollment names
    /// it otherwise.
    pub(super) fn places(
        &self,
        id: &RegistrationId,
        enrollment: Option<&IndividualEnrollment>,
        record: Option<&RegistrationRecord>,
    ) -> Result<Vec<Assignment>, ProvisioningError> {
        let group = match (enrollment, record.and_then(|record| record.group.as_ref())) {
            (None, Some(group)) => self.tx.enrollment_group(self.dps, group)?,
            _ => None,
        };
        let settings = enrollment
            .map(|enrollment| &enrollment.settings)
            .or(group.as_ref().map(|group| &group.settings));
        let named = enrollment.and_then(|enrollment| enrollment.device_id.clone());
        let mut places: Vec<Assignment> = record
            .and_then(RegistrationRecord::last_assignment)
            .into_iter()
            .collect();
        let usual = match (&named, places.first()) {
            (Some(named), _) => named.clone(),
            (None, Some(place)) if place.device_id.spells(id) => place.device_id.clone(),
            (None, _) => enrollment.map_or_else(|| id.into(), IndividualEnrollment::assigned_device_id),
        };
        let hubs = self.hubs_of(settings.map_or(&[], |settings| settings.iot_hubs.as_slice()))?;
        for hub in hubs {
            let mut device_ids = vec![usual.clone()];
            if named.is_none() {
                device_ids.extend(self.spellings(&hub, id)?);
            }
            add_places(&mut places, &hub, device_ids);
        }
        Ok(places)
    }

    /// The names a hub of this program knows a device by: a hub tells IDs apart by case, and whoever is shut out
    /// is so by each of them.
    fn spellings(&self, hub: &HubName, id: &RegistrationId) -> Result<Vec<DeviceId>, ProvisioningError> {
        match self.service.hubs().spellings(self.tx, hub, id.key()) {
            Ok(spelt) => Ok(spelt.into_iter().map(|(device_id, _)| device_id).collect()),
            Err(HubPortError::Store(error)) => Err(error.into()),
            // What cannot be reached is told where its identity is to be ended.
            Err(HubPortError::UnknownHub | HubPortError::Refused(_)) => Ok(Vec::new()),
        }
    }

    /// Where a device of a group may have an identity: where its record says, and by the same name in whatever
    /// case at every hub of these.
    pub(super) fn places_of_member(
        &self,
        record: &RegistrationRecord,
        hubs: &[HubName],
    ) -> Result<Vec<Assignment>, ProvisioningError> {
        let mut places: Vec<Assignment> = record.last_assignment().into_iter().collect();
        for hub in hubs {
            let spelt = self.spellings(hub, &record.registration_id)?;
            add_places(&mut places, hub, spelt);
        }
        Ok(places)
    }
}

fn add_places(places: &mut Vec<Assignment>, hub: &HubName, device_ids: Vec<DeviceId>) {
    for device_id in device_ids {
        let hub = hub.clone();
        let place = Assignment { hub, device_id };
        if !places.contains(&place) {
            places.push(place);
        }
    }
}

/// The state of an entry after an act.
pub(super) fn after(act: ShutOut) -> &'static str {
    match act {
        ShutOut::Disable => "disabled",
        ShutOut::Delete => ABSENT,
    }
}
