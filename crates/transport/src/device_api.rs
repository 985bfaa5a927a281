//! The device side of provisioning as every protocol speaks it: the same bodies and statuses travel
//! in an HTTP answer and in an MQTT topic (dps-device-api.md 2 and 3).
//!
//! A request goes through, in this order: the budget of a device that was refused lately
//! (`refusals`), its proof, the rates of proven devices (`rates`), the service. What came of it is
//! counted here and nowhere else.

mod failure;
mod known;
mod rates;
mod refusals;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use provost_model::{Clock, ErrorKind, IdScope, OperationId, Origin, Random, RegistrationId, Secret};
use provost_provisioning::{ProvisioningService, RegistrationProof};
use provost_wire::dps::device::{
    DeviceOperation, OperationStatus, RETRY_AFTER, RegisterRequest, RegistrationStateView,
    is_before_reprovisioning, issues_certificates,
};
use provost_wire::{ApiVersion, ErrorBody};
use tracing::{debug, error, info};

pub(crate) use self::failure::{THROTTLED_CODE, THROTTLED_MESSAGE};
pub(crate) use self::known::Known;
pub use self::rates::{RateLimits, ServiceRate};

use self::failure::{DeviceFailure, ThrottledBy};
use self::known::Device;
use self::rates::Rates;
use self::refusals::{AttemptKey, Refusals};
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::throttle::{RETRY_AFTER_RANGE, retry_after};

/// A device's request, on whatever protocol.
pub(crate) struct DeviceRequest<'a> {
    pub(crate) carrier: Carrier,
    pub(crate) peer: &'a Peer,
    pub(crate) id_scope: &'a IdScope,
    pub(crate) registration_id: &'a RegistrationId,
    pub(crate) sas: Option<&'a Secret<String>>,
    pub(crate) version: &'a ApiVersion,
    pub(crate) operation: &'a DeviceOperation,
    pub(crate) body: &'a [u8],
    pub(crate) tracking_id: &'a str,
}

/// Which protocol an answer travels on: the real service numbers SAS failures differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Http,
    Mqtt,
}

impl Carrier {
    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mqtt => "mqtt",
        }
    }
}

/// An answer, before it takes the shape of a protocol.
pub(crate) struct DeviceReply {
    /// HTTP status, also the digits in a response topic.
    pub(crate) status: u16,
    /// Seconds to wait before the next request.
    pub(crate) retry_after: Option<u32>,
    /// Azure's number, for the header of an error.
    pub(crate) error_code: Option<u32>,
    pub(crate) body: Vec<u8>,
}

impl DeviceReply {
    /// Not done yet: the device polls again.
    fn assigning(operation: &OperationId) -> Self {
        Self {
            status: 202,
            retry_after: Some(RETRY_AFTER),
            error_code: None,
            body: OperationStatus::assigning(operation).to_json(),
        }
    }

    fn ok(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            retry_after: None,
            error_code: None,
            body,
        }
    }
}

/// What the API works with.
pub struct DeviceApiParts {
    /// The provisioning services.
    pub dps: ProvisioningService,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Spreads the waits of refused devices.
    pub random: Arc<dyn Random>,
    /// How often devices may ask.
    pub rates: RateLimits,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

/// Answers devices. Cheap to clone.
#[derive(Clone)]
pub struct DeviceApi(Arc<Inner>);

struct Inner {
    parts: DeviceApiParts,
    refusals: Refusals,
    rates: Rates,
}

impl DeviceApi {
    /// An API over the provisioning service.
    pub fn new(parts: DeviceApiParts) -> Self {
        let (refusals, rates) = (Refusals::new(&parts.rates), Rates::new(&parts.rates));
        Self(Arc::new(Inner {
            parts,
            refusals,
            rates,
        }))
    }

    /// Answers one request; `known` is the connection's memory of who proved itself on it.
    pub(crate) async fn answer(&self, known: &Known, request: &DeviceRequest<'_>) -> DeviceReply {
        let outcome = self.0.perform(known, request).await;
        self.0.count(request, &outcome);
        outcome.unwrap_or_else(|failure| self.0.refuse(request, &failure))
    }
}

impl Inner {
    async fn perform(
        &self,
        known: &Known,
        request: &DeviceRequest<'_>,
    ) -> Result<DeviceReply, DeviceFailure> {
        let device = if let Some(device) = known.find(request) {
            device
        } else {
            let device = self.authenticate(request).await?;
            known.keep(request, device.clone());
            device
        };
        match request.operation {
            DeviceOperation::Register => self.register(&device, request).await,
            DeviceOperation::OperationStatus(operation) => {
                self.operation_status(&device, operation, request).await
            }
            DeviceOperation::StatusLookup => self.status_lookup(&device, request).await,
        }
    }

