//! What the migration does once: events of older programs get their hashes, and the database is told to
//! refuse every change of the log.

use crate::audit::{AuditHash, COLUMNS, event};
use crate::engine::Engine;
use crate::sql::params;
use crate::{ReadTx, StoreError};

/// Events read at a time.
const PAGE: i64 = 5_000;

const SQLITE: &str = "
CREATE TRIGGER audit_event_is_not_changed BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_event_is_not_removed BEFORE DELETE ON audit_event
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;";

const POSTGRES: &str = "
CREATE FUNCTION audit_event_is_kept() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_event_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_kept();";

/// Chains the events that are there and closes the log.
pub(crate) fn keep(engine: Engine<'_>) -> Result<(), StoreError> {
    let head = chain_all(engine)?;
    engine.execute(
        "UPDATE counter SET head = ?1 WHERE name = 'number'",
        params![head.as_bytes()],
    )?;
    engine.run_script(match engine {
        Engine::Sqlite(_) => SQLITE,
        Engine::Postgres(_) => POSTGRES,
    })
}

fn chain_all(engine: Engine<'_>) -> Result<AuditHash, StoreError> {
    let read = ReadTx { engine };
    let sql = format!("SELECT {COLUMNS} FROM audit_event WHERE number > ?1 ORDER BY number LIMIT ?2");
    let (mut head, mut last) = (AuditHash::START, i64::MIN);
    loop {
        let events = read.query(&sql, params![last, PAGE], event)?;
        let Some(end) = events.last() else {
            return Ok(head);
        };
        last = end.number;
        for event in &events {
            head = event.facts().hash(&head);
            engine.execute(
                "UPDATE audit_event SET hash = ?2 WHERE number = ?1",
                params![event.number, head.as_bytes()],
            )?;
        }
    }
}

#[cfg(test)]
mod tests {
    use provost_model::Timestamp;
    use rusqlite::Connection;

    use super::*;
    use crate::AuditChain;
    use crate::migrate::migrate;

    fn insert(connection: &Connection, number: i64) {
        connection
            .execute(
                "INSERT INTO audit_event (number, at, actor, action, kind, scope, item, detail) \
                 VALUES (?1, 7, 'system', 'update', 'test', '', 'a', '')",
                [number],
            )
            .unwrap();
    }

    #[test]
    fn events_of_older_programs_are_chained_and_the_log_is_closed() {
        let connection = Connection::open_in_memory().unwrap();
        let engine = Engine::Sqlite(&connection);
        migrate(engine, Timestamp::from_micros(1)).unwrap();
        connection
            .execute_batch(
                "DROP TRIGGER audit_event_is_not_changed; DROP TRIGGER audit_event_is_not_removed; \
                 DELETE FROM audit_event;",
            )
            .unwrap();
        for number in 1..=PAGE + 2 {
            insert(&connection, number * 3);
        }
        keep(engine).unwrap();
        let read = ReadTx { engine };
        let mut chain = AuditChain::new();
        for event in read.audit_events_after(0, 10_000).unwrap() {
            chain.follow(&event).unwrap();
        }
        assert_eq!(chain.last(), Some(3 * (PAGE + 2)));
        assert_eq!(read.audit_head().unwrap(), chain.head());
        for sql in [
            "DELETE FROM audit_event WHERE number = 3",
            "UPDATE audit_event SET at = 8",
        ] {
            let refused = connection.execute(sql, []).unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{refused}");
        }
    }
}
