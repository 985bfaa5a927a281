use provost_device::Target;

use super::ClientError;

/// The port of HTTPS when none is named.
pub(super) const HTTPS_PORT: u16 = 443;

/// A host and a port of TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Address {
    /// Reads `host`, `host:port` or `[address]:port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address(text.to_owned());
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match text.rsplit_once(':') {
                // More than one colon without brackets is a bare IPv6 address.
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| wrong())?,
            None => default_port,
        };
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// A connection to this address that asks TLS for `server_name`.
    pub fn target(&self, server_name: &str) -> Target {
        let mut target = Target::new(&self.host, self.port);
        server_name.clone_into(&mut target.server_name);
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_port() {
        for (text, host, port) in [
            ("localhost", "localhost", 443),
            ("localhost:8443", "localhost", 8443),
            ("[::1]:8443", "::1", 8443),
            ("::1", "::1", 443),
        ] {
            let address = Address::parse(text, 443).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
        }
        assert!(Address::parse("h:port", 443).is_err());
        assert!(Address::parse(":1", 443).is_err());
    }
}
