use std::path::PathBuf;
use std::process::{Command, Output};

use provost_model::Timestamp;
use provost_pki::{Certificate, KeyKind};
use tempfile::TempDir;

use crate::fixture::{DAY, judge_at, verdict};

/// The openssl command in a folder of its own.
pub(crate) struct Openssl(TempDir);

impl Openssl {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Runs openssl with arguments that hold no blanks; its output, after success.
    pub(crate) fn run(&self, arguments: &str) -> String {
        self.run_list(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs openssl; its output, after success.
    pub(crate) fn run_list(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether it succeeds, and all it says.
    pub(crate) fn try_run(&self, arguments: &str) -> (bool, String) {
        let output = self.output(&arguments.split_whitespace().collect::<Vec<_>>());
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    fn output(&self, arguments: &[&str]) -> Output {
        Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("the openssl command is installed")
    }

    pub(crate) fn write_bytes(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read_bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        Certificate::from_text(&self.read(&format!("{name}.pem")))
            .unwrap()
            .certificate
    }

    /// A self-signed certificate without extensions, hence of version 1, and `{name}.key`.
    pub(crate) fn version_1(&self, name: &str) -> Certificate {
        self.run(&format!(
            "ecparam -name prime256v1 -genkey -noout -out {name}.key"
        ));
        self.run(&format!(
            "req -new -key {name}.key -subj /CN={name} -out {name}.csr"
        ));
        self.run(&format!(
            "x509 -req -in {name}.csr -signkey {name}.key -days 3650 -out {name}.pem"
        ));
        self.certificate(name)
    }

    /// A self-signed CA certificate of this key.
    fn root(&self, name: &str, key: &str) -> Certificate {
        self.run(&format!("genpkey {key} -out {name}.key"));
        self.run(&format!(
            "req -x509 -new -key {name}.key -days 3650 -subj /CN={name} -out {name}.pem"
        ));
        self.certificate(name)
    }

    /// A certificate signed by `issuer`; `extensions` are lines of an extension file, none makes
    /// it version 1.
    fn child(&self, name: &str, key: &str, issuer: &str, extensions: &[&str], options: &str) -> Certificate {
        self.run(&format!("genpkey {key} -out {name}.key"));
        self.run(&format!(
            "req -new -key {name}.key -subj /CN={name} -out {name}.csr"
        ));
        self.write("extensions.cnf", &extensions.join("\n"));
        let file = if extensions.is_empty() {
            ""
        } else {
            "-extfile extensions.cnf"
        };
        self.run(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial \
             -days 3650 -out {name}.pem {file} {options}"
        ));
        self.certificate(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";

/// An instant at which what openssl just made is valid.
fn valid(certificate: &Certificate) -> Timestamp {
    certificate.not_before().after(DAY)
}

#[test]
fn chains_of_every_kind_of_key_verify() {
    let openssl = Openssl::new();
    for (key, kind, bits, options) in [
        (P256, KeyKind::Ec, 256, ""),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
            KeyKind::Ec,
            384,
            "-sha384",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
            KeyKind::Ec,
            521,
            "-sha512",
        ),
        (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            KeyKind::Rsa,
            2048,
            "",
        ),
        (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:3072",
            KeyKind::Rsa,
            3072,
            "-sha512",
        ),
        (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            KeyKind::Rsa,
            2048,
            "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
        ),
        ("-algorithm ED25519", KeyKind::Ed25519, 256, ""),
    ] {
        let root = openssl.root("root", key);
        let ca = [
            "basicConstraints=critical,CA:TRUE,pathlen:0",
            "keyUsage=critical,keyCertSign",
        ];
        let intermediate = openssl.child("intermediate", key, "root", &ca, options);
        let leaf = openssl.child(
            "device",
            key,
            "intermediate",
            &["extendedKeyUsage=clientAuth"],
            options,
        );
        assert_eq!((leaf.public_key().kind, leaf.public_key().bits), (kind, bits));
        assert_eq!((intermediate.path_len(), intermediate.is_ca()), (Some(0), true));
        let sent = [&leaf, &intermediate];
        assert_eq!(
            verdict(&judge_at(&sent, &[&root], valid(&leaf))),
            "ok",
            "{key} {options}"
        );
    }
}

#[test]
fn version_1_certificates_serve_where_an_operator_or_a_handshake_vouches() {
    let openssl = Openssl::new();
    // No basic constraints anywhere: the root of many a tutorial.
    let root = openssl.version_1("root");
    let leaf = openssl.child("device", P256, "root", &[], "");
    assert_eq!(
        (root.version(), leaf.version(), root.basic_constraints_ca()),
        (1, 1, None)
    );
    let at = valid(&leaf);
    assert_eq!(verdict(&judge_at(&[&leaf], &[&root], at)), "ok");
    // Sent but not registered, it is nobody's CA.
    let grandchild = openssl.child("grandchild", P256, "device", &[], "");
    assert_eq!(verdict(&judge_at(&[&grandchild, &leaf], &[&root], at)), "notACa");
    // A self-signed one that is itself registered.
    assert_eq!(verdict(&judge_at(&[&root], &[&root], at)), "ok");
}

#[test]
fn usages_and_extensions_are_judged() {
    let openssl = Openssl::new();
    let root = openssl.root("root", P256);
    let leaf_cases = [
        (&["extendedKeyUsage=serverAuth"][..], "wrongKeyUsage"),
        (&["extendedKeyUsage=serverAuth,clientAuth"], "ok"),
        (&["extendedKeyUsage=anyExtendedKeyUsage"], "ok"),
        (&["basicConstraints=critical,CA:TRUE"], "ok"),
        (&["1.2.3.4.5=critical,ASN1:NULL"], "unknownCriticalExtension"),
        (&["1.2.3.4.5=ASN1:NULL"], "ok"),
        (
            &[
                "subjectAltName=critical,DNS:device",
                "certificatePolicies=critical,1.2.3.4",
            ],
            "ok",
        ),
    ];
    for (extensions, expected) in leaf_cases {
        let leaf = openssl.child("device", P256, "root", extensions, "");
        assert_eq!(
            verdict(&judge_at(&[&leaf], &[&root], valid(&leaf))),
            expected,
            "{extensions:?}"
        );
    }
    let ca = "basicConstraints=critical,CA:TRUE";
    let ca_cases = [
        // Extensions of the intermediate, verdict when sent, verdict when registered.
        (&[ca][..], "ok", "ok"),
        (&["subjectKeyIdentifier=hash"], "notACa", "ok"),
        (&["basicConstraints=CA:FALSE"], "notACa", "notACa"),
        (
            &[ca, "keyUsage=digitalSignature"],
            "wrongKeyUsage",
            "wrongKeyUsage",
        ),
        (&[ca, "keyUsage=keyCertSign,cRLSign"], "ok", "ok"),
        (&[ca, "extendedKeyUsage=serverAuth"], "wrongKeyUsage", "ok"),
        (
            &[ca, "nameConstraints=critical,permitted;DNS:example.com"],
            "unknownCriticalExtension",
            "unknownCriticalExtension",
        ),
        (&[ca, "nameConstraints=permitted;DNS:example.com"], "ok", "ok"),
    ];
    for (extensions, sent, registered) in ca_cases {
        let intermediate = openssl.child("intermediate", P256, "root", extensions, "");
        let leaf = openssl.child("device", P256, "intermediate", &["subjectKeyIdentifier=hash"], "");
        let at = valid(&leaf);
        assert_eq!(
            verdict(&judge_at(&[&leaf, &intermediate], &[&root], at)),
            sent,
            "{extensions:?}"
        );
        assert_eq!(
            verdict(&judge_at(&[&leaf], &[&intermediate], at)),
            registered,
            "{extensions:?}"
        );
    }
}

#[test]
fn weak_keys_and_sha_1_are_refused() {
    let openssl = Openssl::new();
    let root = openssl.root("root", P256);
    let rsa_1024 = "-algorithm RSA -pkeyopt rsa_keygen_bits:1024";
    let weak = openssl.child("device", rsa_1024, "root", &[], "");
    let refused = judge_at(&[&weak], &[&root], valid(&weak));
    assert_eq!(verdict(&refused), "weakKey");
    assert_eq!(
        refused.unwrap_err().to_string(),
        "certificate CN=device has a key that is not accepted: RSA 1024"
    );
    let odd_curve = "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1";
    let odd = openssl.child("device", odd_curve, "root", &[], "");
    assert_eq!(verdict(&judge_at(&[&odd], &[&root], valid(&odd))), "weakKey");
    let sha_1 = openssl.child("device", P256, "root", &[], "-sha1");
    assert_eq!(
        verdict(&judge_at(&[&sha_1], &[&root], valid(&sha_1))),
        "unsupportedAlgorithm"
    );
}
