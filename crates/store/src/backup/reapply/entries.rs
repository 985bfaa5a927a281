//! Enrollments and groups, with the certificates that a disabled one keeps out.

use super::brought_back::Rows;
use super::{Reapplied, Work};
use crate::sql::params;
use crate::{StoreError, disabled_anchor};

impl Work<'_> {
    pub(super) fn entries(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.renewed_entries = self.with(
            "UPDATE enrollment SET etag = n.etag, updated_at = ?1, mechanism = n.mechanism, \
             primary_key = n.primary_key, secondary_key = n.secondary_key, \
             primary_certificate = n.primary_certificate, secondary_certificate = n.secondary_certificate, \
             primary_reference = n.primary_reference, secondary_reference = n.secondary_reference \
             FROM newer_enrollment n WHERE n.dps = enrollment.dps AND n.kind = enrollment.kind \
             AND n.entry_key = enrollment.entry_key AND (n.mechanism <> enrollment.mechanism \
             OR n.primary_key IS DISTINCT FROM enrollment.primary_key \
             OR n.secondary_key IS DISTINCT FROM enrollment.secondary_key \
             OR n.primary_certificate IS DISTINCT FROM enrollment.primary_certificate \
             OR n.secondary_certificate IS DISTINCT FROM enrollment.secondary_certificate \
             OR n.primary_reference IS DISTINCT FROM enrollment.primary_reference \
             OR n.secondary_reference IS DISTINCT FROM enrollment.secondary_reference)",
            params![self.at],
        )?;
        self.new_entries(done)?;
        self.run(
            "DELETE FROM enrollment_anchor WHERE EXISTS (SELECT 1 FROM newer_enrollment n \
             WHERE n.dps = enrollment_anchor.dps AND n.kind = enrollment_anchor.kind \
             AND n.entry_key = enrollment_anchor.entry_key)",
        )?;
        self.run(
            "INSERT INTO enrollment_anchor (dps, kind, entry_key, slot, subject_hash, thumbprint, reference_key) \
             SELECT n.dps, n.kind, n.entry_key, n.slot, n.subject_hash, n.thumbprint, n.reference_key \
             FROM newer_enrollment_anchor n JOIN enrollment e ON e.dps = n.dps AND e.kind = n.kind \
             AND e.entry_key = n.entry_key",
        )?;
        done.disabled_entries = self.with(
            "UPDATE enrollment SET status = 'disabled', updated_at = ?1 WHERE status = 'enabled' \
             AND NOT EXISTS (SELECT 1 FROM newer_enrollment n WHERE n.dps = enrollment.dps \
             AND n.kind = enrollment.kind AND n.entry_key = enrollment.entry_key AND n.status = 'enabled')",
            params![self.at],
        )?;
        self.block()?;
        self.count_entries()
    }

    /// A disabled one keeps devices out, also where it was made after the backup. An individual enrollment
    /// decides alone for its registration ID, so that the groups of the backup would let in what it did not: it
    /// comes back, too, and disabled, for it is no part of the backup.
    fn new_entries(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        let made = self.bring_back(
            &Rows {
                table: "enrollment",
                name: "CASE n.kind WHEN 'group' THEN 'enrollment group ' ELSE 'enrollment ' END \
                       || n.dps || '/' || n.entry_id",
                changed: &[("status", "'disabled'"), ("updated_at", "CAST(?1 AS BIGINT)")],
                added: &[],
                which: "CAST(?1 AS BIGINT) IS NOT NULL AND (n.status = 'disabled' OR n.kind = 'individual') \
                        AND EXISTS (SELECT 1 FROM dps d WHERE d.name_key = n.dps) \
                        AND NOT EXISTS (SELECT 1 FROM enrollment e WHERE e.dps = n.dps AND e.kind = n.kind \
                        AND e.entry_key = n.entry_key)",
            },
            params![self.at],
        )?;
        done.made_entries = done.note(made);
        Ok(())
    }

    /// Anew, for what is above may have changed the kind of a group.
    fn count_entries(&self) -> Result<(), StoreError> {
        self.run("UPDATE entry_count SET value = 0 WHERE kind <> 'registration'")?;
        self.run(
            "INSERT INTO entry_count (dps, kind, value) SELECT dps, word, COUNT(*) FROM (SELECT dps, \
             CASE WHEN kind = 'individual' THEN 'individual' WHEN mechanism = 'symmetricKey' \
             THEN 'symmetricGroup' ELSE 'x509Group' END AS word FROM enrollment) e GROUP BY dps, word \
             ON CONFLICT (dps, kind) DO UPDATE SET value = excluded.value",
        )
        .map(|_| ())
    }

    /// What a disabled entry holds blocks chains that come in by other groups too.
    fn block(&self) -> Result<(), StoreError> {
        // As it was meant when the entry was disabled; then what the newer database never knew as disabled.
        self.run(
            "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key, content_hash) \
             SELECT n.dps, n.kind, n.entry_key, n.slot, n.thumbprint, n.reference_key, n.content_hash \
             FROM newer_disabled_anchor n JOIN enrollment e ON e.dps = n.dps AND e.kind = n.kind \
             AND e.entry_key = n.entry_key WHERE e.status = 'disabled' \
             ON CONFLICT (dps, kind, entry_key, slot) DO UPDATE SET thumbprint = excluded.thumbprint, \
             reference_key = excluded.reference_key, content_hash = excluded.content_hash",
        )?;
        self.run(
            "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key) \
             SELECT a.dps, a.kind, a.entry_key, a.slot, CASE WHEN a.kind = 'group' \
             AND a.reference_key IS NOT NULL THEN (SELECT c.thumbprint FROM ca_certificate c \
             WHERE c.owner = 'dps:' || a.dps AND c.name_key = a.reference_key) ELSE a.thumbprint END, \
             a.reference_key FROM enrollment_anchor a JOIN enrollment e ON e.dps = a.dps AND e.kind = a.kind \
             AND e.entry_key = a.entry_key WHERE e.status = 'disabled' \
             ON CONFLICT (dps, kind, entry_key, slot) DO NOTHING",
        )?;
        disabled_anchor::fill_contents(self.engine)?;
        self.run(
            "UPDATE dps SET trust_version = n.trust_version FROM newer_dps n WHERE n.name_key = dps.name_key \
             AND n.trust_version > dps.trust_version",
        )?;
        self.run("UPDATE dps SET trust_version = trust_version + 1")
            .map(|_| ())
    }
}
