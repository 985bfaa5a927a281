//! A crowd of devices in one process.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use provost_device::Target;
use provost_device::hub::{HubLogin, HubSession};
use provost_device::provisioning::{
    API_VERSION, PollDelay, RegisterError, Registration, RegistrationOutcome, RegistrationStatus, Transport,
    register,
};
use provost_device::tls::{ClientTls, Roots, TlsVersion};
use provost_model::SymmetricKey;
use provost_model::ambient::SystemClock;
use tokio::task::JoinSet;

use crate::certificates::read_devices;
use crate::numbered;
use crate::protocol::{Devices, Plan, Report, Work};
use crate::spread::quantile;

mod bare;
mod publishing;
mod storm;

/// The longest keep-alive, so that sessions that are held stay silent.
const KEEP_ALIVE: u16 = 1_177;
const PATIENCE: Duration = Duration::from_mins(1);

struct Device {
    id: String,
    tls: ClientTls,
    key: Option<SymmetricKey>,
}

pub(crate) struct Crowd {
    plan: Plan,
    target: Target,
    devices: Vec<Device>,
    next: AtomicUsize,
}

/// What one worker brings home.
#[derive(Default)]
struct Yield {
    latencies: Vec<Duration>,
    failures: Vec<String>,
    held: Vec<HubSession>,
}

