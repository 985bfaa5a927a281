//! How many leaves of CAs stand, counted before the transaction that ends the CAs: page by page, each on a
//! snapshot of its own, while devices go on registering. The transaction adds what was issued since.

use std::collections::HashSet;
use std::sync::Arc;

use provost_model::registry::{CaId, IssuedCertificate};
use provost_model::{CredentialPolicyName, NamespaceName, PageSize, RegistryDeviceName, Timestamp};
use provost_store::{ReadTx, StandingOf, StandingPage};

use crate::{Orphans, RegistryError, RegistryService};

/// Devices that are counted at a time.
const PAGE: usize = 10_000;
/// Leaves issued since that a transaction may add: a few dozen milliseconds.
const FEW: usize = 1_000;
/// Certificates that are named; how the others are read is told beside them.
const FIRST: usize = 100;

/// What stood when it was counted.
#[derive(Debug, Clone)]
pub(crate) struct StandingCount {
    namespace: NamespaceName,
    cas: Vec<CaId>,
    now: Timestamp,
    mark: i64,
    certificates: u64,
    devices: u64,
    first: Vec<IssuedCertificate>,
}

impl StandingCount {
    fn of(&self) -> StandingOf<'_> {
        StandingOf {
            namespace: &self.namespace,
            cas: &self.cas,
            now: self.now,
            mark: self.mark,
        }
    }

    /// Whether it was these CAs.
    pub(crate) fn is_of(&self, cas: &[CaId]) -> bool {
        self.cas == cas
    }

    /// Adds what was issued since. `false` when that is more than a transaction should read, and it is not
    /// the `last` attempt: count again.
    pub(crate) fn catch_up(&mut self, tx: &ReadTx<'_>, is_last: bool) -> Result<bool, RegistryError> {
        let limit = if is_last { usize::MAX } else { FEW + 1 };
        let new = tx.standing_from_mark(self.of(), limit)?;
        if !is_last && new.len() > FEW {
            return Ok(false);
        }
        let devices: HashSet<&RegistryDeviceName> = new.iter().map(|leaf| &leaf.device).collect();
        for device in devices {
            self.devices += u64::from(!tx.has_standing_below_mark(self.of(), device)?);
        }
        self.certificates += new.len() as u64;
        let free = FIRST.saturating_sub(self.first.len());
        self.first.extend(new.into_iter().take(free));
        Ok(true)
    }

    pub(crate) fn certificates(&self) -> u64 {
        self.certificates
    }

    /// For whoever is told.
    pub(crate) fn into_orphans(self, policies: Vec<CredentialPolicyName>) -> Orphans {
        Orphans {
            policies,
            authorities: self.cas,
            certificates: self.certificates,
            devices: self.devices,
            first: self.first,
        }
    }
}

impl RegistryService {
    /// Counts what these CAs of a namespace signed and what stands of it.
    pub(crate) async fn count_standing(
        &self,
        namespace: NamespaceName,
        cas: Vec<CaId>,
    ) -> Result<StandingCount, RegistryError> {
        let now = self.now();
        let begin = move |tx: &ReadTx<'_>| begin(tx, namespace, cas, now);
        let mut count = self.store().scan(begin).await?;
        let ground = Arc::new(count.clone());
        let mut after: Option<String> = None;
        loop {
            let (ground, from) = (Arc::clone(&ground), after.take());
            let read = move |tx: &ReadTx<'_>| {
                Ok::<_, RegistryError>(tx.standing_page(ground.of(), from.as_deref(), PAGE)?)
            };
            let StandingPage {
                devices,
                certificates,
                last,
            } = self.store().scan(read).await?;
            count.devices += devices;
            count.certificates += certificates;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(count),
            }
        }
    }
}

fn begin(
    tx: &ReadTx<'_>,
    namespace: NamespaceName,
    cas: Vec<CaId>,
    now: Timestamp,
) -> Result<StandingCount, RegistryError> {
    let mark = tx.issuing_mark(&cas)?;
    let mut first = Vec::new();
    for ca in &cas {
        let free = FIRST.saturating_sub(first.len());
        if free > 0 {
            let page = PageSize::clamp(Some(free), free, free);
            let leaves = tx.standing_of_ca(ca, now, None, page)?;
            first.extend(leaves.into_iter().filter(|leaf| leaf.number < mark));
        }
    }
    Ok(StandingCount {
        namespace,
        cas,
        now,
        mark,
        certificates: 0,
        devices: 0,
        first,
    })
}
