use super::{Finding, Findings, certificate};
use crate::{Certificate, verify_signature};

/// What is wrong with a certificate, by itself and under its issuer.
pub fn issued(made: &Certificate, issuer: &Certificate) -> Vec<Finding> {
    let mut found = Findings(fresh(made, issuer));
    found.error(
        verify_signature(made, issuer).is_err(),
        "signature",
        "the issuer's key did not sign it",
    );
    found.0
}

/// The same for one that was signed this moment: the signature is not verified, which would cost more than
/// all the rest. What a CA asks before it hands a certificate out.
pub fn fresh(made: &Certificate, issuer: &Certificate) -> Vec<Finding> {
    let mut found = Findings(certificate(made));
    found.error(
        made.issuer_der() != issuer.subject_der(),
        "issuer",
        "the issuer's name is not that of the issuer (RFC 5280 4.1.2.4)",
    );
    found.error(
        !issuer.is_ca(),
        "issuerNotCa",
        "the issuer is no CA (RFC 5280 4.2.1.9)",
    );
    let names_other_key = made.authority_key_id().is_some()
        && issuer.subject_key_id().is_some()
        && made.authority_key_id() != issuer.subject_key_id();
    found.error(
        names_other_key,
        "authorityKeyIdentifierOther",
        "the authority key identifier is not the issuer's key identifier (RFC 5280 4.2.1.1)",
    );
    found.error(
        made.not_after() > issuer.not_after(),
        "outlivesIssuer",
        "the certificate is valid for longer than its issuer (certificate-management.md 2.5)",
    );
    found.error(
        made.is_ca() && issuer.path_len() == Some(0) && made != issuer,
        "pathLengthExceeded",
        "the issuer allows no CA below it (RFC 5280 4.2.1.9)",
    );
    found.error(
        made.spki_der() == issuer.spki_der() && made != issuer,
        "keyOfIssuer",
        "the certificate is for the key of its issuer",
    );
    found.0
}
