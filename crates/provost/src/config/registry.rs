//! `[registry]`: the Device Registry, its CAs and what they issue.

use std::time::Duration;

use anyhow::{Result, bail};
use provost_ca::PublicAddresses;
use provost_pki::{CsrKey, CsrRules, IdentifierStyle};
use provost_registry::{ByorRevoke, RegistryOptions};
use serde::Deserialize;

const DAY: Duration = Duration::from_hours(24);
/// More parts of a CRL than that have no use.
const MAX_SHARDS: u32 = 1024;

/// `[registry]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrySection {
    /// Least days a policy's leaves may be valid.
    pub min_validity_days: Option<u32>,
    /// Most days.
    pub max_validity_days: Option<u32>,
    /// For trials: seconds that a day of a leaf's validity lasts, 1 to 86400. Leaves are then not backdated
    /// unless it is asked for.
    pub trial_day_seconds: Option<u32>,
    /// Most policies of one credential.
    pub policies_per_credential: Option<usize>,
    /// `refuse` or `rotate`: what revoking the issuer of a policy under a customer's root does.
    pub byor_revoke: Option<String>,
    /// Days before its end in which an external issuing CA gets a new signing request.
    pub byor_renewal_days: Option<u32>,
    /// Whether policies under a root kept offline have a spare issuing CA signed in advance.
    pub offline_spares: Option<bool>,
    /// Years a namespace's root is valid.
    pub root_years: Option<u32>,
    /// Days an issuing CA is valid.
    pub issuing_days: Option<u32>,
    /// Seconds before now at which what is signed begins to be valid, 0 to 300.
    pub backdate_seconds: Option<u32>,
    /// Days certificates that expired are kept, 0 for ever.
    pub keep_expired_days: Option<u32>,
    /// Parts of the CRLs of issuing CAs made from now on.
    pub crl_shards: Option<u32>,
    /// Kinds of key devices may bring.
    pub allowed_keys: Option<Vec<String>>,
    /// `provost` or `azure`: the object identifier leaves carry the device's identifier under.
    pub identifier: Option<String>,
    /// Whether that extension is critical, as Azure's is.
    pub critical_identifier: Option<bool>,
    /// Addresses CRLs and CA certificates are published under, `http://…`.
    pub publication: Vec<String>,
    /// Whether OCSP is answered, and certificates say where.
    pub ocsp: bool,
}

impl RegistrySection {
    /// The switches with defaults filled in.
    ///
    /// # Errors
    /// In words, for what makes no sense.
    pub fn options(self) -> Result<RegistryOptions> {
        let default = RegistryOptions::default();
        let days = |days: Option<u32>, default| days.map_or(default, |days| days * DAY);
        let least = self.min_validity_days.unwrap_or(*default.validity_days.start());
        let most = self.max_validity_days.unwrap_or(*default.validity_days.end());
        let leaf_day = self
            .trial_day_seconds
            .map(|seconds| Duration::from_secs(u64::from(seconds)));
        let backdate = leaf_day.map_or(default.backdate, |_| Duration::ZERO);
        let options = RegistryOptions {
            validity_days: least..=most,
            leaf_day: leaf_day.unwrap_or(default.leaf_day),
            policies_per_credential: self
                .policies_per_credential
                .unwrap_or(default.policies_per_credential),
            byor_revoke: byor_revoke(self.byor_revoke.as_deref())?,
            byor_renewal_window: days(self.byor_renewal_days, default.byor_renewal_window),
            offline_spares: self.offline_spares.unwrap_or(default.offline_spares),
            root_validity: days(self.root_years.map(|years| years * 365), default.root_validity),
            issuing_validity: days(self.issuing_days, default.issuing_validity),
            backdate: self
                .backdate_seconds
                .map_or(backdate, |seconds| Duration::from_secs(u64::from(seconds))),
            keep_expired: match self.keep_expired_days {
                None => default.keep_expired,
                Some(0) => None,
                Some(days) => Some(days * DAY),
            },
            shards: self.crl_shards.unwrap_or(default.shards),
            csr: csr_rules(self.allowed_keys)?,
            identifier: identifier(self.identifier.as_deref(), self.critical_identifier)?,
            publication: PublicAddresses::new(addresses(self.publication)?, self.ocsp),
            activation: default.activation,
            signing_threads: default.signing_threads,
        };
        check(&options)?;
        Ok(options)
    }
}

fn check(options: &RegistryOptions) -> Result<()> {
    let (least, most) = (options.validity_days.start(), options.validity_days.end());
    if *least == 0 || least > most || *most > 3650 {
        bail!("[registry] min_validity_days and max_validity_days must be 1 to 3650, the least first");
    }
    if options.leaf_day.is_zero() || options.leaf_day > DAY {
        bail!("[registry] trial_day_seconds must be 1 to 86400");
    }
    if options.policies_per_credential == 0 {
        bail!("[registry] policies_per_credential must be at least 1");
    }
    if options.issuing_validity < DAY || options.root_validity < options.issuing_validity {
        bail!("[registry] issuing_days must be at least 1, and no more than root_years");
    }
    if options.root_validity > 50 * 365 * DAY {
        bail!("[registry] root_years must be at most 50");
    }
    if options.backdate > Duration::from_mins(5) {
        bail!("[registry] backdate_seconds must be at most 300");
    }
    if options.publication.is_ocsp_on() && options.publication.is_empty() {
        bail!(
            "[registry] ocsp is on, and nothing says where it is answered: set http_port, and publication when \
             the address others reach it by is another one"
        );
    }
    if options.shards == 0 || options.shards > MAX_SHARDS {
        bail!("[registry] crl_shards must be 1 to {MAX_SHARDS}");
    }
    Ok(())
}

