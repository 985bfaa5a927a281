//! Bytes of a stranger as a certificate in DER: refused, or every question about it has an answer.

use provost_pki::{Certificate, lint};

pub(crate) fn run(data: &[u8]) {
    let Ok(certificate) = Certificate::from_der(data) else {
        return;
    };
    assert_eq!(certificate.der(), data, "the certificate is kept as it came");
    let _ = certificate.common_name();
    let _ = certificate.device_identifier();
    let _ = certificate.extension_names();
    let _ = lint::certificate(&certificate);
    let _ = lint::issued(&certificate, &certificate);
    let _ = certificate.subject_display();
    let _ = certificate.issuer_display();
    let _ = certificate.serial_hex();
    let _ = certificate.is_ca();
    let _ = certificate.path_len();
    let _ = certificate.public_key();
    let _ = certificate.not_before() <= certificate.not_after();
}
