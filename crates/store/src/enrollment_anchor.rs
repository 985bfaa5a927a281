//! Which certificates and CA names an entry trusts: how a presented chain finds its entry.

use provost_model::{
    AuthorityOwner, CertificateDer, CertificateName, DpsName, EnrollmentKind, ProvisioningStatus, Timestamp,
};

use crate::authority::{CertificateIndex, owner_text};
use crate::convert::{Place, status};
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

/// One of an entry's two places for a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The primary place.
    Primary,
    /// The secondary place.
    Secondary,
}

impl Slot {
    fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

/// What an entry trusts in one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorIndex {
    /// A certificate stored in the entry itself.
    Certificate(CertificateIndex),
    /// A CA certificate of the instance, by name.
    Reference(CertificateName),
}

/// A group found by one of its anchors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAnchor {
    /// The group's ID in lower case.
    pub group_key: String,
    /// The certificate that stands for it: the signing certificate itself, or `None` for a
    /// reference (the caller looked the CA up already).
    pub certificate: Option<CertificateDer>,
    /// May the group admit devices.
    pub status: ProvisioningStatus,
    /// When the group was made; of several groups that match, the oldest decides.
    pub created_at: Timestamp,
}

pub(crate) fn kind_word(kind: EnrollmentKind) -> &'static str {
    match kind {
        EnrollmentKind::Individual => "individual",
        EnrollmentKind::Group => "group",
    }
}

impl ReadTx<'_> {
    /// Groups with a signing certificate whose subject has this hash, oldest first.
    pub fn groups_by_signer_subject(
        &self,
        dps: &DpsName,
        subject_hash: &[u8; 32],
    ) -> Result<Vec<GroupAnchor>, StoreError> {
        let sql = "SELECT e.entry_key, e.status, e.created_at, \
                   CASE a.slot WHEN 'primary' THEN e.primary_certificate ELSE e.secondary_certificate END \
                   FROM enrollment_anchor a JOIN enrollment e \
                   ON e.dps = a.dps AND e.kind = a.kind AND e.entry_key = a.entry_key \
                   WHERE a.dps = ?1 AND a.kind = 'group' AND a.subject_hash = ?2 \
                   ORDER BY e.created_at, e.entry_key, a.slot";
        self.query(sql, params![dps.key(), subject_hash], group_anchor)
    }

    /// Groups that refer to the CA certificate of this name, oldest first.
    pub fn groups_by_reference(
        &self,
        dps: &DpsName,
        name: &CertificateName,
    ) -> Result<Vec<GroupAnchor>, StoreError> {
        let sql = "SELECT e.entry_key, e.status, e.created_at, NULL \
                   FROM enrollment_anchor a JOIN enrollment e \
                   ON e.dps = a.dps AND e.kind = a.kind AND e.entry_key = a.entry_key \
                   WHERE a.dps = ?1 AND a.kind = 'group' AND a.reference_key = ?2 \
                   ORDER BY e.created_at, e.entry_key, a.slot";
        self.query(sql, params![dps.key(), name.key()], |row| {
            let (group_key, status, created_at) = entry_columns(row)?;
            Ok(GroupAnchor {
                group_key,
                certificate: None,
                status,
                created_at,
            })
        })
    }
}

/// A disabled entry that holds a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledHolder {
    /// Which kind of entry.
    pub kind: EnrollmentKind,
    /// Its ID in lower case.
    pub entry_key: String,
}

impl ReadTx<'_> {
    /// Whether any group of the instance that stands on certificates is disabled.
    // The one selected is not read: PostgreSQL gives a literal another width than a column.
    pub fn has_disabled_groups(&self, dps: &DpsName) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM disabled_anchor WHERE dps = ?1 AND kind = 'group' LIMIT 1";
        Ok(self.find(sql, params![dps.key()], |_| Ok(()))?.is_some())
    }

    /// The first disabled entry that holds one of these certificates, by SHA-256 thumbprint, in the
    /// order given. A group holds the CA certificates it refers to as well, as they were when it was
    /// disabled.
    pub fn disabled_holder(
        &self,
        dps: &DpsName,
        thumbprints: &[[u8; 32]],
    ) -> Result<Option<DisabledHolder>, StoreError> {
        // Where nothing is disabled this is all that is asked.
        let any = "SELECT 1 FROM disabled_anchor WHERE dps = ?1 LIMIT 1";
        if self.find(any, params![dps.key()], |_| Ok(()))?.is_none() {
            return Ok(None);
        }
        let sql = "SELECT kind, entry_key FROM disabled_anchor WHERE dps = ?1 AND thumbprint = ?2 \
                   ORDER BY kind, entry_key LIMIT 1";
        for thumbprint in thumbprints {
            let holder = self.find(sql, params![dps.key(), thumbprint], disabled_holder)?;
            if holder.is_some() {
                return Ok(holder);
            }
        }
        Ok(None)
    }
}

