use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_pki::issue::{KeyAlgorithm, KeyPair, SubjectName, certification_request};

/// Requests of so many devices, each with a P-256 key of its own: name and request in base64.
pub(super) struct Requests(pub(super) Vec<(String, String)>);

impl Requests {
    /// Makes them for devices whose names begin like this.
    pub(super) fn make(prefix: &str, count: u32) -> Result<Self> {
        let one = |number: u32| {
            let id = format!("{prefix}-{number}");
            let key = KeyPair::generate(KeyAlgorithm::P256)?;
            let der = certification_request(&SubjectName::common_name(&id)?, &key, None)?;
            Ok((id, STANDARD.encode(der)))
        };
        (0..count).map(one).collect::<Result<_>>().map(Self)
    }
}
