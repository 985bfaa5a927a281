//! The log, and the words a person sees when the server is up.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogConfig};
use crate::connection_file::ConnectionFile;

/// Sends the log to standard error.
pub(crate) fn start_log(config: &LogConfig) -> Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .with_context(|| format!("`{}` is not a log filter", config.filter))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if config.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

/// Says how to connect a first device.
pub(super) fn how_to_connect(config: &Config, connection: &ConnectionFile) {
    let id_scope = connection.dps.first().map_or("", |dps| dps.id_scope.as_str());
    let root = connection.root_ca.as_ref().map_or_else(
        || "(your own certificate authority)".to_owned(),
        |path| path.display().to_string(),
    );
    let data = config.data.display();
    let text = format!(
        "\n\
         Provost is ready.\n\
         \n\
         \x20 HTTPS, WebSocket   {https}\n\
         \x20 MQTT               {mqtt}\n\
         \x20 ID scope           {id_scope}\n\
         \x20 root certificate   {root}\n\
         \x20 data folder        {data}\n\
         \n\
         A first device and what it sends, from another terminal:\n\
         \n\
         \x20 provost simulate --devices 1 --messages 3 --data {data}\n\
         \x20 provost hub monitor --from-start --data {data}\n\
         \n\
         The README leads from here to a device of your own.\n\
         \n",
        https = connection.https,
        mqtt = connection.mqtt,
    );
    // Nobody may be listening; the server runs all the same.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
