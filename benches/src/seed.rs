//! Fills a store with individual enrollments the way the service does: one write, one audit event
//! each, many at once so that they share commits. Perhaps with as many devices of a group.

pub(crate) mod issued;
mod line;
mod tagged;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::{
    Action, Actor, AuditEvent, Clock, DpsName, EnrollmentSettings, Etag, IndividualEnrollment,
    IndividualMechanism, KeyPair, ProvisioningStatus, RegistrationId, ReprovisionPolicy,
};
use provost_store::{Store, StoreAddress, StoreError, StoreOptions};
use tokio::task::JoinSet;

use crate::numbered;

/// As many as the store puts into one commit, twice, so that the next commit's are waiting.
const AT_ONCE: usize = 512;

/// What is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seeding {
    /// Individual enrollments.
    Enrollments,
    /// With each a record and an identity of a device of the group [`LINE`]; every second of these
    /// devices has one of the enrollments.
    Line,
    /// Nothing but devices, with tags.
    Tagged,
}

/// Places the devices of [`Seeding::Tagged`] are spread over.
pub(crate) const SITES: u32 = 1_000;

/// The place of such a device.
pub(crate) fn site(index: u32) -> String {
    format!("site-{:03}", index % SITES)
}

/// The group of [`Seeding::Line`].
pub(crate) const LINE: &str = "line";

/// Stores enrollments 0 to `count` for the first provisioning service of the data folder.
pub(crate) fn run(data: &Path, count: u32, seeding: Seeding) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fill(data, count, seeding))
}

async fn fill(data: &Path, count: u32, seeding: Seeding) -> Result<()> {
    let store = Store::open(StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 2 * AT_ONCE,
    })
    .await?;
    let first = store
        .read(|tx| {
            Ok::<_, StoreError>((
                tx.dps_instances()?.into_iter().next(),
                tx.hubs()?.into_iter().next(),
            ))
        })
        .await?;
    let (Some(dps), Some(hub)) = first else {
        bail!("the folder was never served");
    };
    let (dps, hub) = (dps.name, hub.name);
    if seeding == Seeding::Line {
        line::put_group(&store, dps.clone()).await?;
    }
    let next = Arc::new(AtomicU32::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, dps, hub, next) = (store.clone(), dps.clone(), hub.clone(), Arc::clone(&next));
        writers.spawn(async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return anyhow::Ok(());
                }
                let device = match seeding {
                    Seeding::Tagged => {
                        put_tagged(&store, tagged::TaggedDevice::new(&hub, index)).await?;
                        continue;
                    }
                    Seeding::Enrollments => None,
                    // Twice the number: every second one is the number of an enrollment too.
                    Seeding::Line => Some(line::device(&hub, 2 * index)?),
                };
                put(&store, dps.clone(), enrollment(index)?, device).await?;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn put(
    store: &Store,
    dps: DpsName,
    enrollment: IndividualEnrollment,
    device: Option<line::LineDevice>,
) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            tx.put_individual_enrollment(&dps, &enrollment, &[])?;
            if let Some(device) = device {
                device.put(&tx, &dps)?;
            }
            let id = enrollment.registration_id.as_str();
            let event = AuditEvent::new(Actor::System, Action::Create, "enrollment", dps.as_str(), id);
            tx.record(&event, ())
        })
        .await
}

async fn put_tagged(store: &Store, device: tagged::TaggedDevice) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            device.put(&tx)?;
            let event = AuditEvent::new(Actor::System, Action::Create, "device", "hub", "seed");
            tx.record(&event, ())
        })
        .await
}

fn enrollment(index: u32) -> Result<IndividualEnrollment> {
    let key = numbered::key(index)?;
    Ok(IndividualEnrollment {
        registration_id: RegistrationId::parse(&numbered::id(index))?,
        device_id: None,
        optional_device_information: None,
        mechanism: IndividualMechanism::SymmetricKey(KeyPair {
            primary: key.clone(),
            secondary: key,
        }),
        settings: settings(),
    })
}

fn settings() -> EnrollmentSettings {
    let now = SystemClock.now();
    EnrollmentSettings {
        status: ProvisioningStatus::Enabled,
        iot_edge: false,
        initial_twin: None,
        reprovision: Some(ReprovisionPolicy::default()),
        allocation: None,
        iot_hubs: Vec::new(),
        custom_allocation: None,
        credential_policy: None,
        etag: Etag::generate(&SystemRandom),
        created_at: now,
        updated_at: now,
    }
}
