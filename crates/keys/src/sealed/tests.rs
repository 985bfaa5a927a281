use std::fs;
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};

use super::*;

fn opened(folder: &Path, source: &KekSource) -> Result<SealedKeys, KeyProviderError> {
    SealedKeys::open(
        folder,
        source,
        Duration::ZERO,
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
    )
}

fn key_source(byte: u8) -> KekSource {
    KekSource::key(Secret::new(vec![byte; 32])).unwrap()
}

fn passphrase(text: &str) -> KekSource {
    KekSource::passphrase(&Secret::new(text.as_bytes().to_vec())).unwrap()
}

fn purpose(algorithm: KeyAlgorithm) -> KeyPurpose {
    KeyPurpose {
        label: "ica-1".to_owned(),
        algorithm,
    }
}

/// A folder of keys that goes away.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    fn file(&self, key: &KeyRef) -> PathBuf {
        file_of(&self.path(), id_of(key).unwrap())
    }
}

#[test]
fn a_signature_verifies_under_the_public_half_after_a_new_start() {
    let folder = Folder::new();
    for (algorithm, verification) in [
        (KeyAlgorithm::P256, &ECDSA_P256_SHA256_ASN1),
        (KeyAlgorithm::P384, &ECDSA_P384_SHA384_ASN1),
    ] {
        let key = opened(&folder.path(), &key_source(1))
            .unwrap()
            .generate(&purpose(algorithm))
            .unwrap();
        let keys = opened(&folder.path(), &key_source(1)).unwrap();
        let (public, kind) = keys.public(&key).unwrap();
        assert_eq!(kind, algorithm);
        let signature = keys.sign(&key, b"message").unwrap();
        let public = ParsedPublicKey::new(verification, public).unwrap();
        public.verify_sig(b"message", &signature).unwrap();
        keys.health().unwrap();
    }
}

#[test]
fn another_passphrase_opens_nothing() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &passphrase("correct horse\n")).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    // The line end of a file is not part of it.
    opened(&folder.path(), &passphrase("correct horse"))
        .unwrap()
        .sign(&key, b"m")
        .unwrap();
    for source in [passphrase("wrong horse"), key_source(1)] {
        let error = opened(&folder.path(), &source).err().unwrap().to_string();
        assert!(error.contains("cannot be opened"), "{error}");
        assert!(!error.contains("horse"), "{error}");
    }
}

#[test]
fn files_and_folder_are_their_owners_alone() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path()), 0o700);
    assert_eq!(mode(&folder.file(&key)), 0o600);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(opened(&folder.path(), &key_source(1)).is_err());
}

#[test]
fn every_altered_field_makes_the_key_unusable_and_leaves_the_others() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P384)).unwrap();
    let other = keys.generate(&purpose(KeyAlgorithm::P384)).unwrap();
    let text = fs::read_to_string(folder.file(&key)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let other_text: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.file(&other)).unwrap()).unwrap();
    let mut altered = Vec::new();
    for (field, _) in value.as_object().unwrap() {
        let mut one = value.clone();
        one[field] = match field.as_str() {
            "createdAt" | "version" => 7.into(),
            "algorithm" => "P-256".into(),
            "label" => "ica-2".into(),
            // What another key has there is well formed.
            _ if value[field] != other_text[field] => other_text[field].clone(),
            _ => "0000000000000000".into(),
        };
        altered.push((field.clone(), one.to_string()));
    }
    altered.push(("half a file".to_owned(), text[..text.len() / 2].to_owned()));
    altered.push(("an empty file".to_owned(), String::new()));
    for (what, text) in altered {
        fs::write(folder.file(&key), text).unwrap();
        let error = keys.sign(&key, b"m").unwrap_err();
        assert!(
            matches!(error, KeyProviderError::Unusable { .. }),
            "{what}: {error}"
        );
        assert!(keys.public(&key).is_err(), "{what}");
        let listed = keys.check_all().unwrap();
        let unusable: Vec<_> = listed.iter().filter(|(_, info)| info.is_err()).collect();
        assert!(matches!(&unusable[..], [(named, _)] if *named == key), "{what}");
        keys.sign(&other, b"m").unwrap();
    }
    fs::write(folder.file(&key), &text).unwrap();
    keys.sign(&key, b"m").unwrap();
}

