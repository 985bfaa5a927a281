//! `[keys.token]`: a PKCS#11 token for the private keys of CAs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use provost_keys::{SecretFileGuard, TokenOptions, TokenUri, read_secret};
use provost_model::Secret;
use serde::{Deserialize, Serialize};

use super::keys::{PIN_VARIABLE, secret_variable};

/// Signatures at a time.
const SESSIONS: usize = 16;

/// `[keys.token]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSection {
    /// Which token, as in RFC 7512.
    pub uri: String,
    /// The library; `module-path` of the URI says the same.
    pub module: Option<PathBuf>,
    /// A file with the PIN; `pin-source` of the URI says the same.
    pub pin_file: Option<PathBuf>,
    /// Name of a systemd credential that holds the PIN.
    pub pin_credential: Option<String>,
    /// Whether keys that were not made in the token are used.
    pub imported_keys: bool,
    /// Signatures at a time.
    pub sessions: Option<usize>,
}

/// A token, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenConfig {
    /// Which token.
    pub uri: TokenUri,
    /// The library.
    pub module: PathBuf,
    /// Where the PIN is.
    pub pin: PinSource,
    /// Whether keys that were not made in the token are used.
    pub imported_keys: bool,
    /// Signatures at a time.
    pub sessions: usize,
}

/// Where a PIN is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinSource {
    /// In the environment.
    Variable,
    /// In a file.
    File(PathBuf),
    /// In a systemd credential, by its path.
    Credential(PathBuf),
}

impl TokenSection {
    /// The token with its library and its PIN, of which there must be one each.
    pub(super) fn config(
        self,
        has_pin_variable: bool,
        credential: &dyn Fn(Option<String>) -> Result<Option<PathBuf>>,
    ) -> Result<TokenConfig> {
        let uri = TokenUri::parse(&self.uri).context("[keys.token] uri")?;
        if uri.object.is_some() || uri.id.is_some() {
            bail!("[keys.token] uri names a key; it names the token alone");
        }
        let module = [self.module, uri.module_path.clone()];
        let pins = [
            has_pin_variable.then_some(PinSource::Variable),
            self.pin_file.map(PinSource::File),
            uri.pin_source.clone().map(PinSource::File),
            credential(self.pin_credential)?.map(PinSource::Credential),
        ];
        Ok(TokenConfig {
            module: only(module.into_iter().flatten(), "a library (`module`)")?,
            pin: only(
                pins.into_iter().flatten(),
                "a PIN (`pin_file` or `pin_credential`)",
            )?,
            imported_keys: self.imported_keys,
            sessions: self.sessions.unwrap_or(SESSIONS).clamp(1, 1000),
            uri,
        })
    }
}

fn only<T>(mut given: impl Iterator<Item = T>, what: &str) -> Result<T> {
    let first = given
        .next()
        .with_context(|| format!("[keys.token] names no {}", what.trim_start_matches("a ")))?;
    match given.next() {
        None => Ok(first),
        Some(_) => bail!("[keys.token] names more than {what}"),
    }
}

impl TokenConfig {
    /// Reads the PIN; what a key provider needs.
    pub fn options(&self) -> Result<TokenOptions> {
        Ok(TokenOptions {
            module: self.module.clone(),
            uri: self.uri.clone(),
            pin: self.pin.read()?,
            allow_imported: self.imported_keys,
            sessions: self.sessions,
        })
    }
}

impl PinSource {
    fn read(&self) -> Result<Secret<String>> {
        match self {
            Self::Variable => secret_variable(PIN_VARIABLE),
            Self::File(path) => read_pin(path, SecretFileGuard::OwnerOnly),
            Self::Credential(path) => read_pin(path, SecretFileGuard::SystemdCredential),
        }
    }
}

fn read_pin(path: &Path, guard: SecretFileGuard) -> Result<Secret<String>> {
    let bytes = read_secret(path, guard)?;
    let text = std::str::from_utf8(bytes.expose())
        .ok()
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<TokenConfig> {
        let section: TokenSection = toml::from_str(text)?;
        section.config(false, &|_| Ok(None))
    }

    #[test]
    fn library_and_pin_may_stand_in_the_uri() {
        let one = config("uri = 'pkcs11:token=a?module-path=/m.so&pin-source=file:/pin'").unwrap();
        let other = config("uri = 'pkcs11:token=a'\nmodule = '/m.so'\npin_file = '/pin'").unwrap();
        assert_eq!((&one.module, &one.pin), (&other.module, &other.pin));
    }

    #[test]
    fn library_and_pin_are_named_once() {
        for text in [
            "uri = 'pkcs11:token=a'\nmodule = '/m.so'",
            "uri = 'pkcs11:token=a'\npin_file = '/pin'",
            "uri = 'pkcs11:token=a?pin-source=/pin'\nmodule = '/m.so'\npin_file = '/pin'",
            "uri = 'pkcs11:token=a;object=key'\nmodule = '/m.so'\npin_file = '/pin'",
            "module = '/m.so'\npin_file = '/pin'",
        ] {
            assert!(config(text).is_err(), "{text}");
        }
    }
}
