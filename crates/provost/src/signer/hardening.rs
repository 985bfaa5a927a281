//! What the system can do against reading the memory of this process.

use std::fmt;

/// Something the system did not do.
#[derive(Debug)]
pub(super) struct NotHardened {
    what: &'static str,
    error: std::io::Error,
}

impl fmt::Display for NotHardened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the process that holds the keys of CAs {}: {}",
            self.what, self.error
        )
    }
}

/// No core dumps; no debugger and no reading of `/proc/PID/mem` by processes of the same user; and, where the limit of locked memory is
/// lifted, nothing in swap. Says what could not be had.
#[cfg(target_os = "linux")]
pub(super) fn harden() -> Vec<NotHardened> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let mut failed = Vec::new();
    let mut note = |what, done: rustix::io::Result<()>| {
        if let Err(error) = done {
            failed.push(NotHardened {
                what,
                error: error.into(),
            });
        }
    };
    // Only tools that list processes show it.
    let _ = std::fs::write("/proc/self/comm", "provost-signer");
    note("may leave core dumps", setrlimit(Resource::Core, none));
    note(
        "can be read by others of its user",
        set_dumpable_behavior(DumpableBehavior::NotDumpable),
    );
    // With a limit, memory that is asked for later would be refused.
    if getrlimit(Resource::Memlock).current.is_none() {
        use rustix::mm::{MlockAllFlags, mlockall};
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        note("may be written to swap", mlockall(all));
    }
    failed
}

/// Nothing is known for this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn harden() -> Vec<NotHardened> {
    Vec::new()
}
