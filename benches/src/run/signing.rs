//! What a P-384 signature costs: bare, with keys of this process and with those of a signer, in sealed files and in a token.
//!
//! SoftHSM learns from an environment variable where its tokens are, hence what measures is a process of its own.

use std::fmt::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use provost_keys::{
    KekSource, KeyAlgorithm, KeyProvider, KeyPurpose, LaunchedSigner, SealedKeys, SecretFileGuard,
    SignerProcess, TokenKeys, TokenOptions, TokenUri, read_secret,
};
use provost_model::Secret;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_model::registry::KeyRef;
use provost_pki::issue::{KeyAlgorithm as Kind, KeyPair};
use provost_softhsm::{LABEL, PIN};
use serde_json::{Value, json};

use super::Amounts;
use crate::process::CpuTime;

/// Who asks at a time.
const AT_ONCE: usize = 16;
/// As long as what is signed of a leaf.
const MESSAGE: [u8; 700] = [7; 700];
const HOLD: Duration = Duration::from_secs(1);

/// Starts what measures, with a token when SoftHSM is there; answers its table.
pub(super) fn measure(amounts: &Amounts, binary: &Path, work: &Path) -> Result<String> {
    let mut measuring = Command::new(std::env::current_exe()?);
    measuring
        .arg("signing")
        .arg("--server")
        .arg(binary)
        .arg("--work")
        .arg(work)
        .args([
            "--rounds",
            &amounts.rounds.to_string(),
            "--count",
            &amounts.issued.to_string(),
        ]);
    if let Some(library) = provost_softhsm::library() {
        let configuration = provost_softhsm::make_token(work)?;
        measuring
            .env(provost_softhsm::CONFIGURATION_VARIABLE, configuration)
            .arg("--token")
            .arg(library);
    }
    let done = measuring.stderr(Stdio::inherit()).output()?;
    if !done.status.success() {
        bail!("measuring signatures failed: {}", done.status);
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// Microseconds for each signature, round by round.
#[derive(Default)]
struct Cost {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

/// One way to sign.
struct Way {
    name: &'static str,
    keys: Box<dyn KeyProvider>,
    key: KeyRef,
    /// The process that signs, when it is another one.
    signer: Option<u32>,
    at_once: usize,
    cost: Cost,
}

/// Measures in this process and prints a table.
pub(crate) fn run(binary: &Path, work: &Path, token: Option<&Path>, rounds: u32, count: u32) -> Result<()> {
    let mut ways = ways(binary, work, token)?;
    let bare = KeyPair::generate(Kind::P384)?;
    let mut bare_cost = Cost::default();
    for round in 0..=rounds {
        let (mut costs, sign) = (Vec::new(), || Ok(bare.sign(&MESSAGE).map(drop)?));
        costs.push(cost(1, count, None, &sign)?);
        for way in &ways {
            let sign = || Ok(way.keys.sign(&way.key, &MESSAGE).map(drop)?);
            costs.push(cost(way.at_once, count, way.signer, &sign)?);
        }
        // The first warms up.
        let all = std::iter::once(&mut bare_cost).chain(ways.iter_mut().map(|way| &mut way.cost));
        for (into, (cpu, wall)) in all.zip(costs).filter(|_| round > 0) {
            into.cpu.push(cpu);
            into.wall.push(wall);
        }
    }
    let mut text = String::from(
        "| a P-384 signature | at a time | CPU, us | of bare | time, us |\n|---|---|---|---|---|\n",
    );
    let floor = median(&bare_cost.cpu);
    let mut row = |name: &str, at_once: usize, cost: &Cost| {
        let (cpu, wall) = (median(&cost.cpu), median(&cost.wall));
        writeln!(
            text,
            "| {name} | {at_once} | {cpu:.1} | {:.2} | {wall:.1} |",
            cpu / floor
        )
    };
    row("bare", 1, &bare_cost)?;
    for way in &ways {
        row(way.name, way.at_once, &way.cost)?;
    }
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
    Ok(())
}

fn ways(binary: &Path, work: &Path, token: Option<&Path>) -> Result<Vec<Way>> {
    let mut ways = Vec::new();
    let folder = work.join("keys");
    let kek = folder.join("kek");
    provost_keys::make_key_file(&kek, &SystemRandom)?;
    let here = || -> Result<Box<dyn KeyProvider>> {
        let source = KekSource::key(read_secret(&kek, SecretFileGuard::OwnerOnly)?)?;
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Ok(Box::new(SealedKeys::open(&folder, &source, HOLD, clock, random)?))
    };
    let sealed = told(&folder, &kek, &Value::Null);
    for at_once in [1, AT_ONCE] {
        ways.push(Way::new("sealed, this process", here()?, None, at_once)?);
        let (keys, id) = signer(binary, &sealed)?;
        ways.push(Way::new("sealed, through the signer", keys, Some(id), at_once)?);
    }
    let Some(module) = token else {
        return Ok(ways);
    };
    let uri = TokenUri::parse(&format!("pkcs11:token={LABEL}"))?;
    let pin = work.join("pin");
    std::fs::write(&pin, PIN)?;
    std::fs::set_permissions(&pin, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let token = json!({
        "uri": uri,
        "module": module,
        "pin": { "File": pin },
        "imported_keys": false,
        "sessions": AT_ONCE,
    });
    let with_token = told(&folder, &kek, &token);
    for at_once in [1, AT_ONCE] {
        let options = TokenOptions {
            module: module.to_owned(),
            uri: uri.clone(),
            pin: Secret::new(PIN.to_owned()),
            allow_imported: false,
            sessions: AT_ONCE,
        };
        let keys = Box::new(TokenKeys::open(options, Arc::new(SystemRandom))?);
        ways.push(Way::new("token, this process", keys, None, at_once)?);
        let (keys, id) = signer(binary, &with_token)?;
        ways.push(Way::new("token, through the signer", keys, Some(id), at_once)?);
    }
    Ok(ways)
}

/// What a server tells its signer of keys in this folder.
fn told(folder: &Path, kek: &Path, token: &Value) -> Value {
    json!({
        "folder": folder,
        "opened_by": { "KeyFile": kek },
        "hold": { "secs": HOLD.as_secs(), "nanos": 0 },
        "token": token,
    })
}

impl Way {
    fn new(
        name: &'static str,
        keys: Box<dyn KeyProvider>,
        signer: Option<u32>,
        at_once: usize,
    ) -> Result<Self> {
        let key = keys.generate(&KeyPurpose {
            label: "bench".to_owned(),
            algorithm: KeyAlgorithm::P384,
        })?;
        Ok(Self {
            name,
            keys,
            key,
            signer,
            at_once,
            cost: Cost::default(),
        })
    }
}

/// The signer of the server under test, told these keys; with its process.
fn signer(binary: &Path, keys: &Value) -> Result<(Box<dyn KeyProvider>, u32)> {
    let log = json!({ "filter": "warn", "json": false });
    let settings = serde_json::to_vec(&json!({ "keys": keys, "log": log }))?;
    let binary = binary.to_owned();
    let (told, hears) = std::sync::mpsc::channel();
    let launch = move || {
        let (ours, its) = UnixStream::pair()?;
        let process = Command::new(&binary)
            .arg("signer")
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(its)))
            .stdout(Stdio::null())
            .spawn()?;
        // Nobody hears of those that are started again.
        let _ = told.send(process.id());
        Ok(LaunchedSigner {
            stream: ours,
            process: Some(process),
        })
    };
    let keys = SignerProcess::start(Box::new(launch), settings)?;
    Ok((Box::new(keys), hears.recv()?))
}

/// Microseconds of CPU, of all processes, and of time for each of so many signatures.
fn cost(
    threads: usize,
    count: u32,
    signer: Option<u32>,
    sign: &(impl Fn() -> Result<()> + Sync),
) -> Result<(f64, f64)> {
    let each = count / u32::try_from(threads)?;
    // A thread that has ended is not counted exactly: they stay until everything is read.
    let (begin, end, leave) = (
        Barrier::new(threads + 1),
        Barrier::new(threads + 1),
        Barrier::new(threads + 1),
    );
    thread::scope(|scope| {
        let asking: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    begin.wait();
                    let done: Result<()> = (0..each).try_for_each(|_| sign());
                    end.wait();
                    leave.wait();
                    done
                })
            })
            .collect();
        let processes: Vec<u32> = std::iter::once(std::process::id()).chain(signer).collect();
        let read = || {
            processes
                .iter()
                .map(|id| CpuTime::of(*id))
                .collect::<Result<Vec<_>>>()
        };
        let before = read();
        begin.wait();
        let begun = Instant::now();
        end.wait();
        let took = begun.elapsed();
        let after = read();
        leave.wait();
        for thread in asking {
            thread.join().map_err(|_| anyhow::anyhow!("a thread failed"))??;
        }
        let spent: f64 = before?
            .into_iter()
            .zip(after?)
            .map(|(before, after)| after.seconds_since(before))
            .sum();
        let count = f64::from(each) * f64::from(u32::try_from(threads)?);
        Ok((spent * 1e6 / count, took.as_secs_f64() * 1e6 / count))
    })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    crate::spread::quantile(&sorted, 50)
}
