use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use provost::connection_file::ConnectionFile;
use provost_model::ambient::SystemClock;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{Endpoints, eventually};

/// The real program in a process of its own, with SQLite in a data folder that outlives it.
pub struct ChildServer {
    endpoints: Endpoints,
    process: Child,
}

impl ChildServer {
    /// Starts `provost serve` on the folder.
    pub async fn start(data: &Path) -> Self {
        Self::start_configured(data, "").await
    }

    /// The same with this configuration file, TOML.
    pub async fn start_configured(data: &Path, toml: &str) -> Self {
        Self::start_in(data, toml, &[]).await
    }

    /// The same with more in its environment.
    pub async fn start_in(data: &Path, toml: &str, environment: &[(&str, &Path)]) -> Self {
        std::fs::create_dir_all(data).expect("the data folder");
        let file = data.with_extension("toml");
        std::fs::write(&file, toml).expect("the configuration file");
        let ready = data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut process = Command::new(program())
            .args([
                "serve",
                "--listen",
                "127.0.0.1",
                "--https-port",
                "0",
                "--mqtt-port",
                "0",
                "--log",
                "warn",
            ])
            .arg("--data")
            .arg(data)
            .arg("--config")
            .arg(&file)
            .arg("--ready-file")
            .arg(&ready)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        eventually("the ready file", async || {
            let ended = process.try_wait().expect("its state");
            assert!(ended.is_none(), "the program ended with {ended:?}");
            ready.exists().then_some(())
        })
        .await;
        let connection = ConnectionFile::read(data).expect("the connection file");
        let root = connection.root_ca.as_ref().expect("a root of its own");
        let root = std::fs::read(root).expect("root certificate");
        Self {
            endpoints: Endpoints::new(connection, &root, Arc::new(SystemClock)),
            process,
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// How it ended by itself; `None` while it runs.
    pub fn try_ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("its state")
    }

    /// The process that holds the keys of its CAs, when it has one.
    pub fn signer(&self) -> Option<u32> {
        let processes = std::fs::read_dir("/proc").expect("the list of processes");
        let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        ids.into_iter().find(|id: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let is = |line: &str| status.lines().any(|present| present == line);
            let has_ended = status.contains("State:\tZ");
            !has_ended && is("Name:\tprovost-signer") && is(&format!("PPid:\t{}", self.id()))
        })
    }

    /// Ends it without a warning, as a power cut would.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("the program is killed");
    }

    /// Asks it to end and waits for at most this long; `None` when it did not.
    pub async fn terminate(mut self, patience: Duration) -> Option<ExitStatus> {
        let id = self.process.id().expect("it runs").to_string();
        let asked = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .expect("kill");
        assert!(asked.success(), "SIGTERM was not sent");
        let ended = timeout(patience, self.process.wait()).await.ok()?;
        Some(ended.expect("an exit status"))
    }
}

impl Deref for ChildServer {
    type Target = Endpoints;

    fn deref(&self) -> &Endpoints {
        &self.endpoints
    }
}

/// The real program: `target/{profile}/provost`, beside the folder the test binary is in.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("path of the test");
    let profile = test.parent().and_then(Path::parent).expect("target folder");
    let program = profile.join("provost");
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build -p provost` first",
        program.display()
    );
    program
}
