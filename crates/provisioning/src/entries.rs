//! Individual enrollments and groups: operations 1 to 4, 6 to 10 and 12 of the service API
//! (dps-service-api.md 2). What differs between the two kinds is in [`EntryId`].

use provost_model::{
    AccessRight, Action, AuditEvent, AuditFacts, CertificateDer, DpsName, EnrollmentGroup, Etag, IfMatch,
    IndividualEnrollment, Slots, Word,
};
use provost_pki::Sha1Thumbprint;
use provost_store::ReadTx;
use provost_wire::dps::CertificateInfo;

use crate::attestation::shown_certificates;
use crate::listing::{MAX_ENTRIES, QueryKind};
use crate::settings::touch;
use crate::write_rule::{Stored, Write, WriteMode, check_delete, check_write};
use crate::{
    EntryId, Page, PageRequest, ProvisioningError, ProvisioningService, RegistrationOutcome, ServiceCaller,
};

/// An entry with what is needed to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEntry<E> {
    /// The entry, keys included: whether they are shown is decided by the answer.
    pub entry: E,
    /// The facts of the certificates it holds.
    pub certificates: Slots<CertificateInfo>,
    /// The latest outcome of the device of an individual enrollment; only for GET.
    pub registration: Option<RegistrationOutcome>,
}

/// An individual enrollment with what is needed to show it.
pub type ShownEnrollment = ShownEntry<IndividualEnrollment>;
/// An enrollment group with what is needed to show it.
pub type ShownGroup = ShownEntry<EnrollmentGroup>;

fn shown<I: EntryId>(entry: I::Entry) -> ShownEntry<I::Entry> {
    ShownEntry {
        certificates: shown_certificates(I::certificates(&entry)),
        entry,
        registration: None,
    }
}

