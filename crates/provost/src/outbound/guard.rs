//! Where requests may go. An enrollment's author chooses the address of a webhook, and must not reach
//! through this server what he cannot reach himself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tokio::net::lookup_host;

use super::address::is_public;
use super::url::Url;
use crate::config::WebhookConfig;

/// Most addresses of a name that are looked at.
const MAX_ADDRESSES: usize = 16;

/// Why an address is not asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum GuardError {
    #[error("addresses without TLS are not asked")]
    Http,
    #[error("the address is private, or this server's own")]
    Private,
    #[error("the host name is not known")]
    Unknown(#[source] std::io::Error),
}

impl GuardError {
    /// Whether asking again changes nothing.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// What may be asked.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allow_private: bool,
    allow_http: bool,
    allowed_hosts: Vec<String>,
}

impl Guard {
    /// As configured for webhooks.
    pub(super) fn of_webhooks(config: &WebhookConfig) -> Self {
        Self {
            allow_private: config.allow_private_addresses,
            allow_http: config.allow_http,
            allowed_hosts: config.allowed_hosts.clone(),
        }
    }

    /// For addresses that an administrator gave: anywhere, over TLS.
    pub(super) fn of_hubs() -> Self {
        Self {
            allow_private: true,
            allow_http: false,
            allowed_hosts: Vec::new(),
        }
    }

    /// Looks a name up, once, and gives an address that may be connected to.
    pub(super) async fn address_of(&self, url: &Url) -> Result<SocketAddr, GuardError> {
        if !url.is_tls() && !self.allow_http {
            return Err(GuardError::Http);
        }
        let host = url.bare_host();
        let is_allowed = self.allow_private || self.allowed_hosts.iter().any(|allowed| allowed == host);
        let addresses = resolve(host, url.port()).await.map_err(GuardError::Unknown)?;
        let usable = |address: &SocketAddr| is_allowed || (is_public(address.ip()) && !is_own(address.ip()));
        addresses.into_iter().find(usable).ok_or(GuardError::Private)
    }
}

async fn resolve(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // These names are never looked up (RFC 6761 6.3).
    if host == "localhost" || host.ends_with(".localhost") {
        return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]);
    }
    Ok(lookup_host((host, port)).await?.take(MAX_ADDRESSES).collect())
}

/// Whether it is an address of this machine, which our own listeners may be at: only those can be
/// bound to, unless the machine is set up to bind to any (`ip_nonlocal_bind`). No packet is sent.
fn is_own(address: IpAddr) -> bool {
    let (any, nowhere): (IpAddr, IpAddr) = match address {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        IpAddr::V6(_) => (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    };
    let binds = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
    binds(address) && (!binds(nowhere) || reaches_itself(any, address))
}

/// Whether packets to an address leave from the very same one. Not so for a second address of an
/// interface: binding says more where it says anything.
fn reaches_itself(any: IpAddr, address: IpAddr) -> bool {
    let local = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    local.is_ok_and(|local| local.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(guard: &Guard, url: &str) -> Result<String, String> {
        let address = guard.address_of(&Url::parse(url).unwrap()).await;
        address
            .map(|address| address.to_string())
            .map_err(|error| error.to_string())
    }

    /// Whatever a name or a number stands for, what is connected to is what was looked at.
    #[tokio::test]
    async fn private_addresses_are_refused_however_they_are_written() {
        let guard = Guard::of_webhooks(&WebhookConfig::default());
        for url in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://a.localhost:8443/",
            "https://10.1.2.3/",
            "https://192.168.1.1/",
            "https://172.20.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.100.100.200/",
            "https://0.0.0.0/",
            "https://224.0.0.1/",
            "https://192.0.2.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:a00:1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[2001:db8::1]/",
        ] {
            assert_eq!(
                check(&guard, url).await,
                Err("the address is private, or this server's own".to_owned()),
                "{url}"
            );
        }
        assert_eq!(
            check(&guard, "https://8.8.8.8/").await.as_deref(),
            Ok("8.8.8.8:443")
        );
        assert_eq!(
            check(&guard, "http://8.8.8.8/").await.unwrap_err(),
            "addresses without TLS are not asked"
        );
    }

    #[tokio::test]
    async fn configuration_lifts_each_rule_by_itself() {
        let private = Guard::of_webhooks(&WebhookConfig {
            allow_private_addresses: true,
            ..WebhookConfig::default()
        });
        assert!(check(&private, "https://127.0.0.1/").await.is_ok());
        assert!(check(&private, "http://127.0.0.1/").await.is_err());
        let http = Guard::of_webhooks(&WebhookConfig {
            allow_http: true,
            ..WebhookConfig::default()
        });
        assert!(check(&http, "http://127.0.0.1/").await.is_err());
        assert!(check(&http, "http://8.8.8.8/").await.is_ok());
        let named = Guard::of_webhooks(&WebhookConfig {
            allowed_hosts: vec!["chooser.localhost".to_owned()],
            ..WebhookConfig::default()
        });
        assert!(check(&named, "https://Chooser.localhost/").await.is_ok());
        assert!(check(&named, "https://other.localhost/").await.is_err());
    }

    #[test]
    fn own_addresses_are_known() {
        assert!(is_own(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!is_own("8.8.8.8".parse().unwrap()));
        // And where binding says nothing.
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        assert!(reaches_itself(any, IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!reaches_itself(any, "8.8.8.8".parse().unwrap()));
    }
}
