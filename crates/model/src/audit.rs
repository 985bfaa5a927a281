mod facts;

use std::fmt;

pub use self::facts::{AuditFact, AuditFacts, Fact, Word};

use crate::{DeviceId, IdentityId, PolicyName, RegistrationId};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The program itself: first start, background jobs.
    System,
    /// The holder of a shared access policy's key.
    Policy(PolicyName),
    /// The holder of an admin token, by the token's name.
    Admin(String),
    /// A device on its way through provisioning.
    Registration(RegistrationId),
    /// A device connected to its hub.
    Device(DeviceId),
    /// A module connected to its hub.
    Module(IdentityId),
}

impl Actor {
    /// A device or module connected to its hub.
    pub fn identity(id: &IdentityId) -> Self {
        if id.is_device() {
            Self::Device(id.device_id.clone())
        } else {
            Self::Module(id.clone())
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Policy(name) => write!(f, "policy:{name}"),
            Self::Admin(name) => write!(f, "admin:{name}"),
            Self::Registration(id) => write!(f, "registration:{id}"),
            Self::Device(id) => write!(f, "device:{id}"),
            Self::Module(id) => write!(f, "module:{id}"),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A thing was made.
    Create,
    /// A thing was changed.
    Update,
    /// A thing was removed.
    Delete,
    /// A device ran through provisioning.
    Register,
    /// A CA certificate's possession was proven.
    Verify,
    /// A secret was shown to a caller.
    Reveal,
    /// A device, or all devices of a group or certificate, were shut out.
    Disenroll,
    /// What a device or a CA holds was revoked.
    Revoke,
    /// CA certificates were brought to hubs.
    Synchronize,
    /// The customer's certificate of an issuing CA was accepted.
    Activate,
}

impl Action {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Register => "register",
            Self::Verify => "verify",
            Self::Reveal => "reveal",
            Self::Disenroll => "disenroll",
            Self::Revoke => "revoke",
            Self::Synchronize => "synchronize",
            Self::Activate => "activate",
        }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The kind of thing: `enrollment`, `enrollmentGroup`, `registration`, `device`, `twin`,
    /// `caCertificate`, `accessPolicy`, `dps`, `hub`, `linkedHub`, `adminToken`, `certificate`,
    /// `pendingRegistration`, `job`, `fleetReprovision`, `namespace`, `namespaceLink`, `credential`,
    /// `credentialPolicy`, `registryDevice`, `registryOperation`, `issuedCertificate`, `ocspResponder`.
    pub kind: &'static str,
    /// The instance or hub it belongs to.
    pub scope: String,
    /// Its name there.
    pub key: String,
}

/// One durable fact: who did what to which thing. Written in the transaction of the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To which thing.
    pub subject: Subject,
    /// A short remark in words, without secrets: `disabled`, `assigned to hub`.
    pub detail: String,
    /// From where, when it is not told by the surroundings of the write.
    pub origin: Option<AuditOrigin>,
    /// What stood before, as far as it matters.
    pub before: Option<AuditFacts>,
    /// What stands now.
    pub after: Option<AuditFacts>,
    /// How it ended, when it is more than a change that was made: `failed: …`, counts.
    pub result: String,
}

/// From where somebody did something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditOrigin {
    /// The address of the other side, with its port; `system` for what the program goes on with by itself.
    pub address: String,
    /// What the answer and the log lines of the request carry, or the id of the operation, run or job;
    /// empty when there is none.
    pub tracking_id: String,
}

impl AuditOrigin {
    /// What the program goes on with by itself, after a restart or in the background: the id is that of the
    /// operation, run or job it belongs to.
    pub fn system(id: impl Into<String>) -> Self {
        Self {
            address: "system".to_owned(),
            tracking_id: id.into(),
        }
    }
}

impl AuditEvent {
    /// An event without a remark.
    pub fn new(actor: Actor, action: Action, kind: &'static str, scope: &str, key: &str) -> Self {
        let subject = Subject {
            kind,
            scope: scope.to_owned(),
            key: key.to_owned(),
        };
        Self {
            actor,
            action,
            subject,
            detail: String::new(),
            origin: None,
            before: None,
            after: None,
            result: "succeeded".to_owned(),
        }
    }

    /// The same event with a remark.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same event with what stood before: what the change replaced.
    pub fn with_before(mut self, before: AuditFacts) -> Self {
        self.before = Some(before);
        self
    }

    /// The same event with what stands now.
    pub fn with_after(mut self, after: AuditFacts) -> Self {
        self.after = Some(after);
        self
    }

    /// The same event with how it ended; without it, it says `succeeded`.
    pub fn with_result(mut self, result: impl Into<String>) -> Self {
        self.result = result.into();
        self
    }

    /// The same event, done from elsewhere than the surroundings of the write say.
    pub fn with_origin(mut self, origin: AuditOrigin) -> Self {
        self.origin = Some(origin);
        self
    }
}
