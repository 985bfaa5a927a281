//! `[keys]`: where the private keys of CAs live.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_keys::{KekSource, SecretFileGuard, read_secret};

use super::token::{TokenConfig, TokenSection};
use provost_model::Secret;
use serde::{Deserialize, Serialize};

/// Holds the passphrase itself; a file is better, since the environment of a process is easily shown.
const PASSPHRASE_VARIABLE: &str = "PROVOST_KEYS_PASSPHRASE";
/// Holds the PIN of the token.
pub(super) const PIN_VARIABLE: &str = "PROVOST_KEYS_TOKEN_PIN";
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
    /// Which process has the keys.
    pub process: ProcessWord,
    /// A PKCS#11 token, where new keys are made from then on.
    pub token: Option<TokenSection>,
}

/// `[keys] process`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessWord {
    /// One of their own.
    #[default]
    Own,
    /// That of the server.
    Server,
}

/// Which process opens the keys and signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysProcess {
    /// That of the server.
    Server,
    /// One of their own, started from this program.
    Own(PathBuf),
}

impl KeysProcess {
    /// One of their own, from the program that runs now.
    ///
    /// On Linux it is found though its file was replaced since, as an update does: server and signer stay one version.
    pub fn own() -> Result<Self> {
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe().context("cannot find this program, which is to hold the keys")?
        };
        Ok(Self::Own(program))
    }
}

/// Where the private keys of CAs live and how they are opened. Holds no secret; what opens them is read by the process that does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysConfig {
    /// The folder of the sealed keys.
    pub folder: PathBuf,
    /// What opens them.
    pub opened_by: OpenedBy,
    /// How long an opened key stays in memory, from its opening.
    pub hold: Duration,
    /// The token new keys are made in.
    pub token: Option<TokenConfig>,
    /// Which process opens them; the one that does need not be told.
    #[serde(skip, default = "server")]
    pub process: KeysProcess,
}

fn server() -> KeysProcess {
    KeysProcess::Server
}

impl KeysConfig {
    /// What holds for a data folder without a word of configuration, opened in this process.
    pub fn of_data(data: &Path) -> Self {
        let folder = data.join("keys");
        Self {
            opened_by: OpenedBy::OwnKeyFile(folder.join("kek")),
            hold: HOLD,
            token: None,
            process: KeysProcess::Server,
            folder,
        }
    }

    /// Whether keys were ever sealed in the folder.
    pub(crate) fn has_sealed_keys(&self) -> bool {
        self.folder.join("kek.json").exists()
    }
}

/// What opens sealed keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenedBy {
    /// A passphrase in this file.
    PassphraseFile(PathBuf),
    /// A passphrase in the environment.
    PassphraseVariable,
    /// 32 bytes in this file.
    KeyFile(PathBuf),
    /// A systemd credential with a passphrase, by its path.
    PassphraseCredential(PathBuf),
    /// A systemd credential with 32 bytes, by its path.
    KeyCredential(PathBuf),
    /// A key file beside the keys, made at the first start.
    OwnKeyFile(PathBuf),
}

/// What the environment says. What is secret in it is read where it is used.
#[derive(Debug, Clone, Default)]
pub struct KeysEnvironment {
    has_passphrase: bool,
    has_token_pin: bool,
    credentials: Option<PathBuf>,
}

impl KeysEnvironment {
    /// The passphrase, when there is one.
    pub(crate) fn passphrase(&self) -> Option<OpenedBy> {
        self.has_passphrase.then_some(OpenedBy::PassphraseVariable)
    }

    /// Looks at it.
    pub fn read() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|text| !text.is_empty());
        Self {
            has_passphrase: is_set(PASSPHRASE_VARIABLE),
            has_token_pin: is_set(PIN_VARIABLE),
            credentials: std::env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from),
        }
    }
}

