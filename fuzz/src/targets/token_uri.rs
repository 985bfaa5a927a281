//! Text of a configuration as the URI of a PKCS#11 token: refused in words, or read without its PIN.

use provost_keys::TokenUri;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match TokenUri::parse(text) {
        Ok(_) => {
            assert!(text.starts_with("pkcs11:"));
            assert!(
                !text.contains(";pin-value=") && !text.contains("?pin-value="),
                "a PIN is refused"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
