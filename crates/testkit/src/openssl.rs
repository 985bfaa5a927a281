//! openssl, run in a folder of its own: the second opinion of tests, and the CA of a customer.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with files that openssl reads and writes; it goes with the value.
#[derive(Debug)]
pub struct OpensslFolder {
    folder: TempDir,
}

impl OpensslFolder {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Runs a command that may fail; arguments are parted at white space, files named as in the folder.
    pub fn ask(&self, arguments: &str) -> Output {
        Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .output()
            .expect("openssl runs")
    }

    /// Runs a command that must not fail.
    ///
    /// # Panics
    /// If it fails, with what it said.
    pub fn run(&self, arguments: &str) {
        let done = self.ask(arguments);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "openssl {arguments}: {said}");
    }

    /// Whether a leaf holds under what stands above it and this root, and is on no CRL of theirs; all in PEM.
    pub fn accepts(&self, leaf: &str, above: &str, root: &str, crls: &str) -> bool {
        for (name, text) in [("leaf", leaf), ("above", above), ("anchor", root), ("crls", crls)] {
            self.write(&format!("{name}.pem"), text);
        }
        let judged = self
            .ask("verify -crl_check_all -CAfile anchor.pem -untrusted above.pem -CRLfile crls.pem leaf.pem");
        judged.status.success()
    }

    /// Puts a file there.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), content).expect("a file");
    }

    /// A file as text.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).expect("a file with text")
    }

    /// A file as it is.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).expect("a file")
    }
}
