//! What of a device may change, by which conditions, and what follows.

use provost_model::registry::RegistryDevice;
use provost_model::{Assignment, CredentialPolicyName, DeviceId, Etag, IfMatch, NamespaceName};
use provost_store::{ReadTx, WriteTx};
use serde_json::{Map, Value};

use super::places;
use crate::{RegistryError, RegistryService};

/// Makes a new document, or new tags, of what stands, or says in words why not.
pub type DocumentChange = Box<dyn FnOnce(&Map<String, Value>) -> Result<Map<String, Value>, String> + Send>;

/// What becomes of a document; it stays when nothing is said of it.
pub(crate) fn changed(
    change: Option<DocumentChange>,
    before: &Map<String, Value>,
) -> Result<Map<String, Value>, RegistryError> {
    match change {
        Some(change) => {
            change(before).map_err(|message| RegistryError::invalid("InvalidRequestContent", message))
        }
        None => Ok(before.clone()),
    }
}

/// This one takes the place of what stands.
pub(crate) fn replaced_by(document: Map<String, Value>) -> DocumentChange {
    Box::new(move |_| Ok(document))
}

/// What a client rests its write on; `*` counts for whatever is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The state it must be in.
    pub if_match: IfMatch,
    /// The state it must not be in; `*`: it must not be there.
    pub if_none_match: IfMatch,
}

impl Default for Condition {
    /// None at all.
    fn default() -> Self {
        Self {
            if_match: IfMatch::Absent,
            if_none_match: IfMatch::Absent,
        }
    }
}

impl Condition {
    /// Looks at what stands, which is nothing for `None`.
    pub(super) fn check(&self, noun: &'static str, stands: Option<&Etag>) -> Result<(), RegistryError> {
        let is_met = match stands {
            Some(etag) => {
                self.if_match.admits(etag)
                    && (self.if_none_match == IfMatch::Absent || !self.if_none_match.admits(etag))
            }
            None => self.if_match == IfMatch::Absent,
        };
        if is_met {
            Ok(())
        } else {
            Err(RegistryError::PreconditionFailed { noun })
        }
    }
}

/// What a client says of a device's policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PolicyChange {
    /// Nothing: it stays.
    #[default]
    Keep,
    /// The device has none from now on; what was issued goes on until it expires.
    TakeOff,
    /// It has this one.
    Give(CredentialPolicyName),
}

impl PolicyChange {
    /// The policy from now on.
    pub(super) fn of(self, before: Option<CredentialPolicyName>) -> Option<CredentialPolicyName> {
        match self {
            Self::Keep => before,
            Self::TakeOff => None,
            Self::Give(name) => Some(name),
        }
    }
}

pub(super) struct Change {
    pub(super) external_device_id: Option<DeviceId>,
    pub(super) enabled: Option<bool>,
    pub(super) policy: PolicyChange,
    pub(super) document: Map<String, Value>,
}

/// What became of a device that was to be changed.
pub(super) enum Changed {
    /// It is as it was asked for.
    Nothing(RegistryDevice),
    /// It was written; sessions at these places are to be looked at.
    Written(RegistryDevice, Vec<Assignment>),
}

impl RegistryService {
    /// Writes a changed device; one that would stay as it is keeps its version, too.
    pub(super) fn change(
        &self,
        tx: &WriteTx<'_>,
        mut device: RegistryDevice,
        change: Change,
    ) -> Result<Changed, RegistryError> {
        if change
            .external_device_id
            .is_some_and(|id| id != device.external_device_id)
        {
            return Err(RegistryError::invalid(
                "ExternalDeviceIdImmutable",
                "externalDeviceId of a device cannot be changed",
            ));
        }
        let enabled = change.enabled.unwrap_or(device.enabled);
        let policy = change.policy.of(device.policy.clone());
        if policy != device.policy {
            // One that was deleted since stays in what the client read and writes back.
            check_policy(tx, &device.namespace, policy.as_ref())?;
        }
        let is_switched = enabled != device.enabled;
        if !is_switched && policy == device.policy && change.document == device.document {
            return Ok(Changed::Nothing(device));
        }
        device.policy = policy;
        device.document = change.document;
        device.enabled = enabled;
        if is_switched {
            device.transition_at = tx.now();
        }
        self.write_changed(tx, &mut device)?;
        let places = places(tx, &device)?;
        for place in &places {
            if is_switched {
                self.hubs()
                    .set_enabled(tx, &place.hub, &place.device_id, enabled)?;
            } else {
                self.hubs().announce(tx, &place.hub, &place.device_id)?;
            }
        }
        Ok(Changed::Written(device, places))
    }
}

/// A policy that a device is given must be there.
pub(super) fn check_policy(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    policy: Option<&CredentialPolicyName>,
) -> Result<(), RegistryError> {
    let Some(name) = policy else {
        return Ok(());
    };
    if tx.credential_policy(namespace, name)?.is_some() {
        return Ok(());
    }
    Err(RegistryError::invalid(
        "PolicyNotFound",
        format!("the namespace {namespace} has no policy {name}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_met_or_not() {
        let (etag, other) = (Etag::from_text("a"), Etag::from_text("b"));
        let check = |if_match, if_none_match, stands| {
            let condition = Condition {
                if_match,
                if_none_match,
            };
            condition.check("device", stands).is_ok()
        };
        let tag = |etag: &Etag| IfMatch::Tag(etag.clone());
        for (if_match, if_none_match, there, not_there) in [
            (IfMatch::Absent, IfMatch::Absent, true, true),
            (IfMatch::Any, IfMatch::Absent, true, false),
            (tag(&etag), IfMatch::Absent, true, false),
            (tag(&other), IfMatch::Absent, false, false),
            (IfMatch::Absent, IfMatch::Any, false, true),
            (IfMatch::Absent, tag(&etag), false, true),
            (IfMatch::Absent, tag(&other), true, true),
        ] {
            let told = (
                check(if_match.clone(), if_none_match.clone(), Some(&etag)),
                check(if_match.clone(), if_none_match.clone(), None),
            );
            assert_eq!(told, (there, not_there), "{if_match:?} {if_none_match:?}");
        }
    }
}
