//! The HTTPS side of every service: tells requests apart by path, calls the service, writes the
//! answer.
//!
//! | path | who answers |
//! |---|---|
//! | `/provost/…` | `own`: what Azure has no contract for |
//! | `/subscriptions/…`, `/providers/…` | `arm`: management |
//! | `/enrollments…`, `/enrollmentGroups…`, `/registrations…` | `dps`: service side of provisioning |
//! | `/devices/{id}/messages/…`, `/devices/{id}/files…` | `hub_device`: device side of the hub |
//! | `/devices…`, `/twins…`, `/messages…`, `/statistics…`, `/jobs…` | `hub`: service side of the hub |
//! | `/{idScope}/registrations/…` | `device`: device side of provisioning |
//!
//! `reply` is the one place where an error becomes a status code.

mod arm;
mod call;
mod device;
mod dps;
mod family;
mod hub;
mod hub_device;
mod own;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use provost_access::with_origin;
use provost_hub::HubService;
use provost_model::AuditOrigin;
use provost_model::{Clock, Random};
use provost_provisioning::ProvisioningService;
use provost_registry::RegistryService;
use provost_wire::Routed;
use provost_wire::http::{Route, parse_route};
use provost_wire::hub::service::is_hub_path;

use self::call::{Call, CallError};
use self::reply::Answer;
use super::ResponseBody;
use crate::device_api::{DeviceApi, Known, ServiceRate};
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::shutdown::Shutdown;

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Longest body in bytes.
    pub max_body_bytes: usize,
    /// Longest body of a request to the provisioning service, in bytes (dps-service-api.md 7).
    pub max_dps_body_bytes: usize,
    /// How long the body may take.
    pub body_timeout: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 1024 * 1024,
            max_dps_body_bytes: 96 * 1024,
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// What the API works with.
pub struct ApiParts {
    /// The hubs.
    pub hub: HubService,
    /// The provisioning services.
    pub dps: ProvisioningService,
    /// The Device Registry.
    pub registry: RegistryService,
    /// The device side of provisioning, shared with MQTT.
    pub device_api: DeviceApi,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where tracking ids come from.
    pub random: Arc<dyn Random>,
    /// What one request may take.
    pub limits: RequestLimits,
    /// How often the service API of provisioning may be used.
    pub service_rate: ServiceRate,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Whether metrics are shown to anybody.
    pub metrics_open: bool,
    /// When answers that go on have to end.
    pub shutdown: Shutdown,
}

/// The API of every service. Cheap to clone.
#[derive(Clone)]
pub struct HttpApi {
    parts: Arc<ApiParts>,
}

impl HttpApi {
    /// An API over the services.
    pub fn new(parts: ApiParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The answers to one connection's requests.
    pub fn connection(&self, peer: Peer) -> Connection {
        Connection {
            api: self.clone(),
            peer,
            known: Known::default(),
        }
    }

    async fn dispatch(&self, call: &Call, connection: &Connection) -> Answer {
        let parts = &*self.parts;
        let routed = parse_route(&call.method, &call.path, &call.query);
        let family = family::of(&routed);
        let answer = self.perform(call, connection, routed).await;
        if let Some((service, operation)) = family {
            parts.metrics.operation(service, operation, answer.status());
        }
        answer
    }

    async fn perform(&self, call: &Call, connection: &Connection, routed: Routed<Route>) -> Answer {
        let parts = &*self.parts;
        if !call.has_json() && !takes_any_body(&routed) {
            return parts.unreadable(&call.path, &call.tracking_id, &CallError::MediaType);
        }
        match routed {
            Routed::To(Route::DpsDevice(_) | Route::DpsService(_))
                if call.body.len() > parts.limits.max_dps_body_bytes =>
            {
                let error = CallError::BodyTooLarge;
                parts.refuse(&call.tracking_id, error.code(), &error.to_string())
            }
            Routed::To(Route::DpsDevice(route)) => device::answer(parts, call, connection, route).await,
            Routed::To(Route::DpsService(route)) => dps::answer(parts, call, route).await,
            Routed::To(Route::Hub(route)) => hub::answer(parts, call, route).await,
            Routed::To(Route::HubDevice(route)) => hub_device::answer(parts, call, connection, route).await,
            Routed::To(Route::Arm(route)) => arm::answer(parts, call, route).await,
            Routed::To(Route::Own(operation)) => own::answer(&self.parts, call, operation).await,
            Routed::Malformed(error) if is_management_path(&call.path) => arm::malformed(call, &error),
            Routed::MethodNotAllowed if is_management_path(&call.path) => arm::no_method(),
            Routed::NotFound if is_management_path(&call.path) => arm::nowhere(),
            Routed::Malformed(error) if is_hub_path(&call.path) => hub::malformed(parts, call, &error),
            Routed::Malformed(error) => {
                parts.refuse(&call.tracking_id, error.code(), &error.public_message())
            }
            Routed::MethodNotAllowed => parts.refuse(
                &call.tracking_id,
                405_000,
                "this address does not take that method",
            ),
            Routed::NotFound => parts.refuse(&call.tracking_id, 404_000, "there is nothing at this address"),
        }
    }
}

/// Whether an address is one of the management plane, whose errors have a shape of their own; what the Device
/// Registry has beside it has the same.
fn is_management_path(path: &str) -> bool {
    let mut words = path.split('/').filter(|word| !word.is_empty());
    let is =
        |word: Option<&str>, expected: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(expected));
    let first = words.next();
    is(first, "subscriptions") || is(first, "provost") && is(words.next(), "namespaces")
}

impl ApiParts {
    /// A request that could not be read, in the shape of its address.
    fn unreadable(&self, path: &str, tracking_id: &str, error: &CallError) -> Answer {
        if is_management_path(path) {
            arm::unreadable(error)
        } else {
            self.refuse(tracking_id, error.code(), &error.to_string())
        }
    }
}

/// Whether what is sent to an address may be anything. Elsewhere it is JSON.
fn takes_any_body(routed: &Routed<Route>) -> bool {
    matches!(routed, Routed::To(Route::HubDevice(_)))
}

/// One client connection: remembers who proved itself on it.
pub struct Connection {
    api: HttpApi,
    peer: Peer,
    known: Known,
}

impl Connection {
    /// Answers one request; never fails, an error is an answer.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let parts = &self.api.parts;
        let tracking_id = parts.random.uuid();
        let path = request.uri().path().to_owned();
        let answer = match Call::read(request, tracking_id.clone(), parts.limits).await {
            Ok(call) => {
                let origin = AuditOrigin {
                    address: self.peer.address.to_string(),
                    tracking_id: tracking_id.clone(),
                };
                Box::pin(with_origin(origin, self.api.dispatch(&call, self))).await
            }
            Err(refusal) => parts.unreadable(&path, &tracking_id, &refusal),
        };
        answer.into_response(&tracking_id)
    }
}
