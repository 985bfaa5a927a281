//! Puts explanations together.

use provost_model::{
    DeviceId, DpsName, EnrollmentKind, IndividualEnrollment, IndividualMechanism, PageSize,
    ProvisioningStatus, RegistrationId, Timestamp,
};
use provost_pki::{Certificate, PresentedChain};
use provost_store::{ReadTx, StoreError, StoredRefusal};
use provost_wire::own::{
    ExplainedEntry, ExplainedOutcome, Explanation, LastChange, RecentRefusal, ToldError,
};
use provost_wire::time::iso;

use crate::attestation::shown_certificate;
use crate::decide::{Claim, Decision, Entry, Judgement, Match, Proof, Step};
use crate::device_name::disabled_in_registry;
use crate::{ProvisioningError, Refusal, Refused, Trace};

/// Of a decision that was made for this purpose.
pub(super) fn judged(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    claim: &Claim<'_>,
    judgement: &Judgement,
) -> Result<Explanation, StoreError> {
    let (outcome, because) = match &judgement.decision {
        Decision::Admitted(found) => (ExplainedOutcome::Admitted, admitted(found)),
        Decision::Disabled(found) => (ExplainedOutcome::Disabled, disabled(found)),
        Decision::Refused(refusal) => (ExplainedOutcome::Refused, refusal.to_string()),
    };
    let mut explanation = Explanation::new(claim.at, claim.registration_id, outcome, because);
    fill(&mut explanation, &judgement.trace, claim.chain);
    match &judgement.decision {
        Decision::Admitted(found) | Decision::Disabled(found) => {
            let entry = &found.entry;
            explanation.entry = Some(entry_of(tx, dps, entry.kind(), entry.key())?);
            if let Some(holder) = &found.blocked_by {
                explanation.held_by = Some(entry_of(tx, dps, holder.kind, &holder.entry_key)?);
            }
        }
        Decision::Refused(refusal) => {
            fill_refusal(&mut explanation, refusal);
            if is_decided_by_individual(&judgement.trace) {
                let key = claim.registration_id.key();
                explanation.entry = Some(entry_of(tx, dps, EnrollmentKind::Individual, key)?);
            }
        }
    }
    Ok(explanation)
}

/// Of a device of which only the ID is known.
pub(super) fn unproven(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    id: &RegistrationId,
    at: Timestamp,
) -> Result<Explanation, StoreError> {
    if let Some(enrollment) = tx.individual_enrollment(dps, id)? {
        let status = enrollment.settings.status;
        let (outcome, because) = match status {
            ProvisioningStatus::Disabled => (
                ExplainedOutcome::Disabled,
                "the individual enrollment is disabled".to_owned(),
            ),
            ProvisioningStatus::Enabled => (
                ExplainedOutcome::Undecided,
                format!(
                    "the individual enrollment is enabled; the device has to show {}",
                    wanted(&enrollment)
                ),
            ),
        };
        let mut explanation = Explanation::new(at, id, outcome, because);
        let found = Step::Individual { status: Some(status) };
        explanation.steps = vec![found.to_string()];
        explanation.entry = Some(entry_of(tx, dps, EnrollmentKind::Individual, id.key())?);
        return Ok(explanation);
    }
    let one = PageSize::clamp(Some(1), 1, 1);
    let (outcome, because) = if tx.enrollment_groups(dps, None, one)?.is_empty() {
        (ExplainedOutcome::Refused, Refusal::NoEntry.to_string())
    } else {
        let because = "no individual enrollment; which group decides depends on the certificate chain or the \
                       token: give the chain to see it";
        (ExplainedOutcome::Undecided, because.to_owned())
    };
    let mut explanation = Explanation::new(at, id, outcome, because);
    explanation.steps = vec![Step::Individual { status: None }.to_string()];
    for (key, status, _) in tx.symmetric_groups(dps)? {
        let word = match status {
            ProvisioningStatus::Enabled => "admits",
            ProvisioningStatus::Disabled => "is disabled and refuses",
        };
        let step = format!("group {key} {word} a token signed with the key derived from its key for this ID");
        explanation.steps.push(step);
    }
    Ok(explanation)
}

/// A device that the Device Registry has disabled goes nowhere, whatever its entry says
/// (certificate-management.md 3.6).
pub(super) fn say_if_disabled_in_registry(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    id: &RegistrationId,
    explanation: &mut Explanation,
) -> Result<(), StoreError> {
    if !matches!(
        explanation.outcome,
        ExplainedOutcome::Admitted | ExplainedOutcome::Undecided
    ) {
        return Ok(());
    }
    let named = tx
        .individual_enrollment(dps, id)?
        .and_then(|entry| entry.device_id);
    let device_ids = [DeviceId::from(id)].into_iter().chain(named);
    if let Some(device) = disabled_in_registry(tx, dps, device_ids)? {
        explanation.outcome = ExplainedOutcome::Disabled;
        explanation.because = format!(
            "the device {} of the namespace {} is disabled in the Device Registry: a registration ends with 400212",
            device.name, device.namespace
        );
    }
    Ok(())
}

