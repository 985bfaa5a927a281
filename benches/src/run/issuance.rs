//! Issuing with the key of the CA in one place after the other, each in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::{Amounts, say};
use crate::issuing::{Issuing, KeyPlace};

/// What was found at a place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) place: KeyPlace,
    pub(crate) found: Issuing,
}

/// Measures each place; a token only where SoftHSM is installed.
pub(super) fn measure(amounts: &Amounts, work: &Path) -> Result<Vec<Placed>> {
    let mut all = Vec::new();
    for place in [
        KeyPlace::Process,
        KeyPlace::Held,
        KeyPlace::Opened,
        KeyPlace::Token,
    ] {
        if place == KeyPlace::Token && provost_softhsm::library().is_none() {
            say("issuing: without a token, SoftHSM is not installed");
            continue;
        }
        let found = one(amounts, place, &work.join(format!("issuing-{}", place.word())))?;
        say(format!(
            "issuing, key {}: {:?} us CPU a certificate, bare {:?}",
            place.word(),
            found.whole,
            found.bare
        ));
        all.push(Placed { place, found });
    }
    Ok(all)
}

fn one(amounts: &Amounts, place: KeyPlace, folder: &Path) -> Result<Issuing> {
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["issuing", "--key", place.word(), "--folder"])
        .arg(folder)
        .args(["--count", &amounts.issued.to_string()])
        .args(["--rounds", &amounts.rounds.to_string()]);
    if place == KeyPlace::Token {
        let configuration = provost_softhsm::make_token(folder)?;
        command.env(provost_softhsm::CONFIGURATION_VARIABLE, configuration);
    }
    let done = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(
        done.status.success(),
        "issuing with the key {} failed",
        place.word()
    );
    std::fs::remove_dir_all(folder)?;
    Ok(serde_json::from_slice(&done.stdout)?)
}
