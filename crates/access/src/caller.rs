use provost_attestation::admin::AdminToken;
use provost_model::{Actor, NamespaceName};
use provost_store::Store;

use crate::{AccessError, Forbidden, Permission, Role};

const SCHEME: &str = "Bearer";

/// The holder of an administration token.
#[derive(Debug, Clone)]
pub struct AdminCaller {
    name: String,
    roles: Vec<Role>,
    namespace: Option<NamespaceName>,
}

/// Proves the holder of an administration token, sent as `Authorization: Bearer …`.
///
/// # Errors
/// [`AccessError::NoToken`], [`AccessError::Store`]. A token without a role that is known allows nothing.
pub async fn authenticate(store: &Store, authorization: Option<&str>) -> Result<AdminCaller, AccessError> {
    let no_token = |reason| AccessError::NoToken { reason };
    let text = authorization.ok_or(no_token("no authorization header"))?;
    let (scheme, token) = text
        .trim()
        .split_once(' ')
        .ok_or(no_token("malformed authorization header"))?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(no_token("not a bearer token"));
    }
    let token = AdminToken::parse(token.trim()).map_err(|_| no_token("malformed token"))?;
    let hash = *token.hash().as_bytes();
    let row = store
        .read(move |tx| tx.admin_token(&hash))
        .await?
        .ok_or(no_token("unknown token"))?;
    Ok(AdminCaller {
        roles: Role::parse_list(&row.role),
        name: row.name,
        namespace: row.namespace,
    })
}

impl AdminCaller {
    /// Whom the token was made for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As whom it acts.
    pub fn actor(&self) -> Actor {
        Actor::Admin(self.name.clone())
    }

    /// The namespace its roles are scoped to; `None` when they count everywhere.
    pub fn namespace(&self) -> Option<&NamespaceName> {
        self.namespace.as_ref()
    }

    /// Whether its roles allow something, in a namespace where it is about one. Whoever lists namespaces
    /// asks without one and shows only [`Self::namespace`] to a scoped token.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn require(
        &self,
        permission: Permission,
        namespace: Option<&NamespaceName>,
    ) -> Result<(), Forbidden> {
        let is_in_scope = match (&self.namespace, namespace) {
            (None, _) => true,
            (Some(scope), Some(namespace)) => scope == namespace && permission.is_of_namespace(),
            (Some(_), None) => permission == Permission::NamespacesRead,
        };
        let is_allowed = self.roles.iter().any(|role| role.allows(permission));
        if is_in_scope && is_allowed {
            return Ok(());
        }
        Err(Forbidden {
            name: self.name.clone(),
            permission,
            namespace: namespace.cloned(),
        })
    }

    /// Both permissions that revoking a device takes (certificate-management.md 1.9).
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn require_device_revocation(&self, namespace: &NamespaceName) -> Result<(), Forbidden> {
        self.require(Permission::DevicesRevoke, Some(namespace))?;
        self.require(Permission::CredentialsWrite, Some(namespace))
    }
}