    /// Proves who the device is.
    async fn authenticate(&self, request: &DeviceRequest<'_>) -> Result<Device, DeviceFailure> {
        let key = AttemptKey::new(request.id_scope, request.registration_id, request.peer);
        self.admit(&key)?;
        let proof = RegistrationProof {
            id_scope: request.id_scope.clone(),
            registration_id: request.registration_id.clone(),
            sas: request.sas.map(|token| token.expose().clone()),
            chain: request.peer.chain(),
        };
        let kind = match (&proof.sas, &proof.chain) {
            (Some(_), _) => "symmetricKey",
            (None, Some(_)) => "x509",
            (None, None) => "none",
        };
        let outcome = self.parts.dps.authenticate(proof).await;
        let outcome = outcome.map_err(DeviceFailure::from);
        let (result, reason) = match &outcome {
            Ok(_) => ("accepted", ""),
            Err(failure) => failure.words(),
        };
        self.parts.metrics.attestation(kind, result, reason);
        let caller = self.charged(&key, outcome)?;
        Ok(Device { caller, key })
    }

    /// Runs the device through provisioning. Always told as pending, though the outcome is stored:
    /// every SDK expects to poll (dps-device-api.md 0.3 rule 1).
    async fn register(
        &self,
        device: &Device,
        request: &DeviceRequest<'_>,
    ) -> Result<DeviceReply, DeviceFailure> {
        self.admit(&device.key)?;
        let body = read_body(request)?;
        // Refused attempts have budgets of their own and take nothing from the devices let in.
        let dps = &device.caller.instance().name;
        let is_counted = !device.caller.is_disabled();
        if is_counted {
            self.rates.registration(dps, self.now()).map_err(throttled)?;
        }
        let origin = Origin {
            address: Some(request.peer.address.ip()),
            is_before_reprovisioning: is_before_reprovisioning(request.version),
        };
        let caller = device.caller.clone().with_origin(origin);
        let run = self.parts.dps.register(&caller, &body).await;
        let run = run.map_err(DeviceFailure::from);
        let is_refused = match &run {
            Ok(run) => run.is_refused(),
            Err(failure) => failure.is_refusal(),
        };
        if is_counted && is_refused {
            self.rates.no_registration(dps, self.now());
        }
        let run = self.charged(&device.key, run)?;
        if run.is_refused() {
            let charged = self.refusals.charge(&device.key, self.now());
            charged.map_err(|wait| self.wait_spread(ThrottledBy::Source, wait, None))?;
        } else {
            self.refusals.forgive(&device.key);
        }
        self.parts.metrics.run(request.carrier.word(), &run.state);
        Ok(DeviceReply::assigning(&run.operation))
    }

    /// The outcome of a run.
    async fn operation_status(
        &self,
        device: &Device,
        operation: &OperationId,
        request: &DeviceRequest<'_>,
    ) -> Result<DeviceReply, DeviceFailure> {
        self.poll_rate(device)?;
        let status = self
            .parts
            .dps
            .operation_status(&device.caller, operation.as_str());
        let status = status.await.map_err(DeviceFailure::from);
        let (operation, outcome) = self.charged(&device.key, status)?;
        if outcome.is_pending() {
            return Ok(DeviceReply::assigning(&operation));
        }
        let (record, hub) = (&outcome.record, outcome.assigned_hub.as_ref());
        let view = RegistrationStateView::for_device(record, hub, request.version)
            .with_chain(&outcome.issued_chain, request.version);
        Ok(DeviceReply::ok(
            OperationStatus::finished(&operation, view).to_json(),
        ))
    }

    /// The latest outcome without a run.
    async fn status_lookup(
        &self,
        device: &Device,
        request: &DeviceRequest<'_>,
    ) -> Result<DeviceReply, DeviceFailure> {
        self.poll_rate(device)?;
        let body = read_body(request)?;
        let outcome = self.parts.dps.status_lookup(&device.caller, &body).await;
        let outcome = self.charged(&device.key, outcome.map_err(DeviceFailure::from))?;
        let (record, hub) = (&outcome.record, outcome.assigned_hub.as_ref());
        let view = RegistrationStateView::for_device(record, hub, request.version)
            .with_chain(&outcome.issued_chain, request.version);
        Ok(DeviceReply::ok(view.to_json()))
    }

    fn now(&self) -> provost_model::Timestamp {
        self.parts.clock.now()
    }

