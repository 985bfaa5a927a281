use provost_model::{
    CredentialPolicyName, DeviceId, DpsName, EnrollmentGroup, EnrollmentGroupId, EnrollmentKind,
    EnrollmentSettings, Etag, IndividualEnrollment, PageSize, ProvisioningStatus, RegistrationId,
    SymmetricKey,
};

use crate::convert::{Place, allocation_word, json, reprovision_word, status, status_word};
use crate::enrollment_anchor::{AnchorIndex, Slot, kind_word};
use crate::enrollment_row::{COLUMNS, MechanismColumns, group, hosts_text, individual};
use crate::entry_count::Counted;
use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

impl ReadTx<'_> {
    /// The individual enrollment of a registration ID.
    pub fn individual_enrollment(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
    ) -> Result<Option<IndividualEnrollment>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM enrollment WHERE dps = ?1 AND kind = 'individual' AND entry_key = ?2"
        );
        self.find(&sql, params![dps.key(), id.key()], individual)
    }

    /// An enrollment group.
    pub fn enrollment_group(
        &self,
        dps: &DpsName,
        id: &EnrollmentGroupId,
    ) -> Result<Option<EnrollmentGroup>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM enrollment WHERE dps = ?1 AND kind = 'group' AND entry_key = ?2");
        self.find(&sql, params![dps.key(), id.key()], group)
    }

    /// Individual enrollments in order of their IDs, beginning after the lower-case ID `after`.
    pub fn individual_enrollments(
        &self,
        dps: &DpsName,
        after: Option<&str>,
        page: PageSize,
    ) -> Result<Vec<IndividualEnrollment>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM enrollment WHERE dps = ?1 AND kind = 'individual' AND entry_key > ?2 \
             ORDER BY entry_key LIMIT ?3"
        );
        self.query(
            &sql,
            params![dps.key(), after.unwrap_or_default(), limit(page)],
            individual,
        )
    }

    /// Enrollment groups in order of their IDs, beginning after the lower-case ID `after`.
    pub fn enrollment_groups(
        &self,
        dps: &DpsName,
        after: Option<&str>,
        page: PageSize,
    ) -> Result<Vec<EnrollmentGroup>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM enrollment WHERE dps = ?1 AND kind = 'group' AND entry_key > ?2 \
             ORDER BY entry_key LIMIT ?3"
        );
        self.query(
            &sql,
            params![dps.key(), after.unwrap_or_default(), limit(page)],
            group,
        )
    }

    /// The symmetric key groups of an instance, oldest first: ID in lower case, status, both keys.
    pub fn symmetric_groups(
        &self,
        dps: &DpsName,
    ) -> Result<Vec<(String, ProvisioningStatus, [SymmetricKey; 2])>, StoreError> {
        let sql = "SELECT entry_key, status, primary_key, secondary_key FROM enrollment \
                   WHERE dps = ?1 AND kind = 'group' AND mechanism = 'symmetricKey' \
                   ORDER BY created_at, entry_key";
        self.query(sql, params![dps.key()], |row| {
            let key = row.text(0)?;
            let place = Place {
                table: "enrollment",
                key: &key,
            };
            let status = status(&row.text(1)?).ok_or_else(|| place.inconsistent("status"))?;
            let pair = place.key_pair(row.opt_blob(2)?, row.opt_blob(3)?)?;
            Ok((key, status, [pair.primary, pair.secondary]))
        })
    }

    /// The etag of an entry: enough to see whether it is still what was decided upon.
    pub fn enrollment_etag(
        &self,
        dps: &DpsName,
        kind: EnrollmentKind,
        entry_key: &str,
    ) -> Result<Option<Etag>, StoreError> {
        let sql = "SELECT etag FROM enrollment WHERE dps = ?1 AND kind = ?2 AND entry_key = ?3";
        self.find(sql, params![dps.key(), kind_word(kind), entry_key], |row| {
            Ok(Etag::from_text(&row.text(0)?))
        })
    }

    /// Status and etag of an entry.
    pub fn enrollment_state(
        &self,
        dps: &DpsName,
        kind: EnrollmentKind,
        entry_key: &str,
    ) -> Result<Option<(ProvisioningStatus, Etag)>, StoreError> {
        let sql = "SELECT status, etag FROM enrollment WHERE dps = ?1 AND kind = ?2 AND entry_key = ?3";
        self.find(sql, params![dps.key(), kind_word(kind), entry_key], |row| {
            let place = Place {
                table: "enrollment",
                key: entry_key,
            };
            let status = status(&row.text(0)?).ok_or_else(|| place.inconsistent("status"))?;
            Ok((status, Etag::from_text(&row.text(1)?)))
        })
    }

    /// How many entries of a kind there are.
    pub fn enrollment_count(&self, dps: &DpsName, kind: EnrollmentKind) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM enrollment WHERE dps = ?1 AND kind = ?2";
        self.count(sql, params![dps.key(), kind_word(kind)])
    }
}

