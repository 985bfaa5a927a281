//! An authority kept in a folder, under the names `samples/certificates.sh` uses.

use std::path::{Path, PathBuf};

use provost_model::{Clock, Random};

use super::authority::{Authority, AuthorityError, Ca};
use crate::serve::private_file;

/// Where certificate and key of a CA are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CaFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl CaFiles {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        }
    }

    /// The CA that is there now.
    pub(super) fn read(&self) -> Result<Authority, AuthorityError> {
        Authority::read(&self.certificate, &self.key)
    }

    /// Certificate and key are two files: who reads between both writes sees that they do not fit.
    fn write(&self, ca: &Ca) -> Result<(), AuthorityError> {
        write(&self.key, ca.key.to_pkcs8_pem()?.expose())?;
        write(&self.certificate, &ca.pem())
    }
}

/// `root` and `intermediate`, each with certificate and key.
#[derive(Debug, Clone)]
pub(super) struct AuthorityFolder(PathBuf);

impl AuthorityFolder {
    /// Makes what is missing; what is there stays.
    pub(super) fn open(
        folder: &Path,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, AuthorityError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| AuthorityError::Write(folder.display().to_string(), error))?;
        let opened = Self(folder.to_owned());
        let (root, intermediate) = (opened.files("root"), opened.intermediate());
        if !root.certificate.exists() && !intermediate.certificate.exists() {
            root.write(&Ca::root("simulated root", clock, random)?)?;
        }
        if !intermediate.certificate.exists() {
            let root = root.read()?.into_ca();
            intermediate.write(&root.intermediate("simulated intermediate 1", clock, random)?)?;
        }
        opened.intermediate().read()?;
        Ok(opened)
    }

    /// What signs devices.
    pub(super) fn intermediate(&self) -> CaFiles {
        self.files("intermediate")
    }

    /// Puts a new intermediate in the place of the one that is there, which is kept under a number;
    /// where the old one is now.
    pub(super) fn roll(&self, clock: &dyn Clock, random: &dyn Random) -> Result<CaFiles, AuthorityError> {
        let root = self.files("root").read()?.into_ca();
        let (number, kept) = (1_u32..=10_000)
            .map(|number| (number, self.files(&format!("intermediate-{number}"))))
            .find(|(_, files)| !files.certificate.exists())
            .ok_or_else(|| AuthorityError::Certificate(self.0.display().to_string()))?;
        let next = root.intermediate(
            &format!("simulated intermediate {}", number.saturating_add(1)),
            clock,
            random,
        )?;
        kept.write(&self.intermediate().read()?.into_ca())?;
        self.intermediate().write(&next)?;
        Ok(kept)
    }

    fn files(&self, name: &str) -> CaFiles {
        CaFiles::new(&self.0, name)
    }
}

fn write(path: &Path, text: &str) -> Result<(), AuthorityError> {
    private_file::write(path, text.as_bytes()).map_err(|error| {
        AuthorityError::Write(
            path.display().to_string(),
            std::io::Error::other(format!("{error:#}")),
        )
    })
}

#[cfg(test)]
mod tests {
    use provost_model::ambient::{SystemClock, SystemRandom};

    use super::*;

    #[test]
    fn a_rolled_intermediate_signs_from_then_on_and_the_old_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let open = || AuthorityFolder::open(folder.path(), &SystemClock, &SystemRandom).unwrap();
        let issuer = |files: CaFiles| {
            let issued = files.read().unwrap().device("a-1", &SystemClock, &SystemRandom);
            issued.unwrap().facts.issuer
        };
        assert_eq!(issuer(open().intermediate()), "CN=simulated intermediate 1");
        let kept = open().roll(&SystemClock, &SystemRandom).unwrap();
        assert_eq!(issuer(open().intermediate()), "CN=simulated intermediate 2");
        assert_eq!(issuer(kept), "CN=simulated intermediate 1");
        open().roll(&SystemClock, &SystemRandom).unwrap();
        assert_eq!(issuer(open().intermediate()), "CN=simulated intermediate 3");
    }
}
