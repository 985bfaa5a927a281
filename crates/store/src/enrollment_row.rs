//! One row of the table `enrollment`, shared by individual enrollments and groups.

use provost_model::{
    CertificateDer, CertificateName, CredentialPolicyName, CustomAllocation, DeviceId, EnrollmentGroup,
    EnrollmentGroupId, EnrollmentSettings, Etag, GroupMechanism, HostName, IndividualEnrollment,
    IndividualMechanism, InitialTwin, KeyPair, RegistrationId, Slots, Timestamp,
};

use crate::StoreError;
use crate::convert::{Place, allocation, reprovision, status};
use crate::sql::Row;

pub(crate) const COLUMNS: &str = "entry_id, status, etag, created_at, updated_at, mechanism, primary_key, \
    secondary_key, primary_certificate, secondary_certificate, primary_reference, secondary_reference, \
    device_id, iot_edge, reprovision, allocation, iot_hubs, webhook_url, webhook_api_version, \
    initial_tags, initial_desired, optional_device_information, credential_policy";

/// A mechanism laid out in columns.
pub(crate) struct MechanismColumns<'a> {
    pub(crate) word: &'static str,
    pub(crate) keys: Option<&'a KeyPair>,
    pub(crate) certificates: Option<&'a Slots<CertificateDer>>,
    pub(crate) references: Option<&'a Slots<CertificateName>>,
}

impl<'a> MechanismColumns<'a> {
    pub(crate) fn individual(mechanism: &'a IndividualMechanism) -> Self {
        match mechanism {
            IndividualMechanism::ClientCertificates(slots) => Self::certificates("clientCertificates", slots),
            IndividualMechanism::CaReferences(slots) => Self::references(slots),
            IndividualMechanism::SymmetricKey(keys) => Self::keys(keys),
        }
    }

    pub(crate) fn group(mechanism: &'a GroupMechanism) -> Self {
        match mechanism {
            GroupMechanism::SigningCertificates(slots) => Self::certificates("signingCertificates", slots),
            GroupMechanism::CaReferences(slots) => Self::references(slots),
            GroupMechanism::SymmetricKey(keys) => Self::keys(keys),
        }
    }

    fn certificates(word: &'static str, slots: &'a Slots<CertificateDer>) -> Self {
        Self {
            word,
            keys: None,
            certificates: Some(slots),
            references: None,
        }
    }

    fn references(slots: &'a Slots<CertificateName>) -> Self {
        Self {
            word: "caReferences",
            keys: None,
            certificates: None,
            references: Some(slots),
        }
    }

    fn keys(keys: &'a KeyPair) -> Self {
        Self {
            word: "symmetricKey",
            keys: Some(keys),
            certificates: None,
            references: None,
        }
    }
}

pub(crate) fn individual(row: &Row<'_>) -> Result<IndividualEnrollment, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "enrollment",
        key: &id,
    };
    let mechanism = match row.text(5)?.as_str() {
        "clientCertificates" => IndividualMechanism::ClientCertificates(certificates(row)?),
        "caReferences" => IndividualMechanism::CaReferences(references(row, place)?),
        "symmetricKey" => IndividualMechanism::SymmetricKey(keys(row, place)?),
        _ => return Err(place.inconsistent("mechanism")),
    };
    let device_id = row
        .opt_text(12)?
        .map(|text| place.id("device_id", DeviceId::parse(&text)))
        .transpose()?;
    let information = row.opt_text(21)?;
    Ok(IndividualEnrollment {
        registration_id: place.id("entry_id", RegistrationId::parse(&id))?,
        device_id,
        optional_device_information: place
            .opt_object("optional_device_information", information.as_deref())?,
        mechanism,
        settings: settings(row, place)?,
    })
}

