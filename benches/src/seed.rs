//! Fills a store with individual enrollments the way the service does: one write, one audit event
//! each, many at once so that they share commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
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

/// Stores enrollments 0 to `count` for the first provisioning service of the data folder.
pub(crate) fn run(data: &Path, count: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(fill(data, count))
}

async fn fill(data: &Path, count: u32) -> Result<()> {
    let store = Store::open(StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 2 * AT_ONCE,
    })
    .await?;
    let first = store
        .read(|tx| Ok::<_, StoreError>(tx.dps_instances()?.into_iter().next()))
        .await?;
    let dps = first.context("the folder was never served")?.name;
    let next = Arc::new(AtomicU32::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, dps, next) = (store.clone(), dps.clone(), Arc::clone(&next));
        writers.spawn(async move {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return anyhow::Ok(());
                }
                put(&store, dps.clone(), enrollment(index)?).await?;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn put(store: &Store, dps: DpsName, enrollment: IndividualEnrollment) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            tx.put_individual_enrollment(&dps, &enrollment, &[])?;
            let id = enrollment.registration_id.as_str();
            let event = AuditEvent::new(Actor::System, Action::Create, "enrollment", dps.as_str(), id);
            tx.record(&event, ())
        })
        .await
}

fn enrollment(index: u32) -> Result<IndividualEnrollment> {
    let now = SystemClock.now();
    let key = numbered::key(index)?;
    Ok(IndividualEnrollment {
        registration_id: RegistrationId::parse(&numbered::id(index))?,
        device_id: None,
        optional_device_information: None,
        mechanism: IndividualMechanism::SymmetricKey(KeyPair {
            primary: key.clone(),
            secondary: key,
        }),
        settings: EnrollmentSettings {
            status: ProvisioningStatus::Enabled,
            iot_edge: false,
            initial_twin: None,
            reprovision: Some(ReprovisionPolicy::default()),
            allocation: None,
            iot_hubs: Vec::new(),
            custom_allocation: None,
            etag: Etag::generate(&SystemRandom),
            created_at: now,
            updated_at: now,
        },
    })
}
