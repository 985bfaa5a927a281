//! A device registers with the provisioning service (dps-device-api.md 0.2).

mod answer;
mod https;
mod over_mqtt;

use std::time::Duration;

use provost_attestation::sas;
use provost_model::{Clock, SymmetricKey};
use provost_wire::dps::device::sas_audience;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::answer::Answer;
use crate::connect::Target;
use crate::tls::ClientTls;

pub(crate) use self::answer::issued_chain;
pub use self::answer::{RegisterError, RegistrationOutcome, RegistrationStatus};

/// What devices of today speak.
pub const API_VERSION: &str = "2021-06-01";
/// From which on a registration may ask for a certificate.
pub const CSR_API_VERSION: &str = "2025-07-01-preview";
/// Lifetime of the tokens made here.
const SAS_TTL: Duration = Duration::from_hours(1);
/// Wait before a poll when the service names none.
const DEFAULT_RETRY: Duration = Duration::from_secs(2);

/// How the device talks to the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// MQTT; inside a WebSocket when the target says so.
    Mqtt,
    /// HTTPS.
    Https,
}

/// How long to wait before a poll.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PollDelay {
    /// As the service says in `retry-after`, as every SDK does.
    #[default]
    AsTold,
    /// This long, for load tests.
    Fixed(Duration),
}

/// Everything a registration needs.
#[derive(Clone, Debug)]
pub struct Registration<'a> {
    /// The provisioning service.
    pub target: &'a Target,
    /// Trust, and the certificate when the device proves itself with one.
    pub tls: &'a ClientTls,
    /// MQTT or HTTPS.
    pub transport: Transport,
    /// ID scope.
    pub id_scope: &'a str,
    /// Registration ID; with X.509 the leaf's common name.
    pub registration_id: &'a str,
    /// The device's key, already derived for a group; None with X.509.
    pub key: Option<&'a SymmetricKey>,
    /// The api-version it speaks, [`API_VERSION`].
    pub api_version: &'a str,
    /// Custom payload.
    pub payload: Option<Value>,
    /// Asks for a certificate: [`crate::certificate::SigningRequest::csr`]. Needs [`CSR_API_VERSION`].
    pub csr: Option<&'a str>,
    /// Wait before a poll.
    pub poll_delay: PollDelay,
    /// How long to poll before giving up.
    pub patience: Duration,
}

impl Registration<'_> {
    fn token(&self, clock: &dyn Clock) -> Option<String> {
        let resource = sas_audience(self.id_scope, self.registration_id);
        let expires_at = clock.now().after(SAS_TTL);
        self.key
            .map(|key| sas::sign(&resource, key, expires_at, Some("registration")))
    }

    fn body(&self) -> Vec<u8> {
        let mut body = json!({ "registrationId": self.registration_id });
        if let Value::Object(fields) = &mut body {
            if let Some(payload) = &self.payload {
                fields.insert("payload".to_owned(), payload.clone());
            }
            if let Some(csr) = self.csr {
                fields.insert("csr".to_owned(), Value::from(csr));
            }
        }
        body.to_string().into_bytes()
    }
}

/// One connection that can register and poll.
enum Session {
    Mqtt(Box<over_mqtt::MqttSession>),
    Https(https::HttpsSession),
}

impl Session {
    async fn open(registration: &Registration<'_>, clock: &dyn Clock) -> Result<Self, RegisterError> {
        Ok(match registration.transport {
            Transport::Mqtt => Self::Mqtt(Box::new(over_mqtt::MqttSession::open(registration, clock).await?)),
            Transport::Https => Self::Https(https::HttpsSession::open(registration, clock).await?),
        })
    }

    async fn register(&mut self, body: Vec<u8>) -> Result<Answer, RegisterError> {
        match self {
            Self::Mqtt(session) => session.register(&body).await,
            Self::Https(session) => session.register(body).await,
        }
    }

    async fn poll(&mut self, operation_id: &str) -> Result<Answer, RegisterError> {
        match self {
            Self::Mqtt(session) => session.poll(operation_id).await,
            Self::Https(session) => session.poll(operation_id).await,
        }
    }

    async fn close(self) {
        if let Self::Mqtt(session) = self {
            session.close().await;
        }
    }
}

/// Registers a device and polls until the outcome is final.
///
/// Final statuses `failed` and `disabled` are outcomes, too; [`RegisterError::Refused`] is an
/// answer of 300 or more.
pub async fn register(
    registration: &Registration<'_>,
    clock: &dyn Clock,
) -> Result<RegistrationOutcome, RegisterError> {
    let give_up_at = Instant::now() + registration.patience;
    let mut session = Session::open(registration, clock).await?;
    let outcome = run(&mut session, registration, give_up_at).await;
    session.close().await;
    outcome
}

async fn run(
    session: &mut Session,
    registration: &Registration<'_>,
    give_up_at: Instant,
) -> Result<RegistrationOutcome, RegisterError> {
    let mut answer = session.register(registration.body()).await?;
    let mut paused = Duration::ZERO;
    loop {
        let told = answer.retry_after;
        let operation_id = match answer.into_step()? {
            answer::Step::Final(outcome) => return Ok(RegistrationOutcome { paused, ..outcome }),
            answer::Step::Assigning { operation_id } => operation_id,
        };
        let delay = match registration.poll_delay {
            PollDelay::AsTold => told.unwrap_or(DEFAULT_RETRY),
            PollDelay::Fixed(delay) => delay,
        };
        if Instant::now() + delay > give_up_at {
            return Err(RegisterError::StillAssigning { operation_id });
        }
        let pause_began = Instant::now();
        sleep(delay).await;
        paused += pause_began.elapsed();
        answer = session.poll(&operation_id).await?;
    }
}
