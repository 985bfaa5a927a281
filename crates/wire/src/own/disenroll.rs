//! Shutting devices out: what it would touch, and the act.

use provost_model::{EnrollmentGroupId, RegistrationId, ShutOut};
use serde::{Deserialize, Serialize};

use crate::json::{self, BodyError, Members};

const ACTS: [(&str, ShutOut); 2] = [("disable", ShutOut::Disable), ("delete", ShutOut::Delete)];

/// Whom it is about: exactly one of `"registrationId"`, `"enrollmentGroupId"`, `"certificate"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DisenrollTarget {
    /// One device.
    Device(RegistrationId),
    /// Every device of a group.
    Group(EnrollmentGroupId),
    /// Every device of every entry that trusts a certificate: its PEM, its SHA-256 thumbprint or the
    /// name of a CA certificate.
    Certificate(String),
}

impl DisenrollTarget {
    fn read(members: &Members<'_>) -> Result<Self, BodyError> {
        let device = members.parsed("registrationId", RegistrationId::parse)?;
        let group = members.parsed("enrollmentGroupId", EnrollmentGroupId::parse)?;
        let certificate = members.text("certificate")?.filter(|text| !text.is_empty());
        match (device, group, certificate) {
            (Some(device), None, None) => Ok(Self::Device(device)),
            (None, Some(group), None) => Ok(Self::Group(group)),
            (None, None, Some(text)) => Ok(Self::Certificate(text.to_owned())),
            _ => Err(members.shape(
                "registrationId",
                "or `enrollmentGroupId` or `certificate` is required, and only one of them",
            )),
        }
    }
}

/// The body of `POST …/blastRadius`: whom it is about, a group or a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlastRadiusInput {
    /// Whom.
    pub target: DisenrollTarget,
}

impl BlastRadiusInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let target = DisenrollTarget::read(&Members::root(&value)?)?;
        Ok(Self { target })
    }
}

/// The body of `POST …/disenroll`: whom, and
/// `{"everywhere","entry","identity","dryRun","continuation"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisenrollInput {
    /// Whom.
    pub target: DisenrollTarget,
    /// In the hubs too.
    pub everywhere: bool,
    /// What becomes of entries: `disable` unless told.
    pub entry: ShutOut,
    /// What becomes of hub identities: `disable` unless told.
    pub identity: ShutOut,
    /// Only told what would be done.
    pub dry_run: bool,
    /// Where the batch before ended; for groups and certificates.
    pub continuation: Option<String>,
}

impl DisenrollInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        Ok(Self {
            target: DisenrollTarget::read(&members)?,
            everywhere: members.flag("everywhere")?.unwrap_or_default(),
            entry: members.word("entry", &ACTS)?.unwrap_or_default(),
            identity: members.word("identity", &ACTS)?.unwrap_or_default(),
            dry_run: members.flag("dryRun")?.unwrap_or_default(),
            continuation: members.text("continuation")?.map(str::to_owned),
        })
    }
}

/// One thing that was touched, or would be: `{"kind","id","hub","before","after"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchedView {
    /// `enrollment`, `enrollmentGroup`, `registration` or `identity`.
    pub kind: String,
    /// Its ID.
    pub id: String,
    /// The hub's name, of an identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// `enabled`, `disabled`, a record's status, or `absent`.
    pub before: String,
    /// The same afterwards.
    pub after: String,
}

/// The answer: `{"dryRun","touched":[…],"warnings":[…],"continuation"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisenrollView {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// What was touched, in the order in which it was.
    pub touched: Vec<TouchedView>,
    /// What the operator should know: who may come in again, which hub was not reached.
    pub warnings: Vec<String>,
    /// To be sent with the next request; absent when nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation: Option<String>,
}

/// An entry that would be touched: `{"kind","id","provisioningStatus"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TouchedEntryView {
    /// `enrollment` or `enrollmentGroup`.
    pub kind: String,
    /// Its ID.
    pub id: String,
    /// `enabled` or `disabled`.
    pub provisioning_status: String,
}

/// Who hangs on a group or a certificate, counted at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlastRadiusView {
    /// Entries, groups first; at most a hundred are named.
    pub entries: Vec<TouchedEntryView>,
    /// How many individual enrollments there are in all.
    pub individual_enrollments: usize,
    /// CA certificates with the certificate.
    pub ca_certificates: Vec<String>,
    /// Devices that came in through the entries.
    pub devices: usize,
    /// Those of them with an identity in their hub.
    pub with_identity: usize,
    /// Those of them connected to a hub of this program now.
    pub connected: usize,
    /// Other groups whose devices are refused, too, once the entries are disabled.
    pub below: BelowView,
    /// Those that may come in all the same.
    pub still_admitted: StillAdmittedView,
}

/// Enabled groups with a certificate of the entries in their devices' chains, as far as the
/// certificates between are known to the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BelowView {
    /// Those groups.
    pub groups: Vec<String>,
    /// The devices that came in through them.
    pub devices: usize,
}

/// Devices that other entries would let in, as far as is known without their certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StillAdmittedView {
    /// By an enabled individual enrollment of their own.
    pub by_own_enrollment: usize,
    /// By another enabled group, once the entries are deleted; a disabled entry refuses them
    /// whatever other groups there are.
    pub by_other_group_when_deleted: usize,
    /// Those groups.
    pub other_groups: Vec<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn disabling_is_the_default_and_nothing_but_the_entry() {
        let input = DisenrollInput::parse(br#"{"registrationId":"press-1"}"#).unwrap();
        assert_eq!(
            input.target,
            DisenrollTarget::Device(RegistrationId::parse("press-1").unwrap())
        );
        assert_eq!(
            (input.entry, input.identity),
            (ShutOut::Disable, ShutOut::Disable)
        );
        assert!(!input.everywhere && !input.dry_run);
        let told =
            br#"{"certificate":"root","everywhere":true,"entry":"delete","identity":"DELETE","dryRun":true}"#;
        let input = DisenrollInput::parse(told).unwrap();
        assert_eq!((input.entry, input.identity), (ShutOut::Delete, ShutOut::Delete));
        assert!(input.everywhere && input.dry_run);
    }

    #[test]
    fn exactly_one_target() {
        for body in [
            "{}",
            r#"{"registrationId":""}"#,
            r#"{"registrationId":"a","enrollmentGroupId":"b"}"#,
            r#"{"enrollmentGroupId":"b","certificate":"c"}"#,
        ] {
            assert!(DisenrollInput::parse(body.as_bytes()).is_err(), "{body}");
            assert!(BlastRadiusInput::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(DisenrollInput::parse(br#"{"registrationId":"a","entry":"keep"}"#).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = DisenrollInput::parse(&bytes);
            let _ = BlastRadiusInput::parse(&bytes);
        }
    }
}
