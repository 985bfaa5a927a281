use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use provost_device::certificate::SigningRequest;
use provost_device::provisioning::{
    API_VERSION, CSR_API_VERSION, PollDelay, RegisterError, Registration, RegistrationOutcome, register,
};
use provost_model::ambient::SystemClock;

use super::arguments::SimulateArguments;
use super::attestation::{Attestation, Proof};
use super::crowd::crowd;
use super::enrollment::Enrollment;
use super::network::Network;
use super::operational::Operational;
use super::reason;
use super::statistics::Latencies;
use crate::output::bar;

/// How long a device polls, or comes back when it is told to, before it gives up.
const PATIENCE: Duration = Duration::from_mins(2);
const TOO_MANY_REQUESTS: u16 = 429;

/// A device that was assigned to a hub.
pub(super) struct Provisioned {
    pub(super) registration_id: String,
    pub(super) device_id: String,
    pub(super) hub: String,
    pub(super) proof: Proof,
    /// The certificate it was issued, when it asked for one: what it shows to its hub.
    pub(super) operational: Option<Operational>,
}

/// How devices register.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    poll_delay: PollDelay,
    asks_for_certificate: bool,
}

impl Manner {
    /// As the arguments say.
    pub(super) fn of(arguments: &SimulateArguments) -> Self {
        Self {
            poll_delay: if arguments.no_pause {
                PollDelay::Fixed(Duration::ZERO)
            } else {
                PollDelay::AsTold
            },
            asks_for_certificate: arguments.certificates.asks(),
        }
    }
}

/// What became of one device.
struct Registered {
    device: Provisioned,
    /// From the first byte of TCP to the assignment.
    took: Duration,
    /// How much of it the device waited because it was told to.
    paused: Duration,
}

/// What became of all devices.
pub(super) struct Registrations {
    registered: Vec<Registered>,
    /// How many failed for which reason.
    pub(super) failures: BTreeMap<String, usize>,
    /// The whole phase.
    pub(super) took: Duration,
    has_paused: bool,
}

impl Registrations {
    pub(super) fn count(&self) -> usize {
        self.registered.len()
    }

    /// Host names of the hubs devices were assigned to.
    pub(super) fn hubs(&self) -> BTreeSet<String> {
        self.registered.iter().map(|one| one.device.hub.clone()).collect()
    }

    /// From the first byte to the assignment, as a device sees it.
    pub(super) fn latencies(&self) -> Latencies {
        self.registered.iter().map(|one| one.took).collect()
    }

    /// The same without the time devices waited because they were told to.
    pub(super) fn latencies_without_pause(&self) -> Latencies {
        let own = |one: &Registered| one.took.saturating_sub(one.paused);
        self.registered.iter().map(own).collect()
    }

    /// Whether devices waited before polling as the service asked.
    pub(super) fn has_paused(&self) -> bool {
        self.has_paused
    }

    pub(super) fn into_devices(self) -> Vec<Provisioned> {
        self.registered.into_iter().map(|one| one.device).collect()
    }
}

/// Registers all devices, so many at a time.
pub(super) async fn all(
    arguments: &SimulateArguments,
    network: &Network,
    enrollment: &Enrollment,
) -> Registrations {
    let shared = Arc::new((network.clone(), enrollment.attestation.clone()));
    let manner = Manner::of(arguments);
    let start = |number: u32| {
        let (shared, registration_id) = (Arc::clone(&shared), arguments.registration_id(number));
        async move { one(&shared.0, &shared.1, &registration_id, manner).await }
    };
    let progress = bar(arguments.devices.into(), "registering");
    let began = Instant::now();
    let numbers = 1..=arguments.devices;
    let results = crowd(numbers, arguments.concurrency, start, |_| progress.inc(1)).await;
    let took = began.elapsed();
    progress.finish_and_clear();
    let mut failures = BTreeMap::new();
    let mut registered = Vec::with_capacity(results.len());
    for result in results {
        match result {
            Ok(one) => registered.push(one),
            Err(reason) => *failures.entry(reason).or_default() += 1,
        }
    }
    Registrations {
        registered,
        failures,
        took,
        has_paused: !arguments.no_pause,
    }
}

/// Registers one device once more, with what it holds now; why it failed.
pub(super) async fn again(
    network: &Network,
    proof: Proof,
    registration_id: &str,
    manner: Manner,
) -> Result<Provisioned, String> {
    let registered = with_proof(network, proof, registration_id, manner).await?;
    Ok(registered.device)
}

async fn one(
    network: &Network,
    attestation: &Attestation,
    registration_id: &str,
    manner: Manner,
) -> Result<Registered, String> {
    let proof = attestation
        .device(network, registration_id)
        .await
        .map_err(|error| error.to_string())?;
    with_proof(network, proof, registration_id, manner).await
}

/// Registers with what the device holds.
async fn with_proof(
    network: &Network,
    proof: Proof,
    registration_id: &str,
    manner: Manner,
) -> Result<Registered, String> {
    let request = manner
        .asks_for_certificate
        .then(|| SigningRequest::new(registration_id));
    let request = request.transpose().map_err(|error| error.to_string())?;
    let registration = Registration {
        target: &network.dps,
        tls: &proof.tls,
        transport: network.transport,
        id_scope: &network.id_scope,
        registration_id,
        key: proof.key.as_ref(),
        api_version: if request.is_some() {
            CSR_API_VERSION
        } else {
            API_VERSION
        },
        payload: None,
        csr: request.as_ref().map(SigningRequest::csr),
        poll_delay: manner.poll_delay,
        patience: PATIENCE,
    };
    let began = Instant::now();
    let (outcome, throttled) = register_as_told(&registration)
        .await
        .map_err(|error| reason::of_register_error(&error))?;
    let took = began.elapsed();
    if let Some(reason) = reason::of_outcome(&outcome) {
        return Err(reason);
    }
    let chain = outcome.issued_chain;
    let operational = request.map(|request| Operational::issued(network, &request, chain));
    let operational = operational.transpose().map_err(|error| error.to_string())?;
    let (Some(hub), Some(device_id)) = (outcome.assigned_hub, outcome.device_id) else {
        return Err("assigned without a hub".to_owned());
    };
    Ok(Registered {
        device: Provisioned {
            registration_id: registration_id.to_owned(),
            device_id,
            hub,
            proof,
            operational,
        },
        took,
        paused: outcome.paused + throttled,
    })
}

/// Registers; comes back as told while the service has too much to do. Also gives the time waited
/// for that.
async fn register_as_told(
    registration: &Registration<'_>,
) -> Result<(RegistrationOutcome, Duration), RegisterError> {
    let mut throttled = Duration::ZERO;
    loop {
        match register(registration, &SystemClock).await {
            Err(RegisterError::Refused {
                status: TOO_MANY_REQUESTS,
                retry_after: Some(wait),
                ..
            }) if throttled + wait < PATIENCE => {
                tokio::time::sleep(wait).await;
                throttled += wait;
            }
            answer => return Ok((answer?, throttled)),
        }
    }
}
