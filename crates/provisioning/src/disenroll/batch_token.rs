//! Where a batch ended, as the caller carries it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provost_model::{EnrollmentGroupId, EnrollmentKind};
use provost_wire::own::DisenrollTarget;

use crate::ProvisioningError;

/// What is left of an act.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Remaining {
    /// The last entry that was ended, by kind and lower-case ID; entries are gone through first.
    pub(super) entries_after: Option<(EnrollmentKind, String)>,
    /// No entry is left.
    pub(super) entries_done: bool,
    /// Groups whose devices are to be gone through.
    pub(super) groups: Vec<EnrollmentGroupId>,
    /// The last device of the first of them that was, by lower-case ID.
    pub(super) device_after: Option<String>,
}

impl Remaining {
    pub(super) fn read(target: &DisenrollTarget, token: Option<&str>) -> Result<Self, ProvisioningError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(Self::default());
        };
        Self::decode(target, token).ok_or_else(|| ProvisioningError::Invalid {
            code: 400_000,
            message: "Bad Request: the continuation does not belong to this request".to_owned(),
        })
    }

    fn decode(target: &DisenrollTarget, token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token.trim()).ok()?).ok()?;
        let mut lines = text.split('\n');
        if lines.next()? != word(target) {
            return None;
        }
        let entries_done = lines.next()? == DONE;
        let (kind, entry) = (lines.next()?, lines.next()?.to_owned());
        let entries_after = match kind {
            "" => None,
            "group" => Some((EnrollmentKind::Group, entry)),
            "individual" => Some((EnrollmentKind::Individual, entry)),
            _ => return None,
        };
        let device_after = Some(lines.next()?.to_owned()).filter(|key| !key.is_empty());
        let groups = lines.map(|id| EnrollmentGroupId::parse(id).ok());
        Some(Self {
            entries_after,
            entries_done,
            groups: groups.collect::<Option<_>>()?,
            device_after,
        })
    }

    /// One line for each member; IDs hold no line feeds.
    pub(super) fn token(&self, target: &DisenrollTarget) -> String {
        let (kind, entry) = match &self.entries_after {
            None => ("", ""),
            Some((EnrollmentKind::Group, key)) => ("group", key.as_str()),
            Some((EnrollmentKind::Individual, key)) => ("individual", key.as_str()),
        };
        let mut lines = vec![
            word(target),
            if self.entries_done { DONE } else { "" }.to_owned(),
            kind.to_owned(),
            entry.to_owned(),
            self.device_after.clone().unwrap_or_default(),
        ];
        lines.extend(self.groups.iter().map(ToString::to_string));
        URL_SAFE_NO_PAD.encode(lines.join("\n"))
    }
}

const DONE: &str = "done";

/// A group or certificate in the token: one handed out for another is refused.
fn word(target: &DisenrollTarget) -> String {
    match target {
        DisenrollTarget::Device(id) => format!("d {}", id.key()),
        DisenrollTarget::Group(id) => format!("g {}", id.key()),
        DisenrollTarget::Certificate(text) => {
            let text: String = text.split_whitespace().collect();
            format!("c {text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_for_its_target_alone() {
        let group = |name: &str| EnrollmentGroupId::parse(name).unwrap();
        let target = DisenrollTarget::Group(group("Line-1"));
        let remaining = Remaining {
            entries_after: Some((EnrollmentKind::Individual, "press-1".to_owned())),
            entries_done: true,
            groups: vec![group("Line-1"), group("line-2")],
            device_after: Some("press-7".to_owned()),
        };
        let token = remaining.token(&target);
        assert_eq!(Remaining::read(&target, Some(&token)).unwrap(), remaining);
        let other = DisenrollTarget::Group(group("line-2"));
        assert_eq!(Remaining::read(&other, Some(&token)).unwrap_err().code(), 400_000);
        for text in ["!", "e30", "bnVsbA", "ZyBsaW5lLTE"] {
            assert!(Remaining::read(&target, Some(text)).is_err(), "{text}");
        }
        assert_eq!(Remaining::read(&target, Some("")).unwrap(), Remaining::default());
    }
}
