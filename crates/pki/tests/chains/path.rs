use std::time::Duration;

use provost_pki::issue::{KeyAlgorithm, Profile};
use provost_pki::{CertificateError, ChainError, PresentedChain};

use crate::fixture::{DAY, NOW, Spec, judge, judge_at, presented, verdict};

#[test]
fn every_key_kind_makes_a_chain() {
    for algorithm in [
        KeyAlgorithm::P256,
        KeyAlgorithm::P384,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Ed25519,
    ] {
        let root = Spec::ca("root").with(algorithm).root();
        let intermediate = Spec::ca("intermediate").path_len(0).with(algorithm).under(&root);
        let leaf = Spec::client("device").with(algorithm).under(&intermediate);
        let chain = judge(
            &[&leaf.certificate, &intermediate.certificate],
            &[&root.certificate],
        )
        .unwrap();
        assert_eq!(chain.leaf(), &leaf.certificate);
        assert_eq!(
            chain.issuers(),
            [intermediate.certificate, root.certificate.clone()]
        );
        assert_eq!(chain.anchor(), &root.certificate);
        assert_eq!(chain.verified_at(), NOW);
    }
}

#[test]
fn an_intermediate_may_be_the_anchor() {
    let root = Spec::ca("root").root();
    let intermediate = Spec::ca("intermediate").under(&root);
    let leaf = Spec::client("device").under(&intermediate);
    let anchors = [&intermediate.certificate, &root.certificate];
    for sent in [
        vec![&leaf.certificate],
        vec![&leaf.certificate, &intermediate.certificate],
        vec![&leaf.certificate, &root.certificate, &intermediate.certificate],
    ] {
        assert_eq!(
            judge(&sent, &anchors[..1]).unwrap().anchor(),
            &intermediate.certificate
        );
        // The nearest one wins.
        assert_eq!(
            judge(&sent, &anchors).unwrap().anchor(),
            &intermediate.certificate
        );
    }
}

#[test]
fn order_and_strangers_do_not_matter() {
    let root = Spec::ca("root").root();
    let upper = Spec::ca("upper").under(&root);
    let lower = Spec::ca("lower").under(&upper);
    let leaf = Spec::client("device").under(&lower);
    let stranger = Spec::ca("stranger").root();
    let sent = [&leaf, &upper, &stranger, &root, &lower].map(|made| &made.certificate);
    let chain = judge(&sent, &[&stranger.certificate, &root.certificate]).unwrap();
    assert_eq!(
        chain.issuers(),
        [&lower, &upper, &root].map(|made| made.certificate.clone())
    );
}

#[test]
fn a_missing_intermediate_is_an_unknown_issuer() {
    let root = Spec::ca("root").root();
    let intermediate = Spec::ca("intermediate").under(&root);
    let leaf = Spec::client("device").under(&intermediate);
    let refused = judge(&[&leaf.certificate], &[&root.certificate]);
    let certificate = leaf.certificate.clone();
    assert_eq!(refused, Err(ChainError::UnknownIssuer { certificate }));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the issuer CN=intermediate of certificate CN=device was neither sent nor registered"
    );
    // A whole chain to a root nobody registered ends the same way, at the root.
    let sent = [&leaf, &intermediate, &root].map(|made| &made.certificate);
    let unknown = ChainError::UnknownIssuer {
        certificate: root.certificate.clone(),
    };
    assert_eq!(judge(&sent, &[]), Err(unknown));
}

