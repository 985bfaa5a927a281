use std::path::PathBuf;

use clap::{Args, Subcommand};
use provost_device::http::Method;
use serde_json::{Value, json};

use super::orphan::{Force, force_or_preview};
use super::touch::{preview, tell_and_ask};
use super::{Confirmation, NamespaceFlag, Waiting};
use crate::cli::input::{confirm, read_text, segment};
use crate::cli::{Context, Failure};
use crate::output::{Column, say, warn};

const POLICIES: &str = "/credentials/default/policies";
const AUTHORITY: &str = "/properties/certificate/certificateAuthorityConfiguration";
const REQUEST: &str = "/bringYourOwnRoot/certificateSigningRequest";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyVerb {
    /// Make a policy, which has an issuing CA of its own
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr credential create --ns plant\n  \
        provost adr policy create --ns plant --name line-7 --cert-validity-days 30")]
    Create(CreateArguments),
    /// Show a policy; with --csr-out, write what your CA has to sign into a file
    #[command(after_help = "Example:\n  provost adr namespace create --name plant\n  \
        provost adr credential create --ns plant\n  \
        provost adr policy create --ns plant --name line-7 --enable-byor\n  \
        provost adr policy show --ns plant --name line-7 --csr-out line-7.csr")]
    Show(ShowArguments),
    /// List the policies of a namespace
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr policy list --ns plant --output table"
    )]
    List(NamespaceFlag),
    /// Change how long new device certificates are valid
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr policy update --ns plant --name default --cert-validity-days 60"
    )]
    Update(UpdateArguments),
    /// Delete a policy for ever, which cannot be taken back; what it issued goes on until it expires
    #[command(
        after_help = "Examples:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr policy delete --ns plant --name default --dry-run\n  \
        provost adr policy delete --ns plant --name default --force --yes"
    )]
    Delete(DeleteArguments),
    /// Revoke the issuing CA and everything it issued, and replace it; cannot be taken back
    #[command(
        after_help = "Example:\n  provost adr namespace create --name plant --enable-certificate-management\n  \
        provost adr policy revoke-issuer --ns plant --name default --yes"
    )]
    RevokeIssuer(RevokeArguments),
    /// Bring the issuing CA's certificate that your CA signed, at first and at each renewal
    #[command(after_help = "Example, with a CA that openssl makes:\n  \
        provost adr namespace create --name plant\n  provost adr credential create --ns plant\n  \
        provost adr policy create --ns plant --name line-7 --enable-byor\n  \
        provost adr policy show --ns plant --name line-7 --csr-out line-7.csr\n  \
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key \\\n    \
        -out ca.pem -days 3650 -subj /CN=factory-root\n  \
        openssl x509 -req -in line-7.csr -CA ca.pem -CAkey ca.key -days 730 -sha384 \\\n    \
        -copy_extensions copy -out line-7.pem\n  \
        cat line-7.pem ca.pem > chain.pem\n  \
        provost adr policy activate-byor --ns plant --name line-7 --certificate-chain-file chain.pem")]
    ActivateByor(ActivateArguments),
}

