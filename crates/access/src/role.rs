use crate::Permission;

/// What a token may do (certificate-management.md 1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Owner,
    /// Services and registry devices; sees credentials and policies. Like Azure's, it revokes nothing and
    /// makes no CA.
    Contributor,
    /// Sees everything but secrets.
    Reader,
    /// `credentials/*` and `credentials/policies/*`, and nothing else. Revoking a device takes
    /// [`Self::Contributor`] beside it.
    CredentialsContributor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Owner,
        Self::Contributor,
        Self::Reader,
        Self::CredentialsContributor,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Contributor => "contributor",
            Self::Reader => "reader",
            Self::CredentialsContributor => "credentialsContributor",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str().eq_ignore_ascii_case(text))
    }

    /// Reads how the store keeps several.
    pub fn parse_list(text: &str) -> Vec<Self> {
        text.split(',')
            .filter_map(|word| Self::parse(word.trim()))
            .collect()
    }

    /// Whether the role allows it.
    pub fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Owner => true,
            Self::Contributor => matches!(
                permission,
                P::ServicesRead
                    | P::ServicesWrite
                    | P::NamespacesRead
                    | P::CredentialsRead
                    | P::PoliciesRead
                    | P::DevicesRead
                    | P::DevicesWrite
                    | P::DevicesRevoke
            ),
            Self::Reader => matches!(
                permission,
                P::ServicesRead
                    | P::NamespacesRead
                    | P::CredentialsRead
                    | P::PoliciesRead
                    | P::DevicesRead
                    | P::AuditRead
            ),
            Self::CredentialsContributor => matches!(
                permission,
                P::CredentialsRead | P::CredentialsWrite | P::PoliciesRead | P::PoliciesWrite
            ),
        }
    }
}