/// Speaks [`crate::protocol`] on standard input and output.
pub(crate) fn run() -> Result<()> {
    let mut input = std::io::stdin().lines();
    let line = input.next().context("no plan")??;
    let crowd = Arc::new(Crowd::prepare(serde_json::from_str(&line)?)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if crowd.plan.work == Work::Publish {
        let sessions = runtime.block_on(publishing::connect(&crowd))?;
        say("ready")?;
        input.next().context("no word to go")??;
        let (report, held) = runtime.block_on(publishing::publish(sessions, crowd.plan.times))?;
        say(&serde_json::to_string(&report)?)?;
        input.for_each(drop);
        drop(held);
        return Ok(());
    }
    say("ready")?;
    input.next().context("no word to go")??;
    if crowd.plan.work == Work::Storm {
        return storm::rage(&runtime, &crowd, input);
    }
    let (report, held) = runtime.block_on(crowd.work())?;
    say(&serde_json::to_string(&report)?)?;
    // Held sessions live in the runtime until the parent closes our input.
    input.for_each(drop);
    drop(held);
    Ok(())
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

impl Crowd {
    /// Loads the devices of a plan.
    pub(crate) fn prepare(plan: Plan) -> Result<Self> {
        let roots = Roots::from_pem(&std::fs::read(&plan.root_ca)?)?;
        let devices = match &plan.devices {
            Devices::Certified { file, first, count } => {
                let certified = read_devices(file, *first, *count)?;
                let device = |device: crate::certificates::CertifiedDevice| {
                    let tls = ClientTls::new(&roots, Some(&device.identity), TlsVersion::Tls13)?;
                    Ok(Device {
                        id: device.id,
                        tls,
                        key: None,
                    })
                };
                certified.into_iter().map(device).collect::<Result<Vec<_>>>()?
            }
            Devices::Numbered {
                population,
                first,
                count,
            } => {
                let tls = ClientTls::new(&roots, None, TlsVersion::Tls13)?;
                let device = |position: u32| {
                    let index = numbered::member(position, *population);
                    let key = Some(numbered::key(index)?);
                    Ok(Device {
                        id: numbered::id(index),
                        tls: tls.clone(),
                        key,
                    })
                };
                (*first..first + count).map(device).collect::<Result<Vec<_>>>()?
            }
        };
        let mut target = Target::new("127.0.0.1", plan.port);
        "localhost".clone_into(&mut target.server_name);
        Ok(Self {
            plan,
            target,
            devices,
            next: AtomicUsize::new(0),
        })
    }

    /// How many devices it has.
    pub(crate) fn len(&self) -> usize {
        self.devices.len()
    }

    /// The ID of a device by its position.
    pub(crate) fn id(&self, position: usize) -> Option<&str> {
        self.devices.get(position).map(|device| device.id.as_str())
    }

    /// Connects a device to the hub, by its position.
    pub(crate) async fn connect_one(&self, position: usize) -> Result<HubSession> {
        let device = self.devices.get(position).context("no such device")?;
        self.connect(device).await
    }

    async fn work(self: Arc<Self>) -> Result<(Report, Vec<HubSession>)> {
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..self.plan.at_once {
            workers.spawn(Arc::clone(&self).worker());
        }
        let mut all = Yield::default();
        while let Some(ended) = workers.join_next().await {
            let worker = ended?;
            all.latencies.extend(worker.latencies);
            all.failures.extend(worker.failures);
            all.held.extend(worker.held);
        }
        let wall_seconds = started.elapsed().as_secs_f64();
        let mut latencies: Vec<f64> = all
            .latencies
            .iter()
            .map(|time| time.as_secs_f64() * 1e3)
            .collect();
        latencies.sort_by(f64::total_cmp);
        let report = Report {
            done: u32::try_from(latencies.len())?,
            failed: u32::try_from(all.failures.len())?,
            first_failure: all.failures.into_iter().next(),
            wall_seconds,
            p50_ms: quantile(&latencies, 50),
            p99_ms: quantile(&latencies, 99),
        };
        Ok((report, all.held))
    }

    async fn worker(self: Arc<Self>) -> Yield {
        let mut mine = Yield::default();
        let began = Instant::now();
        while let Some((turn, device)) = self.next_device() {
            if let Some(rate) = self.plan.per_second {
                let due = Duration::from_secs(turn) / rate.max(1);
                tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
            }
            let started = Instant::now();
            match self.act(device).await {
                Ok(session) => {
                    mine.latencies.push(started.elapsed());
                    mine.held.extend(session);
                }
                Err(error) => mine.failures.push(format!("{}: {error:#}", device.id)),
            }
        }
        mine
    }

    /// The device whose turn it is, and which turn: they act one after the other, and then again.
    fn next_device(&self) -> Option<(u64, &Device)> {
        let (turn, count) = (self.next.fetch_add(1, Ordering::Relaxed), self.devices.len());
        let turns = count.saturating_mul(usize::try_from(self.plan.times).ok()?);
        let device = self.devices.get(turn.checked_rem(count)?)?;
        (turn < turns).then_some((u64::try_from(turn).ok()?, device))
    }

    async fn act(&self, device: &Device) -> Result<Option<HubSession>> {
        match self.plan.work {
            Work::Handshake => bare::handshake(&self.target, &device.tls).await.map(|()| None),
            Work::RegisterHttps => self.register(device, Transport::Https).await.map(|()| None),
            Work::RegisterMqtt => self.register(device, Transport::Mqtt).await.map(|()| None),
            Work::Connect => {
                self.connect(device).await?.disconnect().await;
                Ok(None)
            }
            Work::Hold => self.connect(device).await.map(Some),
            Work::Publish | Work::Storm => bail!("this work is not done device by device"),
        }
    }

    async fn register(&self, device: &Device, transport: Transport) -> Result<()> {
        let outcome = self.register_once(device, transport).await?;
        if outcome.status != RegistrationStatus::Assigned {
            bail!("ended as {:?}", outcome.status);
        }
        Ok(())
    }

    async fn register_once(
        &self,
        device: &Device,
        transport: Transport,
    ) -> Result<RegistrationOutcome, RegisterError> {
        let registration = Registration {
            target: &self.target,
            tls: &device.tls,
            transport,
            id_scope: &self.plan.id_scope,
            registration_id: &device.id,
            key: device.key.as_ref(),
            api_version: API_VERSION,
            payload: None,
            csr: None,
            poll_delay: PollDelay::Fixed(Duration::ZERO),
            patience: PATIENCE,
        };
        Box::pin(register(&registration, &SystemClock)).await
    }

    async fn connect(&self, device: &Device) -> Result<HubSession> {
        let login = HubLogin {
            hub: &self.plan.hub,
            device_id: &device.id,
            key: device.key.as_ref(),
            keep_alive: KEEP_ALIVE,
        };
        Ok(Box::pin(HubSession::connect(
            &self.target,
            &device.tls,
            &login,
            &SystemClock,
        ))
        .await?)
    }
}
