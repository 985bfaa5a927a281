use provost_attestation::ChainError;
use provost_attestation::sas::SasError;
use provost_attestation::x509::LeafError;
use provost_model::DeviceAuthKind;
use provost_store::StoreError;

/// Why a device was not admitted. What it is told is less than what is known here: everything in
/// [`Self::NotAuthorized`] is told alike (iot-hub-device-api.md 3.4).
#[derive(Debug, thiserror::Error)]
pub enum ConnectRefusal {
    /// CONNACK 5, HTTP 401.
    #[error("not authorized: {0}")]
    NotAuthorized(#[from] RefusalReason),
    /// CONNACK 3: the device proved its credential and is disabled; it comes back by itself once it
    /// is enabled (iot-hub-device-api.md 4.2).
    #[error("the device is disabled")]
    Disabled,
    /// CONNACK 3: try again later. Without a source the device kept changing while it was judged.
    #[error("the hub cannot judge the device at the moment")]
    Unavailable(#[source] Option<StoreError>),
}

/// The precise reason, for logs and events only.
#[derive(Debug, thiserror::Error)]
pub enum RefusalReason {
    /// There is no such hub.
    #[error("there is no such hub")]
    UnknownHub,
    /// There is no such device.
    #[error("there is no such device")]
    UnknownDevice,
    /// Neither a token nor a certificate was presented, or not the one the device is registered for.
    #[error("the device is registered for another kind of proof ({registered:?})")]
    WrongProof {
        /// What it is registered for.
        registered: DeviceAuthKind,
    },
    /// The SAS token proves nothing.
    #[error(transparent)]
    Sas(#[from] SasError),
    /// The SAS token is for something else.
    #[error("SAS token is for another resource: {resource}")]
    Audience {
        /// What it is for.
        resource: String,
    },
    /// The SAS token names a policy there is none of.
    #[error("SAS token names an unknown policy")]
    UnknownPolicy,
    /// The SAS token names a policy that does not let devices connect.
    #[error("SAS token names a policy without the right to connect devices")]
    PolicyRight,
    /// The certificate is not the registered one, is over, or names another device.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The certificate does not lead to a verified CA certificate of the hub.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The CA is the Device Registry's, and no device there is this one.
    #[error("the Device Registry has no such device")]
    NotInRegistry,
    /// Its certificates come from a policy, and this one does not say whose it is.
    #[error("certificate carries no device identifier")]
    NoIdentifier,
    /// It is another device's, or of one of the same name that was deleted.
    #[error("certificate carries the identifier of another device")]
    OtherIdentifier,
    /// The device was revoked since it was issued.
    #[error("certificate carries an identifier that was revoked")]
    RevokedIdentifier,
    /// A CA of the registry issued it, and it, its device or that CA was revoked since.
    #[error("certificate was issued by the Device Registry and revoked since")]
    RevokedLeaf,
    /// It leads to a CA certificate that no policy brought to the hub.
    #[error("certificate of a managed device leads to a CA certificate that is not synchronized")]
    NotSynchronized,
    /// It stands on the CRL, and strict mode is on.
    #[error("certificate stands on the CRL of its CA")]
    OnCrl,
}

impl RefusalReason {
    /// A short fixed word for metrics and events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownHub => "unknownHub",
            Self::UnknownDevice => "unknownDevice",
            Self::WrongProof { .. } => "wrongProof",
            Self::Sas(error) => error.reason(),
            Self::Audience { .. } => "wrongAudience",
            Self::UnknownPolicy => "unknownPolicy",
            Self::PolicyRight => "policyRight",
            Self::Leaf(error) => error.reason(),
            Self::Chain(error) => error.reason(),
            Self::NotInRegistry => "notInRegistry",
            Self::NoIdentifier => "noIdentifier",
            Self::OtherIdentifier => "otherIdentifier",
            Self::RevokedIdentifier => "revokedIdentifier",
            Self::RevokedLeaf => "revokedLeaf",
            Self::NotSynchronized => "notSynchronized",
            Self::OnCrl => "onCrl",
        }
    }
}

impl ConnectRefusal {
    /// A short fixed word for metrics and events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotAuthorized(reason) => reason.as_str(),
            Self::Disabled => "disabled",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<StoreError> for ConnectRefusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Some(error))
    }
}

impl From<SasError> for ConnectRefusal {
    fn from(error: SasError) -> Self {
        Self::NotAuthorized(error.into())
    }
}
