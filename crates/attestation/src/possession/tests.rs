use provost_pki::issue::Profile;

use super::*;
use crate::fixture::{DAY, NOW, certificate};

const CODE: &str = "106A5SD242AF512B3498BD6098C4941E66R34H268DDB3288";

#[test]
fn only_the_owner_of_the_key_answers_a_code() {
    let ca = Profile::Ca { path_len: None };
    let (root, key) = certificate("root", &ca, None);
    let (impostor, impostor_key) = certificate("root", &ca, None);
    let (other, other_key) = certificate("other", &ca, None);
    let answer =
        |name: &str, issuer: &Certificate, key| certificate(name, &Profile::Client, Some((issuer, key))).0;
    let right = answer(CODE, &root, &key);
    assert_eq!(verify(&right, &root, CODE, NOW), Ok(()));
    assert_eq!(
        verify(&answer(&CODE.to_lowercase(), &root, &key), &root, CODE, NOW),
        Ok(())
    );

    let forged = answer(CODE, &impostor, &impostor_key);
    let signature = PossessionError::Signature(SignatureError::BadSignature);
    assert_eq!(verify(&forged, &root, CODE, NOW), Err(signature));
    assert_eq!(
        verify(&answer(CODE, &other, &other_key), &root, CODE, NOW),
        Err(PossessionError::Issuer)
    );
    assert_eq!(
        verify(&answer("another code", &root, &key), &root, CODE, NOW),
        Err(PossessionError::Code)
    );
    assert_eq!(verify(&root, &root, "", NOW), Err(PossessionError::Code));
    let late = verify(&right, &root, CODE, NOW.after(2 * DAY)).unwrap_err();
    assert!(matches!(late, PossessionError::Validity(_)), "{late}");
}