impl ReadTx<'_> {
    fn authority_thumbprint(&self, dps: &DpsName, name_key: &str) -> Result<Option<[u8; 32]>, StoreError> {
        let owner = owner_text(&AuthorityOwner::Dps(dps.clone()));
        let sql = "SELECT thumbprint FROM ca_certificate WHERE owner = ?1 AND name_key = ?2";
        let found = self.find(sql, params![&owner, name_key], |row| row.blob(0))?;
        Ok(found.and_then(|bytes| bytes.try_into().ok()))
    }
}

impl WriteTx<'_> {
    /// Replaces the anchors of an entry.
    pub(crate) fn put_anchors(
        &self,
        dps: &DpsName,
        kind: EnrollmentKind,
        entry_key: &str,
        status: ProvisioningStatus,
        anchors: &[(Slot, AnchorIndex)],
    ) -> Result<(), StoreError> {
        self.delete_anchors(dps, kind, entry_key)?;
        let sql = "INSERT INTO enrollment_anchor (dps, kind, entry_key, slot, subject_hash, thumbprint, \
                   reference_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        for (slot, anchor) in anchors {
            let (subject_hash, thumbprint, reference) = match anchor {
                AnchorIndex::Certificate(index) => (Some(&index.subject_hash), Some(&index.thumbprint), None),
                AnchorIndex::Reference(name) => (None, None, Some(name.key())),
            };
            let params = params![
                dps.key(),
                kind_word(kind),
                entry_key,
                slot.as_str(),
                subject_hash,
                thumbprint,
                reference
            ];
            self.execute(sql, params)?;
            if status == ProvisioningStatus::Disabled {
                let meant = match (kind, reference) {
                    (EnrollmentKind::Group, Some(name_key)) => self.authority_thumbprint(dps, name_key)?,
                    _ => None,
                };
                let sql = "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key) \
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let thumbprint = thumbprint.or(meant.as_ref());
                let params = params![
                    dps.key(),
                    kind_word(kind),
                    entry_key,
                    slot.as_str(),
                    thumbprint,
                    reference
                ];
                self.execute(sql, params)?;
            }
        }
        Ok(())
    }

    /// A CA certificate came that a disabled group has been waiting for.
    pub(crate) fn block_referred(
        &self,
        dps: &DpsName,
        name: &CertificateName,
        thumbprint: &[u8; 32],
    ) -> Result<(), StoreError> {
        let sql = "UPDATE disabled_anchor SET thumbprint = ?3 WHERE dps = ?1 AND kind = 'group' \
                   AND reference_key = ?2 AND thumbprint IS NULL";
        self.execute(sql, params![dps.key(), name.key(), thumbprint])
            .map(|_| ())
    }

    pub(crate) fn delete_anchors(
        &self,
        dps: &DpsName,
        kind: EnrollmentKind,
        entry_key: &str,
    ) -> Result<(), StoreError> {
        for table in ["enrollment_anchor", "disabled_anchor"] {
            let sql = format!("DELETE FROM {table} WHERE dps = ?1 AND kind = ?2 AND entry_key = ?3");
            self.execute(&sql, params![dps.key(), kind_word(kind), entry_key])?;
        }
        match kind {
            // Symmetric key groups raise it too: their changes are rare, telling them apart is not worth it.
            EnrollmentKind::Group => self.raise_trust_version(dps),
            EnrollmentKind::Individual => Ok(()),
        }
    }
}

fn disabled_holder(row: &Row<'_>) -> Result<DisabledHolder, StoreError> {
    let entry_key = row.text(1)?;
    let place = Place {
        table: "disabled_anchor",
        key: &entry_key,
    };
    let kind = match row.text(0)?.as_str() {
        "individual" => EnrollmentKind::Individual,
        "group" => EnrollmentKind::Group,
        _ => return Err(place.inconsistent("kind")),
    };
    Ok(DisabledHolder { kind, entry_key })
}

fn group_anchor(row: &Row<'_>) -> Result<GroupAnchor, StoreError> {
    let (group_key, status, created_at) = entry_columns(row)?;
    let certificate = row.opt_blob(3)?.map(CertificateDer);
    Ok(GroupAnchor {
        group_key,
        certificate,
        status,
        created_at,
    })
}

fn entry_columns(row: &Row<'_>) -> Result<(String, ProvisioningStatus, Timestamp), StoreError> {
    let group_key = row.text(0)?;
    let place = Place {
        table: "enrollment",
        key: &group_key,
    };
    let status = status(&row.text(1)?).ok_or_else(|| place.inconsistent("status"))?;
    Ok((group_key, status, Timestamp::from_micros(row.int(2)?)))
}