fn byor_revoke(word: Option<&str>) -> Result<ByorRevoke> {
    Ok(match word {
        None | Some("refuse") => ByorRevoke::Refuse,
        Some("rotate") => ByorRevoke::Rotate,
        Some(other) => bail!("[registry] byor_revoke is `{other}`; it must be `refuse` or `rotate`"),
    })
}

fn csr_rules(words: Option<Vec<String>>) -> Result<CsrRules> {
    let Some(words) = words else {
        return Ok(CsrRules::default());
    };
    let mut allowed_keys = Vec::new();
    for word in &words {
        let Some(key) = CsrKey::parse(word) else {
            let known: Vec<&str> = CsrKey::ALL.iter().map(|key| key.as_str()).collect();
            bail!(
                "[registry] allowed_keys has `{word}`; known are {}",
                known.join(", ")
            );
        };
        allowed_keys.push(key);
    }
    if allowed_keys.is_empty() {
        bail!("[registry] allowed_keys is empty; no device could be issued a certificate");
    }
    Ok(CsrRules { allowed_keys })
}

fn identifier(word: Option<&str>, critical: Option<bool>) -> Result<IdentifierStyle> {
    let azure = match word {
        None | Some("provost") => false,
        Some("azure") => true,
        Some(other) => bail!("[registry] identifier is `{other}`; it must be `provost` or `azure`"),
    };
    Ok(IdentifierStyle {
        azure,
        critical: critical.unwrap_or(false),
    })
}

fn addresses(bases: Vec<String>) -> Result<Vec<String>> {
    for base in &bases {
        let is_address = base.strip_prefix("http://").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?')
        });
        if !is_address {
            bail!(
                "[registry] publication has `{base}`; an address begins with http:// (whoever checks a \
                 certificate cannot need one to do so)"
            );
        }
    }
    Ok(bases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RegistryOptions> {
        toml::from_str::<RegistrySection>(text).unwrap().options()
    }

    #[test]
    fn nothing_said_is_what_the_real_service_does() {
        let options = read("").unwrap();
        assert_eq!(options.validity_days, 7..=90);
        assert_eq!(options.policies_per_credential, 1);
        assert_eq!(options.byor_revoke, ByorRevoke::Refuse);
        assert!(!options.publication.is_ocsp_on());
    }

    #[test]
    fn a_day_of_a_trial_is_short_and_leaves_are_not_backdated() {
        let options = read("trial_day_seconds = 2").unwrap();
        assert_eq!(
            (options.leaf_day, options.backdate),
            (Duration::from_secs(2), Duration::ZERO)
        );
        let options = read("trial_day_seconds = 2\nbackdate_seconds = 5").unwrap();
        assert_eq!(options.backdate, Duration::from_secs(5));
        assert_eq!(read("").unwrap().leaf_day, DAY);
    }

    #[test]
    fn every_switch_can_be_set() {
        let options = read(
            "min_validity_days = 1\nmax_validity_days = 30\npolicies_per_credential = 8\n\
             byor_revoke = \"rotate\"\nbyor_renewal_days = 30\noffline_spares = false\nroot_years = 20\nissuing_days = 100\n\
             backdate_seconds = 300\ncrl_shards = 64\nallowed_keys = [\"P-384\"]\nidentifier = \"azure\"\n\
             critical_identifier = true\npublication = [\"http://crl.plant.example\"]\nocsp = true",
        )
        .unwrap();
        assert_eq!(options.validity_days, 1..=30);
        assert_eq!(options.byor_revoke, ByorRevoke::Rotate);
        assert!(!options.offline_spares);
        assert_eq!(options.csr, CsrRules::strict());
        assert!(options.identifier.azure && options.identifier.critical);
        assert_eq!(options.issuing_validity, 100 * DAY);
        assert!(options.publication.is_ocsp_on());
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for text in [
            "min_validity_days = 0",
            "min_validity_days = 91",
            "max_validity_days = 100000",
            "trial_day_seconds = 0",
            "trial_day_seconds = 86401",
            "policies_per_credential = 0",
            "byor_revoke = \"maybe\"",
            "issuing_days = 0",
            "root_years = 51",
            "root_years = 1\nissuing_days = 400",
            "backdate_seconds = 301",
            "crl_shards = 0",
            "allowed_keys = []",
            "allowed_keys = [\"DSA\"]",
            "identifier = \"other\"",
            "publication = [\"https://crl.example\"]",
            "ocsp = true",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("[registry]"), "{text}: {error}");
        }
    }
}
