use provost_model::CredentialPolicyName;
use provost_registry::Orphans;
use provost_wire::own::registry::{Deletion, IssuedView, OrphansView};

use super::{Answered, Request};
use crate::http::api::own::shown;
use crate::http::api::reply::Answer;

impl Request<'_> {
    pub(super) async fn delete_policy(&self, policy: &CredentialPolicyName, how: Deletion) -> Answered {
        let (registry, admin, namespace) = (self.registry, self.admin, self.namespace);
        let left = match how {
            Deletion::Plain => {
                registry.delete_policy(admin, namespace, policy).await?;
                return Ok(Answer::no_content());
            }
            Deletion::Force => registry.force_delete_policy(admin, namespace, policy).await?,
            Deletion::DryRun => registry.preview_policy_deletion(admin, namespace, policy).await?,
        };
        Ok(shown(&view(&left, how)))
    }

    pub(super) async fn delete_credential(&self, how: Deletion) -> Answered {
        let (registry, admin, namespace) = (self.registry, self.admin, self.namespace);
        let left = match how {
            Deletion::Plain => {
                registry.delete_credential(admin, namespace).await?;
                return Ok(Answer::no_content());
            }
            Deletion::Force => registry.force_delete_credential(admin, namespace).await?,
            Deletion::DryRun => registry.preview_credential_deletion(admin, namespace).await?,
        };
        Ok(shown(&view(&left, how)))
    }
}

fn view(left: &Orphans, how: Deletion) -> OrphansView {
    let named = u64::try_from(left.first.len()).unwrap_or(u64::MAX);
    OrphansView {
        dry_run: how == Deletion::DryRun,
        policies: left.policies.iter().map(ToString::to_string).collect(),
        authorities: left.authorities.iter().map(ToString::to_string).collect(),
        certificates: left.certificates,
        devices: left.devices,
        orphaned: left.first.iter().map(IssuedView::listed).collect(),
        has_more: named < left.certificates,
    }
}
