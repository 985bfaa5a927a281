use std::path::Path;
use std::process::Command;

use provost_model::pem;
use tempfile::TempDir;

/// A root that is kept with openssl: its key never leaves this folder.
pub(super) struct Root {
    folder: TempDir,
}

const CONFIG: &str = "[ca]\ndefault_ca = root\n[root]\ndatabase = index.txt\nserial = serial\ncrlnumber = crlnumber\n\
    new_certs_dir = .\ncertificate = root.pem\nprivate_key = root.key\ndefault_md = sha384\npolicy = any\n\
    copy_extensions = copy\ndefault_crl_days = 60\nunique_subject = no\n[any]\ncommonName = supplied\n";

impl Root {
    pub(super) fn new() -> Self {
        Self::with("pathlen:1", 3650)
    }

    pub(super) fn with(constraint: &str, days: u32) -> Self {
        let root = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        root.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout root.key -out root.pem -days {days} \
             -sha384 -subj /CN=kept-offline -addext basicConstraints=critical,CA:TRUE,{constraint} \
             -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        for (name, text) in [
            ("openssl.cnf", CONFIG),
            ("index.txt", ""),
            ("serial", "4A01\n"),
            ("crlnumber", "01\n"),
        ] {
            std::fs::write(root.path().join(name), text).unwrap();
        }
        root
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(super) fn certificate(&self) -> String {
        self.read("root.pem")
    }

    /// Signs a request as it is; answers the issuing CA alone.
    pub(super) fn sign(&self, request: &[u8], days: u32) -> String {
        std::fs::write(self.path().join("ica.csr"), pem("CERTIFICATE REQUEST", request)).unwrap();
        self.openssl(&format!(
            "ca -config openssl.cnf -batch -notext -in ica.csr -days {days} -out ica.pem"
        ));
        self.read("ica.pem")
    }

    /// Puts the certificate it signed last, or this one, on its list.
    pub(super) fn revoke(&self, certificate: &str) {
        std::fs::write(self.path().join("gone.pem"), certificate).unwrap();
        self.openssl("ca -config openssl.cnf -revoke gone.pem -crl_reason CACompromise");
    }

    /// Signs its next CRL.
    pub(super) fn crl(&self) -> Vec<u8> {
        self.openssl("ca -config openssl.cnf -gencrl -out root.crl");
        std::fs::read(self.path().join("root.crl")).unwrap()
    }

    /// Whether openssl accepts a leaf under this root with these CRLs of issuing CA and root, all in PEM.
    pub(super) fn accepts(&self, leaf: &str, issuing: &str, crls: &str) -> bool {
        for (name, text) in [("leaf.pem", leaf), ("above.pem", issuing), ("crls.pem", crls)] {
            std::fs::write(self.path().join(name), text).unwrap();
        }
        let judged = Command::new("openssl")
            .args(
                "verify -crl_check_all -CAfile root.pem -untrusted above.pem -CRLfile crls.pem leaf.pem"
                    .split(' '),
            )
            .current_dir(self.path())
            .output()
            .unwrap();
        judged.status.success()
    }
}
