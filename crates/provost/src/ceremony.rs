//! A root kept offline: made, and used, in a folder on a machine without a network; what it signs and what
//! it is asked goes in and out as files (certificate-management.md 7.5). Needs no server.
//!
//! | file | what | who sees it |
//! |---|---|---|
//! | `keys/` | the root's key, sealed with a passphrase | nobody |
//! | `root.pem` | its certificate | everybody |
//! | `root.crl` | its last CRL, DER | everybody |
//! | `issued/` | what it signed, by the hash of the request | everybody |
//! | `transcript.jsonl` | what was done | witnesses |

mod answer;
mod last_crl;
mod transcript;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use provost_ca::{CaKeys, CaSigner, RootOrder, new_serial, sign_root};
use provost_keys::{KekSource, SealedKeys};
use provost_model::registry::{KeyRef, Revocation, RevocationReason, RevokedEntry, SerialNumber};
use provost_model::{Clock, Random, Timestamp};
use provost_pki::crl::{Crl, RevocationList};
use provost_pki::issue::{Issuance, Profile, Publication, SubjectName, issue};
use provost_pki::{Certificate, Csr, CsrKey, CsrRules, Sha256Thumbprint};
use provost_wire::time::{iso_seconds, parse_iso};
use serde_json::{Map, Value, json};

use self::transcript::Transcript;
use crate::serve::private_file;

/// A day.
const DAY: Duration = Duration::from_hours(24);
/// Clocks of others may be a little behind.
const BACKDATE: Duration = Duration::from_mins(5);

const ROOT: &str = "root.pem";
const CRL: &str = "root.crl";

/// The folder of one offline root.
pub(crate) struct Ceremony {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    transcript: Transcript,
}

/// What an issuing CA is to get.
pub(crate) struct IssuingTerms {
    /// Days it is valid for, at most as long as the root.
    pub(crate) days: u64,
    /// Where the root's CRL and certificate are published.
    pub(crate) publication: Publication,
}

/// A server asks for numbers by its clock, in microseconds, or for the one after the last. A greater one would
/// leave no number for the CRLs that follow.
fn check_number(asked: u64, last: u64, now: Timestamp) -> Result<()> {
    let by_the_clock = u64::try_from(now.after(DAY).as_micros()).unwrap_or(0);
    if asked > by_the_clock.max(last.saturating_add(1)) {
        bail!(
            "the requests ask for the CRL number {asked}, which no clock gives: they were altered, or the clock \
             of this machine is far behind"
        );
    }
    Ok(())
}

