use provost_model::pem;
use provost_testkit::OpensslFolder;

/// A root that is kept with openssl: its key never leaves this folder.
pub(super) struct Root {
    folder: OpensslFolder,
}

const CONFIG: &str = "[ca]\ndefault_ca = root\n[root]\ndatabase = index.txt\nserial = serial\ncrlnumber = crlnumber\n\
    new_certs_dir = .\ncertificate = root.pem\nprivate_key = root.key\ndefault_md = sha384\npolicy = any\n\
    copy_extensions = copy\ndefault_crl_days = 60\nunique_subject = no\n[any]\ncommonName = supplied\n";

impl Root {
    pub(super) fn new() -> Self {
        Self::with("pathlen:1", 3650)
    }

    pub(super) fn with(constraint: &str, days: u32) -> Self {
        let folder = OpensslFolder::new();
        folder.run(&format!(
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
            folder.write(name, text);
        }
        Self { folder }
    }

    pub(super) fn certificate(&self) -> String {
        self.folder.text("root.pem")
    }

    /// Signs a request as it is; answers the issuing CA alone.
    pub(super) fn sign(&self, request: &[u8], days: u32) -> String {
        self.folder.write("ica.csr", pem("CERTIFICATE REQUEST", request));
        self.folder.run(&format!(
            "ca -config openssl.cnf -batch -notext -in ica.csr -days {days} -out ica.pem"
        ));
        self.folder.text("ica.pem")
    }

    /// Puts the certificate it signed last, or this one, on its list.
    pub(super) fn revoke(&self, certificate: &str) {
        self.folder.write("gone.pem", certificate);
        self.folder
            .run("ca -config openssl.cnf -revoke gone.pem -crl_reason CACompromise");
    }

    /// Signs its next CRL.
    pub(super) fn crl(&self) -> Vec<u8> {
        self.folder.run("ca -config openssl.cnf -gencrl -out root.crl");
        self.folder.bytes("root.crl")
    }

    /// Whether openssl accepts a leaf under this root with these CRLs of issuing CA and root, all in PEM.
    pub(super) fn accepts(&self, leaf: &str, issuing: &str, crls: &str) -> bool {
        self.folder.accepts(leaf, issuing, &self.certificate(), crls)
    }
}
