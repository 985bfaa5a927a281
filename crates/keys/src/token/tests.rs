//! With SoftHSM, a token in software. `scripts/softhsm.sh` installs it.

use std::path::Path;
use std::process::Command;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::KeyType;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use provost_model::ambient::SystemRandom;
use provost_softhsm::{CONFIGURATION_VARIABLE, LABEL, NOT_INSTALLED, PIN};

use super::*;

fn library() -> PathBuf {
    provost_softhsm::library().expect(NOT_INSTALLED)
}

/// A token that goes away. SoftHSM reads where from an environment variable, hence each test is run
/// again as a process of its own with that set.
fn in_own_process(name: &str, test: impl Fn(&Path)) {
    if let Some(folder) = std::env::var_os("PROVOST_TEST_TOKEN_FOLDER") {
        return test(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = provost_softhsm::configure(folder.path()).unwrap();
    library();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("token::tests::{name}"), "--nocapture"])
        .env(CONFIGURATION_VARIABLE, &configuration)
        .env("PROVOST_TEST_TOKEN_FOLDER", folder.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout);
    assert!(
        output.contains("1 passed"),
        "{output}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn make_token(label: &str) -> Pkcs11 {
    let context = Pkcs11::new(library()).unwrap();
    let _ = context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let all = context.get_all_slots().unwrap();
    let slot = *all.last().unwrap();
    let pin = AuthPin::from(PIN);
    context.init_token(slot, &pin, label).unwrap();
    let session = context.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&pin)).unwrap();
    session.init_pin(&pin).unwrap();
    session.logout().unwrap();
    drop(session);
    context
}

fn options(pin: &str) -> TokenOptions {
    TokenOptions {
        module: library(),
        uri: TokenUri::parse("pkcs11:token=provost").unwrap(),
        pin: Secret::new(pin.to_owned()),
        allow_imported: false,
        sessions: 4,
    }
}

fn opened() -> TokenKeys {
    TokenKeys::open(options(PIN), Arc::new(SystemRandom)).unwrap()
}

fn purpose(algorithm: KeyAlgorithm) -> KeyPurpose {
    KeyPurpose {
        label: "ica-1".to_owned(),
        algorithm,
    }
}

#[test]
fn a_signature_of_the_token_verifies_under_its_public_half() {
    in_own_process("a_signature_of_the_token_verifies_under_its_public_half", |_| {
        make_token(LABEL);
        let keys = opened();
        for (algorithm, verification) in [
            (KeyAlgorithm::P256, &ECDSA_P256_SHA256_ASN1),
            (KeyAlgorithm::P384, &ECDSA_P384_SHA384_ASN1),
        ] {
            let key = keys.generate(&purpose(algorithm)).unwrap();
            let (public, kind) = keys.public(&key).unwrap();
            assert_eq!(kind, algorithm);
            let public = ParsedPublicKey::new(verification, public).unwrap();
            // Lengths of r and s differ now and then.
            for round in 0..300_u32 {
                let message = round.to_be_bytes();
                public
                    .verify_sig(&message, &keys.sign(&key, &message).unwrap())
                    .unwrap();
            }
        }
        keys.health().unwrap();
    });
}

