//! A chain from a customer's CA for a signing request of ours: refused by a rule, or judged whole. The request
//! is what stands before the first `#`.

use std::time::Duration;

use provost_model::Timestamp;
use provost_pki::Csr;
use provost_pki::activation::{ActivationRules, MAX_ACTIVATION_CERTIFICATES, check};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (request, chain) = text.split_once('#').unwrap_or(("", text));
    let Ok(csr) = Csr::from_file_bytes(request.as_bytes()) else {
        return;
    };
    let rules = ActivationRules {
        min_remaining: Duration::ZERO,
        root_required: false,
    };
    // An instant in the lifetimes of the seeds.
    let at = Timestamp::from_unix_seconds(1_900_000_000);
    match check(&csr, chain, &rules, at) {
        Ok(activated) => {
            assert_eq!(
                activated.issuing().spki_der(),
                csr.spki_der(),
                "the key is the request's"
            );
            assert!(activated.issuers().len() < MAX_ACTIVATION_CERTIFICATES);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
