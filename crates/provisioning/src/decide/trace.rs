use std::fmt;

use provost_model::{CertificateName, EnrollmentKind, ProvisioningStatus};
use provost_pki::Certificate;
use provost_store::DisabledHolder;

/// By what a group was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorKind {
    /// Its own signing certificate.
    SigningCertificate,
    /// A CA certificate of the instance it refers to.
    CaReference(CertificateName),
    /// A key derived from its key.
    SymmetricKey,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The individual enrollment of the registration ID; `None` when there is none. When there is
    /// one nothing else is looked at.
    Individual {
        /// Its status.
        status: Option<ProvisioningStatus>,
    },
    /// A CA certificate of the instance that could be the next issuer, or that an entry names.
    Authority {
        /// Its name.
        name: CertificateName,
        /// Only a verified one is used.
        is_verified: bool,
    },
    /// A CA certificate an entry names is not there.
    AuthorityGone {
        /// Its name.
        name: CertificateName,
    },
    /// One level of issuers of the chain, each of which signed a certificate of the level below.
    Level {
        /// 1 for the issuers of the leaf.
        height: usize,
        /// The issuers.
        issuers: Vec<Certificate>,
    },
    /// A group that matches at this level.
    Group {
        /// Its ID in lower case.
        key: String,
        /// By what it matches.
        by: AnchorKind,
        /// Its status.
        status: ProvisioningStatus,
    },
    /// The symmetric key groups whose keys were tried.
    SymmetricGroups {
        /// How many.
        tried: usize,
    },
    /// This group decides.
    Decided {
        /// Its ID in lower case.
        key: String,
    },
    /// A disabled entry holds a certificate of the device.
    Held {
        /// Which.
        by: DisabledHolder,
    },
    /// The path goes on above the group's signing certificate to a verified CA certificate.
    AboveSigner {
        /// The CA's name; `None` when none was reached.
        authority: Option<CertificateName>,
    },
}

/// How a decision came about: every step in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace(Vec<Step>);

impl Trace {
    pub(super) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Forgets the steps after these many.
    pub(super) fn truncate(&mut self, steps: usize) {
        self.0.truncate(steps);
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Individual { status: None } => f.write_str("no individual enrollment"),
            Self::Individual { status: Some(status) } => {
                write!(f, "individual enrollment is {}", word(*status))
            }
            Self::Authority { name, is_verified } => {
                let not = if *is_verified { "" } else { "not " };
                write!(f, "CA certificate {name} is {not}verified")
            }
            Self::AuthorityGone { name } => write!(f, "CA certificate {name} does not exist"),
            Self::Level { height, issuers } => {
                let names: Vec<String> = issuers.iter().map(Certificate::subject_display).collect();
                write!(f, "level {height} of the chain: {}", names.join(" and "))
            }
            Self::Group { key, by, status } => {
                let by = match by {
                    AnchorKind::SigningCertificate => "its signing certificate".to_owned(),
                    AnchorKind::CaReference(name) => format!("the CA certificate {name}"),
                    AnchorKind::SymmetricKey => "its key".to_owned(),
                };
                write!(f, "group {key} matches by {by} and is {}", word(*status))
            }
            Self::SymmetricGroups { tried } => write!(f, "tried {tried} symmetric key groups"),
            Self::Decided { key } => write!(f, "group {key} decides"),
            Self::Held { by } => {
                let kind = match by.kind {
                    EnrollmentKind::Individual => "individual enrollment",
                    EnrollmentKind::Group => "group",
                };
                write!(
                    f,
                    "a certificate of the device stands in the disabled {kind} {}",
                    by.entry_key
                )
            }
            Self::AboveSigner {
                authority: Some(name),
            } => {
                write!(f, "signing certificate leads to the CA certificate {name}")
            }
            Self::AboveSigner { authority: None } => {
                f.write_str("signing certificate leads to no verified CA certificate")
            }
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

fn word(status: ProvisioningStatus) -> &'static str {
    match status {
        ProvisioningStatus::Enabled => "enabled",
        ProvisioningStatus::Disabled => "disabled",
    }
}
