//! What a root that is kept offline signed, brought back. Everything is checked before anything is written; then
//! each piece is a transaction of its own, so that bringing the same again finishes what a crash cut off.

use std::collections::HashSet;
use std::sync::Arc;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaRole, CaState, CredentialPolicy};
use provost_model::{Action, CertificateDer, NamespaceName};
use provost_pki::activation::{self, ActivationError};
use provost_pki::crl::Crl;
use provost_pki::{Certificate, Csr};
use provost_store::{Audited, ReadTx, WriteTx};

use super::crl::{check as check_crl, maker, part_of, publish, serial_of};
use super::requests::Stock;
use super::{SUBJECT, offline_credential};
use crate::policies::SUBJECT as POLICY;
use crate::revoke_issuer::thumbprint;
use crate::service::event;
use crate::{RegistryError, RegistryService, facts};

/// Most chains brought at a time.
const MAX_CHAINS: usize = 1000;

/// What a root that is kept offline signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfflineAnswers {
    /// The root's certificate, PEM; needed once.
    pub root: Option<String>,
    /// For each request that was signed the issuing CA's certificate, PEM; the root may follow in it.
    pub chains: Vec<String>,
    /// The root's CRL, DER or PEM.
    pub crl: Option<Vec<u8>>,
}

/// What became of one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// It is in effect now.
    Taken,
    /// It was so already.
    AlreadyThere,
    /// What it answers was given up meanwhile.
    NotNeeded,
}

impl AnswerOutcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::AlreadyThere => "alreadyThere",
            Self::NotNeeded => "notNeeded",
        }
    }
}

/// One piece of what was brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedAnswer {
    /// `root`, `issuing`, `spare` or `crl`.
    pub what: &'static str,
    /// A subject, or the number of a CRL.
    pub name: String,
    /// What became of it.
    pub outcome: AnswerOutcome,
}

/// What a chain is good for.
enum Chain {
    /// It is the answer to a request that waits.
    Fits(Certificate),
    /// There is nothing to write.
    Nothing(AnswerOutcome),
}

struct Parsed {
    root: Option<String>,
    chains: Vec<String>,
    crl: Option<Crl>,
}

impl RegistryService {
    /// Takes what a root that is kept offline signed: its certificate, issuing CAs, which their policies issue by
    /// and linked hubs trust from now on (or keep as spares), and its CRL, which is published.
    ///
    /// # Errors
    /// [`RegistryError`]; `CertificateChainInvalid` with the rule that is broken, `NoSuchRequest`,
    /// `RootInUse`, `RootDiffers`, `RootMissing`, `SerialNumberReused`, `CrlInvalid`, `CrlNumberTooLow`,
    /// `CrlLacksRevocations`, `CrlRevokesIssuerInUse`. Nothing changes then.
    pub async fn import_answers(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        answers: OfflineAnswers,
    ) -> Result<Vec<ImportedAnswer>, RegistryError> {
        caller.require(Permission::CredentialsWrite, Some(namespace))?;
        if !answers.chains.is_empty() {
            caller.require(Permission::PoliciesWrite, Some(namespace))?;
        }
        let parsed = parse(answers)?;
        let (service, caller, namespace) = (self.clone(), caller.clone(), namespace.clone());
        self.to_the_end(async move { service.import(&caller, &namespace, parsed).await })
            .await
    }

    async fn import(
        &self,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        parsed: Parsed,
    ) -> Result<Vec<ImportedAnswer>, RegistryError> {
        let parsed = Arc::new(parsed);
        let (service, of, all) = (self.clone(), namespace.clone(), Arc::clone(&parsed));
        self.store()
            .scan(move |tx| service.check_all(tx, &of, &all))
            .await?;
        let mut done = Vec::new();
        if let Some(root) = parsed.root.clone() {
            let (service, by, of) = (self.clone(), caller.clone(), namespace.clone());
            let taken = self
                .store()
                .write(move |tx| service.take_root(tx, &by, &of, &root));
            done.push(taken.await?);
        }
        for chain in parsed.chains.clone() {
            let (service, by, of) = (self.clone(), caller.clone(), namespace.clone());
            let taken = self
                .store()
                .write(move |tx| service.take_chain(tx, &by, &of, &chain));
            done.push(taken.await?);
        }
        if let Some(crl) = parsed.crl.clone() {
            let (service, by, of) = (self.clone(), caller.clone(), namespace.clone());
            let taken = self.store().write(move |tx| service.take_crl(tx, &by, &of, &crl));
            done.push(taken.await?);
        }
        Ok(done)
    }

