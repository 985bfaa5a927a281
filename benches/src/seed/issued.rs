//! Certificates as if a namespace had issued and revoked them for a long time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_ca::{CaKeys, CrlPublisher, CrlSchedule, PublicAddresses};
use provost_keys::{KeyHome, KeyRing, SealedKeys, make_key_file};
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::{
    Ca, CaState, DeviceIdentifier, RegistryDevice, Revocation, RevocationReason, SerialNumber,
};
use provost_model::{
    Action, Actor, AuditEvent, CertificateDer, Clock, CredentialPolicyName, DeviceId, Etag, Random,
    RegistryDeviceName,
};
use provost_store::{AppendTx, NewIntent, ReadTx, Store, StoreAddress, StoreError, StoreOptions, WriteTx};
use serde_json::Map;

/// Certificates of one device.
const EACH: u32 = 4;
/// Stored at a time: the copies of pages that a long write keeps are walked through for each of its statements.
const BATCH: u32 = 500;
/// Bytes of a leaf.
const LEAF_BYTES: usize = 640;

/// Stores `count` certificates at the first issuing CA of the data folder, `revoked` of them revoked, spread evenly,
/// and makes a CRL of these; how long the CRL took.
pub(crate) fn run(data: &Path, count: u32, revoked: u32) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = fill(data, count, revoked).await?;
        let publisher = CrlPublisher::new(
            store,
            own_keys(data)?,
            Arc::new(SystemClock),
            PublicAddresses::default(),
            CrlSchedule::default(),
        );
        let began = Instant::now();
        let parts = publisher.publish_due().await?;
        if parts == 0 {
            bail!("no CRL was due");
        }
        Ok(began.elapsed())
    })
}

/// The keys of the server of this folder, which is stopped.
fn own_keys(data: &Path) -> Result<CaKeys> {
    let folder = data.join("keys");
    let (source, _) = make_key_file(&folder.join("kek"), &SystemRandom)?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let keys = SealedKeys::open(&folder, &source, Duration::ZERO, clock, random)?;
    Ok(CaKeys::new(Arc::new(KeyRing::new(
        KeyHome::sealed(keys),
        Vec::new(),
    ))))
}

async fn fill(data: &Path, count: u32, revoked: u32) -> Result<Store> {
    let store = Store::open(StoreOptions {
        address: StoreAddress::Sqlite(data.join("provost.db")),
        clock: Arc::new(SystemClock),
        queue: 16,
    })
    .await?;
    let active = store
        .read(|tx: &ReadTx<'_>| tx.cas_in_state(CaState::Active))
        .await?;
    let ca = active.into_iter().find(|ca| ca.policy.is_some());
    let ca = Arc::new(ca.context("there is no issuing CA")?);
    let every = (count / revoked.max(1)).max(1);
    for first in (0..count).step_by(BATCH as usize) {
        let numbers = first..count.min(first + BATCH);
        let intents = numbers
            .map(|number| intent(&ca, number))
            .collect::<Result<Vec<_>>>()?;
        let (stored, intents) = store
            .append(move |tx: &AppendTx<'_>| {
                let stored: Vec<i64> = intents
                    .iter()
                    .map(|intent| tx.intend_certificate(intent))
                    .collect::<Result<_, _>>()?;
                Ok::<_, StoreError>((stored, intents))
            })
            .await?;
        let is_revoked = move |index: usize| (first as usize + index).is_multiple_of(every as usize);
        store
            .write(move |tx| {
                for (index, (number, intent)) in stored.iter().zip(&intents).enumerate() {
                    complete(&tx, *number, intent, is_revoked(index))?;
                    if index.is_multiple_of(EACH as usize)
                        && let Some(device) = device(intent)
                    {
                        tx.insert_registry_device(&device)?;
                    }
                }
                let event = AuditEvent::new(Actor::System, Action::Create, "certificate", "seed", "seed");
                tx.record(&event, ())
            })
            .await?;
    }
    let marked = Arc::clone(&ca);
    store
        .write(move |tx| {
            tx.mark_crl_dirty(&marked.id, 0)?;
            let event = AuditEvent::new(Actor::System, Action::Create, "certificate", "seed", "seed");
            tx.record(&event, ())
        })
        .await?;
    Ok(store)
}

fn intent(ca: &Ca, number: u32) -> Result<NewIntent> {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    let now = SystemClock.now();
    Ok(NewIntent {
        ca: ca.id.clone(),
        serial: SerialNumber::from_bytes(&bytes).context("a serial number")?,
        namespace: ca.namespace.clone(),
        device: RegistryDeviceName::parse(&format!("seed-{}", number / EACH))?,
        policy: CredentialPolicyName::parse("line")?,
        identifier: DeviceIdentifier::generate(&SystemRandom),
        key_sha256: random_hash(),
        not_before: now,
        not_after: now.after(Duration::from_hours(24 * 30)),
        shard: 0,
        created_at: now,
    })
}

/// Its device, which nobody let in.
fn device(intent: &NewIntent) -> Option<RegistryDevice> {
    Some(RegistryDevice {
        namespace: intent.namespace.clone(),
        name: intent.device.clone(),
        identifier: intent.identifier,
        external_device_id: DeviceId::parse(intent.device.as_str()).ok()?,
        enabled: true,
        policy: Some(intent.policy.clone()),
        hub: None,
        document: Map::new(),
        version: 1,
        etag: Etag::generate(&SystemRandom),
        created_at: intent.created_at,
        updated_at: intent.created_at,
        transition_at: intent.created_at,
    })
}

fn complete(tx: &WriteTx<'_>, number: i64, intent: &NewIntent, is_revoked: bool) -> Result<(), StoreError> {
    let leaf = CertificateDer(vec![0x30; LEAF_BYTES]);
    let sha256 = random_hash();
    let mut sha1 = [0; 20];
    SystemRandom.fill(&mut sha1);
    tx.complete_issued(number, &leaf, sha1, sha256)?;
    if is_revoked {
        let revocation = Revocation {
            at: intent.created_at,
            reason: RevocationReason::Superseded,
        };
        tx.revoke_leaf(number, revocation)?;
    }
    Ok(())
}

fn random_hash() -> [u8; 32] {
    let mut hash = [0; 32];
    SystemRandom.fill(&mut hash);
    hash
}