#[test]
fn a_key_of_the_token_is_sensitive_and_stays_there() {
    in_own_process("a_key_of_the_token_is_sensitive_and_stays_there", |_| {
        make_token(LABEL);
        let keys = opened();
        let key = KeyName::of(&keys.generate(&purpose(KeyAlgorithm::P384)).unwrap()).unwrap();
        keys.pool
            .run(|session| {
                let handle = find(session, ObjectClass::PRIVATE_KEY, &key.id)?.unwrap();
                let wanted = [
                    Attribute::Token(true),
                    Attribute::Private(true),
                    Attribute::Sensitive(true),
                    Attribute::Extractable(false),
                    Attribute::Modifiable(false),
                    Attribute::Derive(false),
                    Attribute::Label(b"ica-1".to_vec()),
                ];
                let kinds: Vec<_> = wanted.iter().map(Attribute::attribute_type).collect();
                assert_eq!(session.get_attributes(handle, &kinds)?, wanted);
                let value = session.get_attributes(handle, &[AttributeType::Value]);
                assert!(value.is_ok_and(|value| value.is_empty()));
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn an_imported_key_is_refused_unless_it_is_allowed() {
    in_own_process("an_imported_key_is_refused_unless_it_is_allowed", |_| {
        make_token(LABEL);
        let keys = opened();
        let made = KeyName::of(&keys.generate(&purpose(KeyAlgorithm::P256)).unwrap()).unwrap();
        let id = vec![7; 16];
        keys.pool
            .run(|session| {
                let public = find(session, ObjectClass::PUBLIC_KEY, &made.id)?.unwrap();
                let point = session
                    .get_attributes(public, &[AttributeType::EcPoint])?
                    .remove(0);
                let curve = template::public(&purpose(KeyAlgorithm::P256), &id).remove(3);
                let common = || {
                    vec![
                        Attribute::Token(true),
                        Attribute::KeyType(KeyType::EC),
                        curve.clone(),
                    ]
                };
                let mut private = common();
                private.extend([
                    Attribute::Class(ObjectClass::PRIVATE_KEY),
                    Attribute::Id(id.clone()),
                    Attribute::Private(true),
                    Attribute::Sensitive(true),
                    Attribute::Extractable(false),
                    Attribute::Sign(true),
                    Attribute::Value(vec![9; 32]),
                ]);
                session.create_object(&private)?;
                let mut other = common();
                other.extend([
                    Attribute::Class(ObjectClass::PUBLIC_KEY),
                    Attribute::Id(id.clone()),
                    point,
                ]);
                session.create_object(&other)?;
                Ok(())
            })
            .unwrap();
        let key = KeyName {
            label: "x".to_owned(),
            id,
        }
        .to_ref();
        let error = keys.sign(&key, b"m").unwrap_err();
        assert!(matches!(error, KeyProviderError::Unusable { .. }), "{error}");
        drop(keys);
        let allowing = TokenOptions {
            allow_imported: true,
            ..options(PIN)
        };
        let keys = TokenKeys::open(allowing, Arc::new(SystemRandom)).unwrap();
        keys.sign(&key, b"m").unwrap();
    });
}

#[test]
fn a_login_that_was_lost_is_made_anew() {
    in_own_process("a_login_that_was_lost_is_made_anew", |_| {
        let context = make_token(LABEL);
        let keys = opened();
        let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
        // Somebody else in this process ends the login for all sessions.
        let slot = context.get_slots_with_initialized_token().unwrap()[0];
        let other = context.open_rw_session(slot).unwrap();
        other.logout().unwrap();
        keys.sign(&key, b"m").unwrap();
        let generated = {
            other.logout().unwrap();
            keys.generate(&purpose(KeyAlgorithm::P256))
        };
        // Making a key is not tried twice; what follows works again.
        assert!(generated.is_err());
        keys.sign(&key, b"m").unwrap();
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    in_own_process("a_wrong_pin_is_tried_once", |_| {
        make_token(LABEL);
        let error = TokenKeys::open(options("0000"), Arc::new(SystemRandom))
            .err()
            .unwrap();
        assert!(error.to_string().contains("refuses the PIN"), "{error}");
        assert!(!error.to_string().contains("0000"));
    });
}

#[test]
fn no_pin_is_tried_where_a_wrong_one_was_before() {
    in_own_process("no_pin_is_tried_where_a_wrong_one_was_before", |_| {
        let context = make_token(LABEL);
        TokenKeys::open(options("0000"), Arc::new(SystemRandom))
            .err()
            .unwrap();
        for pin in ["0000", PIN, "0000"] {
            let refused = TokenKeys::open(options(pin), Arc::new(SystemRandom)).err();
            assert!(
                matches!(&refused, Some(KeyProviderError::Refused(reason)) if reason.contains("another program")),
                "{refused:?}"
            );
        }
        // The operator looks after it.
        let slots = context.get_slots_with_initialized_token().unwrap();
        let session = context.open_rw_session(slots[0]).unwrap();
        session.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
        session.logout().unwrap();
        drop(session);
        opened();
    });
}

#[test]
fn a_handle_of_an_earlier_login_is_not_remembered() {
    in_own_process("a_handle_of_an_earlier_login_is_not_remembered", |_| {
        make_token(LABEL);
        let keys = opened();
        let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
        let name = KeyName::of(&key).unwrap();
        let found = keys
            .pool
            .run(|session| {
                let found = keys.private_key(session, &name)?;
                // Another thread finds the token gone and logs in anew.
                keys.pool.lose_login();
                keys.pool.run(|other| Ok(other.get_session_info().map(drop)?))?;
                keys.pool.remember(session, &name.id, &found);
                assert!(keys.pool.known(session, &name.id).is_none());
                Ok(found)
            })
            .unwrap();
        let known = keys
            .pool
            .run(|session| Ok(keys.pool.known(session, &name.id)))
            .unwrap();
        assert!(known.is_none(), "{:?} is of a login that is over", found.handle);
        keys.sign(&key, b"m").unwrap();
    });
}

#[test]
fn a_destroyed_key_is_gone_from_the_token() {
    in_own_process("a_destroyed_key_is_gone_from_the_token", |_| {
        make_token(LABEL);
        let keys = opened();
        let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
        keys.destroy(&key).unwrap();
        keys.destroy(&key).unwrap();
        assert!(matches!(
            keys.sign(&key, b"m"),
            Err(KeyProviderError::NotFound(_))
        ));
        assert!(matches!(keys.public(&key), Err(KeyProviderError::NotFound(_))));
    });
}

#[test]
fn many_threads_share_a_few_sessions() {
    in_own_process("many_threads_share_a_few_sessions", |_| {
        make_token(LABEL);
        let keys = opened();
        let key = keys.generate(&purpose(KeyAlgorithm::P256)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        keys.sign(&key, b"m").unwrap();
                    }
                });
            }
        });
        assert!(keys.pool.sessions() <= 4);
    });
}

#[test]
fn a_token_that_is_not_there_is_said_to_be() {
    in_own_process("a_token_that_is_not_there_is_said_to_be", |_| {
        make_token("another");
        let error = TokenKeys::open(options(PIN), Arc::new(SystemRandom))
            .err()
            .unwrap();
        assert!(error.to_string().contains("not there"), "{error}");
    });
}
