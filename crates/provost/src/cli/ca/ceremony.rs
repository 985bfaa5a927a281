use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use provost_keys::KekSource;
use provost_model::ambient::{SystemClock, SystemRandom};
use provost_pki::issue::Publication;

use crate::ceremony::{Ceremony, IssuingTerms};
use crate::cli::input::read_text;
use crate::cli::{Context, Failure};
use crate::config::{KeysEnvironment, OpenedBy};
use crate::exchange::{Direction, Exchange};
use crate::serve::private_file;

/// `provost ca ceremony`.
#[derive(Debug, Subcommand)]
pub(crate) enum CeremonyVerb {
    /// Make a root, its key sealed with a passphrase, and its first CRL
    #[command(
        after_help = "Example:\n  (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase"
    )]
    Root(RootArguments),
    /// Sign the request of an issuing CA, as a policy under a root of one's own gives it out
    #[command(
        after_help = "Example:\n  (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase\n  \
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -subj /CN=ica-1 \\\n    \
        -keyout ica.key -out ica.csr\n  \
        provost ca ceremony sign --folder root --passphrase-file passphrase \\\n    \
        --request ica.csr --out chain.pem"
    )]
    Sign(SignArguments),
    /// Sign a new CRL: what the last one had, and the serial numbers of a list
    #[command(
        after_help = "Example:\n  (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase\n  \
        echo '4C8E1F superseded 2026-01-31T12:00:00Z' > revoked.txt\n  \
        provost ca ceremony crl --folder root --passphrase-file passphrase --list revoked.txt"
    )]
    Crl(CrlArguments),
    /// Sign everything a server asks for in a folder of `provost adr credential export`, its CRL included
    #[command(after_help = "Example, with the server on the same machine:\n  \
        provost adr namespace create --name plant\n  \
        provost adr credential create --ns plant --offline-root\n  \
        provost adr credential export --ns plant --to requests\n  \
        (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase\n  \
        provost ca ceremony answer --folder root --passphrase-file passphrase \\\n    \
        --requests requests --out answers")]
    Answer(AnswerArguments),
    /// Show thumbprints, the CRL and the transcript
    #[command(
        after_help = "Example:\n  (umask 077; echo 'correct horse battery' > passphrase)\n  \
        provost ca ceremony root --folder root --passphrase-file passphrase\n  \
        provost ca ceremony show --folder root"
    )]
    Show(FolderArguments),
}

#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// Folder of the root; made by `root`
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArguments {
    #[command(flatten)]
    folder: FolderArguments,
    /// File with the passphrase, only its owner's [default: `PROVOST_KEYS_PASSPHRASE`]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RootArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// Years the root is valid
    #[arg(long, value_name = "YEARS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=50))]
    years: u64,
    /// Days until the next CRL
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    crl_days: u64,
}

#[derive(Debug, Args)]
pub(crate) struct SignArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// The signing request, PEM or DER
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Where the chain goes, PEM: issuing CA, then root
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Days the issuing CA is valid, at most as long as the root
    #[arg(long, value_name = "DAYS", default_value_t = 1095, value_parser = clap::value_parser!(u64).range(1..=18_250))]
    days: u64,
    /// Address the root's CRL is published at; may be repeated
    #[arg(long, value_name = "URL")]
    crl_url: Vec<String>,
    /// Address the root's certificate is published at; may be repeated
    #[arg(long, value_name = "URL")]
    issuer_url: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// Folder of the server
    #[arg(long, value_name = "DIR")]
    requests: PathBuf,
    /// Folder to make, for `provost adr credential import`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Days each issuing CA is valid, at most as long as the root
    #[arg(long, value_name = "DAYS", default_value_t = 1095, value_parser = clap::value_parser!(u64).range(1..=18_250))]
    days: u64,
    /// Days until the next CRL
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    crl_days: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CrlArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// Lines of SERIAL [REASON [TIME]] to add; without it the CRL is made anew as it is
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Days until the next CRL
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
}

impl OpenArguments {
    fn open(&self) -> Result<(Ceremony, KekSource), Failure> {
        Ok((ceremony(&self.folder.folder)?, self.passphrase()?))
    }

    fn passphrase(&self) -> Result<KekSource, Failure> {
        let opened_by = match &self.passphrase_file {
            Some(path) => OpenedBy::PassphraseFile(path.clone()),
            None => KeysEnvironment::read().passphrase().ok_or_else(|| {
                Failure::usage("a passphrase is needed: --passphrase-file or PROVOST_KEYS_PASSPHRASE")
            })?,
        };
        opened_by.source().map_err(Failure::Other)
    }
}

fn ceremony(folder: &Path) -> Result<Ceremony, Failure> {
    Ceremony::open(folder, Arc::new(SystemClock), Arc::new(SystemRandom)).map_err(Failure::Other)
}

impl CeremonyVerb {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let document = match self {
            Self::Root(arguments) => {
                let (mut ceremony, passphrase) = arguments.open.open()?;
                ceremony.make_root(&passphrase, arguments.years, arguments.crl_days)
            }
            Self::Sign(arguments) => return arguments.run(context),
            Self::Crl(arguments) => {
                let list = arguments.list.as_deref().map(read_text).transpose()?;
                let (mut ceremony, passphrase) = arguments.open.open()?;
                ceremony.revoke(&passphrase, list.as_deref().unwrap_or_default(), arguments.days)
            }
            Self::Answer(arguments) => arguments.run(),
            Self::Show(arguments) => ceremony(&arguments.folder)?.show(),
        };
        Ok(context.output.document(&document.map_err(Failure::Other)?)?)
    }
}

impl AnswerArguments {
    fn run(self) -> anyhow::Result<serde_json::Value> {
        let requests = Exchange::read(&self.requests, Direction::Requests)?;
        let (mut ceremony, passphrase) = self.open.open()?;
        let (answers, told) = ceremony.answer(&passphrase, &requests, self.days, self.crl_days)?;
        answers.write(&self.out)?;
        Ok(told)
    }
}

impl SignArguments {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let request = std::fs::read(&self.request)
            .map_err(|error| Failure::Io(format!("cannot read {}", self.request.display()), error))?;
        let (mut ceremony, passphrase) = self.open.open()?;
        let terms = IssuingTerms {
            days: self.days,
            publication: Publication {
                crls: self.crl_url,
                issuers: self.issuer_url,
                ocsp: Vec::new(),
            },
        };
        let (chain, made) = ceremony
            .sign(&passphrase, &request, &terms)
            .map_err(Failure::Other)?;
        private_file::write_public(&self.out, chain.as_bytes()).map_err(Failure::Other)?;
        Ok(context.output.document(&made)?)
    }
}