/// A secret in the environment.
pub(super) fn secret_variable(name: &str) -> Result<Secret<String>> {
    match std::env::var_os(name).filter(|text| !text.is_empty()) {
        None => bail!("{name} is not set any more"),
        Some(text) => match text.into_string() {
            Ok(text) => Ok(Secret::new(text)),
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
    pub(super) fn config(self, data: &Path, environment: &KeysEnvironment) -> Result<KeysConfig> {
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
            Some(section) => Some(section.config(environment.has_token_pin, &credential)?),
        };
        let mut given: Vec<OpenedBy> = [
            self.passphrase_file.map(OpenedBy::PassphraseFile),
            environment.passphrase(),
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
            process: match self.process {
                ProcessWord::Own => KeysProcess::own()?,
                ProcessWord::Server => KeysProcess::Server,
            },
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
            Self::PassphraseVariable => {
                let text = Secret::new(
                    secret_variable(PASSPHRASE_VARIABLE)?
                        .expose()
                        .clone()
                        .into_bytes(),
                );
                KekSource::passphrase(&text).with_context(|| format!("{PASSPHRASE_VARIABLE} is not usable"))
            }
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

    fn config(section: &str, environment: &KeysEnvironment) -> Result<KeysConfig> {
        let section: KeysSection = toml::from_str(section)?;
        section.config(Path::new("data"), environment)
    }

    #[test]
    fn without_a_word_a_key_file_beside_the_keys_opens_them() {
        let config = config("", &KeysEnvironment::default()).unwrap();
        assert_eq!(config.opened_by, OpenedBy::OwnKeyFile("data/keys/kek".into()));
    }

    #[test]
    fn two_ways_to_open_are_refused() {
        let environment = || KeysEnvironment {
            has_passphrase: true,
            ..KeysEnvironment::default()
        };
        assert!(
            config(
                "passphrase_file = 'a'\nkey_file = 'b'",
                &KeysEnvironment::default()
            )
            .is_err()
        );
        assert!(config("key_file = 'b'", &environment()).is_err());
        let one = config("", &environment()).unwrap();
        assert_eq!(one.opened_by, OpenedBy::PassphraseVariable);
        // It is looked for where it is used.
        assert!(one.opened_by.source().is_err());
    }

    #[test]
    fn keys_have_a_process_of_their_own_unless_told_otherwise() {
        let process = |section| config(section, &KeysEnvironment::default()).map(|config| config.process);
        assert_eq!(process("").unwrap(), KeysProcess::own().unwrap());
        assert_eq!(process("process = 'own'").unwrap(), KeysProcess::own().unwrap());
        assert_eq!(process("process = 'server'").unwrap(), KeysProcess::Server);
        assert!(process("process = 'other'").is_err());
    }

    #[test]
    fn what_a_signer_is_told_is_what_was_configured() {
        let token = "[token]\nuri = 'pkcs11:token=a;id=%01?module-path=/m.so'\npin_file = '/pin'";
        let token = token.replace(";id=%01", "");
        for section in [
            "key_file = 'b'",
            "passphrase_file = 'a'\nhold_milliseconds = 5",
            token.as_str(),
        ] {
            let mut one = config(section, &KeysEnvironment::default()).unwrap();
            let told: KeysConfig = serde_json::from_slice(&serde_json::to_vec(&one).unwrap()).unwrap();
            one.process = KeysProcess::Server;
            assert_eq!(told, one);
        }
    }

    #[test]
    fn a_credential_is_a_name_in_the_folder_of_systemd() {
        let environment = || KeysEnvironment {
            credentials: Some("/run/credentials/x".into()),
            ..KeysEnvironment::default()
        };
        let one = config("key_credential = 'kek'", &environment()).unwrap();
        assert_eq!(
            one.opened_by,
            OpenedBy::KeyCredential("/run/credentials/x/kek".into())
        );
        assert!(config("key_credential = '../kek'", &environment()).is_err());
        assert!(config("key_credential = 'kek'", &KeysEnvironment::default()).is_err());
    }
}