pub(crate) fn group(row: &Row<'_>) -> Result<EnrollmentGroup, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "enrollment",
        key: &id,
    };
    let mechanism = match row.text(5)?.as_str() {
        "signingCertificates" => GroupMechanism::SigningCertificates(certificates(row)?),
        "caReferences" => GroupMechanism::CaReferences(references(row, place)?),
        "symmetricKey" => GroupMechanism::SymmetricKey(keys(row, place)?),
        _ => return Err(place.inconsistent("mechanism")),
    };
    Ok(EnrollmentGroup {
        id: place.id("entry_id", EnrollmentGroupId::parse(&id))?,
        mechanism,
        settings: settings(row, place)?,
    })
}

fn keys(row: &Row<'_>, place: Place<'_>) -> Result<KeyPair, StoreError> {
    place.key_pair(row.opt_blob(6)?, row.opt_blob(7)?)
}

fn certificates(row: &Row<'_>) -> Result<Slots<CertificateDer>, StoreError> {
    Ok(Slots {
        primary: row.opt_blob(8)?.map(CertificateDer),
        secondary: row.opt_blob(9)?.map(CertificateDer),
    })
}

fn references(row: &Row<'_>, place: Place<'_>) -> Result<Slots<CertificateName>, StoreError> {
    let name = |column, text: Option<String>| {
        text.map(|text| place.id(column, CertificateName::parse(&text)))
            .transpose()
    };
    Ok(Slots {
        primary: name("primary_reference", row.opt_text(10)?)?,
        secondary: name("secondary_reference", row.opt_text(11)?)?,
    })
}

fn settings(row: &Row<'_>, place: Place<'_>) -> Result<EnrollmentSettings, StoreError> {
    let (tags, desired) = (row.opt_text(19)?, row.opt_text(20)?);
    let initial_twin = match (tags, desired) {
        (Some(tags), Some(desired)) => Some(InitialTwin {
            tags: place.object("initial_tags", &tags)?,
            desired: place.object("initial_desired", &desired)?,
        }),
        _ => None,
    };
    let custom_allocation = match (row.opt_text(17)?, row.opt_text(18)?) {
        (Some(webhook_url), Some(api_version)) => Some(CustomAllocation {
            webhook_url,
            api_version,
        }),
        _ => None,
    };
    let word = |column, text: Option<String>| text.ok_or_else(|| place.inconsistent(column));
    let reprovision_policy = match row.opt_text(14)? {
        Some(text) => Some(reprovision(&text).ok_or_else(|| place.inconsistent("reprovision"))?),
        None => None,
    };
    let allocation_policy = match row.opt_text(15)? {
        Some(text) => Some(allocation(&text).ok_or_else(|| place.inconsistent("allocation"))?),
        None => None,
    };
    Ok(EnrollmentSettings {
        status: status(&word("status", row.opt_text(1)?)?).ok_or_else(|| place.inconsistent("status"))?,
        iot_edge: row.flag(13)?,
        initial_twin,
        reprovision: reprovision_policy,
        allocation: allocation_policy,
        iot_hubs: hosts(place, row.opt_text(16)?.as_deref())?,
        custom_allocation,
        credential_policy: row
            .opt_text(22)?
            .map(|text| place.id("credential_policy", CredentialPolicyName::parse(&text)))
            .transpose()?,
        etag: Etag::from_text(&row.text(2)?),
        created_at: Timestamp::from_micros(row.int(3)?),
        updated_at: Timestamp::from_micros(row.int(4)?),
    })
}

/// Host names never hold a line feed, so one a line is unambiguous.
fn hosts(place: Place<'_>, text: Option<&str>) -> Result<Vec<HostName>, StoreError> {
    text.unwrap_or_default()
        .split('\n')
        .filter(|host| !host.is_empty())
        .map(|host| place.id("iot_hubs", HostName::parse(host)))
        .collect()
}

pub(crate) fn hosts_text(hosts: &[HostName]) -> Option<String> {
    (!hosts.is_empty()).then(|| hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join("\n"))
}
