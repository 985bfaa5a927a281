//! `[keys]`: where the private keys of CAs live.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_keys::{KekSource, SecretFileGuard, read_secret};

use super::token::{TokenConfig, TokenSection};
use provost_model::Secret;
use serde::Deserialize;

/// Holds the passphrase itself; a file is better, since the environment of a process is easily shown.
const PASSPHRASE_VARIABLE: &str = "PROVOST_KEYS_PASSPHRASE";
/// Holds the PIN of the token.
const PIN_VARIABLE: &str = "PROVOST_KEYS_TOKEN_PIN";
/// How long an opened key stays in memory (decision 18).
const HOLD: Duration = Duration::from_secs(1);
/// Where systemd puts the credentials of a service.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// `[keys]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysSection {
    /// A file with the passphrase the keys are sealed with.
    pub passphrase_file: Option<PathBuf>,
    /// A file of 32 random bytes instead.
    pub key_file: Option<PathBuf>,
    /// Name of a systemd credential that holds the passphrase.
    pub passphrase_credential: Option<String>,
    /// Name of a systemd credential that holds the 32 bytes.
    pub key_credential: Option<String>,
    /// Milliseconds an opened key stays in memory, from its opening; 0 opens it for each signature.
    pub hold_milliseconds: Option<u64>,
    /// A PKCS#11 token, where new keys are made from then on.
    pub token: Option<TokenSection>,
}

/// Where the private keys of CAs live and how they are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysConfig {
    /// The folder of the sealed keys.
    pub folder: PathBuf,
    /// What opens them.
    pub opened_by: OpenedBy,
    /// How long an opened key stays in memory, from its opening.
    pub hold: Duration,
    /// The token new keys are made in.
    pub token: Option<TokenConfig>,
}

impl KeysConfig {
    /// What holds for a data folder without a word of configuration.
    pub fn of_data(data: &Path) -> Self {
        let folder = data.join("keys");
        Self {
            opened_by: OpenedBy::OwnKeyFile(folder.join("kek")),
            hold: HOLD,
            token: None,
            folder,
        }
    }

    /// Whether keys were ever sealed in the folder.
    pub(crate) fn has_sealed_keys(&self) -> bool {
        self.folder.join("kek.json").exists()
    }
}

/// What opens sealed keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedBy {
    /// A passphrase in this file.
    PassphraseFile(PathBuf),
    /// The passphrase itself.
    Passphrase(Secret<String>),
    /// 32 bytes in this file.
    KeyFile(PathBuf),
    /// A systemd credential with a passphrase, by its path.
    PassphraseCredential(PathBuf),
    /// A systemd credential with 32 bytes, by its path.
    KeyCredential(PathBuf),
    /// A key file beside the keys, made at the first start.
    OwnKeyFile(PathBuf),
}

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub struct KeysEnvironment {
    passphrase: Option<Secret<String>>,
    credentials: Option<PathBuf>,
    token_pin: Option<Secret<String>>,
}

impl KeysEnvironment {
    /// The passphrase alone.
    pub(crate) fn into_passphrase(self) -> Option<Secret<String>> {
        self.passphrase
    }

    /// Reads it.
    pub fn read() -> Result<Self> {
        Ok(Self {
            passphrase: secret_variable(PASSPHRASE_VARIABLE)?,
            token_pin: secret_variable(PIN_VARIABLE)?,
            credentials: std::env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from),
        })
    }
}

fn secret_variable(name: &str) -> Result<Option<Secret<String>>> {
    match std::env::var_os(name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.into_string() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(_) => bail!("{name} is not UTF-8"),
        },
    }
}

/// The path of a credential.
fn credential(name: &str, folder: Option<&Path>) -> Result<PathBuf> {
    if name.is_empty() || name.contains('/') || name == ".." {
        bail!("[keys] `{name}` is not the name of a credential");
    }
    let folder =
        folder.with_context(|| format!("[keys] names a credential and {CREDENTIALS_VARIABLE} is not set"))?;
    Ok(folder.join(name))
}

impl KeysSection {
    /// Flags take the place of what the file says.
    pub(super) fn with_flags(self, passphrase_file: Option<PathBuf>, key_file: Option<PathBuf>) -> Self {
        if passphrase_file.is_none() && key_file.is_none() {
            return self;
        }
        Self {
            passphrase_file,
            key_file,
            passphrase_credential: None,
            key_credential: None,
            ..self
        }
    }