    /// Everything as it will be checked again when it is written; the root that is brought counts already.
    fn check_all(
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
    fn check_chains(
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
    fn check_root(
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

    fn take_root(
        &self,
        tx: WriteTx<'_>,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        pem: &str,
    ) -> Result<Audited<ImportedAnswer>, RegistryError> {
        let (mut root, _, is_new) = self.check_root(&tx, namespace, pem)?;
        let answer = |outcome| ImportedAnswer {
            what: "root",
            name: root.subject.clone(),
            outcome,
        };
        if !is_new {
            return Ok(tx.unchanged(answer(AnswerOutcome::AlreadyThere)));
        }
        let taken = answer(AnswerOutcome::Taken);
        root.changed_at = tx.now();
        tx.update_ca(&root)?;
        tx.mark_crl_dirty(&root.id, 0)?;
        let event = event(caller, Action::Activate, SUBJECT, namespace, "default").with_detail(format!(
            "root kept offline {} {}",
            root.subject,
            thumbprint(&root)
        ));
        let event = event.with_after(facts::of_ca(&root));
        Ok(tx.record(&event, taken)?)
    }

    /// The CA a chain is of, and what it is good for.
    fn check_chain(
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

    fn take_chain(
        &self,
        tx: WriteTx<'_>,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        pem: &str,
    ) -> Result<Audited<ImportedAnswer>, RegistryError> {
        let (root, root_certificate) = standing_root(&tx, namespace)?;
        let (mut ca, certificate) = self.check_chain(&tx, namespace, pem, &root_certificate)?;
        let answer = |what, outcome, ca: &Ca| ImportedAnswer {
            what,
            name: ca.subject.clone(),
            outcome,
        };
        let issuing = match certificate {
            Chain::Fits(issuing) => issuing,
            Chain::Nothing(outcome) => return Ok(tx.unchanged(answer("issuing", outcome, &ca))),
        };
        let policy = match &ca.policy {
            Some(name) => tx.credential_policy(namespace, name)?,
            None => None,
        };
        let Some(mut policy) = policy else {
            return Ok(tx.unchanged(answer("issuing", AnswerOutcome::NotNeeded, &ca)));
        };
        ca.subject = issuing.subject_display();
        ca.parent = Some(root.id.clone());
        ca.certificate = Some(CertificateDer(issuing.der().to_vec()));
        ca.issuers = root.certificate.iter().cloned().collect();
        ca.not_before = Some(issuing.not_before());
        ca.not_after = Some(issuing.not_after());
        ca.changed_at = tx.now();
        tx.update_ca(&ca)?;
        let (what, before) = self.place(&tx, &mut policy, &ca)?;
        policy.updated_at = tx.now();
        tx.put_credential_policy(&policy)?;
        let detail = match what {
            "spare" => format!("spare issuing CA {}", thumbprint(&ca)),
            _ => format!("issuing CA {before} -> {}", thumbprint(&ca)),
        };
        let event =
            event(caller, Action::Activate, POLICY, namespace, policy.name.as_str()).with_detail(detail);
        let event = event.with_after(facts::of_ca(&ca).with("state", ca.state));
        let taken = answer(what, AnswerOutcome::Taken, &ca);
        Ok(tx.record(&event, taken)?)
    }

    /// Makes a CA that has its certificate now the one that signs, when that is wanted, or a spare.
    fn place(
        &self,
        tx: &WriteTx<'_>,
        policy: &mut CredentialPolicy,
        ca: &Ca,
    ) -> Result<(&'static str, String), RegistryError> {
        let stock = Stock::of(tx, policy, self.now())?;
        let is_wanted = policy.pending.as_ref() == Some(&ca.id);
        if stock.signing.is_some() && !is_wanted {
            for former in stock.spares {
                tx.set_ca_state(&former.id, CaState::Closed, tx.now())?;
            }
            tx.set_ca_state(&ca.id, CaState::Spare, tx.now())?;
            return Ok(("spare", String::new()));
        }
        // Whichever comes first signs; the other request is for the spare then.
        policy.pending = None;
        let before = stock
            .signing
            .as_ref()
            .map_or_else(|| "none".to_owned(), thumbprint);
        self.put_in_use(tx, policy, ca)?;
        if let Some(former) = stock.signing {
            tx.set_ca_state(&former.id, CaState::Retired, tx.now())?;
        }
        Ok(("issuing", before))
    }

    fn take_crl(
        &self,
        tx: WriteTx<'_>,
        caller: &AdminCaller,
        namespace: &NamespaceName,
        crl: &Crl,
    ) -> Result<Audited<ImportedAnswer>, RegistryError> {
        let (root, _) = maker(&tx, namespace, crl, None)?;
        let answer = |outcome| ImportedAnswer {
            what: "crl",
            name: crl.number().unwrap_or_default().to_string(),
            outcome,
        };
        let Some(new) = check_crl(&tx, &root, crl, self.now())? else {
            return Ok(tx.unchanged(answer(AnswerOutcome::AlreadyThere)));
        };
        if !publish(&tx, &root, &new)? {
            return Err(RegistryError::conflict("CrlInvalid", "another CRL came first"));
        }
        let detail = format!(
            "CRL {} of {} with {} entries",
            new.number, root.subject, new.entries
        );
        let event = event(
            caller,
            Action::Update,
            "crl",
            namespace,
            part_of(&root).ca.as_str(),
        )
        .with_detail(detail);
        Ok(tx.record(&event, answer(AnswerOutcome::Taken))?)
    }
}

fn parse(answers: OfflineAnswers) -> Result<Parsed, RegistryError> {
    if answers.chains.len() > MAX_CHAINS {
        return Err(RegistryError::invalid(
            "TooManyAnswers",
            format!("at most {MAX_CHAINS} issuing CAs can be brought at a time"),
        ));
    }
    let crl = answers.crl.as_deref().map(Crl::from_file_bytes).transpose();
    Ok(Parsed {
        root: answers.root,
        chains: answers.chains,
        crl: crl.map_err(|error| {
            RegistryError::invalid("CrlInvalid", format!("the CRL cannot be read: {error}"))
        })?,
    })
}

fn broken(error: &ActivationError) -> RegistryError {
    RegistryError::invalid(
        "CertificateChainInvalid",
        format!("{} ({})", error.public_message(), error.code()),
    )
}

/// The root with its certificate, which was brought before.
fn standing_root(tx: &ReadTx<'_>, namespace: &NamespaceName) -> Result<(Ca, Certificate), RegistryError> {
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