#[test]
fn dates_bind_every_certificate_of_the_path() {
    let late = NOW.after(DAY);
    let early = NOW.before(DAY);
    for (index, name) in ["device", "intermediate", "root"].into_iter().enumerate() {
        let long = |spec: Spec<'static>| Spec {
            not_before: NOW.before(9 * DAY),
            not_after: NOW.after(9 * DAY),
            ..spec
        };
        let one = |spec: Spec<'static>, at: usize| if index == at { spec } else { long(spec) };
        let root = one(Spec::ca("root"), 2).root();
        let intermediate = one(Spec::ca("intermediate"), 1).under(&root);
        let leaf = one(Spec::client("device"), 0).under(&intermediate);
        let sent = [&leaf.certificate, &intermediate.certificate];
        let judged = |at| judge_at(&sent, &[&root.certificate], at);
        for (at, expected) in [
            (early.before(Duration::from_micros(1)), "notYetValid"),
            (early, "ok"),
            (late, "ok"),
            // The last second belongs to the validity as a whole.
            (late.after(Duration::from_micros(999_999)), "ok"),
            (late.after(Duration::from_secs(1)), "expired"),
        ] {
            assert_eq!(verdict(&judged(at)), expected, "{name} {at:?}");
        }
        assert_eq!(judged(NOW).unwrap().not_after(), late);
        let shown = judged(late.after(DAY)).unwrap_err().to_string();
        assert_eq!(shown, format!("certificate CN={name} has expired"));
    }
}

#[test]
fn a_leaf_cannot_sign() {
    let root = Spec::ca("root").root();
    let device = Spec::client("device").under(&root);
    let forged = Spec::client("other").under(&device);
    let sent = [&forged.certificate, &device.certificate];
    assert_eq!(verdict(&judge(&sent, &[&root.certificate])), "notACa");
    // Registering does not overrule what the certificate says explicitly.
    assert_eq!(verdict(&judge(&sent, &[&device.certificate])), "notACa");
}

