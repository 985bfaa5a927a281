//! Text of a stranger as certificates, in PEM or base64, alone or as a chain.

use provost_pki::{PresentedChain, Uploaded};

pub(crate) fn run(data: &[u8]) {
    let _ = provost_pki::Certificate::from_file_bytes(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(Uploaded { certificate, .. }) = provost_pki::Certificate::from_text(text) {
        let again = provost_pki::Certificate::from_text(&certificate.to_pem());
        assert!(again.is_ok(), "what was read can be written and read");
    }
    if let Ok(chain) = PresentedChain::from_pem(text) {
        assert_eq!(chain.iter().count(), chain.others().len() + 1);
    }
}
