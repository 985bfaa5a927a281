//! The CRL of a root that is kept offline: signed there, checked and published here (certificate-management.md
//! 6.1, 7.5).

use std::collections::HashSet;
use std::time::Duration;

use provost_model::registry::{Ca, CaRole, CaState, RevokedEntry, SerialNumber};
use provost_model::{NamespaceName, Timestamp};
use provost_pki::Certificate;
use provost_pki::crl::Crl;
use provost_store::{CrlPart, CrlWork, NewCrl, ReadTx, StoreError, WriteTx};

use crate::RegistryError;

/// How far the clock of the machine of the root may be ahead of ours.
const AHEAD: Duration = Duration::from_mins(5);
/// `removeFromCRL` (RFC 5280 5.3.1): what has it is not revoked.
const REMOVED: u8 = 8;
/// Revocations read at a time.
const PAGE: usize = 1000;
/// Most serial numbers a refusal names.
const NAMED: usize = 20;

/// The whole CRL of a root: roots cut theirs into no parts.
pub(super) fn part_of(root: &Ca) -> CrlPart {
    CrlPart {
        ca: root.id.clone(),
        shard: 0,
    }
}

/// What the CRL of a root has to list: what expired before the CRL that is out was made may be left out.
pub(super) fn revoked(tx: &ReadTx<'_>, root: &Ca) -> Result<Vec<RevokedEntry>, StoreError> {
    let part = part_of(root);
    let expired = tx.crl_work(&part)?.and_then(|work| work.this_update);
    let mut all: Vec<RevokedEntry> = Vec::new();
    loop {
        let after = all.last().map(|entry| entry.serial.clone());
        let page = tx.revoked_entries(&part, expired, after.as_ref(), PAGE)?;
        let is_end = page.len() < PAGE;
        all.extend(page);
        if is_end {
            return Ok(all);
        }
    }
}

/// Serial numbers that are to be on a CRL and are not; all of them when there is none.
pub(super) fn missing(revoked: &[RevokedEntry], der: Option<&[u8]>) -> Vec<SerialNumber> {
    let listed = der
        .and_then(|der| Crl::from_der(der).ok())
        .map_or_else(HashSet::new, |crl| listed(&crl));
    let lacks = |entry: &&RevokedEntry| !listed.contains(&entry.serial);
    revoked
        .iter()
        .filter(lacks)
        .map(|entry| entry.serial.clone())
        .collect()
}

fn listed(crl: &Crl) -> HashSet<SerialNumber> {
    let stands = crl.entries().filter(|entry| entry.reason != Some(REMOVED));
    stands.filter_map(|entry| entry.serial).collect()
}

