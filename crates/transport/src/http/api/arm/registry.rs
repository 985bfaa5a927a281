//! The Device Registry (certificate-management.md 1.3): its addresses on the management plane.

mod credentials;
mod devices;
mod failure;
mod namespaces;
mod operations;
mod policies;

use provost_access::AdminCaller;
use provost_model::IdError;
use provost_registry::{DocumentChange, RegistryError, RegistryService};
use provost_wire::arm::ArmScope;
use provost_wire::arm::registry::{PatchForm, RegistryAction, RegistryVersion, TagsPatch};
use provost_wire::{BodyError, json};
use serde_json::Value;

pub(in crate::http::api) use self::failure::RegistryFailure;
pub(in crate::http::api) use self::operations::accepted;
use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;

/// What every operation works with.
pub(super) struct RegistryRequest<'a> {
    pub(super) parts: &'a ApiParts,
    pub(super) call: &'a Call,
    pub(super) admin: &'a AdminCaller,
    pub(super) scope: &'a ArmScope,
    pub(super) version: RegistryVersion,
    pub(super) api_version: &'a str,
}

/// The answer to a removal. What is not there any more is removed, too, as clients that ask again after a lost
/// answer expect (certificate-management.md 1.3); a parent that is not there is an error.
fn gone(removed: Result<(), RegistryError>, noun: &str) -> Answered {
    match removed {
        Err(RegistryError::NotFound { noun: missing, .. }) if missing == noun => Ok(Answer::no_content()),
        removed => {
            removed?;
            Ok(Answer::no_content())
        }
    }
}

type Answered = Result<Answer, RegistryFailure>;

impl RegistryRequest<'_> {
    fn registry(&self) -> &RegistryService {
        &self.parts.registry
    }

    pub(super) async fn answer(&self, action: RegistryAction) -> Answer {
        match self.perform(action).await {
            Ok(answer) => answer,
            Err(failure) => failure.answer(self.call),
        }
    }

    /// Where a page goes on.
    fn after<T>(text: Option<&str>, parse: fn(&str) -> Result<T, IdError>) -> Result<Option<T>, BodyError> {
        let wrong = |error: IdError| BodyError::Value {
            path: "$skipToken".to_owned(),
            reason: error.to_string(),
        };
        text.map(parse).transpose().map_err(wrong)
    }

    async fn perform(&self, action: RegistryAction) -> Answered {
        use RegistryAction as Action;
        match action {
            Action::ListNamespaces(after) => self.namespaces(after).await,
            Action::GetNamespace(name) => self.namespace(&name).await,
            Action::PutNamespace(name) => self.put_namespace(&name).await,
            Action::PatchNamespace(name) => self.patch_namespace(&name).await,
            Action::DeleteNamespace(name) => self.delete_namespace(&name).await,
            Action::MigrateNamespace(name) => self.migrate(&name).await,
            Action::ListCredentials(namespace) => self.credentials(&namespace).await,
            Action::GetCredential(namespace) => self.credential(&namespace).await,
            Action::PutCredential(namespace) => self.put_credential(&namespace).await,
            Action::PatchCredential(namespace) => self.patch_credential(&namespace).await,
            Action::DeleteCredential(namespace) => self.delete_credential(&namespace).await,
            Action::Synchronize(namespace) => self.synchronize(&namespace).await,
            Action::ListPolicies(namespace) => self.policies(&namespace).await,
            Action::GetPolicy(namespace, name) => self.policy(&namespace, &name).await,
            Action::PutPolicy(namespace, name) => self.put_policy(&namespace, &name).await,
            Action::PatchPolicy(namespace, name) => self.patch_policy(&namespace, &name).await,
            Action::DeletePolicy(namespace, name) => self.delete_policy(&namespace, &name).await,
            Action::RevokeIssuer(namespace, name) => self.revoke_issuer(&namespace, &name).await,
            Action::ActivateExternalRoot(namespace, name) => self.activate(&namespace, &name).await,
            Action::ListDevices(namespace, after) => self.devices(&namespace, after).await,
            Action::GetDevice(namespace, name) => self.device(&namespace, &name).await,
            Action::PutDevice(namespace, name) => self.put_device(&namespace, &name).await,
            Action::PatchDevice(namespace, name) => self.patch_device(&namespace, &name).await,
            Action::DeleteDevice(namespace, name) => self.delete_device(&namespace, &name).await,
            Action::RevokeDevice(namespace, name) => self.revoke_device(&namespace, &name).await,
            Action::OperationStatus(id) => self.operation_status(&id).await,
            Action::OperationResult(id) => self.operation_result(&id).await,
        }
    }

    /// What the tags of a PATCH mean.
    fn patch_form(&self) -> PatchForm {
        PatchForm::of(self.call.header("content-type"))
    }

    /// A page, and where the next one is when this one is full.
    fn page(&self, items: Vec<Value>, last: Option<&str>) -> Answer {
        let mut body = serde_json::Map::new();
        body.insert("value".to_owned(), Value::Array(items));
        if let Some(last) = last {
            let link = format!(
                "https://{}{}?api-version={}&$skipToken={}",
                self.call.host,
                self.call.path,
                provost_wire::percent::encode(self.api_version),
                provost_wire::percent::encode(last)
            );
            body.insert("nextLink".to_owned(), link.into());
        }
        Answer::ok(json::to_bytes(&Value::Object(body)))
    }
}

fn tags_change(tags: TagsPatch) -> DocumentChange {
    Box::new(move |before| tags.apply(before).map_err(|error| error.to_string()))
}

fn shown(value: &Value) -> Answer {
    Answer::ok(json::to_bytes(value))
}

/// 201 for a thing that was not there before, 200 for one that changed.
fn made(value: &Value, is_new: bool) -> Answer {
    Answer::json(if is_new { 201 } else { 200 }, json::to_bytes(value))
}
