//! Starting and ending the server under test and the baseline server.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

const CONFIG: &str = "\
[limits.rates]
service_operations_per_minute = 0
registrations_per_minute = 0
polls_per_10_seconds = 0
";
const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const LOOK_PAUSE: Duration = Duration::from_millis(1);

/// The ready file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    https: String,
    mqtt: String,
    pub(crate) id_scope: String,
    pub(crate) hub: String,
    pub(crate) root_ca: PathBuf,
}

impl Ready {
    pub(crate) fn https_port(&self) -> Result<u16> {
        port(&self.https)
    }

    pub(crate) fn mqtt_port(&self) -> Result<u16> {
        port(&self.mqtt)
    }
}

fn port(address: &str) -> Result<u16> {
    let (_, port) = address.rsplit_once(':').context("the ready file names no port")?;
    Ok(port.parse()?)
}

/// A child that does not outlive us.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server under test, running.
pub(crate) struct Server {
    child: Killed,
    pub(crate) ready: Ready,
    pub(crate) data: PathBuf,
    /// From starting the process to the ready file.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts it on free ports; its log goes to `DATA.log`. Settings are the defaults, but for the
    /// rates of Azure's own limits, which the loads are meant to exceed.
    pub(crate) fn start(binary: &Path, data: &Path) -> Result<Self> {
        let ready_file = data.with_extension("ready");
        if ready_file.exists() {
            fs::remove_file(&ready_file)?;
        }
        let config = data.with_extension("toml");
        fs::write(&config, CONFIG)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(data.with_extension("log"))?;
        let started = Instant::now();
        let child = Command::new(binary)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--https-port", "0", "--mqtt-port", "0", "--ready-file"])
            .arg(&ready_file)
            .arg("--config")
            .arg(&config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut child = Killed(child);
        let ready = loop {
            // A half-written file does not parse and is read again.
            let text = fs::read(&ready_file).unwrap_or_default();
            if let Ok(ready) = serde_json::from_slice(&text) {
                break ready;
            }
            if let Some(status) = child.0.try_wait()? {
                bail!(
                    "the server ended with {status}; see {}",
                    data.with_extension("log").display()
                );
            }
            if started.elapsed() > START_LIMIT {
                bail!("the server was not ready in {START_LIMIT:?}");
            }
            std::thread::sleep(LOOK_PAUSE);
        };
        Ok(Self {
            child,
            ready,
            data: data.to_owned(),
            started_in: started.elapsed(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// The store's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("provost.db")
    }

    /// Asks it to end and waits.
    pub(crate) fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.pid().to_string())
            .status()?;
        if !asked.success() {
            bail!("cannot signal the server");
        }
        let started = Instant::now();
        while self.child.0.try_wait()?.is_none() {
            if started.elapsed() > STOP_LIMIT {
                bail!("the server did not end in {STOP_LIMIT:?}");
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        Ok(())
    }
}

/// The baseline server, running with the product's own server certificate.
pub(crate) struct Baseline {
    child: Killed,
    pub(crate) port: u16,
}

impl Baseline {
    pub(crate) fn start(data: &Path) -> Result<Self> {
        Self::start_as(data, &[])
    }

    /// The one that acknowledges messages.
    pub(crate) fn start_acknowledging(data: &Path) -> Result<Self> {
        Self::start_as(data, &["--acknowledges"])
    }

    fn start_as(data: &Path, role: &[&str]) -> Result<Self> {
        let tls = data.join("tls");
        let child = Command::new(std::env::current_exe()?)
            .args(["baseline-server", "--certificate"])
            .arg(tls.join("server.pem"))
            .arg("--key")
            .arg(tls.join("server.key"))
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut child = Killed(child);
        let output = child.0.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().context("the baseline server did not start")?;
        Ok(Self { child, port })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }
}
