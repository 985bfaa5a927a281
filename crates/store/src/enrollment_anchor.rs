//! Which certificates and CA names an entry trusts: how a presented chain finds its entry.

use provost_model::{
    CertificateDer, CertificateName, DpsName, EnrollmentKind, ProvisioningStatus, Timestamp,
};

use crate::authority::CertificateIndex;
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
    pub(crate) fn as_str(self) -> &'static str {
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
                self.block(dps, (kind, entry_key), *slot, anchor)?;
            }
        }
        Ok(())
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
