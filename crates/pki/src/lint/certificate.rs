use const_oid::db::rfc5280;

use super::{Finding, Findings};
use crate::encode::{self, SEQUENCE};
use crate::key_kind::has_explicit_curve;
use crate::{AZURE_DEVICE_IDENTIFIER_OID, Certificate, DEVICE_IDENTIFIER_OID, identifier, name, signature};

/// What is wrong with a certificate by itself.
pub fn certificate(certificate: &Certificate) -> Vec<Finding> {
    let mut found = Findings::default();
    fields(&mut found, certificate);
    key(&mut found, certificate);
    subject(&mut found, certificate);
    if certificate.is_ca() {
        ca(&mut found, certificate);
    } else {
        leaf(&mut found, certificate);
    }
    extensions(&mut found, certificate);
    found.0
}

fn fields(found: &mut Findings, certificate: &Certificate) {
    found.error(
        certificate.version() != 3,
        "version",
        "the version must be 3 (RFC 5280 4.1.2.1)",
    );
    let serial = certificate.serial();
    let digits = serial.strip_prefix(&[0]).unwrap_or(serial);
    let is_negative = serial.first().is_none_or(|first| *first >= 0x80);
    found.error(
        is_negative || digits.is_empty() || serial.len() > 20,
        "serialNumber",
        "the serial number must be positive and have 20 bytes at most (RFC 5280 4.1.2.2)",
    );
    found.error(
        digits.len() < serial.len() && digits.first().is_some_and(|first| *first < 0x80),
        "serialNumberEncoding",
        "the serial number has a zero too many (X.690 8.3.2)",
    );
    found.warn(
        digits.len() < 8,
        "serialNumberShort",
        "the serial number has fewer than 64 bits: it can be guessed (certificate-management.md 6.7)",
    );
    let algorithm = certificate.signature_algorithm();
    found.error(
        !signature::is_known(algorithm),
        "signatureAlgorithm",
        "the signature algorithm is not one of ECDSA, RSA and Ed25519 with SHA-2",
    );
    found.error(
        signature::has_null_parameter(algorithm),
        "signatureParameters",
        "the ECDSA signature algorithm must have no parameters (RFC 5758 3.2)",
    );
    found.error(
        certificate.not_after() < certificate.not_before(),
        "validity",
        "the certificate ends before it begins",
    );
    found.error(
        !has_plain_dates(certificate),
        "validityEncoding",
        "dates must be UTCTime to 2049 and GeneralizedTime after (RFC 5280 4.1.2.5)",
    );
}

/// Whether the dates stand in what was signed as we would have written them.
fn has_plain_dates(certificate: &Certificate) -> bool {
    let times = (
        encode::time(certificate.not_before()),
        encode::time(certificate.not_after()),
    );
    let (Some(begin), Some(end)) = times else {
        return false;
    };
    let wanted = encode::tlv(SEQUENCE, &[&begin, &end]);
    certificate
        .tbs()
        .windows(wanted.len())
        .any(|bytes| bytes == wanted)
}

fn key(found: &mut Findings, certificate: &Certificate) {
    let is_explicit = has_explicit_curve(certificate.spki());
    found.error(
        is_explicit,
        "explicitCurve",
        "the key must name its curve (RFC 5480 2.1.1)",
    );
    found.error(
        !is_explicit && !certificate.public_key().is_acceptable(),
        "key",
        "the key is too small or of an unknown kind",
    );
}

fn subject(found: &mut Findings, certificate: &Certificate) {
    let is_empty = certificate.subject_der() == [SEQUENCE, 0];
    let has_critical_names = certificate
        .raw_extensions()
        .iter()
        .any(|raw| raw.critical && raw.oid == rfc5280::ID_CE_SUBJECT_ALT_NAME);
    found.error(
        is_empty && (certificate.is_ca() || !has_critical_names),
        "subjectEmpty",
        "the subject is empty (RFC 5280 4.1.2.6)",
    );
    let names = name::common_names(certificate.subject_der()).unwrap_or_default();
    let is_long = |name: &Option<String>| name.as_ref().is_some_and(|name| name.chars().count() > 64);
    found.warn(
        names.iter().any(is_long),
        "commonNameLong",
        "the common name has more than 64 characters (X.520): some readers refuse it",
    );
    found.warn(
        names.len() > 1,
        "commonNames",
        "there are several common names: readers choose differently",
    );
}

