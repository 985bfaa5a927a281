//! Administration tokens, as an owner keeps them.

use provost_access::{NewToken, Permission, Role};
use provost_attestation::admin::AdminToken;
use provost_model::{Action, AuditEvent, AuditFacts, NamespaceName, Word};
use provost_store::{AdminTokenRow, ReadTx};

use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService};

const SUBJECT: &str = "adminToken";
const MAX_TOKEN_NAME: usize = 64;

impl ProvisioningService {
    /// Makes an administration token for somebody; it is shown once. `roles` are their words.
    ///
    /// # Errors
    /// 403001; 400004 for a name that is empty, over 64 bytes or holds control characters, for no role and
    /// for one that is not known.
    pub async fn create_token(
        &self,
        admin: &AdminCaller,
        name: String,
        roles: &[String],
        namespace: Option<NamespaceName>,
    ) -> Result<AdminToken, ProvisioningError> {
        admin.require(Permission::Everything, None)?;
        if name.is_empty() || name.len() > MAX_TOKEN_NAME || name.contains(char::is_control) {
            return Err(ProvisioningError::invalid(
                "a token's name has 1 to 64 printable characters",
            ));
        }
        let roles = parse(roles)?;
        let (actor, service) = (admin.actor(), self.clone());
        self.store()
            .write(move |tx| {
                let detail = detail(&roles, namespace.as_ref());
                let stands = facts(&roles, namespace.as_ref());
                let new = NewToken {
                    name,
                    roles,
                    namespace,
                };
                let event = AuditEvent::new(actor, Action::Create, SUBJECT, "", &new.name)
                    .with_detail(detail)
                    .with_after(stands);
                let token = new.create(&tx, service.random())?;
                Ok::<_, ProvisioningError>(tx.record(&event, token)?)
            })
            .await
    }

    /// Every token, by name, without its secret.
    ///
    /// # Errors
    /// 403001.
    pub async fn tokens(&self, admin: &AdminCaller) -> Result<Vec<AdminTokenRow>, ProvisioningError> {
        admin.require(Permission::Everything, None)?;
        let read = |tx: &ReadTx<'_>| tx.admin_tokens();
        Ok(self.store().read(read).await?)
    }

    /// Removes every token of a name: its holders are strangers with their next request.
    ///
    /// # Errors
    /// 403001, 404210 when there is none, 400004 when nobody would be left who may do everything.
    pub async fn delete_token(&self, admin: &AdminCaller, name: String) -> Result<(), ProvisioningError> {
        admin.require(Permission::Everything, None)?;
        let actor = admin.actor();
        self.store()
            .write(move |tx| {
                let was = tx.admin_tokens()?.into_iter().find(|token| token.name == name);
                if tx.delete_admin_tokens(&name)? == 0 {
                    return Err(ProvisioningError::NotFound(Noun::AdminToken));
                }
                if !tx.admin_tokens()?.iter().any(owns_everything) {
                    return Err(ProvisioningError::invalid(
                        "without this token nobody could administer this server; make another owner's first",
                    ));
                }
                let mut event = AuditEvent::new(actor, Action::Delete, SUBJECT, "", &name);
                event.before = was.map(|was| facts(&Role::parse_list(&was.role), was.namespace.as_ref()));
                Ok(tx.record(&event, ())?)
            })
            .await
    }
}

fn owns_everything(token: &AdminTokenRow) -> bool {
    token.namespace.is_none() && Role::parse_list(&token.role).contains(&Role::Owner)
}

fn parse(words: &[String]) -> Result<Vec<Role>, ProvisioningError> {
    let mut roles = Vec::new();
    for word in words {
        let role = Role::parse(word).ok_or_else(|| {
            let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
            ProvisioningError::invalid(format!("a role is one of {}", known.join(", ")))
        })?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        return Err(ProvisioningError::invalid("a token needs a role"));
    }
    Ok(roles)
}

fn facts(roles: &[Role], namespace: Option<&NamespaceName>) -> AuditFacts {
    let words: Vec<Word> = roles.iter().map(|role| Word(role.as_str())).collect();
    AuditFacts::new()
        .with("namespace", namespace)
        .with("roles", words)
}

fn detail(roles: &[Role], namespace: Option<&NamespaceName>) -> String {
    let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let place = namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"));
    format!("{}{place}", words.join(", "))
}