impl Ceremony {
    /// Opens the folder, which is made when it is not there.
    pub(crate) fn open(folder: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self> {
        private_file::make_folder(folder)?;
        Ok(Self {
            transcript: Transcript::open(folder)?,
            folder: folder.to_owned(),
            clock,
            random,
        })
    }

    /// Makes the root and its first, empty CRL. One root a folder.
    pub(crate) fn make_root(&mut self, passphrase: &KekSource, years: u64, crl_days: u64) -> Result<Value> {
        if self.folder.join(ROOT).exists() || self.transcript.count("root") > 0 {
            bail!("{} has a root already", self.folder.display());
        }
        let signer = self.keys(passphrase)?.make("offline-root")?;
        let now = self.clock.now();
        let order = RootOrder {
            common_name: format!("rootca-{}", self.random.hex(16)),
            serial: new_serial(&*self.random),
            not_before: now.before(BACKDATE),
            not_after: now.after(DAY * u32::try_from(years.saturating_mul(365))?),
        };
        let signed = sign_root(&order, &signer)?;
        let root = Certificate::from_der(&signed.certificate.0)?;
        // Before the certificate is out, so that its key is never unknown.
        let mut made = described(&root);
        made.insert("key".into(), signer.key().0.clone().into());
        self.transcript.add(now, "root", made.clone())?;
        private_file::write_public(&self.folder.join(ROOT), root.to_pem().as_bytes())?;
        self.write_crl((&root, &signer), &[], crl_days, 1)?;
        Ok(self.told(made))
    }

    /// Signs the request of an issuing CA; gives the chain, issuing CA first, root last, as PEM.
    pub(crate) fn sign(
        &mut self,
        passphrase: &KekSource,
        request: &[u8],
        terms: &IssuingTerms,
    ) -> Result<(String, Value)> {
        let (root, signer) = self.root(passphrase)?;
        let (signed, made) = self.sign_with((&root, &signer), request, terms)?;
        Ok((format!("{}{}", signed.to_pem(), root.to_pem()), self.told(made)))
    }

    fn sign_with(
        &mut self,
        (root, signer): (&Certificate, &CaSigner),
        request: &[u8],
        terms: &IssuingTerms,
    ) -> Result<(Certificate, Map<String, Value>)> {
        let rules = CsrRules {
            allowed_keys: vec![CsrKey::P256, CsrKey::P384],
        };
        let request = Csr::from_file_bytes(request)
            .context("this is not a signing request")?
            .verify(&rules)
            .context("the signing request is refused")?;
        if request.spki_der() == root.spki_der() {
            bail!("the signing request is for the key of the root itself");
        }
        let now = self.clock.now();
        let days = u32::try_from(terms.days).context("too many days")?;
        let serial = new_serial(&*self.random);
        let issuance = Issuance {
            subject: &SubjectName::from_der(request.subject_der())?,
            public_key_der: request.spki_der(),
            profile: &Profile::IssuingCa(terms.publication.clone()),
            not_before: now.before(BACKDATE),
            not_after: now.after(DAY * days).min(root.not_after()),
            serial: serial.as_bytes(),
        };
        let signed = issue(&issuance, root, signer)?;
        let mut made = described(&signed);
        let asked = Sha256Thumbprint::of(request.csr().der()).to_string();
        made.insert("request".into(), asked.into());
        self.transcript.add(now, "issuing CA", made.clone())?;
        Ok((signed, made))
    }

    /// Signs a CRL with what the last one had and what the list adds: nothing is ever taken off.
    pub(crate) fn revoke(&mut self, passphrase: &KekSource, list: &str, days: u64) -> Result<Value> {
        let (root, signer) = self.root(passphrase)?;
        let added = parse_list(list, self.clock.now(), root.not_after())?;
        let made = self.write_crl((&root, &signer), &added, days, 1)?;
        Ok(self.told(made))
    }

    /// Root, CRL and transcript as they are; needs no passphrase.
    pub(crate) fn show(&self) -> Result<Value> {
        let root = self.certificate()?;
        let mut shown = described(&root);
        if let Some(crl) = self.last_crl(&root)? {
            shown.insert("crlNumber".into(), crl.number().into());
            shown.insert("crlEntries".into(), crl.len().into());
            shown.insert("crlNextUpdate".into(), crl.next_update().map(iso_seconds).into());
        }
        let steps = self.transcript.lines().iter().cloned().map(Value::Object);
        shown.insert("steps".into(), steps.collect());
        Ok(self.told(shown))
    }

    fn write_crl(
        &mut self,
        (root, signer): (&Certificate, &CaSigner),
        added: &[RevokedEntry],
        days: u64,
        least_number: u64,
    ) -> Result<Map<String, Value>> {
        let last = self.last_crl(root)?;
        let mut entries = match &last {
            Some(last) => entries_of(last, root.not_after())?,
            None => Vec::new(),
        };
        for entry in added {
            if !entries.iter().any(|known| known.serial == entry.serial) {
                entries.push(entry.clone());
            }
        }
        let now = self.clock.now();
        let last = last.and_then(|crl| crl.number()).unwrap_or(0);
        check_number(least_number, last, now)?;
        let number = last.saturating_add(1).max(least_number);
        let next_update = now.after(DAY * u32::try_from(days).context("too many days")?);
        let list = RevocationList {
            issuer: root,
            number,
            this_update: now,
            next_update,
            part: None,
        };
        let der = list.signed_with(&entries, signer)?;
        let made = members(json!({
            "number": number,
            "entries": entries.len(),
            "nextUpdate": iso_seconds(next_update),
            "sha256": Sha256Thumbprint::of(&der).to_string(),
        }));
        self.keep_crl(now, &der, made.clone())?;
        Ok(made)
    }

    fn root(&self, passphrase: &KekSource) -> Result<(Certificate, CaSigner)> {
        let root = self.certificate()?;
        let key = self
            .transcript
            .lines()
            .iter()
            .find(|line| Transcript::is(line, "root"));
        let key = key.and_then(|line| line.get("key")).and_then(Value::as_str);
        let key = KeyRef(key.context("the transcript names no key of a root")?.to_owned());
        let signer = self.keys(passphrase)?.signer(&key)?;
        Ok((root, signer))
    }

    fn certificate(&self) -> Result<Certificate> {
        let path = self.folder.join(ROOT);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Certificate::from_file_bytes(&bytes)?.certificate)
    }

