//! Everything a server asks of an offline root, in one go.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use provost_ca::CaSigner;
use provost_keys::KekSource;
use provost_model::registry::SerialNumber;
use provost_pki::issue::Publication;
use provost_pki::{Certificate, Sha256Thumbprint};
use serde_json::{Value, json};

use super::{Ceremony, IssuingTerms, parse_list};
use crate::exchange::{self, Direction, Exchange, Manifest};
use crate::serve::private_file;

/// Where what was signed is kept, by the hash of its request: the same request gets the same answer.
const ISSUED: &str = "issued";

impl Ceremony {
    /// Signs the requests of a folder and a CRL that tells what its list says. What was signed before is
    /// answered again, not signed again.
    pub(crate) fn answer(
        &mut self,
        passphrase: &KekSource,
        requests: &Exchange,
        days: u64,
        crl_days: u64,
    ) -> Result<(Exchange, Value)> {
        let root = self.certificate()?;
        let sha256 = root.sha256_thumbprint().to_string();
        if requests
            .manifest
            .root_sha256
            .as_ref()
            .is_some_and(|wanted| *wanted != sha256)
        {
            bail!(
                "these requests are for another root than {}",
                root.subject_display()
            );
        }
        let (_, signer) = self.root(passphrase)?;
        let terms = IssuingTerms {
            days,
            publication: Publication {
                crls: requests.manifest.crl_urls.clone(),
                issuers: requests.manifest.certificate_urls.clone(),
                ocsp: Vec::new(),
            },
        };
        let mut files = BTreeMap::from([(exchange::ROOT.to_owned(), root.to_pem().into_bytes())]);
        let mut signed = Vec::new();
        for (name, bytes) in &requests.files {
            let Some(id) = name.strip_suffix(".csr") else {
                continue;
            };
            let certificate = self.answer_one((&root, &signer), bytes, &terms);
            let certificate = certificate.with_context(|| format!("the request {name}"))?;
            signed.push(json!({"request": name, "serial": certificate.serial_hex()}));
            files.insert(
                format!("{id}.pem"),
                format!("{}{}", certificate.to_pem(), root.to_pem()).into_bytes(),
            );
        }
        let list = requests
            .files
            .get(exchange::REVOKED)
            .map_or(&b""[..], Vec::as_slice);
        let list = std::str::from_utf8(list).with_context(|| format!("{} is not text", exchange::REVOKED))?;
        let added = parse_list(list, self.clock.now(), root.not_after())?;
        let crl = self.write_crl((&root, &signer), &added, crl_days, requests.manifest.crl_number)?;
        files.insert(
            exchange::CRL.to_owned(),
            std::fs::read(self.folder.join(super::CRL))?,
        );
        let manifest = Manifest {
            format: Direction::Answers,
            root_sha256: Some(sha256),
            files: BTreeMap::new(),
            ..requests.manifest.clone()
        };
        let told = json!({"signed": signed, "crl": crl});
        Ok((Exchange { manifest, files }, self.told(super::members(told))))
    }

    /// One that expired, or that the root revoked since, is no answer any more.
    fn is_usable(&self, root: &Certificate, kept: &Certificate) -> Result<bool> {
        let serial = SerialNumber::parse(&kept.serial_hex()).context("it has no serial number")?;
        let is_revoked = self
            .last_crl(root)?
            .is_some_and(|crl| crl.entry(&serial).is_some());
        Ok(!is_revoked && kept.not_after() > self.clock.now())
    }

    fn answer_one(
        &mut self,
        by: (&Certificate, &CaSigner),
        request: &[u8],
        terms: &IssuingTerms,
    ) -> Result<Certificate> {
        let kept = self.folder.join(ISSUED);
        private_file::make_folder(&kept)?;
        let file = kept.join(format!("{}.pem", Sha256Thumbprint::of(request)));
        if file.exists() {
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let kept = Certificate::from_file_bytes(&bytes)?.certificate;
            if self.is_usable(by.0, &kept)? {
                return Ok(kept);
            }
        }
        let (certificate, _) = self.sign_with(by, request, terms)?;
        private_file::write_public(&file, certificate.to_pem().as_bytes())?;
        Ok(certificate)
    }
}
