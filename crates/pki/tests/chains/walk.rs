use provost_pki::issue::KeyPair;
use provost_pki::{ChainError, ChainWalk, MAX_SIGNATURES, SignatureMemo, verify_chain};

use crate::fixture::{DAY, NOW, Spec, presented, verdict};

#[test]
fn a_walk_shows_each_level_and_who_registered_it() {
    let root = Spec::ca("root").root();
    let intermediate = Spec::ca("intermediate").under(&root);
    let leaf = Spec::client("device").under(&intermediate);
    let memo = SignatureMemo::default();
    let chain = presented(&[&leaf.certificate, &intermediate.certificate]);
    let mut walk = ChainWalk::start(&chain, &memo, NOW).unwrap();

    assert_eq!(walk.wanted_subjects(), [intermediate.certificate.subject_hash()]);
    let first = walk.ascend(&[]).unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(
        (&first[0].certificate, first[0].registered),
        (&intermediate.certificate, false)
    );
    // Only a registered certificate ends a path.
    assert_eq!(verdict(&walk.chain_to(&first[0])), "unknownIssuer");

    assert_eq!(walk.wanted_subjects(), [root.certificate.subject_hash()]);
    let registered = [root.certificate.clone()];
    let second = walk.ascend(&registered).unwrap();
    assert!(second[0].registered);
    let verified = walk.chain_to(&second[0]).unwrap();
    assert_eq!(
        verified.issuers(),
        [intermediate.certificate, root.certificate.clone()]
    );

    let over = walk.ascend(&registered).unwrap_err();
    assert_eq!(
        over,
        ChainError::UnknownIssuer {
            certificate: root.certificate
        }
    );
}

#[test]
fn an_issuer_of_another_walk_proves_nothing() {
    let root = Spec::ca("root").root();
    let leaf = Spec::client("device").under(&root);
    let forged = Spec::client("device").root();
    let memo = SignatureMemo::default();
    let registered = [root.certificate.clone()];
    let (good, bad) = (presented(&[&leaf.certificate]), presented(&[&forged.certificate]));
    let mut walk = ChainWalk::start(&good, &memo, NOW).unwrap();
    let issuer = walk.ascend(&registered).unwrap().remove(0);
    let mut other = ChainWalk::start(&bad, &memo, NOW).unwrap();
    assert!(other.ascend(&registered).is_err());
    assert!(other.chain_to(&issuer).is_err());
}

#[test]
fn a_renewed_ca_with_the_same_key_stands_at_the_same_level() {
    let root = Spec::ca("root").root();
    let old = Spec::ca("intermediate").under(&root);
    let pkcs8 = old.key.to_pkcs8_der().unwrap();
    let key = KeyPair::from_pkcs8_der(pkcs8.expose()).unwrap();
    let new = Spec {
        not_after: NOW.after(9 * DAY),
        ..Spec::ca("intermediate")
    }
    .made(key, Some(&root));
    let leaf = Spec::client("device").under(&old);
    let memo = SignatureMemo::default();
    let chain = presented(&[&leaf.certificate, &old.certificate]);
    let mut walk = ChainWalk::start(&chain, &memo, NOW).unwrap();
    let level = walk.ascend(std::slice::from_ref(&new.certificate)).unwrap();
    let found: Vec<_> = level
        .iter()
        .map(|issuer| (&issuer.certificate, issuer.registered))
        .collect();
    assert_eq!(found, [(&old.certificate, false), (&new.certificate, true)]);
    // The root is one certificate, though both lead to it.
    assert_eq!(walk.ascend(&[root.certificate]).unwrap().len(), 1);

    // With the old one expired the registered renewal alone carries the device.
    let later = NOW.after(2 * DAY);
    let leaf = Spec {
        not_after: NOW.after(9 * DAY),
        ..Spec::client("device")
    }
    .under(&old);
    let chain = presented(&[&leaf.certificate, &old.certificate]);
    let mut walk = ChainWalk::start(&chain, &memo, later).unwrap();
    assert_eq!(
        walk.ascend(std::slice::from_ref(&new.certificate)).unwrap().len(),
        1
    );
    let mut walk = ChainWalk::start(&chain, &memo, later).unwrap();
    assert_eq!(verdict(&walk.ascend(&[])), "expired");
}

