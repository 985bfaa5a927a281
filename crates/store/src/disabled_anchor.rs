//! Certificates that disabled entries hold: no other entry lets them in (certificate-management.md ).
//!
//! They are known by what was signed of them. A thumbprint will not do: whoever holds a certificate can write it
//! with another signature of the same content, which is as good.

use provost_model::{AuthorityOwner, CertificateName, DpsName, EnrollmentKind};
use provost_pki::Certificate;

use crate::authority::{CertificateIndex, owner_text};
use crate::convert::Place;
use crate::engine::Engine;
use crate::enrollment_anchor::kind_word;
use crate::sql::{Row, params};
use crate::{AnchorIndex, ReadTx, Slot, StoreError, WriteTx};

/// Rows whose content is filled in at a time.
const AT_ONCE: i64 = 500;

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

    /// The first disabled entry that holds one of these certificates, in the order given; in whatever form
    /// the certificate comes. A group holds the CA certificates it refers to as well, as they were when it
    /// was disabled.
    pub fn disabled_holder(
        &self,
        dps: &DpsName,
        certificates: &[CertificateIndex],
    ) -> Result<Option<DisabledHolder>, StoreError> {
        // Where nothing is disabled this is all that is asked.
        let any = "SELECT 1 FROM disabled_anchor WHERE dps = ?1 LIMIT 1";
        if self.find(any, params![dps.key()], |_| Ok(()))?.is_none() {
            return Ok(None);
        }
        // Of some only the thumbprint was kept.
        let sql = "SELECT kind, entry_key FROM disabled_anchor WHERE dps = ?1 \
                   AND (content_hash = ?2 OR thumbprint = ?3) ORDER BY kind, entry_key LIMIT 1";
        for held in certificates {
            let params = params![dps.key(), &held.content_hash, &held.thumbprint];
            let holder = self.find(sql, params, disabled_holder)?;
            if holder.is_some() {
                return Ok(holder);
            }
        }
        Ok(None)
    }

    fn authority_index(&self, dps: &DpsName, name_key: &str) -> Result<Option<Meant>, StoreError> {
        let owner = owner_text(&AuthorityOwner::Dps(dps.clone()));
        let sql = "SELECT certificate, thumbprint FROM ca_certificate WHERE owner = ?1 AND name_key = ?2";
        self.find(sql, params![&owner, name_key], |row| {
            Ok(Meant {
                content_hash: content(&row.blob(0)?),
                thumbprint: row.blob(1)?,
            })
        })
    }
}

/// The certificate a reference leads to.
struct Meant {
    content_hash: Option<[u8; 32]>,
    thumbprint: Vec<u8>,
}

impl WriteTx<'_> {
    /// Notes what one slot of a disabled entry holds.
    pub(crate) fn block(
        &self,
        dps: &DpsName,
        (kind, entry_key): (EnrollmentKind, &str),
        slot: Slot,
        anchor: &AnchorIndex,
    ) -> Result<(), StoreError> {
        let reference = match anchor {
            AnchorIndex::Certificate(_) => None,
            AnchorIndex::Reference(name) => Some(name.key()),
        };
        let meant = match (kind, anchor) {
            (_, AnchorIndex::Certificate(index)) => Some(Meant {
                content_hash: Some(index.content_hash),
                thumbprint: index.thumbprint.to_vec(),
            }),
            (EnrollmentKind::Group, AnchorIndex::Reference(name)) => self.authority_index(dps, name.key())?,
            (EnrollmentKind::Individual, AnchorIndex::Reference(_)) => None,
        };
        let sql = "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key, \
                   content_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let thumbprint = meant.as_ref().map(|meant| meant.thumbprint.as_slice());
        let content_hash = meant.as_ref().and_then(|meant| meant.content_hash.as_ref());
        let params = params![
            dps.key(),
            kind_word(kind),
            entry_key,
            slot.as_str(),
            thumbprint,
            reference,
            content_hash,
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// A CA certificate came that a disabled group has been waiting for.
    pub(crate) fn block_referred(
        &self,
        dps: &DpsName,
        name: &CertificateName,
        index: &CertificateIndex,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE disabled_anchor SET thumbprint = ?3, content_hash = ?4 WHERE dps = ?1 \
                   AND kind = 'group' AND reference_key = ?2 AND thumbprint IS NULL";
        let params = params![dps.key(), name.key(), &index.thumbprint, &index.content_hash];
        self.execute(sql, params).map(|_| ())
    }
}

/// Fills in the content of what only the thumbprint was noted of, where the certificate is still at hand.
pub(crate) fn fill_contents(engine: Engine<'_>) -> Result<(), StoreError> {
    let sql = "SELECT a.dps, a.kind, a.entry_key, a.slot, a.thumbprint, CASE \
               WHEN a.reference_key IS NOT NULL THEN (SELECT c.certificate FROM ca_certificate c \
               WHERE c.owner = 'dps:' || a.dps AND c.name_key = a.reference_key) \
               WHEN a.slot = 'primary' THEN e.primary_certificate ELSE e.secondary_certificate END \
               FROM disabled_anchor a JOIN enrollment e \
               ON e.dps = a.dps AND e.kind = a.kind AND e.entry_key = a.entry_key \
               WHERE a.content_hash IS NULL AND a.thumbprint IS NOT NULL \
               AND (a.dps, a.kind, a.entry_key, a.slot) > (?1, ?2, ?3, ?4) \
               ORDER BY a.dps, a.kind, a.entry_key, a.slot LIMIT ?5";
    let mut last: [String; 4] = Default::default();
    loop {
        let [dps, kind, entry_key, slot] = &last;
        let page = engine.query(sql, params![dps, kind, entry_key, slot, AT_ONCE], unfilled)?;
        let Some(end) = page.last() else {
            return Ok(());
        };
        last.clone_from(&end.place);
        for row in &page {
            if let Some(hash) = &row.content_hash {
                let sql = "UPDATE disabled_anchor SET content_hash = ?5 WHERE dps = ?1 AND kind = ?2 \
                           AND entry_key = ?3 AND slot = ?4";
                let [dps, kind, entry_key, slot] = &row.place;
                engine.execute(sql, params![dps, kind, entry_key, slot, hash])?;
            }
        }
    }
}

/// A row that has only a thumbprint.
struct Unfilled {
    /// Instance, kind, entry and slot.
    place: [String; 4],
    content_hash: Option<[u8; 32]>,
}

fn unfilled(row: &Row<'_>) -> Result<Unfilled, StoreError> {
    let thumbprint = row.blob(4)?;
    let certificate = row
        .opt_blob(5)?
        .and_then(|der| Certificate::from_der(&der).ok())
        // A reference may lead to another one by now.
        .filter(|certificate| certificate.sha256_thumbprint().as_bytes().as_slice() == thumbprint);
    Ok(Unfilled {
        place: [row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?],
        content_hash: certificate.map(|certificate| certificate.content_sha256()),
    })
}

fn content(der: &[u8]) -> Option<[u8; 32]> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.content_sha256())
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

#[cfg(test)]
mod tests;
