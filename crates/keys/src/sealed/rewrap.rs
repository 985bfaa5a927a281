//! Another passphrase or key file for the keys of a folder: their DEKs are wrapped anew, they themselves stay.

use std::path::Path;

use provost_model::Random;
use provost_model::registry::KeyRef;

use super::kek::{Kek, KekDescription, KekSource};
use super::{FolderLock, KEK_DESCRIPTION, PREFIX, file_of, key_ids, read_envelope};
use crate::{KeyProviderError, secret_file};

/// What a change of the KEK did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys under the new KEK now, those of an earlier, cut-off run included.
    pub keys: usize,
    /// Keys that could not be opened before and cannot be now, with the reason.
    pub unusable: Vec<(KeyRef, KeyProviderError)>,
}

/// Seals the keys of a folder under another KEK; refused while a server has the folder open.
///
/// Cut off at any point it is finished by another run with the same two sources; until then the folder
/// opens with neither. A disk that fails ends it with an error.
pub fn rewrap(
    folder: &Path,
    from: &KekSource,
    to: &KekSource,
    random: &dyn Random,
) -> Result<Rewrapped, KeyProviderError> {
    let _lock = FolderLock::alone(folder)?;
    let path = folder.join(KEK_DESCRIPTION);
    let Some(current) = KekDescription::read(&path)? else {
        return Err(KeyProviderError::NotFound(path.display().to_string()));
    };
    let (old, new, mut description) = if let Some(previous) = &current.previous {
        (previous.unlock(from)?, current.unlock(to)?, current)
    } else {
        let old = current.unlock(from)?;
        let (new, mut description) = Kek::create(to, random)?;
        description.previous = Some(Box::new(current));
        secret_file::replace(&path, &description.to_json()?)?;
        (old, new, description)
    };
    let done = rewrap_keys(folder, &old, &new, random)?;
    description.previous = None;
    secret_file::replace(&path, &description.to_json()?)?;
    Ok(done)
}

fn rewrap_keys(
    folder: &Path,
    old: &Kek,
    new: &Kek,
    random: &dyn Random,
) -> Result<Rewrapped, KeyProviderError> {
    let mut done = Rewrapped::default();
    for id in key_ids(folder)? {
        let rewrapped = read_envelope(folder, &id).and_then(|envelope| {
            if envelope.kek == new.id {
                return Ok(None);
            }
            envelope.rewrapped(old, new, random).map(Some)
        });
        match rewrapped {
            Ok(Some(envelope)) => {
                secret_file::replace(&file_of(folder, &id), &envelope.to_json()?)?;
                done.keys += 1;
            }
            Ok(None) => done.keys += 1,
            Err(error @ KeyProviderError::Unusable { .. }) => {
                done.unusable.push((KeyRef(format!("{PREFIX}{id}")), error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
