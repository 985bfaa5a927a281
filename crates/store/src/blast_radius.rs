//! What hangs on a certificate or on a group: counts over indexes, no row by row.

use provost_model::{
    CertificateName, DpsName, EnrollmentGroupId, EnrollmentKind, PageSize, ProvisioningStatus,
};

use crate::convert::{Place, status, status_word};
use crate::enrollment_anchor::kind_word;
use crate::sql::{Param, params};
use crate::{ReadTx, StoreError};

/// What entries are looked for by: a certificate they hold, CA certificates they refer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holding {
    /// SHA-256 over the certificate's DER.
    pub thumbprint: Option<[u8; 32]>,
    /// Names of CA certificates.
    pub references: Vec<CertificateName>,
}

/// An entry that trusts a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHolder {
    /// Which kind of entry.
    pub kind: EnrollmentKind,
    /// Its ID in lower case.
    pub key: String,
    /// Its ID.
    pub id: String,
    /// May it admit devices.
    pub status: ProvisioningStatus,
}

impl ReadTx<'_> {
    /// Entries that hold a certificate or refer to it: groups first, then by ID, after `after` (its
    /// kind and its lower-case ID).
    pub fn certificate_holders(
        &self,
        dps: &DpsName,
        holding: &Holding,
        after: Option<(EnrollmentKind, &str)>,
        page: PageSize,
    ) -> Result<Vec<CertificateHolder>, StoreError> {
        let mut params = vec![Param::Text(dps.key())];
        let past = after.map(|(kind, key)| {
            params.push(Param::Text(kind_word(kind)));
            params.push(Param::Text(key));
        });
        let past = past.map_or("", |()| " AND (kind, entry_key) > (?2, ?3)");
        let Some(anchors) = anchors(holding, past, &mut params) else {
            return Ok(Vec::new());
        };
        params.push(Param::Int(i64::try_from(page.get()).unwrap_or(i64::MAX)));
        let limit = params.len();
        // The union is sorted by the indexes it reads; only then the page meets the entries.
        let sql = format!(
            "SELECT e.kind, e.entry_key, e.entry_id, e.status FROM ({anchors} ORDER BY 1, 2 LIMIT ?{limit}) a \
             JOIN enrollment e ON e.dps = ?1 AND e.kind = a.kind AND e.entry_key = a.entry_key \
             ORDER BY e.kind, e.entry_key"
        );
        self.query(&sql, &params, |row| {
            let key = row.text(1)?;
            let place = Place {
                table: "enrollment",
                key: &key,
            };
            let kind = match row.text(0)?.as_str() {
                "individual" => EnrollmentKind::Individual,
                "group" => EnrollmentKind::Group,
                _ => return Err(place.inconsistent("kind")),
            };
            let status = status(&row.text(3)?).ok_or_else(|| place.inconsistent("status"))?;
            Ok(CertificateHolder {
                kind,
                id: row.text(2)?,
                status,
                key,
            })
        })
    }

    /// How many individual enrollments hold a certificate or refer to it, and how many of their devices
    /// have a record they made.
    pub fn individual_holder_counts(
        &self,
        dps: &DpsName,
        holding: &Holding,
    ) -> Result<(i64, i64), StoreError> {
        let mut params = vec![Param::Text(dps.key())];
        let Some(anchors) = anchors(holding, INDIVIDUALS, &mut params) else {
            return Ok((0, 0));
        };
        let entries = format!("SELECT COUNT(*) FROM ({anchors}) a");
        let records = format!("SELECT COUNT(*) FROM ({anchors}) a {THEIR_RECORD}");
        Ok((self.count(&entries, &params)?, self.count(&records, &params)?))
    }

    /// How many of those devices have an identity in their hub.
    pub fn individual_holder_identity_count(
        &self,
        dps: &DpsName,
        holding: &Holding,
    ) -> Result<i64, StoreError> {
        let mut params = vec![Param::Text(dps.key())];
        let Some(anchors) = anchors(holding, INDIVIDUALS, &mut params) else {
            return Ok(0);
        };
        let sql = format!("SELECT COUNT(*) FROM ({anchors}) a {THEIR_RECORD} WHERE {HAS_IDENTITY}");
        self.count(&sql, &params)
    }

    /// How many devices came in through a group.
    pub fn group_record_count(&self, dps: &DpsName, group: &EnrollmentGroupId) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM registration r WHERE r.dps = ?1 AND r.group_key = ?2";
        self.count(sql, params![dps.key(), group.key()])
    }

    /// How many of them have an identity in their hub.
    pub fn group_identity_count(&self, dps: &DpsName, group: &EnrollmentGroupId) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) FROM registration r WHERE r.dps = ?1 AND r.group_key = ?2 AND {HAS_IDENTITY}"
        );
        self.count(&sql, params![dps.key(), group.key()])
    }

    /// How many of them have an individual enrollment with this status by now.
    pub fn group_individual_count(
        &self,
        dps: &DpsName,
        group: &EnrollmentGroupId,
        status: ProvisioningStatus,
    ) -> Result<i64, StoreError> {
        // Both sides come in the order of their keys from an index of their own: SQLite merges them.
        let sql = "SELECT COUNT(*) FROM (\
                   SELECT registration_key FROM registration WHERE dps = ?1 AND group_key = ?2 INTERSECT \
                   SELECT entry_key FROM enrollment WHERE dps = ?1 AND kind = 'individual' AND status = ?3 \
                   ORDER BY 1) met";
        self.count(sql, params![dps.key(), group.key(), status_word(status)])
    }

    /// How many of those devices `is_wanted`, by the key of their hub and their name there. Looks at
    /// each: a certificate that many individual enrollments trust is rare.
    pub fn individual_holder_places(
        &self,
        dps: &DpsName,
        holding: &Holding,
        is_wanted: impl Fn(&str, &str) -> bool,
    ) -> Result<usize, StoreError> {
        let mut params = vec![Param::Text(dps.key())];
        let Some(anchors) = anchors(holding, INDIVIDUALS, &mut params) else {
            return Ok(0);
        };
        let sql =
            format!("SELECT r.hub, r.device_id FROM ({anchors}) a {THEIR_RECORD} WHERE r.hub IS NOT NULL");
        let mut count = 0;
        self.query(&sql, &params, |row| {
            count += usize::from(is_wanted(&row.text(0)?, &row.text(1)?));
            Ok(())
        })?;
        Ok(count)
    }

    /// The group a device came in through, when its record says that it has this name in this hub.
    pub fn group_of_device(
        &self,
        dps: &DpsName,
        hub_key: &str,
        device_id: &str,
    ) -> Result<Option<String>, StoreError> {
        // A group names its devices by their registration IDs.
        let sql = "SELECT group_key FROM registration WHERE dps = ?1 AND registration_key = ?2 \
                   AND group_key IS NOT NULL AND hub = ?3 AND device_id = ?4";
        let key = device_id.to_ascii_lowercase();
        self.find(sql, params![dps.key(), &key, hub_key, device_id], |row| {
            row.text(0)
        })
    }
}

