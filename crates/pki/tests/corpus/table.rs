use std::fmt::Write;

use tempfile::TempDir;

use crate::draft::{Chain, Keys};
use crate::judges::{openssl, ours, webpki};
use crate::kinds::{CONSTRAINTS, DATES, EXTENSIONS, Kind, NAMES, USAGES};
use crate::kinds_of_chain::{GOOD, KEYS, SENT, SIGNATURES};
use crate::kinds_of_encoding::ENCODINGS;

const ALL: &[&[Kind]] = &[
    GOOD,
    DATES,
    CONSTRAINTS,
    USAGES,
    EXTENSIONS,
    NAMES,
    SIGNATURES,
    KEYS,
    SENT,
    ENCODINGS,
];

/// One line for each kind: what is wrong, our verdict, openssl's, webpki's, and, exactly where one of them
/// does not agree with us, why.
const VERDICTS: &str = include_str!("verdicts.txt");

struct Line<'a> {
    kind: &'a str,
    verdicts: String,
    reason: &'a str,
}

fn lines() -> Vec<Line<'static>> {
    let data = VERDICTS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    data.map(|line| {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [kind, ours, openssl, webpki, reason] = fields[..] else {
            panic!("five fields: {line}");
        };
        Line {
            kind,
            verdicts: format!("{ours} {openssl} {webpki}"),
            reason,
        }
    })
    .collect()
}

#[test]
fn every_kind_is_judged_as_the_table_says() {
    let (keys, folder) = (Keys::new(), TempDir::new().unwrap());
    let (lines, mut wrong) = (lines(), String::new());
    let word = |ok| if ok { "ok" } else { "refused" };
    for (kind, change) in ALL.iter().copied().flatten() {
        let mut chain = Chain::good(&keys);
        change(&mut chain, &keys);
        let chain = chain.encoded(&keys);
        let (openssl_ok, said) = openssl(&folder, &chain);
        let found = format!("{} {} {}", ours(&chain), word(openssl_ok), word(webpki(&chain)));
        let expected = lines.iter().find(|line| line.kind == *kind);
        if expected.is_none_or(|line| line.verdicts != found) {
            let expected = expected.map_or("nothing", |line| &line.verdicts);
            let _ = writeln!(wrong, "{kind}: {found}, the table says {expected}\n{said}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(lines.len(), ALL.iter().map(|list| list.len()).sum::<usize>());
}

#[test]
fn a_reason_is_given_where_and_only_where_verdicts_differ() {
    let lines = lines();
    assert!(lines.len() > 100);
    for line in lines {
        let verdicts: Vec<_> = line.verdicts.split(' ').map(|word| word == "ok").collect();
        let agreed = verdicts.iter().all(|ok| *ok == verdicts[0]);
        assert_eq!(agreed, line.reason.is_empty(), "{}", line.kind);
    }
}

#[test]
fn names_of_kinds_are_unique() {
    let mut names: Vec<_> = ALL.iter().copied().flatten().map(|(name, _)| *name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
