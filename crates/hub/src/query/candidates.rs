//! The devices to look at, by the shortest way.

use std::collections::BTreeSet;

use provost_model::query::{Condition, Leaf, Plan, Probe};
use provost_model::{DeviceId, HubName};
use provost_store::{IdSpan, ReadTx, StoreError};

use crate::service::HubService;

/// A way to devices, chosen.
#[derive(Debug)]
pub(super) enum Way {
    /// All of them.
    Everyone,
    /// Those of the index over tags.
    Leaves(BTreeSet<Leaf>),
    /// These, in order.
    Known(Vec<DeviceId>),
    /// Those that may not connect.
    Disabled,
    /// Edge gateways.
    Edge,
}

/// The devices to look at.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) way: Way,
    first_id: Option<String>,
    last_id: Option<String>,
}

/// A range of the index over tags is sorted in memory, so it is used only when it is short. When it
/// is long, going through the devices in order finds as many soon enough.
const SHORT: usize = 2000;

impl Candidates {
    /// Chooses the way with the fewest devices.
    pub(super) fn choose(
        service: &HubService,
        tx: &ReadTx<'_>,
        hub: &HubName,
        condition: &Condition,
    ) -> Result<Self, StoreError> {
        let Plan {
            probes,
            first_id,
            last_id,
            is_exact: _,
        } = condition.plan();
        let is_only = probes.len() == 1;
        let mut best: Option<(usize, Way)> = None;
        for probe in probes {
            let (count, way) = weigh(service, tx, hub, probe, is_only)?;
            if best.as_ref().is_none_or(|(least, _)| count < *least) {
                best = Some((count, way));
            }
        }
        Ok(Self {
            way: best.map_or(Way::Everyone, |(_, way)| way),
            first_id,
            last_id,
        })
    }

    /// The next candidates behind `after`; fewer than `limit` when there are no more. `None` when
    /// everyone is to be looked at.
    pub(super) fn next(
        &self,
        tx: &ReadTx<'_>,
        hub: &HubName,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Option<Vec<DeviceId>>, StoreError> {
        let span = self.span(after, limit);
        match &self.way {
            Way::Everyone => Ok(None),
            Way::Leaves(leaves) => merged(tx, hub, leaves, span).map(Some),
            Way::Known(ids) => {
                let begin = after.map_or(0, |after| ids.partition_point(|id| id <= after));
                let rest = ids.get(begin..).unwrap_or_default();
                let is_within = |id: &&DeviceId| self.is_within(id.as_str());
                Ok(Some(rest.iter().filter(is_within).take(limit).cloned().collect()))
            }
            Way::Disabled => tx.disabled_devices(hub, span).map(Some),
            Way::Edge => tx.edge_devices(hub, span).map(Some),
        }
    }

    /// The stretch of IDs behind `after` in which all of them are.
    pub(super) fn span<'a>(&'a self, after: Option<&'a DeviceId>, limit: usize) -> IdSpan<'a> {
        IdSpan {
            after,
            first: self.first_id.as_deref(),
            last: self.last_id.as_deref(),
            limit,
        }
    }

    fn is_within(&self, id: &str) -> bool {
        self.first_id.as_deref().is_none_or(|first| first <= id)
            && self.last_id.as_deref().is_none_or(|last| id <= last)
    }
}

/// How many devices a way leads to, counted only as far as it matters. An only way is not counted.
fn weigh(
    service: &HubService,
    tx: &ReadTx<'_>,
    hub: &HubName,
    probe: Probe,
    is_only: bool,
) -> Result<(usize, Way), StoreError> {
    let everyone = (usize::MAX, Way::Everyone);
    Ok(match probe {
        Probe::Ids(ids) => known(ids.iter().filter_map(|id| DeviceId::parse(id).ok()).collect()),
        Probe::Leaves(leaves) => {
            let most = i64::try_from(SHORT).unwrap_or(i64::MAX);
            let mut count = 0;
            for leaf in leaves.iter().filter(|_| !is_only) {
                count += usize::try_from(tx.count_leaf(hub, leaf, most)?).unwrap_or(0);
            }
            (count, Way::Leaves(leaves))
        }
        Probe::Between {
            path,
            least,
            greatest,
        } => {
            let found = tx.devices_by_leaf_range(hub, &path, (&least, &greatest), SHORT + 1)?;
            if found.len() > SHORT {
                everyone
            } else {
                known(found)
            }
        }
        Probe::Connected => known(service.connected_ids(hub)),
        Probe::Disabled if is_only => (0, Way::Disabled),
        Probe::Edge if is_only => (0, Way::Edge),
        Probe::Disabled => (tx.disabled_devices(hub, first(SHORT))?.len(), Way::Disabled),
        Probe::Edge => (tx.edge_devices(hub, first(SHORT))?.len(), Way::Edge),
    })
}

fn known(mut ids: Vec<DeviceId>) -> (usize, Way) {
    ids.sort_unstable();
    (ids.len(), Way::Known(ids))
}

fn first(limit: usize) -> IdSpan<'static> {
    IdSpan {
        after: None,
        first: None,
        last: None,
        limit,
    }
}

/// The devices of several entries in one order. Each entry's own are in order, so the first of each
/// are enough.
fn merged(
    tx: &ReadTx<'_>,
    hub: &HubName,
    leaves: &BTreeSet<Leaf>,
    span: IdSpan<'_>,
) -> Result<Vec<DeviceId>, StoreError> {
    let mut found = Vec::new();
    for leaf in leaves {
        found.extend(tx.devices_by_leaf(hub, leaf, span)?);
    }
    if leaves.len() > 1 {
        found.sort_unstable();
        found.dedup();
        found.truncate(span.limit);
    }
    Ok(found)
}
