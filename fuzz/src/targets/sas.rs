//! Text of a stranger as a SAS token: refused, or read and found signed with none of our keys.

use std::sync::LazyLock;

use provost_attestation::sas::{SasError, SasToken};
use provost_model::{SymmetricKey, Timestamp};

static KEY: LazyLock<SymmetricKey> =
    LazyLock::new(|| SymmetricKey::parse("a2V5IG9mIHRoZSBmdXp6IHRhcmdldCwgMzIgYnl0ZXM=").expect("a key"));

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(token) = SasToken::parse(text) else {
        return;
    };
    assert!(SasToken::is_sas(text), "what was read began like a token");
    let verdict = token.verify(&[&*KEY], Timestamp::from_micros(0), std::time::Duration::ZERO);
    assert!(
        matches!(verdict, Err(SasError::BadSignature)),
        "nobody guesses the signature"
    );
}
