use provost_model::registry::DeviceIdentifier;
use provost_pki::crl::Crl;
use provost_pki::{Certificate, CertificateInfo, Csr, CsrRules};
use provost_wire::time::iso_seconds;
use serde_json::{Value, json};

use super::files::Read;
use crate::output::Column;

pub(super) const COLUMNS: [Column; 6] = [
    Column::new("kind", "/kind"),
    Column::new("subject", "/subject"),
    Column::new("issuer", "/issuer"),
    Column::new("key", "/publicKey"),
    Column::new("not after", "/notAfter"),
    Column::new("sha1", "/sha1Thumbprint"),
];

/// How many entries of a revocation list are shown one by one.
const SHOWN_ENTRIES: usize = 100;

/// What something says, as a document.
pub(super) fn document(read: &Read) -> Value {
    match read {
        Read::Certificate(certificate) => of_certificate(certificate),
        Read::Request(request) => of_request(request),
        Read::List(list) => of_list(list),
    }
}

fn of_certificate(certificate: &Certificate) -> Value {
    let info = CertificateInfo::from(certificate);
    json!({
        "kind": "certificate",
        "subject": info.subject_name,
        "issuer": info.issuer_name,
        "version": info.version,
        "serialNumber": info.serial_number,
        "notBefore": iso_seconds(info.not_before),
        "notAfter": iso_seconds(info.not_after),
        "publicKey": certificate.public_key().to_string(),
        "isCa": certificate.is_ca(),
        "pathLength": certificate.path_len(),
        "subjectKeyIdentifier": certificate.subject_key_id().map(hex),
        "authorityKeyIdentifier": certificate.authority_key_id().map(hex),
        "deviceIdentifier": certificate.device_identifier().map(of_identifier),
        "extensions": certificate.extension_names(),
        "sha1Thumbprint": info.sha1_thumbprint.to_string(),
        "sha256Thumbprint": info.sha256_thumbprint.to_string(),
    })
}

fn of_identifier(identifier: DeviceIdentifier) -> Value {
    json!({
        "device": identifier.device.to_string(),
        "generation": identifier.generation.to_string(),
    })
}

fn of_request(request: &Csr) -> Value {
    let refusal = request.clone().verify(&CsrRules::default()).err();
    let wanted = request.requested_extensions().iter().map(|(oid, _)| oid);
    json!({
        "kind": "request",
        "subject": request.subject_display(),
        "publicKey": request.public_key().to_string(),
        "requestedExtensions": wanted.collect::<Vec<_>>(),
        "isAccepted": refusal.is_none(),
        "refusal": refusal.map(|error| error.to_string()),
    })
}

/// A revocation list; of a long one the first lines.
pub(in crate::cli) fn of_list(list: &Crl) -> Value {
    let entries = list.entries().take(SHOWN_ENTRIES).map(|entry| {
        json!({
            "serialNumber": entry.serial.map(|serial| serial.to_string()),
            "revocationDate": iso_seconds(entry.at),
            "reason": entry.reason,
        })
    });
    json!({
        "kind": "revocationList",
        "issuer": list.issuer_display(),
        // In decimal digits, as everywhere else; one that no counter of ours reaches stays as it is written.
        "number": list.number().map_or_else(|| json!(list.number_hex()), |number| json!(number)),
        "thisUpdate": iso_seconds(list.this_update()),
        "nextUpdate": list.next_update().map(iso_seconds),
        "part": list.part(),
        "authorityKeyIdentifier": list.authority_key_id().map(hex),
        "count": list.len(),
        "entries": entries.collect::<Vec<_>>(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":")
}