#[test]
fn a_folder_says_what_opens_it() {
    let folder = Folder::new();
    assert_eq!(is_passphrase_wanted(&folder.path()).unwrap(), None);
    opened(&folder.path(), &key_source(1)).unwrap();
    assert_eq!(is_passphrase_wanted(&folder.path()).unwrap(), Some(false));
    let folder = Folder::new();
    let passphrase = KekSource::Passphrase(Secret::new(b"correct horse battery".to_vec()));
    opened(&folder.path(), &passphrase).unwrap();
    assert_eq!(is_passphrase_wanted(&folder.path()).unwrap(), Some(true));
}

#[test]
fn every_altered_bit_of_the_sealed_bytes_is_noticed() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&fs::read(folder.file(&key)).unwrap()).unwrap();
    for part in ["wrappedDek", "privateKey"] {
        for field in ["nonce", "data"] {
            let bytes = STANDARD.decode(value[part][field].as_str().unwrap()).unwrap();
            for place in 0..bytes.len() {
                let mut one = bytes.clone();
                one[place] ^= 1;
                let mut file = value.clone();
                file[part][field] = STANDARD.encode(one).into();
                fs::write(folder.file(&key), file.to_string()).unwrap();
                assert!(keys.sign(&key, b"m").is_err(), "{part} {field} {place}");
            }
        }
    }
}

#[test]
fn a_destroyed_key_is_gone_and_destroying_it_again_is_no_error() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    keys.destroy(&key).unwrap();
    keys.destroy(&key).unwrap();
    assert_eq!(
        keys.sign(&key, b"m"),
        Err(KeyProviderError::NotFound(key.0.clone()))
    );
    assert!(!folder.file(&key).exists());
}

#[test]
fn a_reference_never_leads_out_of_the_folder() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    for text in ["sealed:../kek", "sealed:kek", "sealed:", "pkcs11:object=x", ""] {
        let key = KeyRef(text.to_owned());
        assert!(
            matches!(keys.sign(&key, b"m"), Err(KeyProviderError::NotFound(_))),
            "{text}"
        );
        assert!(keys.destroy(&key).is_err(), "{text}");
    }
}

#[test]
fn keys_without_the_description_of_their_kek_are_not_sealed_anew() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    fs::remove_file(folder.path().join(KEK_DESCRIPTION)).unwrap();
    assert!(keys.health().is_err());
    assert!(opened(&folder.path(), &key_source(1)).is_err());
}

#[test]
fn nothing_of_the_key_is_readable_in_its_file() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    let private = keys.open_key(&key).unwrap().0.to_pkcs8().unwrap();
    let text = fs::read(folder.file(&key)).unwrap();
    // Well inside the private scalar, in the three alignments of base64.
    for start in 40..43 {
        let part = STANDARD.encode(&private.expose()[start..start + 12]);
        assert!(!text.windows(part.len()).any(|window| window == part.as_bytes()));
    }
}

#[test]
fn a_key_file_is_made_once() {
    let folder = Folder::new();
    let path = folder.path().join("kek");
    let (first, made) = make_key_file(&path, &SystemRandom).unwrap();
    assert!(made);
    assert_eq!(make_key_file(&path, &SystemRandom).unwrap(), (first, false));
    fs::write(&path, b"short").unwrap();
    assert!(make_key_file(&path, &SystemRandom).is_err());
}

#[test]
fn a_key_in_use_is_destroyed_all_the_same() {
    let folder = Folder::new();
    let hold = Duration::from_hours(1);
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let keys = SealedKeys::open(&folder.path(), &key_source(1), hold, clock, random).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    keys.sign(&key, b"m").unwrap();
    keys.destroy(&key).unwrap();
    assert_eq!(
        keys.sign(&key, b"m"),
        Err(KeyProviderError::NotFound(key.0.clone()))
    );
}

