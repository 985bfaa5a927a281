use provost_attestation::sas::resource_covers;

use crate::service::without_port;

/// Whether a token's resource reaches what is asked for. Clients that were given a port leave it in
/// the host name they sign (iot-hub-service-api.md 1.3).
pub(crate) fn covers(granted: &str, requested: &str) -> bool {
    match granted.split_once('/') {
        Some((host, path)) => resource_covers(&format!("{}/{path}", without_port(host)), requested),
        None => resource_covers(without_port(granted), requested),
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn host_with_or_without_port_or_a_parent() {
        for (granted, expected) in [
            ("hub.example/devices/d1", true),
            ("HUB.example:8883/devices/d1", true),
            ("hub.example/devices", true),
            ("hub.example:9443", true),
            ("hub.example/", true),
            ("hub.example/devices/d", false),
            ("hub.example/devices/d1/modules/m", false),
            ("other.example/devices/d1", false),
            ("/devices/d1", false),
            ("", false),
        ] {
            assert_eq!(covers(granted, "hub.example/devices/d1"), expected, "{granted}");
        }
    }
}
