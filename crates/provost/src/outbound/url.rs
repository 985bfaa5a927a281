use http::Uri;

/// An address of HTTP, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    is_tls: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not an address that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("the address cannot be read")]
    Syntax,
    #[error("the address must begin with https:// or http://")]
    Scheme,
    #[error("the address holds a user name")]
    User,
}

impl Url {
    /// Reads the text.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.trim().parse().map_err(|_| UrlError::Syntax)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let host = authority.host().to_ascii_lowercase();
        // The bare colon of `host:` is no port, and text after it that is no number must not become one.
        let port = match authority.as_str().get(host.len()..).unwrap_or_default() {
            "" => None,
            rest => Some(
                rest.strip_prefix(':')
                    .and_then(|port| port.parse().ok())
                    .ok_or(UrlError::Syntax)?,
            ),
        };
        if host.is_empty() {
            return Err(UrlError::Syntax);
        }
        Ok(Self {
            is_tls,
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            host,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// An address over TLS.
    pub(super) fn https(host: &str, port: u16, path: String) -> Self {
        Self {
            is_tls: true,
            host: host.to_ascii_lowercase(),
            port,
            path,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Without the brackets of an IPv6 address.
    pub(super) fn bare_host(&self) -> &str {
        let inner = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        inner.unwrap_or(&self.host)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// As HTTP wants it: without the port that goes without saying.
    pub(super) fn host_header(&self) -> String {
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, host, port, path, header) in [
            (
                "https://F.example/a?code=x",
                "f.example",
                443,
                "/a?code=x",
                "f.example",
            ),
            ("http://f.example", "f.example", 80, "/", "f.example"),
            (
                "https://f.example:8443/",
                "f.example",
                8443,
                "/",
                "f.example:8443",
            ),
            ("https://[::1]:8443/x", "::1", 8443, "/x", "[::1]:8443"),
            ("https://[::1]", "::1", 443, "/", "[::1]"),
        ] {
            let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (url.bare_host(), url.port(), url.path()),
                (host, port, path),
                "{text}"
            );
            assert_eq!(url.host_header(), header, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, error) in [
            ("", UrlError::Syntax),
            ("f.example/a", UrlError::Syntax),
            ("/a", UrlError::Scheme),
            ("ftp://f.example/", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Syntax),
            ("https://user:secret@f.example/", UrlError::User),
            ("https://f.example:99999/", UrlError::Syntax),
        ] {
            assert_eq!(Url::parse(text).err(), Some(error), "{text}");
        }
    }
}
