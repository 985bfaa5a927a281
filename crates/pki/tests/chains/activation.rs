//! Bring your own root, with openssl as the customer's CA.

use std::time::Duration;

use provost_model::{Timestamp, pem};
use provost_pki::Csr;
use provost_pki::activation::{self, ActivatedChain, ActivationError, ActivationRules};
use provost_pki::issue::{KeyAlgorithm, KeyPair, Profile, Publication, SubjectName, certification_request};

use crate::fixture::DAY;
use crate::openssl::Openssl;

const KEY: &str = "ecparam -name secp384r1 -genkey -noout";
const ROOT: &[&str] = &[
    "basicConstraints=critical,CA:TRUE,pathlen:1",
    "keyUsage=critical,keyCertSign,cRLSign",
    "subjectKeyIdentifier=hash",
];
const ISSUING: &[&str] = &[
    "basicConstraints=critical,CA:TRUE,pathlen:0",
    "keyUsage=critical,digitalSignature,keyCertSign,cRLSign",
    "extendedKeyUsage=clientAuth",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
];

/// A customer: a root, and a signing request of ours in `ica.csr`.
struct Customer {
    openssl: Openssl,
    csr: Csr,
    now: Timestamp,
}

impl Customer {
    fn new() -> Self {
        let openssl = Openssl::new();
        let key = KeyPair::generate(KeyAlgorithm::P384).unwrap();
        let subject = SubjectName::common_name("ica-0123 Line 7").unwrap();
        let wanted = Profile::IssuingCa(Publication::default());
        let der = certification_request(&subject, &key, Some(&wanted)).unwrap();
        openssl.write("ica.csr", &pem("CERTIFICATE REQUEST", &der));
        let customer = Self {
            now: openssl.version_1("clock").not_before(),
            openssl,
            csr: Csr::from_der(&der).unwrap(),
        };
        customer.root("root", KEY, ROOT, "-days 3650");
        customer
    }

    fn root(&self, name: &str, key: &str, extensions: &[&str], options: &str) {
        self.openssl.run(&format!("{key} -out {name}.key"));
        self.openssl.run(&format!(
            "req -new -key {name}.key -subj /CN={name} -out {name}.csr"
        ));
        self.extensions(extensions);
        self.openssl.run(&format!(
            "x509 -req -in {name}.csr -signkey {name}.key -sha384 -extfile e.cnf {options} -out {name}.pem"
        ));
    }

    fn extensions(&self, lines: &[&str]) {
        self.openssl.write("e.cnf", &lines.join("\n"));
    }

    /// Signs a request; the certificate in PEM.
    fn sign(&self, request: &str, issuer: &str, extensions: &[&str], options: &str) -> String {
        self.extensions(extensions);
        let file = if extensions.is_empty() {
            ""
        } else {
            "-extfile e.cnf"
        };
        self.openssl.run(&format!(
            "x509 -req -in {request}.csr -CA {issuer}.pem -CAkey {issuer}.key -set_serial 77 {file} {options} -out signed.pem"
        ));
        self.openssl.read("signed.pem")
    }

    fn signed(&self, extensions: &[&str], options: &str) -> String {
        self.sign("ica", "root", extensions, options)
    }

    fn pem(&self, name: &str) -> String {
        self.openssl.read(&format!("{name}.pem"))
    }

    fn check(&self, chain: &str) -> Result<ActivatedChain, ActivationError> {
        activation::check(
            &self.csr,
            chain,
            &ActivationRules::default(),
            self.now.after(DAY / 24),
        )
    }

    fn refusal(&self, chain: &str) -> &'static str {
        self.check(chain).map_or_else(|error| error.code(), |_| "ok")
    }
}

