//! What was made after the backup and keeps somebody out: it is made again, for without it whoever it keeps
//! out would be let in.

use super::Work;
use crate::StoreError;
use crate::backup::newer::columns_of;
use crate::sql::Param;

/// As many of each kind are named in a report.
const NAMED: usize = 20;

/// Rows of the newer database that the restored one gets.
pub(super) struct Rows<'a> {
    pub(super) table: &'static str,
    /// What a row is called in a report, of the newer row `n`.
    pub(super) name: &'static str,
    /// Columns that get another value than the newer row's.
    pub(super) changed: &'a [(&'a str, &'a str)],
    /// Columns that are not read of the newer database, with what they get.
    pub(super) added: &'a [(&'a str, &'a str)],
    /// Which rows, as a condition on the newer row `n`.
    pub(super) which: &'a str,
}

impl Work<'_> {
    /// Makes them, and answers how many there were and the first of their names.
    pub(super) fn bring_back(
        &self,
        rows: &Rows<'_>,
        values: &[Param<'_>],
    ) -> Result<(u64, Vec<String>), StoreError> {
        let Rows {
            table, name, which, ..
        } = rows;
        let named = format!("SELECT {name} FROM newer_{table} n WHERE {which} ORDER BY 1 LIMIT {NAMED}");
        let named = self.engine.query(&named, values, |row| row.text(0))?;
        if named.is_empty() {
            return Ok((0, named));
        }
        let (columns, selected) = rows.lists();
        let made = format!(
            "INSERT INTO {table} ({columns}) SELECT {selected} FROM newer_{table} n WHERE {which} \
             ON CONFLICT DO NOTHING"
        );
        Ok((self.with(&made, values)?, named))
    }
}

impl Rows<'_> {
    /// The columns that are written, and what is written to them.
    fn lists(&self) -> (String, String) {
        let read = columns_of(self.table).unwrap_or_default();
        let changed = |column: &str| self.changed.iter().find(|(name, _)| *name == column);
        let (mut columns, mut selected): (Vec<String>, Vec<String>) = read
            .split(", ")
            .map(|column| {
                let value = changed(column).map(|(_, value)| (*value).to_owned());
                (column.to_owned(), value.unwrap_or_else(|| format!("n.{column}")))
            })
            .unzip();
        for (column, value) in self.added {
            columns.push((*column).to_owned());
            selected.push((*value).to_owned());
        }
        (columns.join(", "), selected.join(", "))
    }
}
