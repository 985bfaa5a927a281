//! The nouns of Provost and the pure rules about them.
//!
//! Records, identifiers, states and decisions that are true without a clock, a database or a
//! socket. What the JSON of a record looks like is the business of `provost-wire`; how it is
//! stored, of `provost-store`.
//!
//! Ambient time and randomness enter the program through [`ambient`] and nowhere else; everything
//! here takes an instant ([`Timestamp`]) or a source ([`Random`]) as an argument.

pub mod allocation;
pub mod ambient;
mod audit;
mod authority;
mod change;
mod cloud_to_device;
mod device;
mod enrollment;
mod error_kind;
mod etag;
mod foreign_text;
mod geo;
mod id;
mod identity_id;
mod instance;
mod job;
mod key_renewal;
mod mechanism;
mod outbound;
mod pace;
mod page;
pub mod query;
mod random;
mod registration;
pub mod registry;
mod remote_hub;
mod reprovision;
mod rights;
mod secret;
mod shut_out;
mod telemetry;
mod text_form;
mod time;
pub mod twin;
mod uuid;

pub use audit::{Action, Actor, AuditEvent, AuditFact, AuditFacts, AuditOrigin, Fact, Subject, Word};
pub use authority::{AuthorityOwner, CertificateAuthority, SynchronizedCa};
pub use change::{Change, NumberedChange};
pub use cloud_to_device::{
    Ack, CloudMessage, Delivery, Feedback, LockLost, LockToken, MessageOutcome, QueueEntry, QueueLimits,
    QueuedMessage, Settled,
};
pub use device::{
    DeviceAuth, DeviceAuthKind, DeviceIdentity, DeviceStatus, MAX_MANAGED_BY, MAX_MODULES, MAX_STATUS_REASON,
    ModuleIdentity,
};
pub use enrollment::{
    AllocationPolicy, CustomAllocation, EnrollmentGroup, EnrollmentKind, EnrollmentSettings,
    IndividualEnrollment, InitialTwin, ProvisioningStatus, ReprovisionPolicy,
};
pub use error_kind::ErrorKind;
pub use etag::{Etag, IfMatch};
pub use foreign_text::foreign_text;
pub use geo::{GeoOrder, Network, NetworkError, NetworkTwice};
pub use id::{
    CertificateName, ConsumerGroupName, CredentialPolicyName, DeviceId, DpsName, EnrollmentGroupId, HostName,
    HubName, IdError, IdScope, JobId, ModuleId, NamespaceName, OperationId, PolicyName, RegistrationId,
    RegistryDeviceName,
};
pub use identity_id::IdentityId;
pub use instance::{DpsInstance, Hub, LinkedHub};
pub use job::{
    DeviceJob, DeviceJobOutcome, DeviceJobState, Job, JobCounts, JobEvent, JobKind, JobMethod, JobStatus,
    JobWork, NewJob,
};
pub use key_renewal::KeyRenewal;
pub use mechanism::{CertificateDer, GroupMechanism, IndividualMechanism, KeyPair, Slots};
pub use outbound::{
    AllocationAnswer, AllocationCall, HubRemoval, KeptProof, Leased, PendingRegistration, RemovalAction,
};
pub use pace::{Pace, PaceError};
pub use page::{MAX_PAGE_SIZE, PageSize};
pub use random::Random;
pub use registration::{
    Assignment, Origin, RegistrationFailure, RegistrationRecord, RegistrationState, Substatus,
};
pub use remote_hub::{HubHealth, HubHealthState, RemoteHub};
pub use reprovision::{
    FailureLimit, FailureLimitError, Reprovision, ReprovisionCounts, ReprovisionDevice, ReprovisionEvent,
    ReprovisionPlan, ReprovisionState, ReprovisionStatus,
};
pub use rights::{AccessPolicy, AccessRight, AccessRights, PolicyOwner};
pub use secret::{KeyError, Secret, SymmetricKey};
pub use shut_out::ShutOut;
pub use telemetry::{
    AcceptedTelemetry, Checkpoint, ConsumerGroup, MAX_PARTITIONS, MAX_SEGMENT, PartitionId, Retention,
    SegmentBuilder, SegmentError, StoredSegment, StoredTelemetry, Telemetry, TelemetryCursor,
    TelemetryPartition, TelemetrySegment, TelemetryStart,
};
pub use text_form::{UpperHex, pem};
pub use time::{Clock, Timestamp};
pub use uuid::Uuid;
