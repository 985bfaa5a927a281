//! Text of a configuration as the URI of a PKCS#11 token: refused in words, or read without its PIN.

use provost_keys::TokenUri;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match TokenUri::parse(text) {
        Ok(_) => {
            let rest = text.strip_prefix("pkcs11:").expect("its scheme");
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let mut parts = path.split(';').chain(query.split('&'));
            assert!(
                parts.all(|part| !part.starts_with("pin-value=")),
                "a PIN is refused"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