    fn poll_rate(&self, device: &Device) -> Result<(), DeviceFailure> {
        let (dps, id) = (&device.caller.instance().name, device.caller.registration_id());
        self.rates.poll(dps, id, self.now()).map_err(throttled)
    }

    /// Whether the device may be judged now.
    fn admit(&self, key: &AttemptKey) -> Result<(), DeviceFailure> {
        let admitted = self.refusals.admit(key, self.now());
        admitted.map_err(|wait| self.wait_spread(ThrottledBy::Registration, wait, None))
    }

    /// The outcome; a refusal is charged, and told as one too many when its source has had so many.
    fn charged<T>(&self, key: &AttemptKey, outcome: Result<T, DeviceFailure>) -> Result<T, DeviceFailure> {
        outcome.map_err(|failure| {
            if !failure.is_refusal() {
                return failure;
            }
            match self.refusals.charge(key, self.now()) {
                Ok(()) => failure,
                Err(wait) => self.wait_spread(ThrottledBy::Source, wait, Some(failure)),
            }
        })
    }

    /// Devices that were refused together do not come back together: each is told a wait between
    /// what it needs and the most a client obeys.
    fn wait_spread(&self, by: ThrottledBy, wait: Duration, refusal: Option<DeviceFailure>) -> DeviceFailure {
        let least = retry_after(wait);
        let mut random = [0_u8];
        self.parts.random.fill(&mut random);
        let [random] = random;
        let choices = RETRY_AFTER_RANGE.end().saturating_sub(least).saturating_add(1);
        let more = u32::from(random).checked_rem(choices).unwrap_or(0);
        DeviceFailure::Throttled {
            by,
            retry_after: least.saturating_add(more),
            refusal: refusal.map(Box::new),
        }
    }

    fn count(&self, request: &DeviceRequest<'_>, outcome: &Result<DeviceReply, DeviceFailure>) {
        let (metrics, protocol) = (&self.parts.metrics, request.carrier.word());
        match (request.operation, outcome) {
            // Counted with the state it ended in.
            (DeviceOperation::Register, Ok(_)) => {}
            (DeviceOperation::Register, Err(failure)) => {
                let (outcome, reason) = failure.words();
                metrics.registration(protocol, outcome, reason);
            }
            (_, Ok(_)) => metrics.poll(protocol, "answered", ""),
            (_, Err(failure)) => {
                let (outcome, reason) = failure.words();
                metrics.poll(protocol, outcome, reason);
            }
        }
    }

    /// A refusal as the device sees it: a code and a tracking id. The reason is logged, here and
    /// nowhere else, and kept for the operator.
    fn refuse(&self, request: &DeviceRequest<'_>, failure: &DeviceFailure) -> DeviceReply {
        let (kind, code, message) = failure.told(request.carrier);
        let (device, tracking_id) = (request.registration_id, request.tracking_id);
        let cause = failure as &dyn Error;
        if let Some(refused) = failure.refused() {
            self.parts.dps.keep_refusal(tracking_id, refused);
        }
        match kind {
            ErrorKind::Internal | ErrorKind::Unavailable => {
                error!(%device, code, tracking_id, error = cause, "registration failed");
            }
            // Whoever hammers must not fill the log as well; metrics count it.
            ErrorKind::Throttled { .. } => {
                debug!(%device, code, tracking_id, error = cause, "registration throttled");
            }
            _ => info!(%device, code, tracking_id, error = cause, "registration refused"),
        }
        let body = ErrorBody::new(code, message, tracking_id, self.now());
        let retry_after = match kind {
            ErrorKind::Throttled { retry_after } => Some(retry_after),
            ErrorKind::Unavailable | ErrorKind::Internal | ErrorKind::Timeout => {
                Some(*RETRY_AFTER_RANGE.end())
            }
            _ => None,
        };
        DeviceReply {
            status: body.http_status(),
            retry_after,
            error_code: Some(code),
            body: body.to_json(),
        }
    }
}

/// A device of a version without certificates cannot ask for one: what it sends by that name is not looked at
/// (certificate-management.md 3.1 step 6).
fn read_body(request: &DeviceRequest<'_>) -> Result<RegisterRequest, DeviceFailure> {
    let mut body = RegisterRequest::parse(request.body)?;
    if !issues_certificates(request.version) {
        body.csr = None;
    }
    Ok(body)
}

fn throttled((by, wait): (ThrottledBy, Duration)) -> DeviceFailure {
    DeviceFailure::Throttled {
        by,
        retry_after: retry_after(wait),
        refusal: None,
    }
}
