use provost_model::NamespaceName;
use provost_registry::{CredentialInput as Input, RegistryError};
use provost_wire::arm::registry::{CredentialInput, CredentialPatch, credential};

use super::{Answered, RegistryRequest, gone, made, shown, tags_change};

impl RegistryRequest<'_> {
    /// One at most: a namespace without a credential has an empty list.
    pub(super) async fn credentials(&self, namespace: &NamespaceName) -> Answered {
        let items = match self.registry().credential(self.admin, namespace).await {
            Ok(view) => vec![credential(self.scope, &view.credential, view.is_waiting())],
            Err(RegistryError::NotFound {
                noun: "credential", ..
            }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(self.page(items, None))
    }

    pub(super) async fn credential(&self, namespace: &NamespaceName) -> Answered {
        let view = self.registry().credential(self.admin, namespace).await?;
        Ok(shown(&credential(
            self.scope,
            &view.credential,
            view.is_waiting(),
        )))
    }

    pub(super) async fn put_credential(&self, namespace: &NamespaceName) -> Answered {
        let CredentialInput { location, tags } = CredentialInput::parse(&self.call.body)?;
        let input = Input { location, tags };
        let put = self
            .registry()
            .put_credential(self.admin, namespace, input)
            .await?;
        let value = &put.value;
        let shown = credential(self.scope, &value.credential, value.is_waiting());
        Ok(made(&shown, put.is_new))
    }

    pub(super) async fn patch_credential(&self, namespace: &NamespaceName) -> Answered {
        let CredentialPatch { tags } = CredentialPatch::parse(&self.call.body, self.patch_form())?;
        let changed = self
            .registry()
            .change_credential(self.admin, namespace, None, tags.map(tags_change))
            .await?;
        let is_waiting = changed.is_waiting();
        Ok(shown(&credential(self.scope, &changed.credential, is_waiting)))
    }

    pub(super) async fn delete_credential(&self, namespace: &NamespaceName) -> Answered {
        gone(
            self.registry().delete_credential(self.admin, namespace).await,
            "credential",
        )
    }

    pub(super) async fn synchronize(&self, namespace: &NamespaceName) -> Answered {
        let operation = self.registry().synchronize(self.admin, namespace).await?;
        Ok(self.accepted(&operation))
    }
}
