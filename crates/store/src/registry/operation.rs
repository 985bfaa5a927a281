use provost_model::registry::{OperationFailure, OperationState, RegistryOperation};
use provost_model::{NamespaceName, PageSize, Timestamp};

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "id, namespace, kind, resource, state, code, message, progress, started_at, ended_at";

impl ReadTx<'_> {
    /// One long-running operation.
    pub fn registry_operation(&self, id: &str) -> Result<Option<RegistryOperation>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM registry_operation WHERE id = ?1");
        self.find(&sql, params![id], operation)
    }

    /// The latest operations of a namespace, newest first.
    pub fn registry_operations(
        &self,
        namespace: &NamespaceName,
        page: PageSize,
    ) -> Result<Vec<RegistryOperation>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM registry_operation WHERE namespace = ?1 ORDER BY started_at DESC, id LIMIT ?2"
        );
        let limit = i64::try_from(page.get()).unwrap_or(i64::MAX);
        self.query(&sql, params![namespace.key(), limit], operation)
    }

    /// Every operation that has not ended, oldest first.
    pub fn running_registry_operations(&self) -> Result<Vec<RegistryOperation>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM registry_operation WHERE state = 'running' ORDER BY started_at, id"
        );
        self.query(&sql, params![], operation)
    }
}

impl WriteTx<'_> {
    /// Stores an operation, over itself when it is there.
    pub fn put_registry_operation(&self, operation: &RegistryOperation) -> Result<(), StoreError> {
        let sql = "INSERT INTO registry_operation (id, namespace, kind, resource, state, code, message, progress, \
                   started_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) \
                   DO UPDATE SET state = excluded.state, code = excluded.code, message = excluded.message, \
                   progress = excluded.progress, ended_at = excluded.ended_at";
        let (state, failure) = match &operation.state {
            OperationState::Running => ("running", None),
            OperationState::Succeeded => ("succeeded", None),
            OperationState::Failed(failure) => ("failed", Some(failure)),
        };
        let params = params![
            &operation.id,
            operation.namespace.key(),
            &operation.kind,
            &operation.resource,
            state,
            failure.map(|failure| failure.code.as_str()),
            failure.map(|failure| failure.message.as_str()),
            &operation.progress,
            operation.started_at.as_micros(),
            operation.ended_at.map(Timestamp::as_micros),
        ];
        self.execute(sql, params).map(|_| ())
    }
}

impl AppendTx<'_> {
    /// Forgets operations that ended before an instant; returns how many.
    pub fn prune_registry_operations(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM registry_operation WHERE state <> 'running' AND ended_at < ?1";
        self.execute(sql, params![before.as_micros()])
    }
}

fn operation(row: &Row<'_>) -> Result<RegistryOperation, StoreError> {
    let id = row.text(0)?;
    let place = Place {
        table: "registry_operation",
        key: &id,
    };
    let state = match row.text(4)?.as_str() {
        "running" => OperationState::Running,
        "succeeded" => OperationState::Succeeded,
        "failed" => OperationState::Failed(OperationFailure {
            code: row.opt_text(5)?.unwrap_or_default(),
            message: row.opt_text(6)?.unwrap_or_default(),
        }),
        _ => return Err(place.inconsistent("state")),
    };
    Ok(RegistryOperation {
        namespace: place.id("namespace", NamespaceName::parse(&row.text(1)?))?,
        kind: row.text(2)?,
        resource: row.text(3)?,
        state,
        progress: row.text(7)?,
        started_at: Timestamp::from_micros(row.int(8)?),
        ended_at: row.opt_int(9)?.map(Timestamp::from_micros),
        id,
    })
}
