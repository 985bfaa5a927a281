use proptest::prelude::*;

use super::*;

const DEVICE_KEY: &str = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";
const ID: &str = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn key() -> SymmetricKey {
    SymmetricKey::parse(DEVICE_KEY).unwrap()
}

fn verify(text: &str) -> Result<VerifiedSas, SasError> {
    SasToken::parse(text)?.verify(&[&key()], NOW, CLOCK_SKEW)
}

#[test]
fn the_reference_vectors_verify_over_the_literal_text() {
    for (separator, signature) in [
        ("/", "V9Pci/QxsWVrzwCy5BmJc2bQWeF+DBmj0TsOO//ta7I="),
        ("%2F", "YgY3GYVTqICG4bRw7sBNz30t96xLLsdK3ytUIEPdPZc="),
        ("%2f", "bjLFbIDGbTuxAj7BguFU6KWSsiZz7sUROurkvnhwE0c="),
    ] {
        let resource = format!("0ne00111111{separator}registrations{separator}{ID}");
        let encoded = percent::encode(signature);
        for text in [
            format!("SharedAccessSignature sr={resource}&sig={encoded}&se=1900000000"),
            format!("sharedaccesssignature  sig={signature}&se=1900000000&skn=&sr={resource}"),
            format!("SharedAccessSignature SE=1900000000&Skn=registration&SIG={encoded}&SR={resource}"),
        ] {
            let verified = verify(&text).unwrap();
            assert_eq!(verified.resource(), format!("0ne00111111/registrations/{ID}"));
            assert_eq!(verified.expires_at().unix_seconds(), 1_900_000_000);
            let named = text.contains("=registration&");
            assert_eq!(verified.policy(), named.then_some("registration"));
        }
    }
}

#[test]
fn the_encoded_and_the_plain_resource_have_different_signatures() {
    let signature = percent::encode("V9Pci/QxsWVrzwCy5BmJc2bQWeF+DBmj0TsOO//ta7I=");
    let text =
        format!("SharedAccessSignature sr=0ne00111111%2Fregistrations%2F{ID}&sig={signature}&se=1900000000");
    assert_eq!(verify(&text), Err(SasError::BadSignature));
}

#[test]
fn either_key_proves_and_the_index_says_which() {
    let other = SymmetricKey::from_bytes(vec![9; 32]).unwrap();
    let token = SasToken::parse(&sign("a/b", &key(), NOW.after(CLOCK_SKEW), None)).unwrap();
    let verified = token.verify(&[&other, &key()], NOW, CLOCK_SKEW).unwrap();
    assert_eq!(verified.key_index(), 1);
    assert_eq!(
        token.verify(&[&other], NOW, CLOCK_SKEW),
        Err(SasError::BadSignature)
    );
    assert_eq!(token.verify(&[], NOW, CLOCK_SKEW), Err(SasError::BadSignature));
}

#[test]
fn a_token_ends_with_se_and_skew() {
    let text = sign("a", &key(), NOW, Some("p"));
    let token = SasToken::parse(&text).unwrap();
    let skew = Duration::from_secs(10);
    assert!(
        token
            .verify(&[&key()], NOW.after(Duration::from_secs(9)), skew)
            .is_ok()
    );
    let late = NOW.after(skew);
    let expired = SasError::Expired {
        expired_at: NOW,
        now: late,
    };
    assert_eq!(token.verify(&[&key()], late, skew), Err(expired));
    assert!(token.verify(&[&key()], NOW, Duration::ZERO).is_err());
}

#[test]
fn expired_is_not_said_without_a_key() {
    let other = SymmetricKey::from_bytes(vec![9; 32]).unwrap();
    let token = SasToken::parse(&sign("a", &key(), NOW, None)).unwrap();
    let late = NOW.after(Duration::from_hours(1));
    assert_eq!(
        token.verify(&[&other], late, CLOCK_SKEW),
        Err(SasError::BadSignature)
    );
}

