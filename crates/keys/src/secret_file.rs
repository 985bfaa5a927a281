//! Files that hold secrets: who may read them, and writing them so that a crash leaves the old or the new.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use provost_model::Secret;
use zeroize::Zeroizing;

use crate::KeyProviderError;

/// Longest secret file; more is a mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// Who else may be able to read a secret file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFileGuard {
    /// Nobody but its owner.
    OwnerOnly,
    /// A file of the folder systemd gives a service: it lets the service's user in by an access control
    /// list, whose mask shows as rights of the group. The folder itself is closed to others.
    SystemdCredential,
}

impl SecretFileGuard {
    fn forbidden(self) -> u32 {
        match self {
            Self::OwnerOnly => 0o077,
            Self::SystemdCredential => 0o007,
        }
    }
}

/// Reads a file that holds a secret: a plain file of at most 64 KiB that others may not read.
///
/// The rights are those of the opened file, so that no other one can be put in its place in between.
pub fn read_secret(path: &Path, guard: SecretFileGuard) -> Result<Secret<Vec<u8>>, KeyProviderError> {
    let mut file = File::open(path).map_err(|error| cannot("read", path, &error))?;
    let about = file.metadata().map_err(|error| cannot("read", path, &error))?;
    if !about.is_file() {
        return Err(refused(path, "is not a plain file"));
    }
    check_mode(path, about.mode(), guard.forbidden())?;
    if about.len() > MAX_BYTES {
        return Err(refused(path, "is longer than a secret can be"));
    }
    // Reserved at once: a growing buffer would leave copies behind.
    let length = usize::try_from(about.len()).unwrap_or(0);
    let mut bytes = Zeroizing::new(vec![0; length]);
    file.read_exact(&mut bytes)
        .map_err(|error| cannot("read", path, &error))?;
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

fn check_mode(path: &Path, mode: u32, forbidden: u32) -> Result<(), KeyProviderError> {
    if mode & forbidden == 0 {
        return Ok(());
    }
    let mode = mode & 0o777;
    let reason = format!("may be read or written by others (mode {mode:04o}): chmod go= it");
    Err(refused(path, &reason))
}

/// Makes a folder, and those above it, that only its owner may enter; refuses one that others may.
pub(crate) fn private_folder(path: &Path) -> Result<(), KeyProviderError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| cannot("make", path, &error))?;
    let about = fs::metadata(path).map_err(|error| cannot("read", path, &error))?;
    check_mode(path, about.mode(), 0o077)
}

/// Writes a file that must not be there yet, on disk when this returns; `false` when it is.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<bool, KeyProviderError> {
    let beside = write_beside(path, bytes)?;
    let made = fs::hard_link(&beside, path);
    let _ = fs::remove_file(&beside);
    match made {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(cannot("write", path, &error)),
    }
}

/// Puts a file in the place of the one there, on disk when this returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyProviderError> {
    let beside = write_beside(path, bytes)?;
    fs::rename(&beside, path).map_err(|error| cannot("write", path, &error))?;
    sync_folder(path)
}

/// Overwrites a file and removes it; one that is gone already is no error.
///
/// The overwriting is for plain disks. Flash and journals may keep the old bytes, which are worth nothing
/// without the key that wraps them.
pub(crate) fn destroy(path: &Path) -> Result<(), KeyProviderError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot("destroy", path, &error)),
    };
    let length = file.metadata().map_or(0, |about| about.len()).min(MAX_BYTES);
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    file.write_all(&zeros)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::remove_file(path))
        .map_err(|error| cannot("destroy", path, &error))?;
    sync_folder(path)
}

/// A file of a name nobody else has, also on a disk shared with other machines: two writers never get hold
/// of each other's.
fn write_beside(path: &Path, bytes: &[u8]) -> Result<PathBuf, KeyProviderError> {
    let failed = |error: std::io::Error| cannot("write", path, &error);
    let (beside, mut file) = free_name_beside(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map(|()| beside.clone()).map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

fn free_name_beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let process = std::process::id();
    for number in 0_u32.. {
        let beside = path.with_extension(format!("{process}-{number}.new"));
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside);
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => return other.map(|file| (beside, file)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Files that were being written in place of the one with this stem.
pub(crate) fn unfinished(folder: &Path, stem: &str) -> Result<Vec<PathBuf>, KeyProviderError> {
    let entries = fs::read_dir(folder).map_err(|error| cannot("read", folder, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| cannot("read", folder, &error))?.file_name();
        let is_of_it = |name: &str| {
            let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.'));
            rest.is_some() && Path::new(name).extension().is_some_and(|last| last == "new")
        };
        if name.to_str().is_some_and(is_of_it) {
            found.push(folder.join(name));
        }
    }
    Ok(found)
}

fn sync_folder(path: &Path) -> Result<(), KeyProviderError> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| cannot("write", path, &error)),
        None => Ok(()),
    }
}

pub(crate) fn cannot(what: &str, path: &Path, error: &std::io::Error) -> KeyProviderError {
    KeyProviderError::Unavailable(format!("cannot {what} {}: {error}", path.display()))
}

pub(crate) fn refused(path: &Path, reason: &str) -> KeyProviderError {
    KeyProviderError::Refused(format!("{} {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(create(&path, b"four").unwrap());
        let read = |guard| read_secret(&path, guard).map(|secret| secret.expose().clone());
        assert_eq!(read(SecretFileGuard::OwnerOnly).unwrap(), b"four");
        for mode in [0o640, 0o604, 0o660, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(SecretFileGuard::OwnerOnly).unwrap_err().to_string();
            assert!(error.contains("by others"), "{mode:o}: {error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        assert!(read(SecretFileGuard::SystemdCredential).is_ok());
    }

    #[test]
    fn a_folder_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        private_folder(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(private_folder(&path).is_err());
    }

    #[test]
    fn writers_at_once_each_write_a_file_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        // What another one is just writing, or left behind.
        let other = write_beside(&path, b"other").unwrap();
        let mine = write_beside(&path, b"mine").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert_eq!(fs::read(&mine).unwrap(), b"mine");
        let won = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8_u8)
                .map(|number| {
                    scope.spawn({
                        let path = path.clone();
                        move || create(&path, &[number]).unwrap().then_some(number)
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        assert_eq!(fs::read(&path).unwrap(), won);
    }

    #[test]
    fn create_leaves_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(create(&path, b"first").unwrap());
        assert!(!create(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        replace(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        destroy(&path).unwrap();
        destroy(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
