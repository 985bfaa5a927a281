//! Whether every CA of a database finds its sealed key in a folder.

use std::path::Path;

use anyhow::Result;
use provost_keys::sealed_file_name;
use provost_model::registry::KeyRef;
use provost_store::{StoreAddress, stored_key_refs};

/// CAs whose keys are not in the folder.
#[derive(Debug, thiserror::Error)]
#[error("the keys of {} CAs are not among the keys: {}", cas.len(), cas.join(", "))]
pub(super) struct MissingKeys {
    cas: Vec<String>,
}

/// Fails with [`MissingKeys`] when a key that was not destroyed has no file. Keys in tokens are not looked for.
pub(super) fn missing_keys(database: &StoreAddress, folder: &Path) -> Result<()> {
    let mut cas = Vec::new();
    for stored in stored_key_refs(database)?
        .into_iter()
        .filter(|stored| !stored.is_destroyed)
    {
        let name = sealed_file_name(&KeyRef(stored.key));
        if name.is_some_and(|name| !folder.join(name).is_file()) {
            cas.push(stored.ca);
        }
    }
    if cas.is_empty() {
        return Ok(());
    }
    Err(MissingKeys { cas }.into())
}

/// Removes the files of keys that were destroyed: a backup of before that is no way back for them.
pub(super) fn remove_destroyed(database: &StoreAddress, folder: &Path) -> Result<usize> {
    let mut removed = 0;
    for stored in stored_key_refs(database)?
        .into_iter()
        .filter(|stored| stored.is_destroyed)
    {
        let Some(name) = sealed_file_name(&KeyRef(stored.key)) else {
            continue;
        };
        if folder.join(&name).is_file() {
            std::fs::remove_file(folder.join(&name))?;
            removed += 1;
        }
    }
    Ok(removed)
}