/// Of a refusal, as it is stored.
pub(crate) fn refused(tracking_id: &str, refused: &Refused) -> Explanation {
    let mut explanation = Explanation::new(
        refused.at,
        &refused.registration_id,
        ExplainedOutcome::Refused,
        refused.refusal.to_string(),
    );
    fill(&mut explanation, &refused.trace, refused.chain.as_ref());
    fill_refusal(&mut explanation, &refused.refusal);
    explanation.tracking_id = Some(tracking_id.to_owned());
    explanation
}

/// A stored one, with the device's own entry as it is now.
pub(super) fn reread(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    stored: &StoredRefusal,
) -> Result<Explanation, StoreError> {
    let mut explanation = read(stored).ok_or_else(|| StoreError::Inconsistent {
        table: "refusal",
        column: "explanation",
        key: stored.tracking_id.clone(),
    })?;
    let key = explanation.registration_id.to_ascii_lowercase();
    let entry = entry_of(tx, dps, EnrollmentKind::Individual, &key)?;
    if entry.last_change.is_some() || entry.etag.is_some() {
        explanation.entry = Some(entry);
    }
    Ok(explanation)
}

/// A stored one in a line.
pub(super) fn in_short(stored: &StoredRefusal) -> Option<RecentRefusal> {
    let explanation = read(stored)?;
    Some(RecentRefusal {
        tracking_id: stored.tracking_id.clone(),
        at: explanation.at,
        because: explanation.because,
    })
}

fn read(stored: &StoredRefusal) -> Option<Explanation> {
    Explanation::from_json(&stored.explanation)
}

fn fill(explanation: &mut Explanation, trace: &Trace, chain: Option<&PresentedChain>) {
    explanation.steps = trace.steps().iter().map(Step::to_string).collect();
    explanation.chain = chain
        .into_iter()
        .flat_map(PresentedChain::iter)
        .map(shown_certificate)
        .collect();
}

fn fill_refusal(explanation: &mut Explanation, refusal: &Refusal) {
    if let Refusal::AuthorityMissing { issuer: Some(last) } = refusal {
        explanation.missing_issuer = Some(last.issuer_display());
    }
    explanation.device_is_told = Some(ToldError {
        error_code: ProvisioningError::REFUSED,
        message: refusal.public_message().to_owned(),
    });
}

fn is_decided_by_individual(trace: &Trace) -> bool {
    let by_individual = |step: &Step| matches!(step, Step::Individual { status: Some(_) });
    trace.steps().iter().any(by_individual)
}

/// An entry as it is now, or its end.
fn entry_of(
    tx: &ReadTx<'_>,
    dps: &DpsName,
    kind: EnrollmentKind,
    key: &str,
) -> Result<ExplainedEntry, StoreError> {
    let change = tx.last_entry_change(dps, kind, key)?;
    let state = tx.enrollment_state(dps, kind, key)?;
    let word = match kind {
        EnrollmentKind::Individual => "enrollment",
        EnrollmentKind::Group => "enrollmentGroup",
    };
    Ok(ExplainedEntry {
        kind: word.to_owned(),
        id: key.to_owned(),
        provisioning_status: state.as_ref().map(|(status, _)| match status {
            ProvisioningStatus::Enabled => "enabled".to_owned(),
            ProvisioningStatus::Disabled => "disabled".to_owned(),
        }),
        etag: state.map(|(_, etag)| etag.to_string()),
        last_change: change.map(|event| LastChange {
            actor: event.actor,
            action: event.action,
            at: iso(event.at),
        }),
    })
}

fn admitted(found: &Match) -> String {
    let proof = match &found.proof {
        Proof::Pinned(_) => "the certificate is one of the enrollment's".to_owned(),
        Proof::Chain(chain) => format!("the chain leads to {}", chain.anchor().subject_display()),
        Proof::Key { .. } => "the token is signed with the entry's key".to_owned(),
    };
    format!("{proof}, and {} is enabled", name(&found.entry))
}

fn disabled(found: &Match) -> String {
    match &found.blocked_by {
        Some(by) => Step::Held { by: by.clone() }.to_string(),
        None => format!("{} is disabled", name(&found.entry)),
    }
}

fn name(entry: &Entry) -> String {
    match entry {
        Entry::Individual(enrollment) => format!("individual enrollment {}", enrollment.registration_id),
        Entry::Group(group) => format!("group {}", group.id),
    }
}

/// What an enrollment asks of its device.
fn wanted(enrollment: &IndividualEnrollment) -> String {
    match &enrollment.mechanism {
        IndividualMechanism::ClientCertificates(slots) => {
            let facts = |certificate: Certificate| {
                let thumbprint = certificate.sha256_thumbprint();
                format!("{thumbprint} (until {})", iso(certificate.not_after()))
            };
            let known: Vec<String> = slots
                .iter()
                .filter_map(|der| Certificate::from_der(&der.0).ok())
                .map(facts)
                .collect();
            format!("the certificate {}", known.join(" or "))
        }
        IndividualMechanism::CaReferences(names) => {
            let names: Vec<&str> = names.iter().map(provost_model::CertificateName::as_str).collect();
            format!(
                "a certificate whose chain leads to the CA certificate {}",
                names.join(" or ")
            )
        }
        IndividualMechanism::SymmetricKey(_) => "a token signed with one of its keys".to_owned(),
    }
}
