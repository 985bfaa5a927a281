use std::cell::Cell;

/// How often that by which certificates are issued has changed: links, credential policies, CAs. Every
/// transaction that writes one of them raises it, and it stands in the row every transaction begins with: who kept
/// what he read sees without a statement whether it still stands, as of the latest commit of any node.
///
/// Told as `registry_version()` of a transaction; `None` while something in the same commit has changed it: what
/// is read then may be rolled back and must not be kept.
#[derive(Debug)]
pub struct RegistryVersion {
    committed: i64,
    now: Cell<i64>,
}

impl RegistryVersion {
    pub(crate) fn new(committed: i64) -> Self {
        Self {
            committed,
            now: Cell::new(committed),
        }
    }

    pub(crate) fn committed(&self) -> Option<i64> {
        (self.now.get() == self.committed).then_some(self.committed)
    }

    pub(crate) fn raise(&self) {
        self.now.set(self.now.get() + 1);
    }

    /// As it is in this commit.
    pub(crate) fn get(&self) -> i64 {
        self.now.get()
    }

    /// A write that is rolled back changed nothing.
    pub(crate) fn put_back(&self, version: i64) {
        self.now.set(version);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Files with SQL, without tests and without restoring, which is done while nobody serves.
    fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "backup" {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && name != "tests.rs"
                && name != "version.rs"
            {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    /// How often it writes a table that certificates are issued by.
    fn writes(text: &str) -> usize {
        let tables = ["namespace", "namespace_link", "credential_policy", "ca"];
        let verbs = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];
        let all = verbs
            .iter()
            .flat_map(|verb| tables.map(|table| format!("{verb}{table} ")));
        all.map(|begin| text.matches(&begin).count()).sum()
    }

    #[test]
    fn whatever_writes_what_certificates_are_issued_by_raises_the_version() {
        let mut found = Vec::new();
        sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
        let mut seen = 0;
        for (name, text) in found {
            // That the key of a CA is destroyed takes nothing away that its state has not taken, and what it is
            // recognised by in paths is computed from its certificate.
            let harmless = ["UPDATE ca SET key_destroyed_at", "UPDATE ca SET subject_hash"];
            let harmless: usize = harmless.iter().map(|begin| text.matches(begin).count()).sum();
            let (writes, raised) = (
                writes(&text) - harmless,
                text.matches(".registry_changes()").count(),
            );
            assert!(raised >= writes, "{name}: {writes} writes, raised {raised} times");
            seen += writes;
        }
        assert!(seen >= 8, "{seen}");
    }
}