const INDIVIDUALS: &str = " AND kind = 'individual'";
const THEIR_RECORD: &str = "JOIN registration r ON r.dps = ?1 AND r.registration_key = a.entry_key \
    AND r.group_key IS NULL";
const HAS_IDENTITY: &str =
    "EXISTS (SELECT 1 FROM device d WHERE d.hub = r.hub AND d.device_id = r.device_id)";

/// The keys of the anchors that match, each once; `None` when nothing can.
fn anchors<'a>(holding: &'a Holding, condition: &str, params: &mut Vec<Param<'a>>) -> Option<String> {
    let mut parts = Vec::new();
    let select = "SELECT kind, entry_key FROM enrollment_anchor WHERE dps = ?1 AND";
    if let Some(thumbprint) = &holding.thumbprint {
        params.push(Param::Blob(thumbprint));
        parts.push(format!("{select} thumbprint = ?{}{condition}", params.len()));
    }
    for name in &holding.references {
        params.push(Param::Text(name.key()));
        parts.push(format!("{select} reference_key = ?{}{condition}", params.len()));
    }
    // With one part alone there is nothing to unite, but an entry may name a CA in both slots.
    if parts.len() == 1 {
        parts.extend(parts.first().cloned());
    }
    (!parts.is_empty()).then(|| parts.join(" UNION "))
}
