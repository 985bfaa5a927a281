//! The file of a sealed key, altered: refused, and never opened unless it is the one that was written.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use provost_keys::{KekSource, KeyAlgorithm, KeyProvider, KeyPurpose, SealedKeys};
use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::KeyRef;
use serde_json::Value;

/// A folder with one key.
struct Folder {
    keys: SealedKeys,
    key: KeyRef,
    file: PathBuf,
    written: Value,
}

static FOLDER: OnceLock<Folder> = OnceLock::new();

fn folder() -> Folder {
    let path = std::env::temp_dir().join(format!("provost-fuzz-sealed-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let kek = KekSource::key(Secret::new(vec![7; 32])).expect("32 bytes");
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let keys = SealedKeys::open(&path, &kek, Duration::ZERO, clock, random).expect("a folder");
    let purpose = KeyPurpose {
        label: "ica-fuzz".to_owned(),
        algorithm: KeyAlgorithm::P256,
    };
    let key = keys.generate(&purpose).expect("a key");
    let id = key.0.rsplit(':').next().expect("an id").to_owned();
    let file = path.join(format!("{id}.json"));
    let written = std::fs::read(&file).expect("its file");
    Folder {
        written: serde_json::from_slice(&written).expect("JSON"),
        keys,
        key,
        file,
    }
}

/// The bytes as the file itself, and as changes of members of the true one: `/member value`, a line each.
pub(crate) fn run(data: &[u8]) {
    let folder = FOLDER.get_or_init(folder);
    check(folder, data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut altered = folder.written.clone();
    for (member, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        if let Some(place) = altered.pointer_mut(member) {
            *place = value;
        }
    }
    check(folder, &serde_json::to_vec(&altered).expect("JSON"));
}

fn check(folder: &Folder, bytes: &[u8]) {
    std::fs::write(&folder.file, bytes).expect("a file");
    let _ = folder.keys.list();
    if folder.keys.check(&folder.key).is_ok() {
        let read: Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(read, folder.written, "an altered file is not opened");
    }
}
