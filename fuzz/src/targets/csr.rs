//! Bytes of a stranger as a signing request: refused, or every question about it has an answer. What
//! verifies was made by whoever has the key, so its bytes are those of a seed.

use provost_pki::{Csr, CsrRules};

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Csr::from_base64(text);
    }
    let _ = Csr::from_file_bytes(data);
    let Ok(csr) = Csr::from_der(data) else {
        return;
    };
    assert_eq!(csr.der(), data, "the request is kept as it came");
    let _ = csr.subject_display();
    let _ = csr.common_name();
    let _ = csr.public_key();
    let _ = csr.requested_extensions().len();
    if let Ok(verified) = csr.verify(&CsrRules::default()) {
        assert!(!verified.common_name().is_empty());
        assert_eq!(verified.csr().der(), data);
    }
}
