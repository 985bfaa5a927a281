//! Files copied and hashed piece by piece: a database may be larger than the memory.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use aws_lc_rs::digest;
use provost_model::UpperHex;

const PIECE: usize = 256 * 1024;

/// SHA-256 over a file, hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let failed = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(failed)?;
    each_piece(&mut file, |_| Ok(())).with_context(failed)
}

/// Copies into a new file, its owner's alone and on disk when this returns; SHA-256 over what was copied.
/// `None` when there is nothing to copy.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Option<String>> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", from.display())),
    };
    let failed = || format!("cannot copy {} to {}", from.display(), to.display());
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .with_context(failed)?;
    let hash = each_piece(&mut source, |piece| target.write_all(piece)).with_context(failed)?;
    target.sync_all().with_context(failed)?;
    Ok(Some(hash))
}

fn each_piece(
    file: &mut File,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<String> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(UpperHex(hash.finish().as_ref()).to_string()),
            length => {
                let read = piece.get(..length).unwrap_or_default();
                hash.update(read);
                take(read)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_what_was_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let bytes: Vec<u8> = (0..=255).cycle().take(PIECE * 2 + 17).collect();
        std::fs::write(&from, &bytes).unwrap();
        let hash = copy(&from, &to).unwrap().unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), bytes);
        assert_eq!(hash, provost_pki::Sha256Thumbprint::of(&bytes).to_string());
        assert_eq!(hash, sha256(&to).unwrap());
        assert!(copy(&from, &to).is_err(), "a copy takes no place");
        assert!(
            copy(&folder.path().join("nothing"), &folder.path().join("x"))
                .unwrap()
                .is_none()
        );
    }
}
