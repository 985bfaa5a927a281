//! What is asked of what a root that is kept offline signed, before anything of it is written, and once more when
//! it is.

use std::collections::HashSet;

use provost_model::registry::{Ca, CaRole, CaState};
use provost_model::{CertificateDer, NamespaceName};
use provost_pki::activation::{self, ActivationError};
use provost_pki::crl::Crl;
use provost_pki::{Certificate, Csr};
use provost_store::ReadTx;

use super::answers::{AnswerOutcome, Chain, Parsed};
use super::crl::{check as check_crl, maker, part_of, serial_of};
use super::offline_credential;
use crate::{RegistryError, RegistryService};

impl RegistryService {
    /// Everything as it will be checked again when it is written; the root that is brought counts already.
    pub(super) fn check_all(
        &self,
        tx: &ReadTx<'_>,
        namespace: &NamespaceName,
        parsed: &Parsed,
    ) -> Result<(), RegistryError> {
        let new = match &parsed.root {
            None => None,
            Some(pem) => {
                let (ca, certificate, _) = self.check_root(tx, namespace, pem)?;
                Some((ca, certificate))
            }
        };
        if !parsed.chains.is_empty() {
            let root = match &new {
                Some((_, certificate)) => certificate.clone(),
                None => standing_root(tx, namespace)?.1,
            };
            self.check_chains(tx, namespace, parsed, &root)?;
        }
        if let Some(crl) = &parsed.crl {
            let new = new.as_ref().map(|(ca, certificate)| (ca, certificate));
            let (root, _) = maker(tx, namespace, crl, new)?;
            check_crl(tx, &root, crl, self.now())?;
        }
        Ok(())
    }

    /// Each by itself, and against the others and the CRL that come with it.
    pub(super) fn check_chains(
        &self,
        tx: &ReadTx<'_>,
        namespace: &NamespaceName,
        parsed: &Parsed,
        root: &Certificate,
    ) -> Result<(), RegistryError> {
        let mut serials = HashSet::new();
        for chain in &parsed.chains {
            let (ca, Chain::Fits(issuing)) = self.check_chain(tx, namespace, chain, root)? else {
                continue;
            };
            let Some(serial) = serial_of(issuing.der()) else {
                continue;
            };
            if parsed
                .crl
                .as_ref()
                .is_some_and(|crl| crl.entry(&serial).is_some())
            {
                return Err(RegistryError::conflict(
                    "CrlRevokesIssuerInUse",
                    format!("the CRL lists {}, which is brought with it", ca.subject),
                ));
            }
            if !serials.insert(serial) {
                return Err(reused(&issuing));
            }
        }
        Ok(())
    }

    /// The root with what is to be written of it, and whether it is new.
    pub(super) fn check_root(
        &self,
        tx: &ReadTx<'_>,
        namespace: &NamespaceName,
        pem: &str,
    ) -> Result<(Ca, Certificate, bool), RegistryError> {
        let mut root = offline_credential(tx, namespace)?.root;
        let certificate = activation::check_root(pem, &self.options().activation, self.now());
        let certificate = certificate.map_err(|error| broken(&error))?;
        if let Some(there) = &root.certificate {
            if there.0 == certificate.der() {
                return Ok((root, certificate, false));
            }
            return Err(RegistryError::conflict(
                "RootDiffers",
                "the credential has another root already; a new root is a new credential",
            ));
        }
        for other in tx.root_cas()? {
            let known = other
                .certificate
                .as_ref()
                .map(|der| Certificate::from_der(&der.0));
            if known.is_some_and(|known| known.is_ok_and(|known| known.spki_der() == certificate.spki_der()))
            {
                return Err(RegistryError::conflict(
                    "RootInUse",
                    format!(
                        "the key of this root is that of a credential of {} already, whose CRL is another one",
                        other.namespace
                    ),
                ));
            }
        }
        root.state = CaState::Active;
        root.subject = certificate.subject_display();
        root.certificate = Some(CertificateDer(certificate.der().to_vec()));
        root.not_before = Some(certificate.not_before());
        root.not_after = Some(certificate.not_after());
        Ok((root, certificate, true))
    }

