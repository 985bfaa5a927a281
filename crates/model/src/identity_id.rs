use std::fmt;

use crate::{DeviceId, IdError, ModuleId};

/// Names who a hub talks to: a device, or a module of it. Written `device` or `device/module`, as in
/// client IDs and certificate names (iot-hub-device-api.md 2.1, 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityId {
    /// The device.
    pub device_id: DeviceId,
    /// The module, when it is one.
    pub module_id: Option<ModuleId>,
}

impl IdentityId {
    /// A device itself.
    pub fn device(device_id: DeviceId) -> Self {
        Self {
            device_id,
            module_id: None,
        }
    }

    /// A module of a device.
    pub fn module(device_id: DeviceId, module_id: ModuleId) -> Self {
        Self {
            device_id,
            module_id: Some(module_id),
        }
    }

    /// Reads `device` or `device/module`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((device, module)) => Ok(Self::module(DeviceId::parse(device)?, ModuleId::parse(module)?)),
            None => Ok(Self::device(DeviceId::parse(text)?)),
        }
    }

    /// Whether it is a device itself.
    pub fn is_device(&self) -> bool {
        self.module_id.is_none()
    }
}

impl From<DeviceId> for IdentityId {
    fn from(device_id: DeviceId) -> Self {
        Self::device(device_id)
    }
}

impl fmt::Display for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither kind of ID holds a slash.
        match &self.module_id {
            Some(module_id) => write!(f, "{}/{module_id}", self.device_id),
            None => self.device_id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_written_behind_its_device() {
        let device = DeviceId::parse("press-1").unwrap();
        assert_eq!(IdentityId::device(device.clone()).to_string(), "press-1");
        let module = IdentityId::module(device, ModuleId::parse("m").unwrap());
        assert_eq!(module.to_string(), "press-1/m");
        assert_eq!(IdentityId::parse("press-1/m"), Ok(module));
        for text in ["", "/m", "d/", "d/m/x"] {
            assert!(IdentityId::parse(text).is_err(), "{text}");
        }
    }
}