impl ProvisioningService {
    /// Operations 1 and 7: creates or replaces the entry named by the address.
    ///
    /// # Errors
    /// 400004 when the body names another one or makes no sense, 4122xx and 4042xx as the rules of
    /// `If-Match` say (dps-service-api.md 2.3), 403102 when there are as many as there may be.
    pub async fn put_entry<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        id: &I,
        input: I::Input,
        if_match: IfMatch,
    ) -> Result<ShownEntry<I::Entry>, ProvisioningError> {
        if I::of_input(&input) != id {
            return Err(ProvisioningError::invalid(format!(
                "`{}` is not the one of the address",
                I::MEMBER
            )));
        }
        self.write_entry::<I>(caller, input, WriteMode::Put(if_match))
            .await
    }

    /// Creates or changes an entry.
    pub(crate) async fn write_entry<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        input: I::Input,
        mode: WriteMode,
    ) -> Result<ShownEntry<I::Entry>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (dps, actor, service) = (caller.dps(), caller.actor(), self.clone());
        let written = self
            .store()
            .write(move |tx| {
                let stored = I::of_input(&input).find(&tx, &dps)?;
                let mut entry = I::merged(input, stored.as_ref(), service.random(), tx.now())?;
                let state = stored.as_ref().map(|stored| Stored {
                    etag: &I::settings(stored).etag,
                    is_same: *stored == entry,
                });
                let allow_blind = service.options().allow_blind_overwrite;
                if check_write(I::NOUN, &mode, state, allow_blind)? == Write::Nothing {
                    return Ok::<_, ProvisioningError>(tx.unchanged(entry));
                }
                I::check_quota(service.quotas(), &tx, &dps, stored.as_ref(), &entry)?;
                let etag = Etag::generate(service.random());
                touch(I::settings_mut(&mut entry), etag, tx.now());
                I::put(&tx, &dps, &entry)?;
                let was = stored.as_ref().map(facts::<I>);
                let action = was.as_ref().map_or(Action::Create, |_| Action::Update);
                let id = I::of(&entry).text();
                let event = AuditEvent::new(actor, action, I::AUDITED, dps.as_str(), id);
                let mut event = event.with_after(facts::<I>(&entry));
                event.before = was;
                Ok(tx.record(&event, entry)?)
            })
            .await?;
        Ok(shown::<I>(written))
    }

    /// Operations 2 and 8, an individual enrollment with the latest outcome of its device.
    pub async fn get_entry<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        id: I,
    ) -> Result<ShownEntry<I::Entry>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let dps = caller.dps();
        self.store()
            .read(move |tx| {
                let mut shown = shown::<I>(found(tx, &dps, &id)?);
                shown.registration = id.outcome(tx, &dps)?;
                Ok(shown)
            })
            .await
    }

    /// Operations 3 and 9.
    pub async fn delete_entry<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        id: I,
        if_match: IfMatch,
    ) -> Result<(), ProvisioningError> {
        caller.require(AccessRight::EnrollmentWrite)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        self.store()
            .write(move |tx| {
                let etag = tx.enrollment_etag(&dps, I::KIND, id.key())?;
                check_delete(I::NOUN, &if_match, etag.as_ref())?;
                let was = id.find(&tx, &dps)?.as_ref().map(facts::<I>);
                tx.delete_enrollment(&dps, I::KIND, id.key())?;
                let remark = id.end(&tx, &dps)?;
                let mut event = AuditEvent::new(actor, Action::Delete, I::AUDITED, dps.as_str(), id.text());
                event.before = was;
                Ok::<_, ProvisioningError>(tx.record(&event.with_detail(remark), ())?)
            })
            .await
    }

    /// Operations 4 and 10. Without outcomes, as the real service answers.
    pub async fn query_entries<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        page: PageRequest,
    ) -> Result<Page<ShownEntry<I::Entry>>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let dps = caller.dps();
        let kind = QueryKind::entries(I::KIND);
        let begin = page.begin(&kind, MAX_ENTRIES)?;
        self.store()
            .scan(move |tx| {
                let list = |after: Option<&str>, size| I::list(tx, &dps, after, size);
                let key = |entry: &I::Entry| I::of(entry).key().to_owned();
                begin
                    .read(&kind, list, key)?
                    .try_map(|entry| Ok(shown::<I>(entry)))
            })
            .await
    }

    /// Operations 6 and 12: the entry for showing its secrets, which leaves an audit event when there
    /// are any.
    pub async fn reveal_entry<I: EntryId>(
        &self,
        caller: &ServiceCaller,
        id: I,
    ) -> Result<ShownEntry<I::Entry>, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        let (dps, actor) = (caller.dps(), caller.actor());
        let revealed = self
            .store()
            .write(move |tx| {
                let entry = found(&tx, &dps, &id)?;
                if !I::has_keys(&entry) {
                    return Ok::<_, ProvisioningError>(tx.unchanged(entry));
                }
                let event = AuditEvent::new(actor, Action::Reveal, I::AUDITED, dps.as_str(), id.text());
                Ok(tx.record(&event, entry)?)
            })
            .await?;
        Ok(shown::<I>(revealed))
    }
}

/// What audit events tell of an entry: whether it admits devices, by what, and the policy of their
/// certificates. Never a key.
fn facts<I: EntryId>(entry: &I::Entry) -> AuditFacts {
    let settings = I::settings(entry);
    let certificates = I::certificates(entry);
    let kind = match certificates {
        Some(_) => "x509",
        None if I::has_keys(entry) => "symmetricKey",
        None => "caReference",
    };
    let facts = AuditFacts::new()
        .with("attestation", Word(kind))
        .with("credentialPolicy", &settings.credential_policy)
        .with("enabled", settings.status);
    let Some(slots) = certificates else {
        return facts;
    };
    let thumbprint = |slot: &Option<CertificateDer>| slot.as_ref().map(|der| Sha1Thumbprint::of(&der.0));
    facts
        .with("primaryThumbprint", thumbprint(&slots.primary))
        .with("secondaryThumbprint", thumbprint(&slots.secondary))
}

fn found<I: EntryId>(tx: &ReadTx<'_>, dps: &DpsName, id: &I) -> Result<I::Entry, ProvisioningError> {
    id.find(tx, dps)?.ok_or(ProvisioningError::NotFound(I::NOUN))
}

#[cfg(test)]
mod tests;
