//! The newer database beside the restored one: its tables under the names `newer_…`, whichever engines the
//! two are.

use super::database::Database;
use super::facts_of;
use super::finish::{RESTORE_ITEM, attach};
use crate::engine::Engine;
use crate::sql::{Param, Row, params};
use crate::{StoreAddress, StoreError};

/// A table that is read of a newer database.
struct Table {
    name: &'static str,
    /// Each behind `t` (text), `i` (integer) or `b` (bytes).
    columns: &'static str,
    /// What its rows are looked up by; the original has an index that begins with it.
    key: &'static str,
}

const TABLES: [Table; 20] = [
    Table {
        name: "counter",
        columns: "t.name i.value",
        key: "name",
    },
    Table {
        name: "admin_token",
        columns: "b.hash t.role t.namespace",
        key: "hash",
    },
    Table {
        name: "access_policy",
        columns: "t.owner t.name b.primary_key b.secondary_key t.rights",
        key: "owner, name",
    },
    Table {
        name: "ca_certificate",
        columns: "t.owner t.name_key b.thumbprint i.is_verified",
        key: "owner, thumbprint",
    },
    Table {
        name: "namespace",
        columns: "t.name_key t.uuid",
        key: "name_key",
    },
    Table {
        name: "hub_removal",
        columns: "t.hub t.device_id t.action",
        key: "hub, device_id",
    },
    Table {
        name: "namespace_link",
        columns: "t.owner t.namespace",
        key: "owner",
    },
    Table {
        name: "dps",
        columns: "t.name_key i.trust_version",
        key: "name_key",
    },
    Table {
        name: "enrollment",
        columns: "t.dps t.kind t.entry_key t.entry_id t.status t.etag i.created_at i.updated_at \
                  t.mechanism b.primary_key b.secondary_key b.primary_certificate \
                  b.secondary_certificate t.primary_reference t.secondary_reference t.device_id \
                  i.iot_edge t.reprovision t.allocation t.iot_hubs t.webhook_url \
                  t.webhook_api_version t.initial_tags t.initial_desired \
                  t.optional_device_information t.credential_policy",
        key: "dps, kind, entry_key",
    },
    Table {
        name: "enrollment_anchor",
        columns: "t.dps t.kind t.entry_key t.slot b.subject_hash b.thumbprint t.reference_key",
        key: "dps, kind, entry_key",
    },
    Table {
        name: "disabled_anchor",
        columns: "t.dps t.kind t.entry_key t.slot b.thumbprint t.reference_key b.content_hash",
        key: "dps, kind, entry_key",
    },
    Table {
        name: "device",
        columns: "t.hub t.device_id t.generation_id t.etag t.status t.status_reason \
                  i.status_updated_at t.auth b.primary_key b.secondary_key t.primary_thumbprint \
                  t.secondary_thumbprint i.iot_edge t.device_scope",
        key: "hub, device_id",
    },
    Table {
        name: "module",
        columns: "t.hub t.device_id t.module_id t.generation_id t.etag t.auth b.primary_key \
                  b.secondary_key t.primary_thumbprint t.secondary_thumbprint",
        key: "hub, device_id, module_id",
    },
    Table {
        name: "ca",
        columns: "t.id t.namespace t.policy t.role t.parent t.state t.key_ref t.subject \
                  b.signing_request b.certificate b.subject_hash b.key_sha256 b.issuers i.not_before i.not_after i.shards \
                  i.created_at i.changed_at i.key_destroyed_at",
        key: "id",
    },
    Table {
        name: "crl",
        columns: "t.ca i.shard i.number i.this_update i.next_update b.der i.entries i.changes \
                  i.told i.due_at i.rests_until",
        key: "ca, shard",
    },
    Table {
        name: "registry_device",
        columns: "t.namespace t.name_key t.name t.uuid t.generation t.external_device_id i.enabled \
                  t.policy t.assigned_hub t.document i.version t.etag i.created_at i.updated_at \
                  i.transition_at",
        key: "namespace, name_key",
    },
    Table {
        name: "issued_certificate",
        columns: "i.number t.ca b.serial t.namespace t.device t.policy t.device_uuid t.generation \
                  b.key_sha256 i.not_before i.not_after i.shard b.certificate b.sha1 b.sha256 \
                  i.revoked_at t.reason i.created_at",
        key: "ca, serial",
    },
    Table {
        name: "revoked_certificate",
        columns: "t.ca i.shard b.serial i.revoked_at t.reason i.not_after",
        key: "ca, serial",
    },
    Table {
        name: "credential",
        columns: "t.namespace t.root",
        key: "namespace",
    },
    Table {
        name: "credential_policy",
        columns: "t.namespace t.name_key t.uuid",
        key: "namespace, name_key",
    },
];

/// Rows written by one statement.
const ROWS_AT_ONCE: usize = 100;

/// Fails unless the newer database is a later state of the older one: it holds the older one's last audit
/// event, with the same hash.
fn compare(older: Engine<'_>, newer: Engine<'_>) -> Result<(), StoreError> {
    let (ours, theirs) = (facts_of(older)?, facts_of(newer)?);
    if theirs.schema != ours.schema {
        return Err(StoreError::Open(format!(
            "the newer database is at version {}, the restored one at {}: start each once with this program",
            theirs.schema, ours.schema
        )));
    }
    // Events of restores are of the restored database alone.
    let last = format!(
        "SELECT number, hash FROM audit_event WHERE NOT (kind = 'store' AND item = '{RESTORE_ITEM}') \
         ORDER BY number DESC LIMIT 1"
    );
    let Some((number, hash)) = first(older, &last, &[])? else {
        return Ok(());
    };
    let same = "SELECT number, hash FROM audit_event WHERE number = ?1";
    match first(newer, same, params![number])? {
        Some((_, theirs)) if theirs == hash => Ok(()),
        _ => Err(StoreError::Open(format!(
            "the database named as newer is no later state of the restored one: it does not hold its audit \
             event {number}"
        ))),
    }
}

