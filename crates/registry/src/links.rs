use provost_access::{AdminCaller, Permission};
use provost_model::registry::NamespaceLink;
use provost_model::{Action, AuditFacts, Change, NamespaceName};
use provost_store::{ReadTx, StoreError, WriteTx};

use crate::namespaces::known;
use crate::service::event;
use crate::{RegistryError, RegistryService};

impl RegistryService {
    /// The namespace a hub or a provisioning service is linked to.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn linked_namespace(
        &self,
        caller: &AdminCaller,
        link: &NamespaceLink,
    ) -> Result<Option<NamespaceName>, RegistryError> {
        caller.require(Permission::ServicesRead, None)?;
        let link = link.clone();
        self.store().read(move |tx| Ok(tx.linked_namespace(&link)?)).await
    }

    /// Who is linked to a namespace.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn links(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
    ) -> Result<Vec<NamespaceLink>, RegistryError> {
        caller.require(Permission::NamespacesRead, Some(namespace))?;
        let namespace = namespace.clone();
        self.store()
            .read(move |tx| {
                known(tx, &namespace)?;
                Ok(tx.namespace_links(&namespace)?)
            })
            .await
    }

    /// Links a hub or a provisioning service to a namespace, and no longer to the one before.
    ///
    /// # Errors
    /// [`RegistryError`]; `HubElsewhere` for a hub that is not of this program.
    pub async fn link(
        &self,
        caller: &AdminCaller,
        link: &NamespaceLink,
        namespace: &NamespaceName,
    ) -> Result<(), RegistryError> {
        // Who is in charge of one namespace alone must not draw hubs away from others.
        caller.require(Permission::ServicesWrite, None)?;
        caller.require(Permission::NamespacesWrite, Some(namespace))?;
        let (link, namespace, caller) = (link.clone(), namespace.clone(), caller.clone());
        self.store()
            .write(move |tx| {
                known(&tx, &namespace)?;
                exists(&tx, &link)?;
                let was = tx.linked_namespace(&link)?;
                tx.put_namespace_link(&link, &namespace)?;
                announce(&tx, &link)?;
                let event = event(&caller, Action::Update, "namespaceLink", &namespace, &text(&link))
                    .with_before(to(was.as_ref()))
                    .with_after(to(Some(&namespace)));
                Ok(tx.record(&event, ())?)
            })
            .await
    }

    /// Ends a link. CA certificates that came to a hub by synchronization stay there.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn unlink(&self, caller: &AdminCaller, link: &NamespaceLink) -> Result<(), RegistryError> {
        caller.require(Permission::ServicesWrite, None)?;
        let (asked, link) = (link.clone(), link.clone());
        let linked = self.store().read(move |tx| tx.linked_namespace(&asked)).await;
        let linked: Option<NamespaceName> = linked.map_err(RegistryError::Store)?;
        caller.require(Permission::NamespacesWrite, linked.as_ref())?;
        let Some(namespace) = linked else {
            return Ok(());
        };
        let caller = caller.clone();
        self.store()
            .write(move |tx| {
                if !tx.delete_namespace_link(&link)? {
                    return Ok(tx.unchanged(()));
                }
                announce(&tx, &link)?;
                let event = event(&caller, Action::Delete, "namespaceLink", &namespace, &text(&link))
                    .with_before(to(Some(&namespace)));
                Ok(tx.record(&event, ())?)
            })
            .await
    }
}

fn to(namespace: Option<&NamespaceName>) -> AuditFacts {
    AuditFacts::new().with("namespace", namespace)
}

/// A device that is disabled in the namespace is so at the hub, or the hubs of the provisioning service, from now
/// on, whatever it was admitted by.
fn announce(tx: &WriteTx<'_>, link: &NamespaceLink) -> Result<(), StoreError> {
    let hubs = match link {
        NamespaceLink::Hub(hub) => vec![hub.clone()],
        NamespaceLink::Dps(dps) => tx.linked_hubs(dps)?.into_iter().map(|link| link.hub).collect(),
    };
    for hub in hubs {
        tx.announce(&Change::Hub { hub })?;
    }
    tx.announce(&Change::Configuration)
}

fn text(link: &NamespaceLink) -> String {
    match link {
        NamespaceLink::Dps(dps) => format!("dps:{dps}"),
        NamespaceLink::Hub(hub) => format!("hub:{hub}"),
    }
}

fn exists(tx: &ReadTx<'_>, link: &NamespaceLink) -> Result<(), RegistryError> {
    match link {
        NamespaceLink::Dps(dps) => match tx.dps(dps)? {
            Some(_) => Ok(()),
            None => Err(RegistryError::not_found("provisioning service", dps.to_string())),
        },
        NamespaceLink::Hub(hub) => match tx.hub(hub)? {
            Some(found) if !found.is_remote => Ok(()),
            Some(_) => Err(RegistryError::invalid(
                "HubElsewhere",
                format!("the hub {hub} is not one of this program and cannot be linked to a namespace"),
            )),
            None => Err(RegistryError::not_found("hub", hub.to_string())),
        },
    }
}
