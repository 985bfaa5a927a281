use clap::{Args, ValueEnum};
use provost_wire::ConnectionString;

use super::{Context, Failure};

/// `provost connection-string`: works while the server runs and while it does not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  provost connection-string dps\n  provost connection-string hub")]
pub(super) struct ConnectionStringArguments {
    /// Of which service
    #[arg(value_name = "dps|hub", hide_possible_values = true)]
    kind: Kind,
    /// Name of the provisioning service or hub [default: the first]
    #[arg(long)]
    name: Option<String>,
    /// Shared access policy [default: the owner's]
    #[arg(long)]
    policy: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Dps,
    Hub,
}

impl ConnectionStringArguments {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let name = self.name.as_deref();
        let instance = match self.kind {
            Kind::Dps => context.locator.dps(name)?,
            Kind::Hub => context.locator.find_hub(name).await?,
        };
        let (policy, key) = instance.policy(self.policy.as_deref())?;
        let string = ConnectionString::service(&instance.service_host(), &policy, key);
        Ok(context.output.text("connectionString", &string.reveal())?)
    }
}
