//! From a signing request to a certificate that is on disk, against what cannot be saved: verifying the
//! request, signing, reading what was signed. Without sockets, in a process of its own.

mod bare;
mod house;
mod keys;
mod requests;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use provost_pki::issue::{KeyAlgorithm, KeyPair, Signer};
use serde::{Deserialize, Serialize};

use self::bare::Bare;
use self::house::House;
use self::requests::Requests;
use crate::process::CpuTime;

pub(crate) use self::keys::sign;

/// Where the key of the issuing CA is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum KeyPlace {
    /// In a sealed file, opened once a second by a process of its own, as the server does unless told
    /// otherwise.
    Process,
    /// The same without such a process.
    Held,
    /// In a sealed file, opened for each signature.
    Opened,
    /// In a PKCS#11 token; what cannot be saved is measured with the same token.
    Token,
}

impl KeyPlace {
    /// As the command line spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Held => "held",
            Self::Opened => "opened",
            Self::Token => "token",
        }
    }
}

/// CPU microseconds for each certificate, round by round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Issuing {
    /// Verify, sign, read; on one thread.
    pub(crate) bare: Vec<f64>,
    /// The whole way.
    pub(crate) whole: Vec<f64>,
}

/// Measures both in turn and prints an [`Issuing`] as JSON.
pub(crate) fn run(place: KeyPlace, folder: &Path, count: u32, rounds: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut found = Issuing::default();
    let signer: Box<dyn Signer> = match place {
        KeyPlace::Token => Box::new(keys::open(place, folder)?.keys.make("bare")?),
        KeyPlace::Process | KeyPlace::Held | KeyPlace::Opened => {
            Box::new(KeyPair::generate(KeyAlgorithm::P384)?)
        }
    };
    let bare = Bare::new(&*signer)?;
    for round in 0..=rounds {
        let requests = Arc::new(Requests::make(&format!("r{round}"), count)?);
        let without = micros(&requests, None, || bare.run(&requests))?;
        let round_folder = folder.join(format!("round-{round}"));
        std::fs::create_dir_all(&round_folder)?;
        let opened = keys::open(place, &round_folder)?;
        let house = runtime.block_on(House::build(&round_folder, opened.keys))?;
        let with = micros(&requests, opened.process, || {
            runtime.block_on(house.issue(Arc::clone(&requests)))
        })?;
        std::fs::remove_dir_all(&round_folder)?;
        writeln!(
            std::io::stderr(),
            "issuing, key {}, round {round}: {with:.0} us, bare {without:.0} us",
            place.word()
        )?;
        // The first warms up.
        if round > 0 {
            found.bare.push(without);
            found.whole.push(with);
        }
    }
    serde_json::to_writer(std::io::stdout(), &found)?;
    Ok(())
}

/// Microseconds of CPU of this process, and of another one, for each request.
fn micros(requests: &Requests, other: Option<u32>, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let pids: Vec<u32> = std::iter::once(std::process::id()).chain(other).collect();
    let times = || {
        pids.iter()
            .map(|pid| CpuTime::of(*pid))
            .collect::<Result<Vec<_>>>()
    };
    let before = times()?;
    work()?;
    let after = times()?;
    let spent = after
        .iter()
        .zip(before)
        .map(|(after, before)| after.seconds_since(before));
    let count = u32::try_from(requests.0.len())?;
    Ok(spent.sum::<f64>() * 1e6 / f64::from(count.max(1)))
}