    fn keys(&self, passphrase: &KekSource) -> Result<CaKeys> {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let keys = SealedKeys::open(
            &self.folder.join("keys"),
            passphrase,
            Duration::ZERO,
            clock,
            random,
        )?;
        Ok(CaKeys::new(Arc::new(keys)))
    }

    /// What is answered: with the hash that witnesses sign.
    fn told(&self, mut made: Map<String, Value>) -> Value {
        made.insert("transcript".into(), self.transcript.last().into());
        Value::Object(made)
    }
}

fn described(certificate: &Certificate) -> Map<String, Value> {
    members(json!({
        "subject": certificate.subject_display(),
        "serial": certificate.serial_hex(),
        "sha1": certificate.sha1_thumbprint().to_string(),
        "sha256": certificate.sha256_thumbprint().to_string(),
        "validFrom": iso_seconds(certificate.not_before()),
        "validUntil": iso_seconds(certificate.not_after()),
    }))
}

fn members(document: Value) -> Map<String, Value> {
    match document {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What a CRL of ours says; anything else in it is refused rather than lost.
fn entries_of(crl: &Crl, not_after: Timestamp) -> Result<Vec<RevokedEntry>> {
    let known = |number: Option<u8>| {
        let number = number.unwrap_or(RevocationReason::Unspecified.number());
        RevocationReason::ALL
            .into_iter()
            .find(|reason| reason.number() == number)
    };
    crl.entries()
        .map(|entry| {
            let serial = entry
                .serial
                .context("the last CRL has an entry without a number")?;
            let reason = known(entry.reason).context("the last CRL has an entry with an unknown reason")?;
            Ok(RevokedEntry {
                serial,
                revocation: Revocation { at: entry.at, reason },
                not_after,
            })
        })
        .collect()
}

/// Lines of `SERIAL [REASON [TIME]]`; empty lines and what follows a `#` do not count.
fn parse_list(text: &str, now: Timestamp, not_after: Timestamp) -> Result<Vec<RevokedEntry>> {
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (!line.is_empty()).then_some((index + 1, line))
    });
    lines
        .map(|(number, line)| {
            parse_entry(line, now, not_after).with_context(|| format!("line {number} of the list"))
        })
        .collect()
}

fn parse_entry(line: &str, now: Timestamp, not_after: Timestamp) -> Result<RevokedEntry> {
    let mut words = line.split_whitespace();
    let serial = words.next().and_then(SerialNumber::parse);
    let reason = match words.next() {
        None => RevocationReason::Unspecified,
        Some(word) => RevocationReason::parse(word)
            .with_context(|| format!("`{word}` is not a reason, such as cACompromise or superseded"))?,
    };
    let at = match words.next() {
        None => now,
        Some(word) => parse_iso(word)
            .filter(|at| *at <= now)
            .with_context(|| format!("`{word}` is not a past time, such as 2026-01-31T12:00:00Z"))?,
    };
    if words.next().is_some() {
        bail!("it has more than serial number, reason and time");
    }
    Ok(RevokedEntry {
        serial: serial.context("it does not begin with a serial number, hexadecimal")?,
        revocation: Revocation { at, reason },
        not_after,
    })
}

#[cfg(test)]
mod tests;
