use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Mutex;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Statement};
use tracing::warn;

use crate::StoreError;
use crate::sql::{Param, Row};

/// One connection, used from a blocking thread.
pub(crate) struct Session {
    client: Client,
    runtime: Handle,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Session {
    /// Connects; a notification on the change channel wakes `woken`.
    pub(crate) fn connect(
        url: &str,
        runtime: &Handle,
        woken: Option<watch::Sender<u64>>,
    ) -> Result<Self, StoreError> {
        let (client, mut connection) = runtime.block_on(tokio_postgres::connect(url, NoTls))?;
        runtime.spawn(async move {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notification(_))) => {
                        if let Some(woken) = &woken {
                            woken.send_modify(|count| *count = count.wrapping_add(1));
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        warn!(%error, "connection to PostgreSQL lost");
                        return;
                    }
                    None => return,
                }
            }
        });
        Ok(Self {
            client,
            runtime: runtime.clone(),
            statements: Mutex::default(),
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(crate) fn run_script(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.runtime.block_on(self.client.batch_execute(sql))?)
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        Ok(self
            .runtime
            .block_on(self.client.execute(&statement, &as_dyn(params)))?)
    }

    pub(crate) fn query<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut convert: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let statement = self.prepare(sql)?;
        let rows = self
            .runtime
            .block_on(self.client.query(&statement, &as_dyn(params)))?;
        rows.iter().map(|row| convert(&Row::Postgres(row))).collect()
    }

    fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        let known = self
            .statements
            .lock()
            .ok()
            .and_then(|known| known.get(sql).cloned());
        if let Some(statement) = known {
            return Ok(statement);
        }
        // Our statements hold `?` only as a placeholder.
        let statement = self
            .runtime
            .block_on(self.client.prepare(&sql.replace('?', "$")))?;
        if let Ok(mut known) = self.statements.lock() {
            known.insert(sql.to_owned(), statement.clone());
        }
        Ok(statement)
    }
}

fn as_dyn<'a>(params: &'a [Param<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

/// Connections for reading.
pub(crate) struct Readers {
    url: String,
    idle: Mutex<Vec<Session>>,
    places: Semaphore,
}

/// Connections a node opens for reading.
const MAX_READERS: usize = 16;

impl Readers {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            idle: Mutex::default(),
            places: Semaphore::new(MAX_READERS),
        }
    }

    /// A place in the pool; held while [`Self::with`] runs.
    pub(crate) fn places(&self) -> &Semaphore {
        &self.places
    }

    /// Runs the closure on one snapshot. Call from a blocking thread.
    pub(crate) fn with<T, E: From<StoreError>>(
        &self,
        runtime: &Handle,
        read: impl FnOnce(&Session) -> Result<T, E>,
    ) -> Result<T, E> {
        let session = self.take(runtime).map_err(E::from)?;
        let begun = session.run_script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let answer = begun.map_err(E::from).and_then(|()| read(&session));
        if session.run_script("COMMIT").is_ok()
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push(session);
        }
        answer
    }

    fn take(&self, runtime: &Handle) -> Result<Session, StoreError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        match idle {
            Some(session) if !session.is_closed() => Ok(session),
            _ => Session::connect(&self.url, runtime, None),
        }
    }
}
