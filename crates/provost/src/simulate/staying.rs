//! `--stay`: devices that live at their hubs.

mod backoff;
mod life;
mod renewing;
mod schedule;
mod tally;
mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use provost_model::Clock;
use provost_model::ambient::{SystemClock, SystemRandom};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use self::backoff::fraction;
use self::life::{Crew, Ended, Life};
use self::schedule::Schedule;
use self::tally::{Tally, read};
use super::arguments::SimulateArguments;
use super::enrollment::Enrollment;
use super::network::Network;
use super::registering::{Manner, Provisioned};
use crate::output::{say, spinner};

/// How long devices may take at the end to send what is left.
const LAST_MESSAGES: Duration = Duration::from_secs(15);
/// The status line is renewed so often where it stands still.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// And so often where each is a line of its own.
const STATUS_LINE_EVERY: Duration = Duration::from_secs(10);
/// Names in the report; the count is always whole.
const MAX_NAMES: usize = 100;

/// What became of devices that stayed.
#[derive(Debug, Default)]
pub(super) struct Stayed {
    pub(super) took: Duration,
    /// Connected when the end came.
    pub(super) connected: u64,
    pub(super) produced: u64,
    pub(super) acknowledged: u64,
    pub(super) reconnects: u64,
    pub(super) reprovisioned: u64,
    pub(super) registered_again: u64,
    pub(super) renewed: u64,
    pub(super) methods: u64,
    pub(super) desired_changes: u64,
    pub(super) cloud_to_device: u64,
    /// What went wrong on the way, how often.
    pub(super) interruptions: BTreeMap<String, u64>,
    /// Who was not there at the end, and was not told to misbehave.
    pub(super) missing: Vec<String>,
    pub(super) missing_count: usize,
    /// Messages of devices that were not told to misbehave that no hub has.
    pub(super) lost: u64,
}

/// Lets the devices live until Ctrl-C, SIGTERM, or the time is over.
pub(super) async fn stay(
    arguments: &SimulateArguments,
    network: &Network,
    enrollment: &Enrollment,
    devices: Vec<Provisioned>,
) -> io::Result<Stayed> {
    let (stop, stopped) = watch::channel(false);
    let crew = Arc::new(Crew {
        network: network.clone(),
        attestation: enrollment.attestation.clone(),
        reprovision_method: arguments.staying.reprovision_method.clone(),
        manner: Manner::of(arguments),
        renew_at: arguments.certificates.renew_at,
        tally: Tally::default(),
        turns: Semaphore::new(usize::try_from(arguments.concurrency).unwrap_or(1)),
        stop: stopped,
        is_over: AtomicBool::new(false),
    });
    let count = devices.len();
    let obeying: BTreeSet<String> = devices
        .iter()
        .map(|device| device.registration_id.clone())
        .filter(|id| arguments.misbehaviour_of(id).is_none())
        .collect();
    let began = Instant::now();
    let mut lives = JoinSet::new();
    for device in devices {
        lives.spawn(life(arguments, &crew, device).run());
    }
    let mut ended = Vec::with_capacity(count);
    watch_over(arguments, &crew, count, &mut lives, &mut ended).await?;
    let connected = read(&crew.tally.connected);
    // Nobody listening is a fleet that has ended already.
    let _ = stop.send(true);
    let leaving = async {
        while let Some(life) = lives.join_next().await {
            ended.extend(life.ok());
        }
    };
    let in_time = tokio::select! {
        done = timeout(LAST_MESSAGES, leaving) => done.is_ok(),
        () = asked_to_end() => false,
    };
    if !in_time {
        crew.is_over.store(true, Ordering::Relaxed);
        let _ = timeout(STATUS_EVERY, async {
            while let Some(life) = lives.join_next().await {
                ended.extend(life.ok());
            }
        })
        .await;
    }
    Ok(sum(&crew.tally, &ended, obeying, connected, began.elapsed()))
}

fn life(arguments: &SimulateArguments, crew: &Arc<Crew>, device: Provisioned) -> Life {
    // Spread over the first interval, so that not all send at the same instant.
    let offset = fraction(arguments.interval, &SystemRandom);
    let first_at = SystemClock.now().after(offset);
    let misbehaviour = arguments.misbehaviour_of(&device.registration_id);
    Life {
        crew: Arc::clone(crew),
        device,
        schedule: Schedule::new(Instant::now() + offset, first_at, arguments.interval),
        misbehaviour,
        generation: 1,
        connects: 0,
        renew_again_at: None,
    }
}

/// Shows how it goes until it is to end.
async fn watch_over(
    arguments: &SimulateArguments,
    crew: &Crew,
    count: usize,
    lives: &mut JoinSet<Ended>,
    ended: &mut Vec<Ended>,
) -> io::Result<()> {
    let line = spinner();
    let mut ticks = interval(if line.is_hidden() {
        STATUS_LINE_EVERY
    } else {
        STATUS_EVERY
    });
    let time_over = async {
        match arguments.staying.stay_for {
            Some(time) => sleep(time).await,
            None => std::future::pending().await,
        }
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::pin!(time_over);
    loop {
        tokio::select! {
            _ = ticks.tick() => show(&line, crew, count),
            () = &mut time_over => break,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(life) = lives.join_next() => ended.extend(life.ok()),
        }
    }
    line.finish_and_clear();
    Ok(())
}

/// A second Ctrl-C: enough.
async fn asked_to_end() {
    // A signal that cannot be heard ends nothing.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn show(line: &ProgressBar, crew: &Crew, count: usize) {
    let tally = &crew.tally;
    let interruptions: u64 = tally.interruptions().values().sum();
    let text = format!(
        "{count} registered, {} connected, {} messages acknowledged, {} reprovisioned, {} reconnects, {interruptions} interruptions",
        read(&tally.connected),
        read(&tally.acknowledged),
        read(&tally.reprovisioned),
        read(&tally.reconnects),
    );
    if line.is_hidden() {
        say(&text);
    } else {
        line.set_message(text);
        line.tick();
    }
}

/// `expected` is who ought to be there at the end.
fn sum(
    tally: &Tally,
    ended: &[Ended],
    mut expected: BTreeSet<String>,
    connected: u64,
    took: Duration,
) -> Stayed {
    let all = |number: fn(&Ended) -> u64| ended.iter().map(number).sum();
    let obeying = || ended.iter().filter(|one| !one.is_misbehaving);
    // Who did not end in time is missing, too.
    for one in ended.iter().filter(|one| one.is_there) {
        expected.remove(&one.registration_id);
    }
    Stayed {
        took,
        connected,
        produced: all(|one| one.produced),
        acknowledged: all(|one| one.acknowledged),
        reconnects: read(&tally.reconnects),
        reprovisioned: read(&tally.reprovisioned),
        registered_again: read(&tally.registered_again),
        renewed: read(&tally.renewed),
        methods: read(&tally.methods),
        desired_changes: read(&tally.desired_changes),
        cloud_to_device: read(&tally.cloud_to_device),
        interruptions: tally.interruptions(),
        missing_count: expected.len(),
        missing: expected.into_iter().take(MAX_NAMES).collect(),
        lost: obeying()
            .map(|one| one.produced.saturating_sub(one.acknowledged))
            .sum(),
    }
}
