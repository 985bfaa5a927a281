use std::fmt;

/// Something an administrator does; each operation of the management plane and of `/provost/` asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// What only an owner may: tokens and everything that has no permission of its own.
    Everything,
    /// See provisioning services, hubs, their CA certificates, links and statistics; no secrets.
    ServicesRead,
    /// Change them, shut out devices, run jobs over fleets.
    ServicesWrite,
    /// See the keys of shared access policies.
    SecretsRead,
    /// See namespaces.
    NamespacesRead,
    /// Make, change and delete namespaces, and link hubs and provisioning services to them.
    NamespacesWrite,
    /// See credentials.
    CredentialsRead,
    /// Make, change, delete and synchronize credentials.
    CredentialsWrite,
    /// See credential policies.
    PoliciesRead,
    /// Make, change and delete credential policies, revoke their issuers, activate external ones.
    PoliciesWrite,
    /// See devices of the registry and what was issued to them.
    DevicesRead,
    /// Make, change, enable, disable and delete devices of the registry.
    DevicesWrite,
    /// Revoke what was issued to a device. Takes [`Self::CredentialsWrite`], too.
    DevicesRevoke,
    /// Read the audit log.
    AuditRead,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Everything,
        Self::ServicesRead,
        Self::ServicesWrite,
        Self::SecretsRead,
        Self::NamespacesRead,
        Self::NamespacesWrite,
        Self::CredentialsRead,
        Self::CredentialsWrite,
        Self::PoliciesRead,
        Self::PoliciesWrite,
        Self::DevicesRead,
        Self::DevicesWrite,
        Self::DevicesRevoke,
        Self::AuditRead,
    ];

    /// The action as Azure's role definitions spell it, where they have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "*",
            Self::ServicesRead => "Microsoft.Devices/*/read",
            Self::ServicesWrite => "Microsoft.Devices/*",
            Self::SecretsRead => "Microsoft.Devices/*/listkeys/action",
            Self::NamespacesRead => "Microsoft.DeviceRegistry/namespaces/read",
            Self::NamespacesWrite => "Microsoft.DeviceRegistry/namespaces/write",
            Self::CredentialsRead => "Microsoft.DeviceRegistry/namespaces/credentials/read",
            Self::CredentialsWrite => "Microsoft.DeviceRegistry/namespaces/credentials/*",
            Self::PoliciesRead => "Microsoft.DeviceRegistry/namespaces/credentials/policies/read",
            Self::PoliciesWrite => "Microsoft.DeviceRegistry/namespaces/credentials/policies/*",
            Self::DevicesRead => "Microsoft.DeviceRegistry/namespaces/devices/read",
            Self::DevicesWrite => "Microsoft.DeviceRegistry/namespaces/devices/write",
            Self::DevicesRevoke => "Microsoft.DeviceRegistry/namespaces/devices/revoke/action",
            Self::AuditRead => "Provost/audit/read",
        }
    }

    /// Whether it is about one namespace, so that a role scoped to that namespace may give it.
    pub fn is_of_namespace(self) -> bool {
        !matches!(
            self,
            Self::Everything | Self::ServicesRead | Self::ServicesWrite | Self::SecretsRead | Self::AuditRead
        )
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
