use provost_model::{NamespaceName, PageSize};
use provost_registry::NamespaceInput as Input;
use provost_wire::arm::ArmError;
use provost_wire::arm::registry::{NamespaceInput, NamespacePatch, namespace};

use super::{Answered, RegistryRequest, gone, made, shown, tags_change};
use crate::http::api::reply::Answer;

const PAGE: usize = 100;

impl RegistryRequest<'_> {
    pub(super) async fn namespaces(&self, after: Option<String>) -> Answered {
        let after = Self::after(after.as_deref(), NamespaceName::parse)?;
        let page = PageSize::clamp(None, PAGE, PAGE);
        let found = self
            .registry()
            .namespaces(self.admin, after.as_ref(), page)
            .await?;
        let last = found.last().filter(|_| found.len() == PAGE);
        let last = last.map(|namespace| namespace.name.to_string());
        let items = found.iter().map(|found| namespace(self.scope, found)).collect();
        Ok(self.page(items, last.as_deref()))
    }

    pub(super) async fn namespace(&self, name: &NamespaceName) -> Answered {
        let found = self.registry().namespace(self.admin, name).await?;
        Ok(shown(&namespace(self.scope, &found)))
    }

    pub(super) async fn put_namespace(&self, name: &NamespaceName) -> Answered {
        let NamespaceInput {
            location,
            tags,
            document,
        } = NamespaceInput::parse(&self.call.body)?;
        let input = Input {
            location,
            tags,
            document,
        };
        let put = self.registry().put_namespace(self.admin, name, input).await?;
        Ok(made(&namespace(self.scope, &put.value), put.is_new))
    }

    pub(super) async fn patch_namespace(&self, name: &NamespaceName) -> Answered {
        let patch = NamespacePatch::parse(&self.call.body, self.patch_form())?;
        let tags = patch.tags.clone().map(tags_change);
        let change = move |document: &_| patch.apply(document).map_err(|error| error.to_string());
        let changed = self
            .registry()
            .patch_namespace(self.admin, name, tags, Some(Box::new(change)))
            .await?;
        Ok(shown(&namespace(self.scope, &changed)))
    }

    pub(super) async fn delete_namespace(&self, name: &NamespaceName) -> Answered {
        gone(
            self.registry().delete_namespace(self.admin, name).await,
            "namespace",
        )
    }

    /// DEVIATION: `migrate` moves assets into a namespace; there are no assets here to move.
    pub(super) async fn migrate(&self, name: &NamespaceName) -> Answered {
        self.registry().namespace(self.admin, name).await?;
        let error = ArmError::new("OperationNotSupported", "there are no assets to migrate here");
        Ok(Answer::json(400, error.to_json()))
    }
}
