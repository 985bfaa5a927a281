use std::process::Command;
use std::time::Duration;

use provost_model::{Timestamp, pem};
use provost_pki::{Certificate, ChainError, PresentedChain, SignatureMemo, verify_chain};
use rustls_pki_types::{CertificateDer, UnixTime};
use tempfile::TempDir;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::draft::{Encoded, NOW};

/// Our verdict: `ok`, the word of the refusal, or `malformed`.
pub(crate) fn ours(chain: &Encoded) -> &'static str {
    let others = chain.others.iter().map(Vec::as_slice);
    let sent: Vec<_> = std::iter::once(chain.leaf.as_slice()).chain(others).collect();
    let (Ok(presented), Ok(root)) = (
        PresentedChain::from_der_list(sent),
        Certificate::from_der(&chain.root),
    ) else {
        return "malformed";
    };
    let at = Timestamp::from_unix_seconds(NOW);
    verify_chain(&presented, &[root], &SignatureMemo::default(), at)
        .err()
        .as_ref()
        .map_or("ok", ChainError::reason)
}

/// Whether openssl, asked to be strict, admits it, and what it says.
pub(crate) fn openssl(folder: &TempDir, chain: &Encoded) -> (bool, String) {
    let write = |name: &str, list: &[Vec<u8>]| {
        let text: String = list.iter().map(|der| pem("CERTIFICATE", der)).collect();
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write("root.pem", std::slice::from_ref(&chain.root));
    write("leaf.pem", std::slice::from_ref(&chain.leaf));
    write("others.pem", &chain.others);
    let at = NOW.to_string();
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-purpose", "sslclient", "-attime", &at]);
    command.args(["-no-CApath", "-no-CAstore", "-CAfile", "root.pem"]);
    if !chain.others.is_empty() {
        command.args(["-untrusted", "others.pem"]);
    }
    let output = command
        .arg("leaf.pem")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Whether webpki admits it.
pub(crate) fn webpki(chain: &Encoded) -> bool {
    let anchor = CertificateDer::from(chain.root.as_slice());
    let leaf = CertificateDer::from(chain.leaf.as_slice());
    let others: Vec<_> = chain
        .others
        .iter()
        .map(|other| CertificateDer::from(other.as_slice()))
        .collect();
    let (Ok(anchor), Ok(leaf)) = (anchor_from_trusted_cert(&anchor), EndEntityCert::try_from(&leaf)) else {
        return false;
    };
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(NOW).unwrap()));
    let usage = KeyUsage::client_auth();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &others,
        at,
        usage,
        None,
        None,
    )
    .is_ok()
}
