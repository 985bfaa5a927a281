//! Every fuzz target in one program, which is built and linked once; `FUZZ_TARGET` says which one runs.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

mod mqtt;
mod targets;

static CHOSEN: OnceLock<fn(&[u8])> = OnceLock::new();

fn chosen() -> fn(&[u8]) {
    let wanted = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let found = targets::ALL.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("there is no target {wanted}")).1
}

fuzz_target!(|data: &[u8]| CHOSEN.get_or_init(chosen)(data));