fn ca(found: &mut Findings, certificate: &Certificate) {
    let extensions = certificate.extensions();
    let is_critical = extensions
        .basic_constraints
        .is_some_and(|constraints| constraints.critical);
    found.error(
        !is_critical,
        "basicConstraintsCritical",
        "basic constraints of a CA must be critical (RFC 5280 4.2.1.9)",
    );
    found.error(
        !extensions.key_usage.is_some_and(|usage| usage.key_cert_sign),
        "keyUsageCa",
        "the key usage of a CA must have keyCertSign (RFC 5280 4.2.1.3)",
    );
    found.warn(
        !extensions.key_usage.is_some_and(|usage| usage.crl_sign),
        "keyUsageCrl",
        "the CA may not sign revocation lists",
    );
    found.error(
        certificate.subject_key_id().is_none(),
        "subjectKeyIdentifier",
        "a CA must have a subject key identifier (RFC 5280 4.2.1.2)",
    );
}

fn leaf(found: &mut Findings, certificate: &Certificate) {
    let extensions = certificate.extensions();
    found.error(
        certificate.path_len().is_some(),
        "pathLength",
        "a path length is for CAs alone (RFC 5280 4.2.1.9)",
    );
    found.error(
        extensions.key_usage.is_some_and(|usage| usage.key_cert_sign),
        "keyUsageLeaf",
        "keyCertSign is for CAs alone (RFC 5280 4.2.1.9)",
    );
    found.warn(
        !extensions.key_usage.is_some_and(|usage| usage.digital_signature),
        "keyUsageSignature",
        "the key usage has no digitalSignature, which TLS needs",
    );
    found.warn(
        extensions.client_auth.is_none(),
        "extendedKeyUsage",
        "there is no extended key usage: the certificate serves every purpose",
    );
}

fn extensions(found: &mut Findings, certificate: &Certificate) {
    found.error(
        certificate.authority_key_id().is_none() && !certificate.is_self_issued(),
        "authorityKeyIdentifier",
        "there is no authority key identifier (RFC 5280 4.2.1.1)",
    );
    found.error(
        certificate.extensions().unknown_critical.is_some(),
        "criticalExtension",
        "there is a critical extension that is not supported",
    );
    for raw in certificate.raw_extensions() {
        match raw.oid {
            rfc5280::ID_CE_KEY_USAGE => found.error(
                !raw.critical,
                "keyUsageCritical",
                "the key usage should be critical (RFC 5280 4.2.1.3)",
            ),
            rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER | rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER => found.error(
                raw.critical,
                "keyIdentifierCritical",
                "key identifiers must not be critical (RFC 5280 4.2.1.1, 4.2.1.2)",
            ),
            rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS | rfc5280::ID_PE_AUTHORITY_INFO_ACCESS => found.warn(
                raw.value.windows(6).any(|bytes| bytes == b"https:"),
                "httpsAddress",
                "addresses of CRLs and issuers are http: https needs a certificate to be checked first",
            ),
            DEVICE_IDENTIFIER_OID | AZURE_DEVICE_IDENTIFIER_OID => {
                let is_understood = identifier::is_understood(raw.oid, raw.value);
                found.error(
                    !is_understood,
                    "deviceIdentifier",
                    "the device identifier is not 32 bytes in an OCTET STRING",
                );
                found.warn(
                    raw.critical,
                    "deviceIdentifierCritical",
                    "the device identifier is critical: validators that do not know it refuse the leaf",
                );
            }
            _ => {}
        }
    }
}
