//! What the load client is told and what it reports.
//!
//! ```text
//! parent → client   Plan as one line of JSON
//! client → parent   "ready" once every certificate and key is loaded
//! parent → client   "go"
//! client → parent   Report as one line of JSON; sessions to be held are open now
//! parent → client   end of input: sessions are closed
//! ```
//!
//! A storm goes on until it is told to end:
//!
//! ```text
//! parent → client   "go"
//! parent → client   "count"
//! client → parent   Attempts as one line of JSON, as often as asked
//! parent → client   end of input: the storm is over
//! ```

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What one device does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// TLS, one byte, close: against the baseline server.
    Handshake,
    /// TLS, register and poll over HTTPS on one connection.
    RegisterHttps,
    /// TLS, CONNECT, SUBSCRIBE, register and poll over MQTT.
    RegisterMqtt,
    /// TLS, CONNECT to the hub, CONNACK, DISCONNECT.
    Connect,
    /// As `Connect`, but stays.
    Hold,
    /// Connected before "go": publish telemetry at `QoS` 1 as often as the plan says `times`, some of
    /// it at a time not yet acknowledged.
    Publish,
    /// Register over HTTPS again and again, each time on a new connection, waiting as told. The
    /// devices are expected to be disabled; all of them are at work at a time.
    Storm,
}

/// Which devices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Devices {
    /// Entries `first` to `first + count` of a file of certificates and keys.
    Certified { file: PathBuf, first: u32, count: u32 },
    /// Devices with a symmetric key and an individual enrollment: positions `first` to
    /// `first + count` of the walk through the `population`.
    Numbered { population: u32, first: u32, count: u32 },
}

/// Everything a client needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) work: Work,
    pub(crate) devices: Devices,
    /// How often each device acts.
    pub(crate) times: u32,
    /// Devices at work at a time.
    pub(crate) at_once: u32,
    /// How many begin in a second; as many as the server serves when absent.
    pub(crate) per_second: Option<u32>,
    /// Port on the loopback address.
    pub(crate) port: u16,
    /// The server's root, PEM.
    pub(crate) root_ca: PathBuf,
    pub(crate) id_scope: String,
    /// Host name of the hub.
    pub(crate) hub: String,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Devices that succeeded.
    pub(crate) done: u32,
    /// Devices that failed.
    pub(crate) failed: u32,
    /// Why the first of them did.
    pub(crate) first_failure: Option<String>,
    /// From "go" to the last device's end.
    pub(crate) wall_seconds: f64,
    /// Time of one device from connecting to its end, by quantile.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// What a storm did so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attempts {
    /// Register requests that were answered.
    pub(crate) answered: u32,
    /// Those of them that were told to wait.
    pub(crate) throttled: u32,
    /// Connections that failed, and answers no refused device should get.
    pub(crate) failed: u32,
}
