//! Samples of where a server spends its time, taken by `perf` while a load runs.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// Until `perf` has attached itself to every thread.
const ATTACH: Duration = Duration::from_millis(500);
/// Samples per second and thread; the timer works on machines without hardware counters, too.
const FREQUENCY: &str = "997";

/// A `perf record` in progress.
pub(crate) struct Profile(Child);

impl Profile {
    /// Starts sampling a process, into a file for `perf report -i FILE --no-children`.
    pub(crate) fn start(pid: u32, file: &Path) -> Result<Self> {
        let child = Command::new("perf")
            .args([
                "record",
                "-e",
                "cpu-clock",
                "-F",
                FREQUENCY,
                "-g",
                "-p",
                &pid.to_string(),
                "-o",
            ])
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run perf")?;
        std::thread::sleep(ATTACH);
        Ok(Self(child))
    }

    /// Ends sampling and waits for the file.
    pub(crate) fn end(mut self) -> Result<()> {
        Command::new("kill")
            .arg("-INT")
            .arg(self.0.id().to_string())
            .status()?;
        self.0.wait()?;
        Ok(())
    }
}
