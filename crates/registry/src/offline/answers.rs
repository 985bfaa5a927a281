//! What a root that is kept offline signed, brought back. Everything is checked before anything is written; then
//! each piece is a transaction of its own, so that bringing the same again finishes what a crash cut off.

use std::sync::Arc;

use provost_access::{AdminCaller, Permission};
use provost_model::registry::{Ca, CaState, CredentialPolicy};
use provost_model::{Action, CertificateDer, NamespaceName};
use provost_pki::Certificate;
use provost_pki::crl::Crl;
use provost_store::{Audited, WriteTx};

use super::SUBJECT;
use super::checks::standing_root;
use super::crl::{check as check_crl, maker, part_of, publish};
use super::requests::Stock;
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
pub(super) enum Chain {
    /// It is the answer to a request that waits.
    Fits(Certificate),
    /// There is nothing to write.
    Nothing(AnswerOutcome),
}

pub(super) struct Parsed {
    pub(super) root: Option<String>,
    pub(super) chains: Vec<String>,
    pub(super) crl: Option<Crl>,
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
