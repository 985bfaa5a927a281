//! What the figures were measured on, and a yardstick that tells one hour of it from another.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

/// Cores, processor, kernel and memory in one line; no host name.
pub(crate) fn describe() -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        let line = processors.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| "unknown processor".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib = memory
        .split_ascii_whitespace()
        .nth(1)
        .context("no memory size")?
        .parse::<u64>()?;
    Ok(format!(
        "{cores} cores of {model}, {} GiB of memory, Linux {kernel}",
        kib / 1024 / 1024
    ))
}

/// P-256 verifications per second of the openssl command on one core, now.
pub(crate) fn yardstick() -> Result<f64> {
    let output = Command::new("openssl")
        .args(["speed", "-seconds", "1", "ecdsap256"])
        .output()
        .context("cannot run openssl")?;
    let text = String::from_utf8(output.stdout)?;
    let line = text
        .lines()
        .find(|line| line.contains("nistp256"))
        .context("openssl measured nothing")?;
    Ok(line
        .split_ascii_whitespace()
        .next_back()
        .context("openssl measured nothing")?
        .parse()?)
}