/// `ISSUING` with the line that begins like this one replaced, or left out when there is nothing after `=`.
fn with(line: &'static str) -> Vec<&'static str> {
    let (name, value) = line.split_once('=').unwrap();
    let mut lines: Vec<_> = ISSUING
        .iter()
        .copied()
        .filter(|other| !other.starts_with(name))
        .collect();
    if !value.is_empty() {
        lines.push(line);
    }
    lines
}

const TWO_YEARS: &str = "-days 730 -sha384";

#[test]
fn a_chain_made_as_asked_for_activates() {
    let customer = Customer::new();
    let issuing = customer.signed(ISSUING, TWO_YEARS);
    let root = customer.pem("root");
    let activated = customer.check(&format!("{issuing}{root}")).unwrap();
    assert!(activated.is_complete());
    assert_eq!(activated.issuing().to_pem(), issuing);
    assert_eq!(activated.issuers().len(), 1);
    // The root may be left out, unless it is asked for.
    assert!(!customer.check(&issuing).unwrap().is_complete());
    let rules = ActivationRules {
        root_required: true,
        ..ActivationRules::default()
    };
    let refused = activation::check(&customer.csr, &issuing, &rules, customer.now.after(DAY / 24));
    assert_eq!(refused.unwrap_err(), ActivationError::NoRoot);
    // What is asked for in the request may be copied instead of written anew.
    let copied = customer.signed(&[], "-days 730 -sha384 -copy_extensions copy");
    assert_eq!(customer.refusal(&format!("{copied}{root}")), "ok");
    for extensions in [
        "extendedKeyUsage=",
        "basicConstraints=critical,CA:TRUE",
        "extendedKeyUsage=serverAuth,clientAuth",
    ] {
        let issuing = customer.signed(&with(extensions), TWO_YEARS);
        assert_eq!(
            customer.refusal(&format!("{issuing}{root}")),
            "ok",
            "{extensions}"
        );
    }
}

#[test]
fn what_the_issuing_ca_says_is_checked() {
    let customer = Customer::new();
    let root = customer.pem("root");
    for (line, expected) in [
        ("basicConstraints=", "basicConstraints"),
        ("basicConstraints=CA:TRUE,pathlen:0", "basicConstraints"),
        ("basicConstraints=critical,CA:FALSE", "basicConstraints"),
        ("keyUsage=", "keyUsage"),
        ("keyUsage=critical,keyCertSign,cRLSign", "keyUsage"),
        ("keyUsage=critical,digitalSignature,cRLSign", "keyUsage"),
        ("keyUsage=critical,digitalSignature,keyCertSign", "keyUsage"),
        ("extendedKeyUsage=serverAuth", "extendedKeyUsage"),
        ("subjectKeyIdentifier=none", "subjectKeyIdentifier"),
        (
            "nameConstraints=critical,permitted;DNS:a.example",
            "criticalExtension",
        ),
        ("1.2.3.4=critical,ASN1:NULL", "criticalExtension"),
    ] {
        let issuing = customer.signed(&with(line), TWO_YEARS);
        assert_eq!(customer.refusal(&format!("{issuing}{root}")), expected, "{line}");
    }
    let version_1 = customer.signed(&[], TWO_YEARS);
    assert_eq!(customer.refusal(&format!("{version_1}{root}")), "version");
}

#[test]
fn keys_and_algorithms_are_checked() {
    let customer = Customer::new();
    let root = customer.pem("root");
    for (key, expected) in [
        (KEY, "wrongKey"),
        ("genrsa 2048", "keyKind"),
        ("ecparam -name secp256k1 -genkey -noout", "keyKind"),
        (
            "ecparam -name secp384r1 -param_enc explicit -genkey -noout",
            "explicitCurve",
        ),
    ] {
        let key = if key.starts_with("genrsa") {
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"
        } else {
            key
        };
        customer.openssl.run(&format!("{key} -out other.key"));
        customer
            .openssl
            .run("req -new -key other.key -subj /CN=other -out other.csr");
        let other = customer.sign("other", "root", ISSUING, TWO_YEARS);
        assert_eq!(customer.refusal(&format!("{other}{root}")), expected, "{key}");
    }
    let sha_1 = customer.signed(ISSUING, "-days 730 -sha1");
    assert_eq!(customer.refusal(&format!("{sha_1}{root}")), "signatureAlgorithm");
    customer.root(
        "rsa",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        ROOT,
        "-days 3650",
    );
    let under_rsa = customer.sign("ica", "rsa", ISSUING, TWO_YEARS);
    assert_eq!(customer.refusal(&under_rsa), "signatureAlgorithm");
}

#[test]
fn subjects_are_compared_as_people_do() {
    let customer = Customer::new();
    let root = customer.pem("root");
    customer.extensions(ISSUING);
    customer
        .openssl
        .run("req -in ica.csr -noout -pubkey -out ica.pub");
    for (subject, expected) in [
        ("/CN=ica-0123 Line 7", "ok"),
        ("/CN=ICA-0123  line 7 ", "ok"),
        ("/CN=ica-0124 Line 7", "subject"),
        ("/O=x/CN=ica-0123 Line 7", "subject"),
    ] {
        let options =
            "x509 -new -force_pubkey ica.pub -CA root.pem -CAkey root.key -set_serial 78 -extfile e.cnf";
        let arguments = options.split(' ').chain(TWO_YEARS.split(' '));
        let arguments: Vec<_> = arguments.chain(["-subj", subject]).collect();
        let issuing = customer.openssl.run_list(&arguments);
        assert_eq!(
            customer.refusal(&format!("{issuing}{root}")),
            expected,
            "{subject}"
        );
    }
}

#[test]
fn dates_are_checked() {
    let customer = Customer::new();
    let root = customer.pem("root");
    let short = customer.signed(ISSUING, "-days 364 -sha384");
    let error = customer.check(&format!("{short}{root}")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the issuing CA is valid for 363 more days, at least 365 are needed"
    );
    let long = customer.signed(ISSUING, "-days 4000 -sha384");
    assert_eq!(customer.refusal(&format!("{long}{root}")), "issuerEndsFirst");
    let issuing = format!("{}{root}", customer.signed(ISSUING, TWO_YEARS));
    let at = |at| {
        activation::check(&customer.csr, &issuing, &ActivationRules::default(), at)
            .unwrap_err()
            .code()
    };
    assert_eq!(at(customer.now.before(DAY)), "notYetValid");
    assert_eq!(at(customer.now.after(4 * 365 * DAY)), "expired");
    let rules = ActivationRules {
        min_remaining: Duration::from_hours(24),
        ..ActivationRules::default()
    };
    let chain = format!("{short}{root}");
    assert!(activation::check(&customer.csr, &chain, &rules, customer.now.after(DAY)).is_ok());
}

#[test]
fn the_order_and_the_links_of_the_chain_are_checked() {
    let customer = Customer::new();
    let root = customer.pem("root");
    let issuing = customer.signed(ISSUING, TWO_YEARS);
    assert_eq!(customer.refusal(&format!("{root}{issuing}")), "order");
    customer.root("stranger", KEY, ROOT, "-days 3650");
    let stranger = customer.pem("stranger");
    assert_eq!(customer.refusal(&format!("{issuing}{stranger}")), "notTheIssuer");
    assert_eq!(customer.refusal(&format!("{issuing}{stranger}{root}")), "order");
    // Another root of the same name: the name fits, the signature does not.
    customer.root("root", KEY, ROOT, "-days 3650");
    assert_eq!(
        customer.refusal(&format!("{issuing}{}", customer.pem("root"))),
        "signature"
    );
    customer.root(
        "flat",
        KEY,
        &["basicConstraints=critical,CA:TRUE,pathlen:0", ROOT[1], ROOT[2]],
        "-days 3650",
    );
    let under_flat = customer.sign("ica", "flat", ISSUING, TWO_YEARS);
    assert_eq!(
        customer.refusal(&format!("{under_flat}{}", customer.pem("flat"))),
        "pathLength"
    );
}

#[test]
fn texts_that_are_no_chains_are_refused() {
    let customer = Customer::new();
    let root = customer.pem("root");
    let issuing = customer.signed(ISSUING, TWO_YEARS);
    for (chain, expected) in [
        (String::new(), "unreadable"),
        ("nonsense".to_owned(), "unreadable"),
        (format!("{issuing}{root}trailing"), "junk"),
        (format!("{issuing}{}", customer.openssl.read("ica.csr")), "junk"),
        (
            format!("{issuing}{}", customer.openssl.read("root.key")),
            "unreadable",
        ),
        (issuing.repeat(6), "tooMany"),
        (issuing.replacen("MII", "AII", 1), "unreadable"),
        (format!("{issuing}{issuing}"), "notTheIssuer"),
        (
            format!(" text before is ignored\n{issuing}\r\n \n{root}\n\n"),
            "ok",
        ),
    ] {
        assert_eq!(customer.refusal(&chain), expected, "{chain}");
    }
    // One byte more inside the block of the certificate.
    let certificate = provost_pki::Certificate::from_text(&issuing).unwrap().certificate;
    let longer = [certificate.der(), &[0]].concat();
    assert_eq!(customer.refusal(&pem("CERTIFICATE", &longer)), "unreadable");
}

#[test]
fn an_intermediate_between_root_and_issuing_ca_is_welcome() {
    let customer = Customer::new();
    customer.root(
        "tall",
        KEY,
        &["basicConstraints=critical,CA:TRUE,pathlen:2", ROOT[1], ROOT[2]],
        "-days 3650",
    );
    customer.openssl.run(&format!("{KEY} -out middle.key"));
    customer
        .openssl
        .run("req -new -key middle.key -subj /CN=middle -out middle.csr");
    let middle = customer.sign("middle", "tall", ROOT, "-days 3000 -sha384");
    customer.openssl.write("middle.pem", &middle);
    let issuing = customer.sign("ica", "middle", ISSUING, TWO_YEARS);
    let tall = customer.pem("tall");
    let activated = customer.check(&format!("{issuing}{middle}{tall}")).unwrap();
    assert_eq!(activated.issuers().len(), 2);
    assert_eq!(customer.refusal(&format!("{issuing}{tall}{middle}")), "order");
    assert_eq!(customer.refusal(&format!("{issuing}{middle}")), "ok");
}

impl Customer {
    /// openssl goes on signing while the test runs.
    fn later(&self) -> Timestamp {
        self.now.after(Duration::from_hours(1))
    }

    fn as_root(&self, pem: &str) -> Result<(), &'static str> {
        let rules = ActivationRules::default();
        let checked = activation::check_root(pem, &rules, self.later());
        checked.map(|_| ()).map_err(|error| error.code())
    }

    fn under_root(&self, chain: &str, root: &str) -> Result<(), &'static str> {
        let root = provost_pki::Certificate::from_text(root).unwrap().certificate;
        let rules = ActivationRules::default();
        let checked = activation::check_under(&self.csr, chain, &root, &rules, self.later());
        checked.map(|_| ()).map_err(|error| error.code())
    }
}

