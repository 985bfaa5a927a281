use provost_attestation::admin::AdminToken;
use provost_model::{NamespaceName, Random};
use provost_store::{AdminTokenRow, StoreError, WriteTx};

use crate::Role;

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Whom it is for; several tokens may have one name.
    pub name: String,
    /// What it may do. Without any it may do nothing.
    pub roles: Vec<Role>,
    /// The namespace its roles count in; everywhere when absent.
    pub namespace: Option<NamespaceName>,
}

impl NewToken {
    /// One that may do everything.
    pub fn owner(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            roles: vec![Role::Owner],
            namespace: None,
        }
    }

    /// Makes it. It is shown once; the store keeps its hash. The caller ends the transaction with an
    /// audit event of kind `adminToken`.
    ///
    /// # Errors
    /// The store's.
    pub fn create(self, tx: &WriteTx<'_>, random: &dyn Random) -> Result<AdminToken, StoreError> {
        let token = AdminToken::generate(random);
        let words: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        tx.insert_admin_token(&AdminTokenRow {
            hash: *token.hash().as_bytes(),
            name: self.name,
            role: words.join(","),
            namespace: self.namespace,
            created_at: tx.now(),
        })?;
        Ok(token)
    }
}
