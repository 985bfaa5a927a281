//! The rules one certificate of a path must keep (RFC 5280 6.1, with the leniency of
//! dps-service-api.md 3.11 for certificates an operator registered).

use provost_model::Timestamp;

use crate::{Certificate, ChainError};

const SIGNING: &str = "signing certificates";
const CLIENT_AUTHENTICATION: &str = "client authentication";

/// Judges a leaf by itself.
///
/// Decision: version 1 leaves and leaves that say CA:TRUE are welcome. Devices in the field carry
/// both (openssl makes them when no extension file is given), Azure is not known to refuse them,
/// and a leaf's own CA flag gives it no power here: it still has to be signed by somebody trusted.
pub(crate) fn check_leaf(leaf: &Certificate, at: Timestamp) -> Result<(), ChainError> {
    check_any(leaf, at)?;
    check_client_auth(leaf)
}

/// Judges a candidate for issuer. `below` counts the intermediates between it and the leaf that
/// are not self-issued.
///
/// A registered certificate was called a CA by an operator, so it may lack basic constraints and
/// extended key usages are not held against it; what it says explicitly counts all the same.
pub(crate) fn check_issuer(
    issuer: &Certificate,
    registered: bool,
    below: u8,
    at: Timestamp,
) -> Result<(), ChainError> {
    check_any(issuer, at)?;
    if !issuer.basic_constraints_ca().unwrap_or(registered) {
        return Err(ChainError::NotACa {
            certificate: issuer.clone(),
        });
    }
    if issuer
        .extensions()
        .key_usage
        .is_some_and(|usage| !usage.key_cert_sign)
    {
        return Err(ChainError::WrongKeyUsage {
            certificate: issuer.clone(),
            purpose: SIGNING,
        });
    }
    if let Some(allowed) = issuer.path_len().filter(|allowed| *allowed < below) {
        let certificate = issuer.clone();
        return Err(ChainError::PathTooLong {
            certificate,
            allowed,
            found: below,
        });
    }
    if registered {
        Ok(())
    } else {
        check_client_auth(issuer)
    }
}

/// What leaf and issuer have in common: dates, key, critical extensions.
fn check_any(certificate: &Certificate, at: Timestamp) -> Result<(), ChainError> {
    certificate.check_validity(at)?;
    let owned = || certificate.clone();
    let key = certificate.public_key();
    if !key.is_acceptable() {
        return Err(ChainError::WeakKey {
            certificate: owned(),
            key,
        });
    }
    match certificate.extensions().unknown_critical {
        None => Ok(()),
        Some(oid) => Err(ChainError::UnknownCriticalExtension {
            certificate: owned(),
            oid: oid.to_string(),
        }),
    }
}

fn check_client_auth(certificate: &Certificate) -> Result<(), ChainError> {
    if certificate.extensions().client_auth == Some(false) {
        let certificate = certificate.clone();
        return Err(ChainError::WrongKeyUsage {
            certificate,
            purpose: CLIENT_AUTHENTICATION,
        });
    }
    Ok(())
}
