use serde::{Deserialize, Serialize};

/// Answer of `GET /statistics/devices` (iot-hub-service-api.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStatistics {
    /// All devices.
    pub total_device_count: u64,
    /// Those that may connect.
    pub enabled_device_count: u64,
    /// Those that may not.
    pub disabled_device_count: u64,
}

/// Answer of `GET /statistics/service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatistics {
    /// Live connections.
    pub connected_device_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_bytes;

    #[test]
    fn shapes() {
        let devices = DeviceStatistics {
            total_device_count: 3,
            enabled_device_count: 2,
            disabled_device_count: 1,
        };
        assert_eq!(
            to_bytes(&devices),
            br#"{"totalDeviceCount":3,"enabledDeviceCount":2,"disabledDeviceCount":1}"#
        );
        let service = ServiceStatistics {
            connected_device_count: 1,
        };
        assert_eq!(to_bytes(&service), br#"{"connectedDeviceCount":1}"#);
    }
}