#[test]
fn another_kek_opens_the_same_keys_and_the_old_one_no_more() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
    let public = keys.public(&key).unwrap();
    let in_use = rewrap(&folder.path(), &key_source(1), &key_source(2), &SystemRandom).unwrap_err();
    assert!(in_use.to_string().contains("in use"), "{in_use}");
    drop(keys);
    let done = rewrap(
        &folder.path(),
        &key_source(1),
        &passphrase("correct horse"),
        &SystemRandom,
    )
    .unwrap();
    assert_eq!((done.keys, done.unusable), (1, Vec::new()));
    let keys = opened(&folder.path(), &passphrase("correct horse")).unwrap();
    assert_eq!(keys.public(&key).unwrap(), public);
    drop(keys);
    assert!(opened(&folder.path(), &key_source(1)).is_err());
}

#[test]
fn a_change_of_the_kek_that_was_cut_off_is_finished_by_another_run() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let made: Vec<_> = (0..3)
        .map(|_| keys.generate(&purpose(KeyAlgorithm::P256)).unwrap())
        .collect();
    drop(keys);
    let before: Vec<_> = made
        .iter()
        .map(|key| fs::read(folder.file(key)).unwrap())
        .collect();
    rewrap(&folder.path(), &key_source(1), &key_source(2), &SystemRandom).unwrap();
    // As it stood after the first of three keys.
    let path = folder.path().join(KEK_DESCRIPTION);
    let mut description = KekDescription::read(&path).unwrap().unwrap();
    let (_, previous) = Kek::create(&key_source(1), &SystemRandom).unwrap();
    description.previous = Some(Box::new(previous));
    secret_file::replace(&path, &description.to_json().unwrap()).unwrap();
    for (key, text) in made.iter().zip(&before).skip(1) {
        secret_file::replace(&folder.file(key), text).unwrap();
    }
    for source in [key_source(1), key_source(2)] {
        assert!(opened(&folder.path(), &source).is_err());
    }
    let done = rewrap(&folder.path(), &key_source(1), &key_source(2), &SystemRandom).unwrap();
    assert_eq!(done.keys, 3);
    let keys = opened(&folder.path(), &key_source(2)).unwrap();
    for key in &made {
        keys.sign(key, b"m").unwrap();
    }
}

#[test]
fn first_starts_at_once_seal_under_one_kek_that_opens_again() {
    let folder = Folder::new();
    let keys: Vec<KeyRef> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6)
            .map(|_| {
                let path = folder.path();
                scope.spawn(move || {
                    let keys = opened(&path, &passphrase("correct horse")).unwrap();
                    keys.generate(&purpose(KeyAlgorithm::P256)).unwrap()
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    check_folder(&folder.path()).unwrap();
    let again = opened(&folder.path(), &passphrase("correct horse")).unwrap();
    for key in &keys {
        again.check(key).unwrap();
    }
}

#[test]
fn a_folder_that_opens_only_in_part_is_told_before_it_is_needed() {
    let (folder, other) = (Folder::new(), Folder::new());
    opened(&folder.path(), &key_source(1))
        .unwrap()
        .generate(&purpose(KeyAlgorithm::P256))
        .unwrap();
    check_folder(&folder.path()).unwrap();
    // A key of before a change of the KEK beside the description of after it.
    let stray = opened(&other.path(), &key_source(2))
        .unwrap()
        .generate(&purpose(KeyAlgorithm::P256))
        .unwrap();
    let name = sealed_file_name(&stray).unwrap();
    fs::copy(other.path().join(&name), folder.path().join(&name)).unwrap();
    let error = check_folder(&folder.path()).unwrap_err().to_string();
    assert!(error.contains("another KEK"), "{error}");
    fs::remove_file(folder.path().join(&name)).unwrap();
    fs::remove_file(folder.path().join(KEK_DESCRIPTION)).unwrap();
    assert!(check_folder(&folder.path()).is_err());
}

#[test]
fn what_was_being_written_is_destroyed_with_the_key() {
    let folder = Folder::new();
    let keys = opened(&folder.path(), &key_source(1)).unwrap();
    let key = keys.reserve(&purpose(KeyAlgorithm::P256)).unwrap();
    let other = keys.reserve(&purpose(KeyAlgorithm::P256)).unwrap();
    let beside = |key: &KeyRef| folder.file(key).with_extension("77-0.new");
    for key in [&key, &other] {
        fs::write(beside(key), "half a key").unwrap();
    }
    keys.destroy(&key).unwrap();
    assert!(!beside(&key).exists() && beside(&other).exists());
}
