use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use provost_device::tls::ClientIdentity;
use provost_testkit::{ChildServer, Device, program};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a command came to.
pub(super) struct Done {
    pub(super) asked: String,
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Done {
    /// The data of a command that succeeded.
    #[track_caller]
    pub(super) fn ok(self) -> Value {
        assert_eq!(
            self.code,
            Some(0),
            "{}: {}{}",
            self.asked,
            self.stdout,
            self.stderr
        );
        serde_json::from_str(&self.stdout).unwrap_or(Value::Null)
    }
}

/// A working folder after `make run`: the samples, the program on the path, and its server running.
pub(super) struct Desk {
    pub(super) server: ChildServer,
    folder: TempDir,
}

impl Desk {
    pub(super) async fn new() -> Self {
        Self::configured("").await
    }

    /// The same with this configuration of the server, TOML.
    pub(super) async fn configured(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
        std::os::unix::fs::symlink(samples, folder.path().join("samples")).unwrap();
        let server = ChildServer::start_configured(&folder.path().join("provost-data"), toml).await;
        Self { server, folder }
    }

    /// The same after the quickstart: certificates, and a group that lets their devices in.
    pub(super) async fn after_quickstart() -> Self {
        let desk = Self::new().await;
        desk.shell("samples/certificates.sh certificates press-0001")
            .await
            .ok();
        let create = "provost dps enrollment-group create --enrollment-group-id line-1";
        desk.shell(&format!(
            "{create} --certificate-path certificates/intermediate.pem"
        ))
        .await
        .ok();
        desk
    }

    /// The device of the quickstart, with the certificate openssl made.
    pub(super) fn device(&self) -> Device {
        self.device_with("press-0001", "certificates/press-0001")
    }

    /// A device with what openssl left in `files-chain.pem`, or without a chain in `files.pem`, and in
    /// `files.key`.
    pub(super) fn device_with(&self, id: &str, files: &str) -> Device {
        let read = |tail: &str| std::fs::read(self.path(&format!("{files}{tail}")));
        let chain = read("-chain.pem").or_else(|_| read(".pem")).unwrap();
        let identity = ClientIdentity::from_pem(&chain, &read(".key").unwrap()).unwrap();
        Device::with_identity(id, identity)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs what a user pastes.
    pub(super) async fn shell(&self, script: &str) -> Done {
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", script]);
        self.run(script, command).await
    }

    /// Runs one verb.
    pub(super) async fn provost(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(program());
        command.args(arguments);
        self.run(&arguments.join(" "), command).await
    }

    /// Starts a verb that goes on until it is stopped; its data is piped.
    pub(super) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        self.prepare(&mut command);
        command.spawn().unwrap()
    }

    async fn run(&self, asked: &str, mut command: Command) -> Done {
        self.prepare(&mut command);
        let output = timeout(PATIENCE, command.output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("does not end: {asked}"))
            .unwrap();
        Done {
            asked: asked.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn prepare(&self, command: &mut Command) {
        let program = program();
        let folder = program
            .parent()
            .expect("a folder")
            .to_str()
            .expect("a path of text");
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin"));
        for name in [
            "PROVOST_DATA",
            "PROVOST_LOGIN",
            "PROVOST_ROOT_CA",
            "PROVOST_TOKEN",
            "PROVOST_OUTPUT",
        ] {
            command.env_remove(name);
        }
    }
}
