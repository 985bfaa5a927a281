//! Which hubs are near which networks.

use anyhow::{Context, Result, bail};
use provost_model::{GeoOrder, HubName, Network};
use serde::Deserialize;

/// `[[dps.geo]]`, see [`GeoOrder`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoSection {
    /// Where devices come from, `10.1.0.0/16`.
    pub network: String,
    /// Names of hubs, nearest first.
    pub hubs: Vec<String>,
}

impl GeoSection {
    fn order(&self) -> Result<(Network, Vec<HubName>)> {
        let network = Network::parse(&self.network)?;
        if self.hubs.is_empty() {
            bail!("`hubs` of network {network} is empty");
        }
        let hub = |name: &String| {
            HubName::parse(name).with_context(|| format!("`{name}` of network {network} is not a hub name"))
        };
        Ok((network, self.hubs.iter().map(hub).collect::<Result<_>>()?))
    }
}

/// The order of all entries.
pub(super) fn geo_order(sections: &[GeoSection]) -> Result<GeoOrder> {
    let orders = sections.iter().map(GeoSection::order).collect::<Result<_>>();
    let order = orders.and_then(|orders| Ok(GeoOrder::new(orders)?));
    order.context("`[[dps.geo]]` is not usable")
}
