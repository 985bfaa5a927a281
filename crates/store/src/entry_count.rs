//! Counters of what an instance has, exact because the writes that make and remove keep them.

use provost_model::DpsName;

use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

/// What is counted of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Registration records, orphans included.
    Registrations,
    /// Individual enrollments.
    IndividualEnrollments,
    /// Groups with signing certificates or CA references.
    X509Groups,
    /// Groups with keys.
    SymmetricGroups,
}

impl Counted {
    fn word(self) -> &'static str {
        match self {
            Self::Registrations => "registration",
            Self::IndividualEnrollments => "individual",
            Self::X509Groups => "x509Group",
            Self::SymmetricGroups => "symmetricGroup",
        }
    }

    /// Of an entry, by the stored words of its kind and its mechanism.
    pub(crate) fn entry(kind: &str, mechanism: &str) -> Self {
        match (kind, mechanism) {
            ("individual", _) => Self::IndividualEnrollments,
            (_, "symmetricKey") => Self::SymmetricGroups,
            _ => Self::X509Groups,
        }
    }
}

impl ReadTx<'_> {
    /// How many there are, without counting them.
    pub fn counted(&self, dps: &DpsName, what: Counted) -> Result<i64, StoreError> {
        let sql = "SELECT value FROM entry_count WHERE dps = ?1 AND kind = ?2";
        self.count(sql, params![dps.key(), what.word()])
    }
}

impl WriteTx<'_> {
    pub(crate) fn add_to_count(&self, dps: &DpsName, what: Counted, by: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO entry_count (dps, kind, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (dps, kind) DO UPDATE SET value = entry_count.value + excluded.value";
        self.execute(sql, params![dps.key(), what.word(), by]).map(|_| ())
    }
}