#[test]
fn a_memo_keeps_the_newest_successes() {
    let root = Spec::ca("root").root();
    let impostor = Spec::ca("root").root();
    let child = Spec::ca("intermediate").under(&root);
    for capacity in [0, 1, 5] {
        let memo = SignatureMemo::new(capacity);
        for _ in 0..3 {
            assert!(memo.verify(&child.certificate, &root.certificate).is_ok());
            assert!(memo.verify(&child.certificate, &impostor.certificate).is_err());
            assert!(memo.verify(&root.certificate, &root.certificate).is_ok());
        }
        assert_eq!(memo.len(), capacity.min(2));
    }
}

#[test]
fn a_walk_remembers_what_registered_cas_signed_and_no_leaf() {
    let root = Spec::ca("root").root();
    let intermediate = Spec::ca("intermediate").under(&root);
    let memo = SignatureMemo::default();
    let anchors = [root.certificate.clone()];
    for _ in 0..3 {
        let leaf = Spec::client("device").under(&intermediate);
        let sent = presented(&[&leaf.certificate, &intermediate.certificate]);
        assert_eq!(verdict(&verify_chain(&sent, &anchors, &memo, NOW)), "ok");
        assert_eq!(memo.len(), 1);
        let leaf = Spec::client("device").under(&root);
        let sent = presented(&[&leaf.certificate]);
        assert_eq!(verdict(&verify_chain(&sent, &anchors, &memo, NOW)), "ok");
        assert_eq!(memo.len(), 1);
        // A stranger's certificates sign each other as much as they like.
        let sent = presented(&[&leaf.certificate, &intermediate.certificate, &root.certificate]);
        assert_eq!(verdict(&verify_chain(&sent, &[], &memo, NOW)), "unknownIssuer");
        assert_eq!(memo.len(), 1);
    }
    // What is remembered is the signature alone: dates still count.
    let leaf = Spec {
        not_after: NOW.after(9 * DAY),
        ..Spec::client("device")
    }
    .under(&intermediate);
    let sent = presented(&[&leaf.certificate, &intermediate.certificate]);
    assert_eq!(
        verdict(&verify_chain(&sent, &anchors, &memo, NOW.after(2 * DAY))),
        "expired"
    );
}

/// Operators give every line's CA the same name. More of them than signatures are verified for one
/// leaf must not hide the right one, nor what is above it.
#[test]
fn the_right_one_of_many_cas_of_one_name_is_found() {
    let root = Spec::ca("root").root();
    let lines: Vec<_> = (0..3 * MAX_SIGNATURES)
        .map(|_| Spec::ca("line").under(&root))
        .collect();
    let roots: Vec<_> = (0..MAX_SIGNATURES).map(|_| Spec::ca("root").root()).collect();
    let registered: Vec<_> = roots
        .iter()
        .chain(&lines)
        .chain([&root])
        .map(|made| made.certificate.clone())
        .collect();
    for line in [&lines[0], &lines[MAX_SIGNATURES], &lines[3 * MAX_SIGNATURES - 1]] {
        let leaf = Spec::client("device").under(line);
        let chain = presented(&[&leaf.certificate, &line.certificate]);
        let memo = SignatureMemo::default();
        let mut walk = ChainWalk::start(&chain, &memo, NOW).unwrap();
        let level = walk.ascend(&registered).unwrap();
        assert_eq!(level.len(), 1);
        assert_eq!(level[0].certificate, line.certificate);
        let level = walk.ascend(&registered).unwrap();
        assert_eq!(level[0].certificate, root.certificate);
    }
}
