//! What the kernel says about a process: CPU time, memory, open files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// The unit of the times in `/proc/PID/stat`; the kernel's interface fixes it at 100 per second.
const TICK: Duration = Duration::from_millis(10);
/// User and system time are each cut to a tick, at both ends of a measurement.
const STAT_ERROR: Duration = Duration::from_millis(40);

/// CPU time of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTime {
    /// Of the threads alive, from their scheduler statistics: exact.
    threads: Duration,
    /// User and system time of the process, ended threads included: to the tick.
    whole: Duration,
}

impl CpuTime {
    /// Reads both.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold anything; user and system time are the 12th and 13th field after it.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
        let mut times = fields.split_ascii_whitespace().skip(11);
        let mut ticks = || {
            times
                .next()
                .context("/proc/PID/stat is short")?
                .parse::<u32>()
                .map_err(anyhow::Error::from)
        };
        let whole = (ticks()? + ticks()?) * TICK;
        let mut threads = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between the listing and the reading.
            if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
                let nanos = text
                    .split_ascii_whitespace()
                    .next()
                    .context("schedstat is empty")?;
                threads += Duration::from_nanos(nanos.parse()?);
            }
        }
        Ok(Self { threads, whole })
    }

    /// CPU seconds between two readings. When threads ended in between, their time is only in the
    /// coarse figure.
    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        let threads = self.threads.saturating_sub(earlier.threads);
        let whole = self.whole.saturating_sub(earlier.whole);
        let has_lost = whole > threads + STAT_ERROR;
        if has_lost { whole } else { threads }.as_secs_f64()
    }
}

/// CPU seconds all cores spent on anything since the machine started, time taken by other machines
/// of the same host included.
pub(crate) fn busy_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    // User, nice, system, idle, waiting for input, interrupts, soft interrupts, stolen.
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    let busy = ticks.iter().sum::<u64>() - idle;
    Ok(Duration::from_millis(busy * 10).as_secs_f64())
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let number = line.split_ascii_whitespace().next().context("VmRSS is empty")?;
    Ok(f64::from(number.parse::<u32>()?))
}

/// Open files, sockets among them.
pub(crate) fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Transactions committed to a SQLite database in WAL mode, modulo 2^32: the change counter in the
/// header of its WAL index (sqlite.org/walformat.html 2.1), so the server need not be asked.
pub(crate) fn commit_count(database: &Path) -> Result<u32> {
    let mut index = database.as_os_str().to_owned();
    index.push("-shm");
    let header = fs::read(index).context("cannot read the WAL index")?;
    let counter = header.get(8..12).context("the WAL index is short")?;
    Ok(u32::from_ne_bytes(counter.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_work_is_seen() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed() < Duration::from_millis(200) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let seconds = CpuTime::of(pid).unwrap().seconds_since(before);
        assert!(seconds > 0.02, "{seconds}");
        assert!(busy_seconds().unwrap() > seconds);
        assert!(resident_kib(pid).unwrap() > 100.0);
        assert!(open_files(pid).unwrap() > 2);
    }
}
