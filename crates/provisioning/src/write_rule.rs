//! When a write is allowed, and whether it writes (dps-service-api.md 2.3).

use provost_model::{Etag, IfMatch};

use crate::{Noun, ProvisioningError};

/// How a record is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteMode {
    /// Create or replace, as a PUT does.
    Put(IfMatch),
    /// Must not exist.
    Create,
    /// Must exist.
    Update(IfMatch),
}

/// What is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) etag: &'a Etag,
    /// The write would change nothing.
    pub(crate) is_same: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Do,
    /// A repeated PUT of the same content: nothing is written and the etag stays, so that a client
    /// may send it again after a network fault.
    Nothing,
}

/// Judges a create or update.
///
/// | there is | without If-Match | `*` | a tag |
/// |---|---|---|---|
/// | nothing | create | 404 | 404 |
/// | the same | unchanged | write | write when it matches, else 412 |
/// | something else | 412, or write when blind overwriting is allowed | write | write when it matches, else 412 |
pub(crate) fn check_write(
    noun: Noun,
    mode: &WriteMode,
    stored: Option<Stored<'_>>,
    allow_blind_overwrite: bool,
) -> Result<Write, ProvisioningError> {
    match (mode, stored) {
        (WriteMode::Create | WriteMode::Put(IfMatch::Absent), None) => Ok(Write::Do),
        (WriteMode::Create, Some(_)) => Err(ProvisioningError::AlreadyExists(noun)),
        (WriteMode::Update(_) | WriteMode::Put(_), None) => Err(ProvisioningError::NotFound(noun)),
        (WriteMode::Put(IfMatch::Absent), Some(stored)) if stored.is_same => Ok(Write::Nothing),
        (WriteMode::Put(IfMatch::Absent), Some(_)) if !allow_blind_overwrite => {
            Err(ProvisioningError::PreconditionFailed(noun))
        }
        (WriteMode::Put(if_match) | WriteMode::Update(if_match), Some(stored)) => {
            if if_match.admits(stored.etag) {
                Ok(Write::Do)
            } else {
                Err(ProvisioningError::PreconditionFailed(noun))
            }
        }
    }
}

/// Judges a delete: the record must be there and, when a tag is given, be that state.
pub(crate) fn check_delete(
    noun: Noun,
    if_match: &IfMatch,
    stored: Option<&Etag>,
) -> Result<(), ProvisioningError> {
    let etag = stored.ok_or(ProvisioningError::NotFound(noun))?;
    if if_match.admits(etag) {
        Ok(())
    } else {
        Err(ProvisioningError::PreconditionFailed(noun))
    }
}

#[cfg(test)]
mod tests {
    use super::WriteMode::{Create, Put, Update};
    use super::*;

    const NOUN: Noun = Noun::Enrollment;

    fn judge(mode: &WriteMode, stored: Option<bool>, blind: bool) -> Result<Write, u32> {
        let etag = Etag::from_text("now");
        let stored = stored.map(|is_same| Stored { etag: &etag, is_same });
        check_write(NOUN, mode, stored, blind).map_err(|error| error.code())
    }

    #[test]
    fn every_mode_against_every_state() {
        let tag = |text| IfMatch::Tag(Etag::from_text(text));
        let (nothing, same, other) = (None, Some(true), Some(false));
        for (mode, stored, expected) in [
            (Put(IfMatch::Absent), nothing, Ok(Write::Do)),
            (Put(IfMatch::Absent), same, Ok(Write::Nothing)),
            (Put(IfMatch::Absent), other, Err(412_201)),
            (Put(IfMatch::Any), nothing, Err(404_201)),
            (Put(IfMatch::Any), same, Ok(Write::Do)),
            (Put(IfMatch::Any), other, Ok(Write::Do)),
            (Put(tag("now")), nothing, Err(404_201)),
            (Put(tag("now")), same, Ok(Write::Do)),
            (Put(tag("now")), other, Ok(Write::Do)),
            (Put(tag("old")), same, Err(412_201)),
            (Put(tag("old")), other, Err(412_201)),
            (Create, nothing, Ok(Write::Do)),
            (Create, same, Err(409_201)),
            (Create, other, Err(409_201)),
            (Update(IfMatch::Any), nothing, Err(404_201)),
            (Update(IfMatch::Any), other, Ok(Write::Do)),
            (Update(tag("now")), other, Ok(Write::Do)),
            (Update(tag("old")), same, Err(412_201)),
        ] {
            assert_eq!(judge(&mode, stored, false), expected, "{mode:?} {stored:?}");
        }
    }

    #[test]
    fn blind_overwrite_is_a_switch() {
        let blind = Put(IfMatch::Absent);
        assert_eq!(judge(&blind, Some(false), true), Ok(Write::Do));
        assert_eq!(judge(&blind, Some(true), true), Ok(Write::Nothing));
        let wrong = Put(IfMatch::Tag(Etag::from_text("old")));
        assert_eq!(judge(&wrong, Some(false), true), Err(412_201));
    }

    #[test]
    fn delete_needs_the_record_and_its_tag() {
        let etag = Etag::from_text("now");
        let code = |if_match: &IfMatch, stored| {
            check_delete(Noun::Group, if_match, stored).map_err(|error| error.code())
        };
        assert_eq!(code(&IfMatch::Absent, Some(&etag)), Ok(()));
        assert_eq!(code(&IfMatch::Any, Some(&etag)), Ok(()));
        assert_eq!(code(&IfMatch::Tag(etag.clone()), Some(&etag)), Ok(()));
        assert_eq!(
            code(&IfMatch::Tag(Etag::from_text("old")), Some(&etag)),
            Err(412_204)
        );
        assert_eq!(code(&IfMatch::Absent, None), Err(404_204));
    }
}
