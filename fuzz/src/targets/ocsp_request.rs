//! Bytes of a stranger as an OCSP request: malformed, or its certificates can be asked about.

use provost_pki::ocsp::OcspRequest;

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = OcspRequest::from_base64(text);
    }
    let Ok(request) = OcspRequest::from_der(data) else {
        return;
    };
    assert!(!request.certificates.is_empty());
    assert!(request.nonce.is_none_or(|nonce| (1..=128).contains(&nonce.len())));
    for id in &request.certificates {
        let _ = id.serial();
    }
}
