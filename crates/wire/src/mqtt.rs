//! Which service an MQTT user name belongs to.

use crate::{dps, hub};

/// The user name of a CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Username {
    /// A device that wants to be provisioned.
    Dps(dps::device::Username),
    /// A device of a hub.
    Hub(hub::device::Username),
}

/// Tells the two apart by form (iot-hub-device-api.md 1): `{idScope}/registrations/{id}/…` is the
/// provisioning service unless its tail begins with `?`, as that of a hub device named
/// `registrations` with a module does. `None` when it is neither.
pub fn parse_username(text: &str) -> Option<Username> {
    let mut parts = text.splitn(4, '/').skip(1);
    let is_dps = parts.next() == Some("registrations")
        && parts
            .next()
            .is_some_and(|id| !id.is_empty() && !id.starts_with('?'))
        && !parts.next().is_some_and(|tail| tail.starts_with('?'));
    if is_dps {
        dps::device::Username::parse(text).ok().map(Username::Dps)
    } else {
        hub::device::Username::parse(text).ok().map(Username::Hub)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn form_decides() {
        for (text, is_dps) in [
            ("0ne001/registrations/press-1/api-version=2019-03-31", true),
            ("0ne001/registrations/press-1", true),
            ("hub.example.net/press-1/?api-version=2021-04-12", false),
            ("localhost/registrations/?api-version=2021-04-12", false),
            ("localhost/registrations/module/?api-version=2021-04-12", false),
        ] {
            let name = parse_username(text).unwrap();
            assert_eq!(matches!(name, Username::Dps(_)), is_dps, "{text}");
        }
        assert_eq!(parse_username(""), None);
        assert_eq!(parse_username("0ne001/registrations/-bad-./api-version=1"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = parse_username(&text);
        }
    }
}
