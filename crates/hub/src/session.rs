//! A device's live connection as the hub sees it.

mod event;
mod keeping;
mod link;
mod subscription;
mod table;

use std::fmt;
use std::sync::{Arc, OnceLock};

use provost_model::{DeviceId, HubName, IdentityId, Timestamp};
use provost_wire::ApiVersion;
use provost_wire::hub::device::PropertyBag;

pub use self::event::{CloseReason, IncomingMethod, SessionEvent};
pub(crate) use self::keeping::subscriptions as kept_subscriptions;
pub(crate) use self::link::{Link, MethodRefusal, RawAnswer};
pub(crate) use self::subscription::Subscriptions;
pub use self::subscription::{Feature, Granted};
pub(crate) use self::table::{Place, SessionTable};
use crate::HubError;
use crate::auth::Admitted;
use crate::service::HubService;
use crate::telemetry::Intake;

/// A connected device or module. Everything it does goes through this; dropping it disconnects the device.
///
/// The holder takes [`Self::next_event`] for as long as the connection lasts and closes the
/// connection on [`SessionEvent::Close`].
pub struct DeviceSession {
    service: HubService,
    place: Place,
    /// Where its messages go; known once it sent one.
    intake: OnceLock<Arc<Intake>>,
    is_resumed: bool,
    api_version: ApiVersion,
}

impl DeviceSession {
    /// Makes a session of an admitted place. `None` when the device changed meanwhile.
    pub(crate) fn begin(service: &HubService, place: Place, admitted: Admitted) -> Result<Self, Place> {
        if !place.admit(admitted) {
            return Err(place);
        }
        let session = Self {
            service: service.clone(),
            place,
            intake: OnceLock::new(),
            is_resumed: false,
            api_version: ApiVersion::default(),
        };
        session
            .service
            .activity()
            .connection_changed(session.link(), service.now());
        Ok(session)
    }

    /// The same, of a device that speaks this version; without one it counts as older than any.
    #[must_use]
    pub fn speaking(mut self, version: ApiVersion) -> Self {
        self.api_version = version;
        self
    }

    /// What the device speaks.
    pub(crate) fn api_version(&self) -> &ApiVersion {
        &self.api_version
    }

    /// The hub.
    pub fn hub(&self) -> &HubName {
        &self.place.link().hub
    }

    /// Who is connected: a device or a module.
    pub fn id(&self) -> &IdentityId {
        &self.place.link().id
    }

    /// The device, or the module's device.
    pub fn device_id(&self) -> &DeviceId {
        self.place.link().device_id()
    }

    /// When the session must end by itself: the end of its certificate, or of its SAS token with the grace that
    /// clients renewing at the last moment need.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.place.link().admitted()?.expires_at
    }

    /// Waits for what the hub has to say. May be dropped and called again; nothing is lost.
    pub async fn next_event(&self) -> SessionEvent {
        self.place.link().next_event().await
    }

    /// Whether the hub ended the session.
    pub fn is_closed(&self) -> bool {
        self.place.link().is_closed()
    }

    /// Whether the session goes on with what an earlier connection was subscribed to.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Whether the device wants to hear something.
    pub fn is_subscribed(&self, feature: Feature) -> bool {
        self.place.link().has_feature(feature)
    }

    /// The quality of service something is to be sent with; `None` when the device does not want to
    /// hear it.
    pub fn granted(&self, feature: Feature) -> Option<Granted> {
        self.place.link().granted(feature)
    }

    /// The device answers a method. `false` when nobody waits for it: too late, or never asked.
    pub fn answer_method(&self, rid: &str, status: i32, payload: Vec<u8>) -> bool {
        self.touch();
        self.place
            .link()
            .answer_method(rid, RawAnswer { status, payload })
    }

    /// Notes a sign of life.
    pub fn touch(&self) {
        self.service.activity().touch(self.link(), self.service.now());
    }

    pub(crate) fn intake(&self) -> &OnceLock<Arc<Intake>> {
        &self.intake
    }

    /// Ends the session and takes in what is to be said for a device that was lost
    /// (iot-hub-device-api.md 4.5), whoever ended it.
    ///
    /// # Errors
    /// [`HubError::MessageTooLarge`], [`HubError::Store`].
    pub async fn end_with(self, bag: PropertyBag, body: Vec<u8>) -> Result<(), HubError> {
        // The hub learns first that the device is gone.
        self.leave();
        self.take_in(&bag, &body).await?.stored().await
    }

    /// Ends the session before its connection is closed: the hub learns first.
    pub fn leave(&self) {
        if self.place.leave() {
            let now = self.service.now();
            self.service.activity().connection_changed(self.link(), now);
        }
    }

    pub(crate) fn service(&self) -> &HubService {
        &self.service
    }

    pub(crate) fn link(&self) -> &Link {
        self.place.link()
    }

    /// The generation of the device that connected.
    pub(crate) fn generation(&self) -> Result<String, HubError> {
        let admitted = self.open_link()?.admitted();
        let generation = admitted.map(|admitted| admitted.generation_id.clone());
        generation.ok_or(HubError::SessionClosed)
    }

    /// What a session may do ends with it, even while its connection still stands.
    pub(crate) fn open_link(&self) -> Result<&Arc<Link>, HubError> {
        let link = self.place.link();
        if link.is_closed() {
            return Err(HubError::SessionClosed);
        }
        Ok(link)
    }
}

impl Drop for DeviceSession {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for DeviceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceSession({}/{})", self.hub(), self.id())
    }
}
