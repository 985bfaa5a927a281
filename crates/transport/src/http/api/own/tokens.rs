//! Administration tokens.

use provost_access::Role;
use provost_wire::own::{AdminTokenInput, AdminTokenSummary, AdminTokenView, Listing};
use provost_wire::time;

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::{Failure, admin, shown};

pub(super) async fn create(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let mut input = AdminTokenInput::parse(&call.body)?;
    if input.roles.is_empty() {
        input.roles.push(Role::Owner.as_str().to_owned());
    }
    let made = parts
        .dps
        .create_token(&admin, input.name.clone(), &input.roles, input.namespace);
    Ok(shown(&AdminTokenView {
        name: input.name,
        token: made.await?.expose().to_owned(),
    }))
}

pub(super) async fn list(parts: &ApiParts, call: &Call) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let tokens = parts.dps.tokens(&admin).await?.into_iter();
    let value = tokens.map(|token| AdminTokenSummary {
        name: token.name,
        roles: token.role.split(',').map(str::to_owned).collect(),
        namespace: token.namespace.map(|namespace| namespace.to_string()),
        created_at_utc: time::iso(token.created_at),
    });
    Ok(shown(&Listing {
        value: value.collect(),
    }))
}

pub(super) async fn delete(parts: &ApiParts, call: &Call, name: String) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    parts.dps.delete_token(&admin, name).await?;
    Ok(Answer::no_content())
}
