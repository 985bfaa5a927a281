use provost_model::{Assignment, HostName, HubName, RemovalAction, ShutOut};

use super::{ABSENT, Act, identity_word};
use crate::allocate::bare_host;
use crate::{HubPortError, ProvisioningError, remove_elsewhere};

/// The state of an identity nobody has looked at.
const UNKNOWN: &str = "unknown";

impl Act<'_> {
    /// Ends the identities a device has in these places; a place without one is passed over. Says
    /// which were not reached.
    pub(super) fn end_identities(
        &mut self,
        places: &[Assignment],
    ) -> Result<Vec<Assignment>, ProvisioningError> {
        let mut missed = Vec::new();
        for place in places {
            if !self.end_identity(place)? {
                missed.push(place.clone());
            }
        }
        Ok(missed)
    }

    fn end_identity(&mut self, place: &Assignment) -> Result<bool, ProvisioningError> {
        let Assignment { hub, device_id } = place;
        let act = self.input.identity;
        if self.tx.hub(hub)?.is_some_and(|hub| hub.is_remote) {
            self.end_elsewhere(place)?;
            return Ok(true);
        }
        match self.service.hubs().shut_out(self.tx, hub, device_id, act) {
            Ok(None) => Ok(true),
            Ok(Some(change)) => {
                let after = change.after.map_or(ABSENT, identity_word);
                self.touched_identity(hub, device_id.as_str(), identity_word(change.before), after);
                self.outcome.devices.push(place.clone());
                Ok(true)
            }
            Err(HubPortError::Store(error)) => Err(error.into()),
            Err(error @ HubPortError::UnknownHub) => {
                self.warn(format!("hub {hub} was not reached for {device_id}: {error}"));
                Ok(false)
            }
            Err(error @ HubPortError::Refused(_)) => {
                self.warn(format!("hub {hub} kept the identity {device_id}: {error}"));
                Ok(false)
            }
        }
    }

    /// A hub elsewhere is told after the commit, as soon as it can be reached.
    fn end_elsewhere(&mut self, place: &Assignment) -> Result<(), ProvisioningError> {
        let Assignment { hub, device_id } = place;
        let action = match self.input.identity {
            ShutOut::Disable => RemovalAction::Disable,
            ShutOut::Delete => RemovalAction::Delete,
        };
        remove_elsewhere(self.tx, place.clone(), action)?;
        let after = super::device::after(self.input.identity);
        self.touched_identity(hub, device_id.as_str(), UNKNOWN, after);
        self.warn(format!(
            "hub {hub} is elsewhere: it is told about {device_id} as soon as it can be reached"
        ));
        Ok(())
    }

    /// The hubs an entry may assign to: those it names, else every linked one.
    pub(super) fn hubs_of(&self, iot_hubs: &[HostName]) -> Result<Vec<HubName>, ProvisioningError> {
        let linked = self.tx.linked_hubs(self.dps)?;
        let is_named = |host: &HostName| {
            iot_hubs.is_empty()
                || iot_hubs
                    .iter()
                    .any(|named| bare_host(named.key()) == bare_host(host.key()))
        };
        let named = linked.into_iter().filter(|link| is_named(&link.host));
        Ok(named.map(|link| link.hub).collect())
    }
}
