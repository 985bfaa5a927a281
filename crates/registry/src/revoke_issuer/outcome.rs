//! How a revocation of an issuing CA ends.

/// What stands in the place of an issuing CA that was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new one, made at once.
    Replaced,
    /// The spare, which a root kept offline had signed in advance.
    SpareTookOver,
    /// Nothing: a signing request waits for the root that is kept offline.
    WaitsForOfflineRoot,
    /// Nothing: a signing request waits for the customer.
    WaitsForExternalCa,
}

impl Outcome {
    /// Where the root is here, or a customer's.
    pub(super) fn at_once(is_external: bool) -> Self {
        if is_external {
            Self::WaitsForExternalCa
        } else {
            Self::Replaced
        }
    }

    /// The word an operation ends with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::SpareTookOver => "spareTookOver",
            Self::WaitsForOfflineRoot => "waitsForOfflineRoot",
            Self::WaitsForExternalCa => "waitsForExternalCa",
        }
    }
}