/// Which policy.
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyFlags {
    #[command(flatten)]
    namespace: NamespaceFlag,
    /// Name of the policy
    #[arg(
        long,
        short,
        visible_alias = "policy-name",
        default_value = "default",
        value_name = "NAME"
    )]
    name: String,
    /// The only name of a credential
    #[arg(long, default_value = "default", value_parser = ["default"], hide = true)]
    credential_name: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArguments {
    #[command(flatten)]
    policy: PolicyFlags,
    /// Kind of the issuing CA's key
    #[arg(long, default_value = "ECC", value_name = "TYPE")]
    cert_key_type: String,
    /// Days device certificates are valid
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    cert_validity_days: u32,
    /// The issuing CA hangs under your own root: it waits until you bring what your CA signed
    #[arg(long)]
    enable_byor: bool,
    /// Taken and ignored, as in `az`: the server chooses the subject
    #[arg(long, value_name = "SUBJECT")]
    cert_subject: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArguments {
    #[command(flatten)]
    policy: PolicyFlags,
    /// Write the signing request of the issuing CA, PEM, instead of showing the policy
    #[arg(long, value_name = "FILE")]
    csr_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    #[command(flatten)]
    policy: PolicyFlags,
    /// Days device certificates are valid from now on
    #[arg(long, value_name = "DAYS")]
    cert_validity_days: u32,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArguments {
    #[command(flatten)]
    policy: PolicyFlags,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArguments {
    #[command(flatten)]
    policy: PolicyFlags,
    /// Say what would be touched and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    waiting: Waiting,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ActivateArguments {
    #[command(flatten)]
    policy: PolicyFlags,
    /// PEM: the signed issuing CA first, then what is above it, root last or left out
    #[arg(long, visible_alias = "ccf", value_name = "FILE")]
    certificate_chain_file: PathBuf,
    #[command(flatten)]
    waiting: Waiting,
}

const COLUMNS: [Column; 5] = [
    Column::new("name", "/name"),
    Column::new(
        "days",
        "/properties/certificate/leafCertificateConfiguration/validityPeriodInDays",
    ),
    Column::new(
        "issuing CA",
        "/properties/certificate/certificateAuthorityConfiguration/subject",
    ),
    Column::new(
        "valid until",
        "/properties/certificate/certificateAuthorityConfiguration/validityNotAfter",
    ),
    Column::new(
        "own root",
        "/properties/certificate/certificateAuthorityConfiguration/bringYourOwnRoot/status",
    ),
];

/// Where a policy is.
pub(super) fn path(name: &str) -> String {
    format!("{POLICIES}/{}", segment(name))
}

/// The body of a new policy.
pub(super) fn body(days: u32, is_external: bool) -> Value {
    let mut authority = json!({ "keyType": "ECC" });
    if is_external {
        authority = json!({ "keyType": "ECC", "bringYourOwnRoot": { "enabled": true } });
    }
    json!({ "properties": { "certificate": {
        "certificateAuthorityConfiguration": authority,
        "leafCertificateConfiguration": { "validityPeriodInDays": days },
    } } })
}

impl PolicyVerb {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => arguments.run(context).await,
            Self::Show(arguments) => arguments.run(context).await,
            Self::List(namespace) => {
                let mut registry = namespace.open(context)?;
                let all = registry.list(POLICIES).await?;
                registry.table(&all, &COLUMNS)
            }
            Self::Update(arguments) => {
                let mut registry = arguments.policy.namespace.open(context)?;
                let days = json!({ "validityPeriodInDays": arguments.cert_validity_days });
                let body =
                    json!({ "properties": { "certificate": { "leafCertificateConfiguration": days } } });
                let below = path(&arguments.policy.name);
                let changed = registry.write(Method::PATCH, &below, &body).await?;
                registry.show(&changed)
            }
            Self::Delete(arguments) => arguments.run(context).await,
            Self::RevokeIssuer(arguments) => arguments.run(context).await,
            Self::ActivateByor(arguments) => {
                let mut registry = arguments.policy.namespace.open(context)?;
                let chain = read_text(&arguments.certificate_chain_file)?;
                let below = format!("{}/activateBringYourOwnRoot", path(&arguments.policy.name));
                let body = json!({ "certificateChain": chain });
                let answer = registry.begin(Method::POST, &below, Some(&body)).await?;
                registry.finish(&answer, arguments.waiting.no_wait).await?;
                say("hubs trust it after `provost adr credential sync`");
                Ok(())
            }
        }
    }
}

/// A policy that waits for a root kept offline is there and issues nothing.
fn say_when_it_waits(policy: &Value) {
    let state = policy
        .pointer("/properties/provisioningState")
        .and_then(Value::as_str);
    if state == Some("Accepted") {
        say("it waits for the root kept offline: `provost adr credential export --to FOLDER`");
    }
}

impl CreateArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        if !self.cert_key_type.eq_ignore_ascii_case("ECC") {
            return Err(Failure::usage("--cert-key-type must be ECC"));
        }
        if self.cert_subject.is_some() {
            warn("--cert-subject is ignored: the server chooses the subject of an issuing CA");
        }
        let mut registry = self.policy.namespace.open(context)?;
        let below = path(&self.policy.name);
        let made = registry
            .write(
                Method::PUT,
                &below,
                &body(self.cert_validity_days, self.enable_byor),
            )
            .await?;
        if self.enable_byor {
            say("it waits for your CA: `provost adr policy show --csr-out FILE`, sign, `activate-byor`");
        }
        say_when_it_waits(&made);
        registry.show(&made)
    }
}

impl ShowArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.policy.namespace.open(context)?;
        let shown = registry.get(&path(&self.policy.name)).await?;
        let Some(file) = self.csr_out else {
            return registry.show(&shown);
        };
        let request = shown
            .pointer(&format!("{AUTHORITY}{REQUEST}"))
            .and_then(Value::as_str);
        let request = request.ok_or_else(|| {
            Failure::Incomplete("the policy waits for nothing that your CA would have to sign".to_owned())
        })?;
        std::fs::write(&file, request)
            .map_err(|error| Failure::Io(format!("cannot write {}", file.display()), error))?;
        say(&format!("wrote {}", file.display()));
        Ok(())
    }
}

impl DeleteArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.policy.namespace.open(context)?;
        let name = segment(&self.policy.name);
        if self.force.force || self.force.dry_run {
            let how = (&self.force, &self.confirmation);
            let question = format!("Delete the policy {} by force?", self.policy.name);
            return force_or_preview(&mut registry, &format!("/policies/{name}"), how, &question).await;
        }
        if !self.confirmation.yes {
            let revoke = format!("/policies/{name}/revokeIssuer");
            // Who hangs on the policy is who would be touched by its revocation.
            let touched = preview(&mut registry, &revoke, None).await?;
            say(&format!(
                "{} devices hold certificates of it, which go on until they expire and cannot be renewed",
                touched.devices
            ));
            warn("this cannot be taken back");
            confirm(&format!("Delete the policy {}?", self.policy.name))?;
        }
        let answer = registry
            .begin(Method::DELETE, &path(&self.policy.name), None)
            .await?;
        registry.finish(&answer, self.waiting.no_wait).await
    }
}

impl RevokeArguments {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut registry = self.policy.namespace.open(context)?;
        let below = format!("/policies/{}/revokeIssuer", segment(&self.policy.name));
        if self.dry_run {
            let touched = preview(&mut registry, &below, None).await?;
            return registry.show(&serde_json::to_value(touched).unwrap_or_default());
        }
        let question = format!("Revoke the issuing CA of {}?", self.policy.name);
        tell_and_ask(&mut registry, &below, None, &question, self.confirmation.yes).await?;
        let revoke = format!("{}/revokeIssuer", path(&self.policy.name));
        let answer = registry.begin(Method::POST, &revoke, None).await?;
        registry.finish(&answer, self.waiting.no_wait).await?;
        if !self.waiting.no_wait {
            let after = registry.get(&path(&self.policy.name)).await?;
            say_when_it_waits(&after);
            registry.show(&after)?;
        }
        Ok(())
    }
}