    /// The CA a chain is of, and what it is good for.
    pub(super) fn check_chain(
        &self,
        tx: &ReadTx<'_>,
        namespace: &NamespaceName,
        pem: &str,
        root: &Certificate,
    ) -> Result<(Ca, Chain), RegistryError> {
        let (ca, request) = answered(tx, namespace, pem)?;
        if let Some(there) = &ca.certificate {
            let same = Certificate::from_text(pem).is_ok_and(|found| found.certificate.der() == there.0);
            let outcome = if same {
                AnswerOutcome::AlreadyThere
            } else {
                AnswerOutcome::NotNeeded
            };
            return Ok((ca, Chain::Nothing(outcome)));
        }
        if ca.state != CaState::Pending {
            return Ok((ca, Chain::Nothing(AnswerOutcome::NotNeeded)));
        }
        let rules = &self.options().activation;
        let issuing = activation::check_under(&request, pem, root, rules, self.now());
        let issuing = issuing.map_err(|error| broken(&error))?;
        unused_serial(tx, namespace, &issuing)?;
        Ok((ca, Chain::Fits(issuing)))
    }
}

fn broken(error: &ActivationError) -> RegistryError {
    RegistryError::invalid(
        "CertificateChainInvalid",
        format!("{} ({})", error.public_message(), error.code()),
    )
}

/// The root with its certificate, which was brought before.
pub(super) fn standing_root(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
) -> Result<(Ca, Certificate), RegistryError> {
    let root = offline_credential(tx, namespace)?.root;
    let certificate = root.certificate.as_ref().map(|der| Certificate::from_der(&der.0));
    match certificate {
        Some(Ok(certificate)) => Ok((root, certificate)),
        _ => Err(RegistryError::conflict(
            "RootMissing",
            "the root's certificate was not brought yet; bring it first, or with the rest",
        )),
    }
}

/// The issuing CA whose request a chain answers: by the key of its first certificate.
fn answered(tx: &ReadTx<'_>, namespace: &NamespaceName, pem: &str) -> Result<(Ca, Csr), RegistryError> {
    let found = Certificate::from_text(pem).map_err(|error| broken(&error.into()))?;
    for ca in tx.cas(namespace)? {
        let request = ca.signing_request.as_ref().map(|der| Csr::from_der(der));
        if let (Some(Ok(request)), CaRole::Issuing) = (request, ca.role)
            && request.spki_der() == found.certificate.spki_der()
            && !is_of_external_policy(tx, &ca)?
        {
            return Ok((ca, request));
        }
    }
    Err(RegistryError::invalid(
        "NoSuchRequest",
        format!(
            "no signing request of this namespace is for the key of {}; the issuing CA comes first in its file",
            found.certificate.subject_display()
        ),
    ))
}

/// Its request is for the customer's root, not for the namespace's.
fn is_of_external_policy(tx: &ReadTx<'_>, ca: &Ca) -> Result<bool, RegistryError> {
    let policy = match &ca.policy {
        Some(name) => tx.credential_policy(&ca.namespace, name)?,
        None => None,
    };
    Ok(policy.is_some_and(|policy| policy.is_external))
}

/// No two certificates of a root have one serial number: its CRL could not tell them apart.
fn unused_serial(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    issuing: &Certificate,
) -> Result<(), RegistryError> {
    let serial = serial_of(issuing.der()).ok_or_else(|| reused(issuing))?;
    let root = offline_credential(tx, namespace)?.root;
    let is_same = |ca: &Ca| {
        let known = ca.certificate.as_ref().and_then(|der| serial_of(&der.0));
        ca.parent.as_ref() == Some(&root.id) && known.as_ref() == Some(&serial)
    };
    let part = part_of(&root);
    // The CRL that is out may list more than we revoked: what its officers revoked by themselves.
    let published = tx.crl(&part)?.and_then(|crl| crl.der);
    let published = published.and_then(|der| Crl::from_der(&der).ok());
    let is_listed = published.is_some_and(|crl| crl.entry(&serial).is_some());
    let is_known =
        is_listed || tx.revoked_entry(&part, &serial)?.is_some() || tx.cas(namespace)?.iter().any(is_same);
    if is_known { Err(reused(issuing)) } else { Ok(()) }
}

fn reused(issuing: &Certificate) -> RegistryError {
    RegistryError::invalid(
        "SerialNumberReused",
        format!(
            "the serial number {} of {} was given before, stands on the root's CRL, or is none that may be given",
            issuing.serial_hex(),
            issuing.subject_display()
        ),
    )
}