#[test]
fn malformed_tokens_say_which_field() {
    let sig = format!("sig={}", percent::encode(DEVICE_KEY));
    for (text, what) in [
        (String::new(), "scheme"),
        ("SharedAccessSignature".to_owned(), "scheme"),
        (format!("Bearer sr=a&{sig}&se=1"), "scheme"),
        (format!("SharedAccessSignature {sig}&se=1"), "sr"),
        (format!("SharedAccessSignature sr=&{sig}&se=1"), "sr"),
        (format!("SharedAccessSignature sr=a&sr=a&{sig}&se=1"), "sr"),
        (format!("SharedAccessSignature sr=a&{sig}&{sig}&se=1"), "sig"),
        ("SharedAccessSignature sr=a&se=1".to_owned(), "sig"),
        ("SharedAccessSignature sr=a&sig=AAAA&se=1".to_owned(), "sig"),
        ("SharedAccessSignature sr=a&sig=%&se=1".to_owned(), "sig"),
        (format!("SharedAccessSignature sr=a&{sig}"), "se"),
        (format!("SharedAccessSignature sr=a&{sig}&se="), "se"),
        (format!("SharedAccessSignature sr=a&{sig}&se=-1"), "se"),
        (format!("SharedAccessSignature sr=a&{sig}&se=+1"), "se"),
        (
            format!("SharedAccessSignature sr=a&{sig}&se={}", "9".repeat(30)),
            "se",
        ),
        (format!("SharedAccessSignature sr=a&{sig}&se"), "fields"),
        (
            format!(
                "SharedAccessSignature sr={}&{sig}&se=1",
                "a".repeat(MAX_TOKEN_BYTES)
            ),
            "length",
        ),
    ] {
        assert_eq!(
            SasToken::parse(&text),
            Err(SasError::Malformed { what }),
            "{text}"
        );
    }
}

#[test]
fn debug_hides_the_signature() {
    let token = SasToken::parse(&sign("a", &key(), NOW, Some("p"))).unwrap();
    assert_eq!(format!("{token:?}"), r#"SasToken("a", policy Some("p"))"#);
}

#[test]
fn resources_cover_by_whole_segments_without_case() {
    for (granted, requested, covered) in [
        ("host", "host", true),
        ("HOST", "host/devices/d", true),
        ("host/devices", "host/devices/d", true),
        ("host/devices/", "host/devices/d", true),
        ("host/devices/d", "host/devices/d/modules/m", true),
        ("host/devices/d", "host/devices", false),
        ("host/dev", "host/devices/d", false),
        ("host/devices/d", "host/devices/de", false),
        ("", "host", false),
        ("/", "host", false),
        ("host:9443", "host", false),
    ] {
        assert_eq!(
            resource_covers(granted, requested),
            covered,
            "{granted} {requested}"
        );
    }
}

#[test]
fn a_resource_sent_raw_may_hold_percent_signs() {
    for (raw, decoded, requested) in [
        ("h/devices/50%", "h/devices/50%", "h/devices/50%"),
        ("h/devices/%ff", "h/devices/%ff", "h/devices/%ff"),
        ("h/devices/a%20b", "h/devices/a b", "h/devices/a%20b"),
        ("h/devices/a%20b", "h/devices/a b", "h/devices/a b"),
        ("h/devices/a+b", "h/devices/a+b", "h/devices/a+b"),
    ] {
        let signature = percent::encode(&BASE64.encode(tag(&key(), &format!("{raw}\n1900000000"))));
        let text = format!("SharedAccessSignature sr={raw}&sig={signature}&se=1900000000");
        assert_eq!(SasToken::parse(&text).unwrap().raw_resource(), raw);
        let verified = verify(&text).unwrap();
        assert_eq!(verified.resource(), decoded);
        assert!(
            verified.covers(requested) && !verified.covers("h/devices/other"),
            "{raw}"
        );
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in ".{0,200}") {
        let _ = SasToken::parse(&text);
        let _ = SasToken::parse(&format!("SharedAccessSignature {text}"));
    }

    #[test]
    fn parsing_fields_never_panics(
        fields in prop::collection::vec(("(sr|sig|se|skn|x)?", "[%=a-zA-Z0-9+/é]{0,60}"), 0..6),
    ) {
        let text: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = SasToken::parse(&format!("SharedAccessSignature {}", text.join("&")));
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_else(
        resource in "\\PC{1,60}",
        policy in prop::option::of("[a-zA-Z0-9!._@-]{1,20}"),
        key in prop::collection::vec(any::<u8>(), 16..=64),
        seconds in 1_i64..4_000_000_000,
        flipped in any::<prop::sample::Index>(),
    ) {
        let wrong = {
            let mut wrong = key.clone();
            *flipped.get_mut(&mut wrong) ^= 1;
            SymmetricKey::from_bytes(wrong).unwrap()
        };
        let key = SymmetricKey::from_bytes(key).unwrap();
        let expires_at = Timestamp::from_unix_seconds(seconds);
        let token = SasToken::parse(&sign(&resource, &key, expires_at, policy.as_deref())).unwrap();
        prop_assert_eq!(token.resource(), &resource);
        prop_assert_eq!(token.policy(), policy.as_deref());
        let before = Timestamp::from_unix_seconds(seconds - 1);
        prop_assert!(token.verify(&[&key], before, Duration::ZERO).is_ok());
        prop_assert_eq!(token.verify(&[&wrong], before, Duration::ZERO), Err(SasError::BadSignature));
    }

    #[test]
    fn percent_encoding_round_trips(text in "\\PC{0,60}") {
        prop_assert_eq!(percent::decode(&percent::encode(&text)), Some(text));
    }
}