/// A root kept offline: each rule that is broken has its own word.
#[test]
fn a_root_kept_offline_must_be_one_that_can_sign_an_issuing_ca_and_crls() {
    let customer = Customer::new();
    assert_eq!(customer.as_root(&customer.pem("root")), Ok(()));
    let without = |line: &str| -> Vec<&'static str> {
        ROOT.iter()
            .copied()
            .filter(|found| !found.starts_with(line))
            .collect()
    };
    let flat = [
        without("basicConstraints"),
        vec!["basicConstraints=critical,CA:TRUE,pathlen:0"],
    ]
    .concat();
    let no_crl = [without("keyUsage"), vec!["keyUsage=critical,keyCertSign"]].concat();
    for (extensions, options, rule) in [
        (flat, "-days 3650", "pathLength"),
        (no_crl, "-days 3650", "keyUsage"),
        (without("keyUsage"), "-days 3650", "keyUsage"),
        (without("basicConstraints"), "-days 3650", "basicConstraints"),
        (ROOT.to_vec(), "-days 300", "rootTooShort"),
    ] {
        customer.root("other", KEY, &extensions, options);
        assert_eq!(
            customer.as_root(&customer.pem("other")),
            Err(rule),
            "{extensions:?}"
        );
    }
    customer.root("rsa", "genpkey -algorithm RSA", ROOT, "-days 3650");
    assert_eq!(customer.as_root(&customer.pem("rsa")), Err("keyKind"));
    let signed = customer.signed(ISSUING, "-days 800 -sha384");
    assert_eq!(customer.as_root(&signed), Err("notSelfSigned"));
    let two = format!("{0}{0}", customer.pem("root"));
    assert_eq!(customer.as_root(&two), Err("notOneRoot"));
    assert_eq!(customer.as_root("nothing"), Err("unreadable"));
}

#[test]
fn an_issuing_ca_hangs_under_its_own_offline_root_directly() {
    let customer = Customer::new();
    let root = customer.pem("root");
    let signed = customer.signed(ISSUING, "-days 800 -sha384");
    assert_eq!(customer.under_root(&signed, &root), Ok(()));
    assert_eq!(customer.under_root(&format!("{signed}{root}"), &root), Ok(()));
    customer.root("stranger", KEY, ROOT, "-days 3650");
    let stranger = customer.pem("stranger");
    assert_eq!(
        customer.under_root(&format!("{signed}{stranger}"), &root),
        Err("otherRoot")
    );
    assert_eq!(customer.under_root(&signed, &stranger), Err("otherRoot"));
    let short = customer.signed(ISSUING, "-days 100 -sha384");
    assert_eq!(customer.under_root(&short, &root), Err("tooShort"));
    assert_eq!(customer.under_root(&root, &root), Err("wrongKey"));
}
