//! Certificates that expired long ago are forgotten (certificate-management.md 6.10); the audit log goes on
//! telling of them.

use std::time::Duration;

use provost_model::{Action, Actor, AuditEvent, Timestamp};
use provost_store::{CaOfNamespace, CrlPart, ReadTx, WriteTx};

use crate::{RegistryError, RegistryService};

/// Rows of one write: it holds up the others for some milliseconds.
const BITE: usize = 500;
/// Writes of one look: the other duties of the registry wait for them.
const BITES: usize = 100;
/// How often the lines of CRLs that ended are looked through.
const LINES_EVERY: Duration = Duration::from_hours(24);

impl RegistryService {
    /// One look; what is left over is taken up at the next.
    pub(crate) async fn forget_expired(&self) -> Result<(), RegistryError> {
        let Some(keep) = self.options().keep_expired else {
            return Ok(());
        };
        let before = self.now().before(keep);
        let mut bites = BITES;
        let read = move |tx: &ReadTx<'_>| Ok::<_, RegistryError>(tx.cas_with_leaves_expired(before)?);
        for ca in self.store().read(read).await? {
            while bites > 0 && self.forget_leaves(&ca, before).await? == BITE as u64 {
                bites -= 1;
            }
        }
        if self.lines_forgotten().is_due(self.now(), LINES_EVERY) {
            let read =
                move |tx: &ReadTx<'_>| Ok::<_, RegistryError>(tx.ended_crls_with_lines_expired(before)?);
            for part in self.store().scan(read).await? {
                while self.forget_lines(&part, before).await? == BITE as u64 {}
            }
        }
        Ok(())
    }

    async fn forget_leaves(&self, ca: &CaOfNamespace, before: Timestamp) -> Result<u64, RegistryError> {
        let ca = ca.clone();
        let work = move |tx: WriteTx<'_>| {
            let forgotten = tx.forget_expired_leaves(&ca.ca, before, BITE)?;
            if forgotten == 0 {
                return Ok(tx.unchanged(0));
            }
            let event = event(
                "issuedCertificate",
                ca.namespace.as_str(),
                ca.ca.as_str(),
                forgotten,
            );
            Ok::<_, RegistryError>(tx.record(&event, forgotten)?)
        };
        self.store().write(work).await
    }

    async fn forget_lines(&self, part: &CrlPart, before: Timestamp) -> Result<u64, RegistryError> {
        let part = part.clone();
        let work = move |tx: WriteTx<'_>| {
            let forgotten = tx.forget_expired_lines(&part, before, BITE)?;
            if forgotten == 0 {
                return Ok(tx.unchanged(0));
            }
            let namespace = tx.ca(&part.ca)?.map(|ca| ca.namespace);
            let scope = namespace.as_ref().map_or("", |namespace| namespace.as_str());
            let event = event("revokedCertificate", scope, part.ca.as_str(), forgotten);
            Ok::<_, RegistryError>(tx.record(&event, forgotten)?)
        };
        self.store().write(work).await
    }
}

fn event(kind: &'static str, scope: &str, ca: &str, forgotten: u64) -> AuditEvent {
    AuditEvent::new(Actor::System, Action::Delete, kind, scope, ca)
        .with_detail(format!("{forgotten} that expired long ago are forgotten"))
}
