//! Random chains judged by us and by webpki. Where the two are meant to differ (version 1, CA
//! leaves, what is asked of an anchor) the generator stays away.

use std::time::Duration;

use proptest::prelude::*;
use provost_pki::Certificate;
use provost_pki::issue::Profile;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::fixture::{Authority, DAY, NOW, Spec, judge, verdict};

#[derive(Debug, Clone)]
enum Dates {
    Valid,
    Over,
    Future,
}

/// One intermediate: its path length, dates, and whether it is a CA at all, sent, and really
/// signed by the one above.
#[derive(Debug, Clone)]
struct Link {
    path_len: Option<u8>,
    dates: Dates,
    is_ca: bool,
    sent: bool,
    genuine: bool,
}

fn dates() -> impl Strategy<Value = Dates> {
    prop_oneof![12 => Just(Dates::Valid), 1 => Just(Dates::Over), 1 => Just(Dates::Future)]
}

fn link() -> impl Strategy<Value = Link> {
    let path_len = prop_oneof![3 => Just(None), 1 => (0_u8..3).prop_map(Some)];
    let mostly = || prop::bool::weighted(0.95);
    (path_len, dates(), mostly(), mostly(), mostly()).prop_map(|(path_len, dates, is_ca, sent, genuine)| {
        Link {
            path_len,
            dates,
            is_ca,
            sent,
            genuine,
        }
    })
}

fn dated<'a>(spec: Spec<'a>, dates: &Dates) -> Spec<'a> {
    match dates {
        Dates::Valid => spec,
        Dates::Over => Spec {
            not_before: NOW.before(9 * DAY),
            not_after: NOW.before(DAY),
            ..spec
        },
        Dates::Future => Spec {
            not_before: NOW.after(DAY),
            not_after: NOW.after(9 * DAY),
            ..spec
        },
    }
}

fn webpki_accepts(leaf: &Certificate, others: &[&Certificate], anchor: &Certificate) -> bool {
    let leaf = CertificateDer::from(leaf.der());
    let others: Vec<_> = others
        .iter()
        .map(|other| CertificateDer::from(other.der()))
        .collect();
    let anchor = CertificateDer::from(anchor.der());
    let anchors = [anchor_from_trusted_cert(&anchor).unwrap()];
    let seconds = u64::try_from(NOW.unix_seconds()).unwrap();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    EndEntityCert::try_from(&leaf)
        .unwrap()
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &others,
            at,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn we_and_webpki_agree(
        links in prop::collection::vec(link(), 0..4),
        leaf_dates in dates(),
        is_client in prop::bool::weighted(0.9),
        reversed in any::<bool>(),
    ) {
        let root = Spec::ca("root").root();
        let mut made: Vec<Authority> = Vec::new();
        for (index, link) in links.iter().enumerate() {
            let above = made.last().unwrap_or(&root);
            let name = format!("intermediate {index}");
            let mut spec = dated(Spec::ca(&name), &link.dates);
            spec.profile = if link.is_ca {
                Profile::Ca { path_len: link.path_len }
            } else {
                Profile::Client
            };
            // A forgery names the right issuer and is signed by a key of the forger's.
            let above_name = index.checked_sub(1).map_or("root".to_owned(), |at| format!("intermediate {at}"));
            let forger = Spec::ca(&above_name).root();
            let next = spec.under(if link.genuine { above } else { &forger });
            made.push(next);
        }
        let server = Profile::Server { dns: vec!["device".to_owned()], ip: Vec::new() };
        let mut spec = dated(Spec::client("device"), &leaf_dates);
        if !is_client {
            spec.profile = server;
        }
        let leaf = spec.under(made.last().unwrap_or(&root)).certificate;
        let mut others: Vec<_> = made
            .iter()
            .zip(&links)
            .filter(|(_, link)| link.sent)
            .map(|(authority, _)| &authority.certificate)
            .collect();
        if reversed {
            others.reverse();
        }
        let mut sent = vec![&leaf];
        sent.extend(&others);
        let ours = judge(&sent, &[&root.certificate]);
        let theirs = webpki_accepts(&leaf, &others, &root.certificate);
        prop_assert_eq!(ours.is_ok(), theirs, "{}", verdict(&ours));
    }
}
