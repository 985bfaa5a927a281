use clap::Args;

/// Certificates the service issues.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Issued certificates")]
pub(in crate::simulate) struct CertificateArguments {
    /// Ask for a certificate with each registration and connect with it; the group names a credential
    /// policy
    #[arg(long)]
    csr: bool,
    /// Credential policy of the group made here; implies --csr
    #[arg(long, value_name = "NAME", conflicts_with = "enrollment_group_id")]
    pub(in crate::simulate) credential_policy: Option<String>,
    /// Renew a certificate over the hub after this part of its lifetime, in per cent
    #[arg(long, default_value_t = 80, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(in crate::simulate) renew_at: u32,
}

impl CertificateArguments {
    /// Whether devices ask for certificates.
    pub(in crate::simulate) fn asks(&self) -> bool {
        self.csr || self.credential_policy.is_some()
    }
}
