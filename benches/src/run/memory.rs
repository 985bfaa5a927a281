//! Resident memory of idle hub sessions.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Amounts, holding, say};
use crate::load::Load;
use crate::process::{open_files, resident_kib};
use crate::protocol::Work;
use crate::server::Server;

/// What a server may tidy up after the last connect before its memory is read.
const REST: Duration = Duration::from_secs(3);
/// Sessions opened and closed first, so that what every first use allocates is not counted.
const WARM_UP: u32 = 100;

/// Memory of a server without and with sessions, KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionMemory {
    pub(crate) before: f64,
    pub(crate) with_sessions: f64,
    pub(crate) sessions: u32,
}

impl SessionMemory {
    /// KiB of one session.
    pub(crate) fn per_session(&self) -> f64 {
        (self.with_sessions - self.before) / f64::from(self.sessions)
    }
}

/// A server started anew over the registered devices, so that no memory freed by registrations is
/// there for sessions to use.
pub(super) fn measure(amounts: &Amounts, binary: &Path, data: &Path, file: &Path) -> Result<SessionMemory> {
    let server = Server::start(binary, data)?;
    let plan = |work, count| holding::plan(&server, amounts, work, (file, 0, count));
    let mut warm_up = Load::prepare(&plan(Work::Connect, WARM_UP.min(amounts.sessions))?)?;
    warm_up.go()?;
    warm_up.finish()?;

    let mut crowd = Load::prepare(&plan(Work::Hold, amounts.sessions)?)?;
    std::thread::sleep(REST);
    let before = resident_kib(server.pid())?;
    crowd.go()?;
    std::thread::sleep(REST);
    let with_sessions = resident_kib(server.pid())?;
    let files = open_files(server.pid())?;
    if files < usize::try_from(amounts.sessions)? {
        bail!("only {files} files are open in the server: sessions were closed");
    }
    crowd.finish()?;
    server.stop()?;
    let memory = SessionMemory {
        before,
        with_sessions,
        sessions: amounts.sessions,
    };
    say(format!("memory: {:.1} KiB a session", memory.per_session()));
    Ok(memory)
}
