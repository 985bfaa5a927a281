//! Debian's mosquitto as a broker to compare with: the same client, the same certificate, TLS 1.3.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_device::Target;
use provost_device::mqtt::{ConnectOptions, MqttClient};
use provost_device::tls::{ClientTls, Roots, TlsVersion};
use provost_transport::mqtt::codec::QoS;

use crate::server::Killed;

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/mosquitto";
const START_LIMIT: Duration = Duration::from_secs(20);
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// What it does with messages for a subscriber that is away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keeping {
    /// Holds them in memory.
    InMemory,
    /// Writes all it holds to its file every second; it does not wait for the disk, and acknowledges
    /// before.
    EverySecond,
}

/// A running broker that has a subscriber with a persistent session, who is away.
pub(crate) struct Mosquitto {
    child: Killed,
    pub(crate) port: u16,
}

/// Its name and version; `None` when it is not installed.
pub(crate) fn version() -> Option<String> {
    // It tells its version with its usage, and fails.
    let output = Command::new(PROGRAM).arg("-h").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

impl Mosquitto {
    /// Starts one with an empty store in a new folder.
    pub(crate) fn start(folder: &Path, tls: &Path, root: &Path, keeping: Keeping) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let port = free_port()?;
        let config = folder.join("mosquitto.conf");
        fs::write(&config, configuration(folder, tls, port, keeping))?;
        let log = fs::File::create(folder.join("log"))?;
        let child = Command::new(PROGRAM)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let broker = Self {
            child: Killed(child),
            port,
        };
        let started = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > START_LIMIT {
                bail!("mosquitto did not start; see {}", folder.join("log").display());
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(subscribe_and_leave(port, root))?;
        Ok(broker)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }
}

fn configuration(folder: &Path, tls: &Path, port: u16, keeping: Keeping) -> String {
    let path = |path: PathBuf| path.display().to_string();
    let interval = match keeping {
        // Zero is never while it runs.
        Keeping::InMemory => 0,
        Keeping::EverySecond => 1,
    };
    format!(
        "user root\nlistener {port} 127.0.0.1\ncertfile {}\nkeyfile {}\nallow_anonymous true\n\
         log_type error\npersistence true\npersistence_location {}/\nautosave_on_changes false\n\
         autosave_interval {interval}\nmax_queued_messages 0\nmax_queued_bytes 0\n",
        path(tls.join("server.pem")),
        path(tls.join("server.key")),
        folder.display(),
    )
}

/// So that every message has somebody to be kept for.
async fn subscribe_and_leave(port: u16, root: &Path) -> Result<()> {
    let roots = Roots::from_pem(&fs::read(root)?)?;
    let tls = ClientTls::new(&roots, None, TlsVersion::Tls13)?;
    let mut target = Target::new("127.0.0.1", port);
    "localhost".clone_into(&mut target.server_name);
    let options = ConnectOptions {
        client_id: "back-end".to_owned(),
        clean_session: false,
        ..ConnectOptions::default()
    };
    let (mut client, _) = MqttClient::connect(&target, &tls, &options).await?;
    client
        .subscribe(&[("devices/+/messages/events/", QoS::AtLeastOnce)])
        .await?;
    client.disconnect().await;
    Ok(())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