#[test]
fn an_impostor_with_the_same_name_is_refused() {
    let root = Spec::ca("root").root();
    let impostor = Spec::ca("root").root();
    let leaf = Spec::client("device").under(&impostor);
    for sent in [
        vec![&leaf.certificate],
        vec![&leaf.certificate, &impostor.certificate],
    ] {
        let refused = judge(&sent, &[&root.certificate]);
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(
        verdict(&judge(&[&leaf.certificate], &[&root.certificate])),
        "badSignature"
    );
    // The right one of two with the same name is found, whatever their order.
    for anchors in [[&root, &impostor], [&impostor, &root]] {
        let anchors = anchors.map(|made| &made.certificate);
        assert_eq!(
            judge(&[&leaf.certificate], &anchors).unwrap().anchor(),
            &impostor.certificate
        );
    }
}

#[test]
fn path_length_counts_intermediates_that_are_not_self_issued() {
    let root = Spec::ca("root").path_len(1).root();
    let upper = Spec::ca("upper").under(&root);
    let lower = Spec::ca("lower").under(&upper);
    let near = Spec::client("device").under(&upper);
    let far = Spec::client("device").under(&lower);
    assert_eq!(
        verdict(&judge(
            &[&near.certificate, &upper.certificate],
            &[&root.certificate]
        )),
        "ok"
    );
    let sent = [&far, &lower, &upper].map(|made| &made.certificate);
    let too_long = ChainError::PathTooLong {
        certificate: root.certificate.clone(),
        allowed: 1,
        found: 2,
    };
    assert_eq!(judge(&sent, &[&root.certificate]), Err(too_long));

    // A CA that rolled its key signs itself over: same name, not counted.
    let rolled = Spec::ca("upper").under(&upper);
    let leaf = Spec::client("device").under(&rolled);
    let sent = [&leaf, &rolled, &upper].map(|made| &made.certificate);
    assert_eq!(verdict(&judge(&sent, &[&root.certificate])), "ok");
}

#[test]
fn a_server_certificate_is_no_client() {
    let root = Spec::ca("root").root();
    let server = Profile::Server {
        dns: vec!["localhost".to_owned()],
        ip: Vec::new(),
    };
    let leaf = Spec {
        profile: server,
        ..Spec::client("localhost")
    }
    .under(&root);
    assert_eq!(
        verdict(&judge(&[&leaf.certificate], &[&root.certificate])),
        "wrongKeyUsage"
    );
}

#[test]
fn a_ca_certificate_may_be_a_leaf() {
    let root = Spec::ca("root").root();
    let leaf = Spec::ca("device").under(&root);
    assert_eq!(verdict(&judge(&[&leaf.certificate], &[&root.certificate])), "ok");
}

#[test]
fn a_self_signed_leaf_needs_registration() {
    let leaf = Spec::ca("device").root();
    assert_eq!(verdict(&judge(&[&leaf.certificate], &[])), "unknownIssuer");
    assert_eq!(
        verdict(&judge(&[&leaf.certificate, &leaf.certificate], &[])),
        "unknownIssuer"
    );
    let chain = judge(&[&leaf.certificate], &[&leaf.certificate]).unwrap();
    assert_eq!(chain.anchor(), &leaf.certificate);
}

#[test]
fn certificates_that_sign_each_other_end_the_search() {
    let a = Spec::ca("a").root();
    let b = Spec::ca("b").root();
    let pkcs8 = |made: &crate::fixture::Authority| {
        provost_pki::issue::KeyPair::from_pkcs8_der(made.key.to_pkcs8_der().unwrap().expose()).unwrap()
    };
    let a_by_b = Spec::ca("a").made(pkcs8(&a), Some(&b));
    let b_by_a = Spec::ca("b").made(pkcs8(&b), Some(&a));
    let leaf = Spec::client("device").under(&a);
    let sent = [&leaf, &a_by_b, &b_by_a].map(|made| &made.certificate);
    assert_eq!(verdict(&judge(&sent, &[])), "unknownIssuer");
    assert_eq!(verdict(&judge(&sent, &[&b.certificate])), "ok");
}

#[test]
fn too_many_certificates_are_refused() {
    let root = Spec::ca("root").root();
    let leaf = Spec::client("device").under(&root);
    let sent: Vec<_> = std::iter::repeat_n(leaf.certificate.der(), 11).collect();
    let too_many = CertificateError::TooMany { count: 11, limit: 10 };
    assert_eq!(PresentedChain::from_der_list(sent), Err(too_many));
    assert_eq!(
        PresentedChain::from_der_list(Vec::new()),
        Err(CertificateError::Empty)
    );

    // Ten certificates make the longest path: leaf, eight intermediates, root.
    let mut chain = vec![Spec::ca("ca 0").root()];
    let names: Vec<_> = (1..=9).map(|depth| format!("ca {depth}")).collect();
    for name in &names {
        chain.push(Spec::ca(name).under(chain.last().unwrap()));
    }
    for (depth, expected) in [(8, "ok"), (9, "tooManyCertificates")] {
        let leaf = Spec::client("device").under(&chain[depth]);
        let mut sent = vec![&leaf.certificate];
        sent.extend(chain[1..=depth].iter().map(|made| &made.certificate));
        assert_eq!(
            verdict(&judge(&sent, &[&chain[0].certificate])),
            expected,
            "{depth}"
        );
    }
}

#[test]
fn work_is_bounded() {
    let wrong: Vec<_> = (0..25).map(|_| Spec::ca("root").root()).collect();
    let right = Spec::ca("root").root();
    let leaf = Spec::client("device").under(&right);
    let strangers: Vec<_> = wrong.iter().map(|made| &made.certificate).collect();
    for (count, expected) in [(20, "badSignature"), (21, "tooManyCertificates")] {
        let verdict = verdict(&judge(&[&leaf.certificate], &strangers[..count]));
        assert_eq!(verdict, expected, "{count}");
    }
    // The likely one is tried first, wherever it stands.
    let all = [&strangers[..], &[&right.certificate]].concat();
    assert_eq!(verdict(&judge(&[&leaf.certificate], &all)), "ok");
    assert_eq!(presented(&[&leaf.certificate]).iter().count(), 1);
}
