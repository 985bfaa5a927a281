//! Does what we are about to hand out keep the rules? A second look, after encoding and signing, at bytes
//! as others will read them (RFC 5280, certificate-management.md 2.5, 6.1).
//!
//! Stricter than path building, which has to live with what others made.

mod certificate;
mod issued;
mod list;

pub use certificate::certificate;
pub use issued::{fresh, issued};
pub use list::crl;

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Allowed, and somebody will stumble over it.
    Warning,
    /// A rule is broken; a CA does not hand it out.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What a linter found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// A short fixed word.
    pub code: &'static str,
    /// In words, with where the rule stands.
    pub message: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.severity, self.message, self.code)
    }
}

/// The first error among findings.
pub fn first_error(findings: &[Finding]) -> Option<&Finding> {
    findings
        .iter()
        .find(|finding| finding.severity == Severity::Error)
}

/// Collects findings.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// An error, when the rule is broken.
    fn error(&mut self, is_broken: bool, code: &'static str, message: &'static str) {
        self.add(Severity::Error, is_broken, code, message);
    }

    /// A warning, when it is.
    fn warn(&mut self, is_broken: bool, code: &'static str, message: &'static str) {
        self.add(Severity::Warning, is_broken, code, message);
    }

    fn add(&mut self, severity: Severity, is_broken: bool, code: &'static str, message: &'static str) {
        if is_broken {
            self.0.push(Finding {
                severity,
                code,
                message,
            });
        }
    }
}

#[cfg(test)]
mod tests;
