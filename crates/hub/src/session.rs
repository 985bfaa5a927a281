//! A device's live connection as the hub sees it.

mod event;
mod link;
mod table;

use std::fmt;
use std::sync::Arc;

use provost_model::{DeviceId, HubName, IdentityId, Timestamp};

pub use self::event::{CloseReason, Feature, IncomingMethod, SessionEvent};
pub(crate) use self::link::{Link, MethodRefusal, RawAnswer};
pub(crate) use self::table::{Place, SessionTable};
use crate::HubError;
use crate::auth::Admitted;
use crate::service::HubService;

/// A connected device or module. Everything it does goes through this; dropping it disconnects the device.
///
/// The holder takes [`Self::next_event`] for as long as the connection lasts and closes the
/// connection on [`SessionEvent::Close`].
pub struct DeviceSession {
    service: HubService,
    place: Place,
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
        };
        session
            .service
            .activity()
            .connection_changed(session.link(), service.now());
        Ok(session)
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

    /// When the session must end by itself: the end of its SAS token with the grace that clients
    /// renewing at the last moment need. `None` for certificates.
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

    /// The device wants to hear something from now on.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn subscribe(&self, feature: Feature) -> Result<(), HubError> {
        self.place.set_feature(feature, true);
        if feature == Feature::Desired {
            let version = self.twin().await?.desired.version;
            self.place.link().raise_desired_version(version);
        }
        if feature == Feature::CloudToDevice {
            // Something may have waited since before.
            self.place.link().messages_may_wait();
        }
        Ok(())
    }

    /// The device no longer wants to hear something.
    pub fn unsubscribe(&self, feature: Feature) {
        self.place.set_feature(feature, false);
    }

    /// Whether the device wants to hear something.
    pub fn is_subscribed(&self, feature: Feature) -> bool {
        self.place.link().has_feature(feature)
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
        if self.place.leave() {
            let now = self.service.now();
            self.service.activity().connection_changed(self.link(), now);
        }
    }
}

impl fmt::Debug for DeviceSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceSession({}/{})", self.hub(), self.id())
    }
}