/// Which root of a namespace made a CRL, also one whose credential was deleted.
pub(super) fn maker(
    tx: &ReadTx<'_>,
    namespace: &NamespaceName,
    crl: &Crl,
    new_root: Option<(&Ca, &Certificate)>,
) -> Result<(Ca, Certificate), RegistryError> {
    let is_offline_root = |ca: &Ca| {
        ca.role == CaRole::Root
            && ca.key.is_offline()
            && matches!(ca.state, CaState::Active | CaState::Closed)
    };
    let mut roots: Vec<(Ca, Certificate)> = Vec::new();
    for ca in tx.cas(namespace)?.into_iter().filter(is_offline_root) {
        let certificate = ca.certificate.as_ref().map(|der| Certificate::from_der(&der.0));
        if let Some(Ok(certificate)) = certificate {
            roots.push((ca, certificate));
        }
    }
    roots.extend(new_root.map(|(ca, certificate)| (ca.clone(), certificate.clone())));
    let mut reason = format!("{} is no root of this namespace", crl.issuer_display());
    for (ca, certificate) in roots {
        match crl.verify(&certificate) {
            Ok(()) => return Ok((ca, certificate)),
            Err(error) if certificate.subject_der() == crl.issuer_der() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(RegistryError::invalid(
        "CrlInvalid",
        format!("the CRL is not one of the root's: {reason}"),
    ))
}

/// A CRL that may take the place of the one that is out; `None` when it is the one that is out.
pub(super) fn check(
    tx: &ReadTx<'_>,
    root: &Ca,
    crl: &Crl,
    now: Timestamp,
) -> Result<Option<NewCrl>, RegistryError> {
    let out = tx.crl(&part_of(root))?;
    if out.as_ref().and_then(|out| out.der.as_deref()) == Some(crl.der()) {
        return Ok(None);
    }
    let (before, since) = out.map_or((0, None), |out| (out.number, out.this_update));
    let number = number(crl, before)?;
    let next_update = dates(crl, since, now)?;
    contents(tx, root, crl)?;
    Ok(Some(NewCrl {
        number,
        this_update: crl.this_update(),
        next_update,
        der: crl.der().to_vec(),
        entries: i64::try_from(crl.len()).unwrap_or(i64::MAX),
        // The next one is brought as this one was.
        due_at: Some(Timestamp::from_micros(i64::MAX)),
        rests_until: now,
    }))
}

fn number(crl: &Crl, before: i64) -> Result<i64, RegistryError> {
    let Some(hex) = crl.number_hex() else {
        return Err(RegistryError::invalid("CrlInvalid", "the CRL has no number"));
    };
    match crl.number().and_then(|number| i64::try_from(number).ok()) {
        None => Err(RegistryError::invalid(
            "CrlInvalid",
            format!("the CRL's number {hex} (hexadecimal) is too great; none greater could follow it"),
        )),
        Some(number) if number <= before => Err(RegistryError::invalid(
            "CrlNumberTooLow",
            format!("the CRL's number is {number}; it must be greater than {before}, which is out"),
        )),
        Some(number) => Ok(number),
    }
}

/// Answers its next update.
fn dates(crl: &Crl, since: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, RegistryError> {
    let wrong = |message: &str| Err(RegistryError::invalid("CrlInvalid", message));
    if crl.part().is_some() {
        return wrong("the CRL is a part of one; the whole is wanted");
    }
    if crl.this_update() > now.after(AHEAD) {
        return wrong("the CRL is of the future: its thisUpdate is later than now");
    }
    if since.is_some_and(|since| crl.this_update() < since) {
        return wrong("the CRL is older than the one that is out");
    }
    match crl.next_update() {
        None => wrong("the CRL has no nextUpdate"),
        Some(next) if next <= now => wrong("the CRL has expired: its nextUpdate has passed"),
        Some(next) => Ok(next),
    }
}

/// It lists everything that was revoked, and nothing that is in use.
fn contents(tx: &ReadTx<'_>, root: &Ca, crl: &Crl) -> Result<(), RegistryError> {
    let lacks = missing(&revoked(tx, root)?, Some(crl.der()));
    if !lacks.is_empty() {
        let more = if lacks.len() > NAMED { " and more" } else { "" };
        let named: Vec<String> = lacks.iter().take(NAMED).map(ToString::to_string).collect();
        return Err(RegistryError::invalid(
            "CrlLacksRevocations",
            format!(
                "the CRL does not list what was revoked: {}{more}",
                named.join(", ")
            ),
        ));
    }
    let listed = listed(crl);
    for ca in tx.cas(&root.namespace)? {
        let is_used = matches!(ca.state, CaState::Active | CaState::Retired | CaState::Spare);
        if !is_used || ca.parent.as_ref() != Some(&root.id) {
            continue;
        }
        let serial = ca.certificate.as_ref().and_then(|der| serial_of(&der.0));
        if serial.is_some_and(|serial| listed.contains(&serial)) {
            return Err(RegistryError::conflict(
                "CrlRevokesIssuerInUse",
                format!(
                    "the CRL lists {}, which is {} here; revoke the issuer of its policy first",
                    ca.subject,
                    ca.state.as_str()
                ),
            ));
        }
    }
    Ok(())
}

pub(super) fn serial_of(der: &[u8]) -> Option<SerialNumber> {
    SerialNumber::parse(&Certificate::from_der(der).ok()?.serial_hex())
}

/// Publishes it.
pub(super) fn publish(tx: &WriteTx<'_>, root: &Ca, new: &NewCrl) -> Result<bool, StoreError> {
    let part = part_of(root);
    if tx.crl_work(&part)?.is_none() {
        tx.mark_crl_dirty(&root.id, 0)?;
    }
    let work: Option<CrlWork> = tx.crl_work(&part)?;
    work.map_or(Ok(false), |work| tx.replace_crl(&work, new))
}
