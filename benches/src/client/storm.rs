//! Devices that are refused and do not give up.

use std::io::{self, StdinLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use provost_device::provisioning::{RegisterError, RegistrationStatus, Transport};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::{Crowd, say};
use crate::protocol::Attempts;

/// What a device does when its connection breaks, so that a dead server is not asked in a tight loop.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Counters {
    answered: AtomicU32,
    throttled: AtomicU32,
    failed: AtomicU32,
}

/// Lets every device rage until the end of input; tells how far they got whenever asked.
pub(super) fn rage(runtime: &Runtime, crowd: &Arc<Crowd>, input: io::Lines<StdinLock<'_>>) -> Result<()> {
    let counters = Arc::new(Counters::default());
    for place in 0..crowd.devices.len() {
        let (crowd, counters) = (Arc::clone(crowd), Arc::clone(&counters));
        runtime.spawn(async move {
            loop {
                attempt(&crowd, place, &counters).await;
            }
        });
    }
    for line in input {
        let line = line?;
        if line != "count" {
            bail!("told `{line}` in a storm");
        }
        let attempts = Attempts {
            answered: counters.answered.load(Ordering::Relaxed),
            throttled: counters.throttled.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
        };
        say(&serde_json::to_string(&attempts)?)?;
    }
    Ok(())
}

/// One attempt, and the wait the server asks for after it.
async fn attempt(crowd: &Crowd, place: usize, counters: &Counters) {
    let Some(device) = crowd.devices.get(place) else {
        return;
    };
    let count = |counter: &AtomicU32| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    match crowd.register_once(device, Transport::Https).await {
        Ok(outcome) if outcome.status == RegistrationStatus::Disabled => count(&counters.answered),
        Err(RegisterError::Refused {
            status: 429,
            retry_after: Some(wait),
            ..
        }) => {
            count(&counters.answered);
            count(&counters.throttled);
            sleep(wait).await;
        }
        _ => {
            count(&counters.failed);
            sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}
