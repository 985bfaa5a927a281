use super::*;
use crate::fixture::{DAY, NOW, device};

fn mismatch(leaf: &Certificate) -> LeafError {
    LeafError::Mismatch {
        sha1: leaf.sha1_thumbprint(),
        sha256: leaf.sha256_thumbprint(),
    }
}

#[test]
fn a_registered_certificate_is_recognised_by_its_bytes() {
    let (leaf, other) = (device("d"), device("d"));
    let registered = [&other, &leaf].map(|known| CertificateDer(known.der().to_vec()));
    let pinned = verify_registered(&leaf, &registered, NOW).unwrap();
    assert_eq!((pinned.leaf(), pinned.index()), (&leaf, 1));
    assert_eq!(
        verify_registered(&leaf, &registered[..1], NOW),
        Err(mismatch(&leaf))
    );
    assert_eq!(verify_registered(&leaf, [], NOW), Err(mismatch(&leaf)));
}

#[test]
fn thumbprints_of_both_lengths_match_in_any_case() {
    let (leaf, other) = (device("d"), device("d"));
    let sha1 = leaf.sha1_thumbprint().to_string();
    let sha256 = leaf.sha256_thumbprint().to_string().to_lowercase();
    let stranger = other.sha256_thumbprint().to_string();
    for (thumbprints, index) in [
        (vec![sha1.as_str()], 0),
        (vec![sha256.as_str(), &stranger], 0),
        (vec![&stranger, &sha256], 1),
        (vec!["", "not hex", &sha1.to_lowercase()], 2),
    ] {
        let pinned = verify_thumbprints(&leaf, thumbprints.iter().copied(), NOW).unwrap();
        assert_eq!(pinned.index(), index, "{thumbprints:?}");
    }
    for wrong in ["", &stranger, &sha1[1..], &sha256[..40]] {
        assert_eq!(
            verify_thumbprints(&leaf, [wrong], NOW),
            Err(mismatch(&leaf)),
            "{wrong}"
        );
    }
}

#[test]
fn a_pinned_certificate_is_refused_outside_its_dates() {
    let leaf = device("d");
    let thumbprint = leaf.sha256_thumbprint().to_string();
    for (at, reason) in [
        (NOW.after(2 * DAY), "expired"),
        (NOW.before(2 * DAY), "notYetValid"),
    ] {
        let refused = verify_thumbprints(&leaf, [thumbprint.as_str()], at).unwrap_err();
        assert_eq!(refused.reason(), reason);
    }
    // A stranger is not told about dates.
    let late = NOW.after(2 * DAY);
    assert_eq!(
        verify_thumbprints(&leaf, [], late).unwrap_err().reason(),
        "thumbprintMismatch"
    );
}

#[test]
fn registration_ids_ignore_case_and_device_ids_do_not() {
    let leaf = device("Device-7");
    let registration = |id| check_registration_id(&leaf, &RegistrationId::parse(id).unwrap());
    assert_eq!(registration("device-7"), Ok(()));
    let other = LeafError::CommonName {
        found: Some("Device-7".to_owned()),
    };
    assert_eq!(registration("device-70"), Err(other.clone()));
    let device = |id| check_identity_id(&leaf, &IdentityId::parse(id).unwrap());
    assert_eq!(device("Device-7"), Ok(()));
    assert_eq!(device("device-7"), Err(other));
}
