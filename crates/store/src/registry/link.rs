use provost_model::registry::NamespaceLink;
use provost_model::{DpsName, HubName, NamespaceName, PolicyOwner};

use crate::convert::Place;
use crate::policy::owner_text;
use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

const TABLE: &str = "namespace_link";

impl ReadTx<'_> {
    /// The namespace somebody is linked to.
    pub fn linked_namespace(&self, link: &NamespaceLink) -> Result<Option<NamespaceName>, StoreError> {
        let owner = text(link);
        let sql = "SELECT namespace FROM namespace_link WHERE owner = ?1";
        let found = self.find(sql, params![&owner], |row| row.text(0))?;
        let place = Place {
            table: TABLE,
            key: &owner,
        };
        let parse = |name: String| place.id("namespace", NamespaceName::parse(&name));
        found.map(parse).transpose()
    }

    /// Who is linked to a namespace: provisioning services, then hubs, by name.
    pub fn namespace_links(&self, namespace: &NamespaceName) -> Result<Vec<NamespaceLink>, StoreError> {
        let sql = "SELECT owner FROM namespace_link WHERE namespace = ?1 ORDER BY owner";
        self.query(sql, params![namespace.key()], |row| parse(&row.text(0)?))
    }

    /// The hubs linked to a namespace, by name.
    pub fn linked_registry_hubs(&self, namespace: &NamespaceName) -> Result<Vec<HubName>, StoreError> {
        let hub = |link| match link {
            NamespaceLink::Hub(hub) => Some(hub),
            NamespaceLink::Dps(_) => None,
        };
        let links = self.namespace_links(namespace)?;
        Ok(links.into_iter().filter_map(hub).collect())
    }

    /// The hubs that the provisioning services linked to a namespace assign devices to, by name: they need no
    /// link of their own.
    pub fn hubs_of_registry_services(&self, namespace: &NamespaceName) -> Result<Vec<HubName>, StoreError> {
        let sql = "SELECT DISTINCT h.hub FROM namespace_link l JOIN linked_hub h ON l.owner = 'dps:' || h.dps \
                   WHERE l.namespace = ?1 ORDER BY h.hub";
        self.query(sql, params![namespace.key()], |row| {
            let key = row.text(0)?;
            let place = Place {
                table: "linked_hub",
                key: &key,
            };
            place.id("hub", HubName::parse(&key))
        })
    }
}

impl WriteTx<'_> {
    /// Links somebody to a namespace, whatever it was linked to before.
    pub fn put_namespace_link(
        &self,
        link: &NamespaceLink,
        namespace: &NamespaceName,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO namespace_link (owner, namespace) VALUES (?1, ?2) \
                   ON CONFLICT (owner) DO UPDATE SET namespace = excluded.namespace";
        self.registry_changes();
        self.execute(sql, params![&text(link), namespace.key()])
            .map(|_| ())
    }

    /// Ends a link; `false` when there was none.
    pub fn delete_namespace_link(&self, link: &NamespaceLink) -> Result<bool, StoreError> {
        let sql = "DELETE FROM namespace_link WHERE owner = ?1";
        self.registry_changes();
        Ok(self.execute(sql, params![&text(link)])? > 0)
    }
}

pub(super) fn text(link: &NamespaceLink) -> String {
    owner_text(&match link {
        NamespaceLink::Dps(dps) => PolicyOwner::Dps(dps.clone()),
        NamespaceLink::Hub(hub) => PolicyOwner::Hub(hub.clone()),
    })
}

fn parse(owner: &str) -> Result<NamespaceLink, StoreError> {
    let place = Place {
        table: TABLE,
        key: owner,
    };
    match owner.split_once(':') {
        Some(("dps", name)) => place.id("owner", DpsName::parse(name)).map(NamespaceLink::Dps),
        Some(("hub", name)) => place.id("owner", HubName::parse(name)).map(NamespaceLink::Hub),
        _ => Err(place.inconsistent("owner")),
    }
}