    /// The one way to open the keys; refuses two.
    pub(super) fn config(self, data: &Path, environment: KeysEnvironment) -> Result<KeysConfig> {
        let default = KeysConfig::of_data(data);
        let hold = match self.hold_milliseconds {
            None => default.hold,
            Some(milliseconds @ 0..=60_000) => Duration::from_millis(milliseconds),
            Some(other) => bail!("[keys] hold_milliseconds is {other}, not 0 to 60000"),
        };
        let credentials = environment.credentials.as_deref();
        let credential = |name: Option<String>| name.map(|name| credential(&name, credentials)).transpose();
        let passphrase_credential = credential(self.passphrase_credential)?;
        let key_credential = credential(self.key_credential)?;
        let token = match self.token {
            None => None,
            Some(section) => Some(section.config(environment.token_pin, &credential)?),
        };
        let mut given: Vec<OpenedBy> = [
            self.passphrase_file.map(OpenedBy::PassphraseFile),
            environment.passphrase.map(OpenedBy::Passphrase),
            self.key_file.map(OpenedBy::KeyFile),
            passphrase_credential.map(OpenedBy::PassphraseCredential),
            key_credential.map(OpenedBy::KeyCredential),
        ]
        .into_iter()
        .flatten()
        .collect();
        if given.len() > 1 {
            bail!(
                "the keys of CAs are to be opened in {} ways: give one passphrase, key file or credential",
                given.len()
            );
        }
        let opened_by = given.pop().unwrap_or(default.opened_by);
        Ok(KeysConfig {
            folder: default.folder,
            opened_by,
            hold,
            token,
        })
    }
}

impl OpenedBy {
    /// Reads the secret. For a key file of our own see [`provost_keys::make_key_file`].
    pub fn source(&self) -> Result<KekSource> {
        let passphrase = |path: &Path, guard| {
            let text = read_secret(path, guard)?;
            KekSource::passphrase(&text).with_context(|| format!("{} is not usable", path.display()))
        };
        let key = |path: &Path, guard| {
            let bytes = read_secret(path, guard)?;
            KekSource::key(bytes).with_context(|| format!("{} is not usable", path.display()))
        };
        match self {
            Self::Passphrase(text) => KekSource::passphrase(&Secret::new(text.expose().clone().into_bytes()))
                .with_context(|| format!("{PASSPHRASE_VARIABLE} is not usable")),
            Self::PassphraseFile(path) => passphrase(path, SecretFileGuard::OwnerOnly),
            Self::PassphraseCredential(path) => passphrase(path, SecretFileGuard::SystemdCredential),
            Self::KeyFile(path) | Self::OwnKeyFile(path) => key(path, SecretFileGuard::OwnerOnly),
            Self::KeyCredential(path) => key(path, SecretFileGuard::SystemdCredential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(section: &str, environment: KeysEnvironment) -> Result<KeysConfig> {
        let section: KeysSection = toml::from_str(section)?;
        section.config(Path::new("data"), environment)
    }

    #[test]
    fn without_a_word_a_key_file_beside_the_keys_opens_them() {
        let config = config("", KeysEnvironment::default()).unwrap();
        assert_eq!(config.opened_by, OpenedBy::OwnKeyFile("data/keys/kek".into()));
    }

    #[test]
    fn two_ways_to_open_are_refused() {
        let environment = || KeysEnvironment {
            passphrase: Some(Secret::new("topsecret".to_owned())),
            credentials: None,
            token_pin: None,
        };
        assert!(
            config(
                "passphrase_file = 'a'\nkey_file = 'b'",
                KeysEnvironment::default()
            )
            .is_err()
        );
        assert!(config("key_file = 'b'", environment()).is_err());
        let one = config("", environment()).unwrap();
        assert!(!format!("{one:?}").contains("topsecret"));
        assert!(one.opened_by.source().is_ok());
    }

    #[test]
    fn a_credential_is_a_name_in_the_folder_of_systemd() {
        let environment = || KeysEnvironment {
            passphrase: None,
            credentials: Some("/run/credentials/x".into()),
            token_pin: None,
        };
        let one = config("key_credential = 'kek'", environment()).unwrap();
        assert_eq!(
            one.opened_by,
            OpenedBy::KeyCredential("/run/credentials/x/kek".into())
        );
        assert!(config("key_credential = '../kek'", environment()).is_err());
        assert!(config("key_credential = 'kek'", KeysEnvironment::default()).is_err());
    }
}