impl WriteTx<'_> {
    /// Stores an individual enrollment, replacing one of the same registration ID.
    pub fn put_individual_enrollment(
        &self,
        dps: &DpsName,
        enrollment: &IndividualEnrollment,
        anchors: &[(Slot, AnchorIndex)],
    ) -> Result<(), StoreError> {
        let entry = Entry {
            kind: EnrollmentKind::Individual,
            key: enrollment.registration_id.key(),
            id: enrollment.registration_id.as_str(),
            mechanism: MechanismColumns::individual(&enrollment.mechanism),
            settings: &enrollment.settings,
            device_id: enrollment.device_id.as_ref(),
            information: enrollment.optional_device_information.as_ref().map(json),
        };
        self.put_entry(dps, &entry, anchors)
    }

    /// Stores an enrollment group, replacing one of the same ID.
    pub fn put_enrollment_group(
        &self,
        dps: &DpsName,
        group: &EnrollmentGroup,
        anchors: &[(Slot, AnchorIndex)],
    ) -> Result<(), StoreError> {
        let entry = Entry {
            kind: EnrollmentKind::Group,
            key: group.id.key(),
            id: group.id.as_str(),
            mechanism: MechanismColumns::group(&group.mechanism),
            settings: &group.settings,
            device_id: None,
            information: None,
        };
        self.put_entry(dps, &entry, anchors)
    }

    /// Removes an entry; `false` when there was none.
    pub fn delete_enrollment(
        &self,
        dps: &DpsName,
        kind: EnrollmentKind,
        entry_key: &str,
    ) -> Result<bool, StoreError> {
        self.delete_anchors(dps, kind, entry_key)?;
        let sql =
            "DELETE FROM enrollment WHERE dps = ?1 AND kind = ?2 AND entry_key = ?3 RETURNING mechanism";
        let params = params![dps.key(), kind_word(kind), entry_key];
        let Some(mechanism) = self.find(sql, params, |row| row.text(0))? else {
            return Ok(false);
        };
        self.add_to_count(dps, Counted::entry(kind_word(kind), &mechanism), -1)?;
        Ok(true)
    }

    fn put_entry(
        &self,
        dps: &DpsName,
        entry: &Entry<'_>,
        anchors: &[(Slot, AnchorIndex)],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO enrollment (dps, kind, entry_key, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, \
             ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26) \
             ON CONFLICT (dps, kind, entry_key) DO UPDATE SET {}",
            overwrite()
        );
        self.count_entry(dps, entry)?;
        let settings = entry.settings;
        let mechanism = &entry.mechanism;
        let twin = settings.initial_twin.as_ref();
        let (tags, desired) = (
            twin.map(|twin| json(&twin.tags)),
            twin.map(|twin| json(&twin.desired)),
        );
        let hubs = hosts_text(&settings.iot_hubs);
        let webhook = settings.custom_allocation.as_ref();
        let certificate = |slot: fn(&Slots) -> Option<&Der>| {
            mechanism.certificates.and_then(slot).map(|der| der.0.as_slice())
        };
        let reference =
            |slot: fn(&Names) -> Option<&Name>| mechanism.references.and_then(slot).map(Name::as_str);
        let params = params![
            dps.key(),
            kind_word(entry.kind),
            entry.key,
            entry.id,
            status_word(settings.status),
            settings.etag.as_str(),
            settings.created_at.as_micros(),
            settings.updated_at.as_micros(),
            mechanism.word,
            mechanism.keys.map(|keys| keys.primary.as_bytes()),
            mechanism.keys.map(|keys| keys.secondary.as_bytes()),
            certificate(|slots| slots.primary.as_ref()),
            certificate(|slots| slots.secondary.as_ref()),
            reference(|slots| slots.primary.as_ref()),
            reference(|slots| slots.secondary.as_ref()),
            entry.device_id.map(DeviceId::as_str),
            settings.iot_edge,
            settings.reprovision.map(reprovision_word),
            settings.allocation.map(allocation_word),
            hubs.as_deref(),
            webhook.map(|webhook| webhook.webhook_url.as_str()),
            webhook.map(|webhook| webhook.api_version.as_str()),
            tags.as_deref(),
            desired.as_deref(),
            entry.information.as_deref(),
            settings
                .credential_policy
                .as_ref()
                .map(CredentialPolicyName::as_str),
        ];
        self.execute(&sql, params)?;
        self.put_anchors(dps, entry.kind, entry.key, settings.status, anchors)
    }

    /// A group may change from certificates to keys: then it counts there.
    fn count_entry(&self, dps: &DpsName, entry: &Entry<'_>) -> Result<(), StoreError> {
        let kind = kind_word(entry.kind);
        let now = Counted::entry(kind, entry.mechanism.word);
        let sql = "SELECT mechanism FROM enrollment WHERE dps = ?1 AND kind = ?2 AND entry_key = ?3";
        let stored = self.find(sql, params![dps.key(), kind, entry.key], |row| row.text(0))?;
        let before = stored.map(|mechanism| Counted::entry(kind, &mechanism));
        if before == Some(now) {
            return Ok(());
        }
        if let Some(before) = before {
            self.add_to_count(dps, before, -1)?;
        }
        self.add_to_count(dps, now, 1)
    }
}

type Der = provost_model::CertificateDer;
type Name = provost_model::CertificateName;
type Slots = provost_model::Slots<Der>;
type Names = provost_model::Slots<Name>;

struct Entry<'a> {
    kind: EnrollmentKind,
    key: &'a str,
    id: &'a str,
    mechanism: MechanismColumns<'a>,
    settings: &'a EnrollmentSettings,
    device_id: Option<&'a DeviceId>,
    information: Option<String>,
}

/// `column = excluded.column` for each column of [`COLUMNS`].
fn overwrite() -> String {
    COLUMNS
        .split(',')
        .map(|column| format!("{0} = excluded.{0}", column.trim()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn limit(page: PageSize) -> i64 {
    i64::try_from(page.get()).unwrap_or(i64::MAX)
}