type NumberAndHash = (i64, Option<Vec<u8>>);

fn first(engine: Engine<'_>, sql: &str, values: &[Param<'_>]) -> Result<Option<NumberAndHash>, StoreError> {
    let rows = engine.query(sql, values, |row| Ok((row.int(0)?, row.opt_blob(1)?)))?;
    Ok(rows.into_iter().next())
}

/// Makes the tables of the newer database readable in the target's session, under `newer_…`.
pub(super) fn bring(target: &Database, newer: &StoreAddress) -> Result<(), StoreError> {
    let source = Database::open(newer)?;
    source.refuse_in_use()?;
    compare(target.engine(), source.engine())?;
    if let (Database::Sqlite(connection), StoreAddress::Sqlite(path)) = (target, newer) {
        attach(connection, path)?;
        for Table { name, columns, .. } in TABLES {
            let columns = names(columns);
            let sql = format!("CREATE TEMP VIEW newer_{name} AS SELECT {columns} FROM newer.{name}");
            connection.execute_batch(&sql)?;
        }
        return Ok(());
    }
    let reading = source.engine();
    reading.run_script(match reading {
        Engine::Sqlite(_) => "BEGIN",
        Engine::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    })?;
    for table in TABLES {
        copy(reading, target.engine(), &table)?;
    }
    reading.run_script("COMMIT")
}

/// The columns that are read of a table.
pub(super) fn columns_of(table: &str) -> Option<String> {
    let table = TABLES.into_iter().find(|known| known.name == table)?;
    Some(names(table.columns))
}

/// Names and keys of the tables.
#[cfg(test)]
pub(super) fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.into_iter().map(|table| (table.name, table.key))
}

fn names(columns: &str) -> String {
    let names = columns.split_whitespace().filter_map(|column| column.get(2..));
    names.collect::<Vec<_>>().join(", ")
}

/// A value on its way from one database to the other.
enum Value {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    fn read(row: &Row<'_>, column: usize, kind: &str) -> Result<Self, StoreError> {
        Ok(match kind {
            "i" => row.opt_int(column)?.map_or(Self::Null, Self::Int),
            "b" => row.opt_blob(column)?.map_or(Self::Null, Self::Blob),
            _ => row.opt_text(column)?.map_or(Self::Null, Self::Text),
        })
    }

    fn as_param(&self) -> Param<'_> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(*value),
            Self::Text(value) => Param::Text(value),
            Self::Blob(value) => Param::Blob(value),
        }
    }
}

fn copy(from: Engine<'_>, to: Engine<'_>, table: &Table) -> Result<(), StoreError> {
    let Table { name, columns, key } = *table;
    let kinds: Vec<&str> = columns
        .split_whitespace()
        .filter_map(|column| column.get(..1))
        .collect();
    let list = names(columns);
    to.run_script(&format!(
        "CREATE TEMP TABLE newer_{name} AS SELECT {list} FROM {name} WHERE 1 = 0"
    ))?;
    let mut waiting: Vec<Value> = Vec::new();
    let full = ROWS_AT_ONCE * kinds.len();
    each_row(from, name, &list, &mut |row| {
        for (column, kind) in kinds.iter().enumerate() {
            waiting.push(Value::read(row, column, kind)?);
        }
        if waiting.len() >= full {
            insert(to, name, &list, kinds.len(), &waiting)?;
            waiting.clear();
        }
        Ok(())
    })?;
    for row in waiting.chunks(kinds.len()) {
        insert(to, name, &list, kinds.len(), row)?;
    }
    to.run_script(&format!("CREATE INDEX newer_{name}_key ON newer_{name} ({key})"))?;
    // Nobody else looks after the plans over a table of one session.
    to.run_script(&format!("ANALYZE newer_{name}"))
}

fn insert(to: Engine<'_>, table: &str, list: &str, width: usize, values: &[Value]) -> Result<(), StoreError> {
    let rows: Vec<String> = (0..values.len() / width)
        .map(|row| {
            let places: Vec<String> = (1..=width)
                .map(|place| format!("?{}", row * width + place))
                .collect();
            format!("({})", places.join(", "))
        })
        .collect();
    let sql = format!("INSERT INTO newer_{table} ({list}) VALUES {}", rows.join(", "));
    let values: Vec<Param<'_>> = values.iter().map(Value::as_param).collect();
    to.execute(&sql, &values).map(|_| ())
}

/// Hands over every row of a table without holding all of them.
fn each_row(
    engine: Engine<'_>,
    table: &str,
    list: &str,
    take: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = format!("SELECT {list} FROM {table}");
    if let Engine::Sqlite(_) = engine {
        return engine.query(&sql, &[], |row| take(row)).map(|_: Vec<()>| ());
    }
    // Named by the table: a statement is prepared once, with the columns it had then.
    engine.run_script(&format!("DECLARE rows_of_{table} NO SCROLL CURSOR FOR {sql}"))?;
    loop {
        let got = engine.query(&format!("FETCH 1000 FROM rows_of_{table}"), &[], |row| take(row))?;
        if got.is_empty() {
            return engine.run_script(&format!("CLOSE rows_of_{table}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_without_their_kinds() {
        assert_eq!(names("t.a_b i.c\n b.d"), "a_b, c, d");
        assert!(TABLES.iter().all(|table| {
            table.columns.split_whitespace().all(
                |column| matches!(column.split_once('.'), Some(("t" | "i" | "b", name)) if !name.is_empty()),
            )
        }));
    }
}
