//! A CA that leaves its place.

use provost_model::registry::{Ca, CaState, Revocation, RevocationReason, RevokedEntry, SerialNumber};
use provost_model::{Change, Timestamp};
use provost_pki::{Certificate, Sha1Thumbprint};
use provost_store::{CrlPart, WriteTx};

use crate::RegistryError;

/// A CA's certificate for the audit log, or what it is to be called.
pub(crate) fn thumbprint(ca: &Ca) -> String {
    let der = ca.certificate.as_ref();
    der.map_or_else(
        || ca.subject.clone(),
        |der| Sha1Thumbprint::of(&der.0).to_string(),
    )
}

/// Revokes a CA, and puts it on the CRL of our root when one of ours signed it.
pub(crate) fn revoke_ca(tx: &WriteTx<'_>, ca: &Ca) -> Result<(), RegistryError> {
    let now = tx.now();
    // Sessions may rest on what it signed also where no hub had it from here.
    tx.announce(&Change::Configuration)?;
    tx.set_ca_state(&ca.id, CaState::Revoked, now)?;
    let (Some(root), Some(der)) = (&ca.parent, &ca.certificate) else {
        return Ok(());
    };
    let Some((serial, not_after)) = serial_of(&der.0) else {
        return Ok(());
    };
    let part = CrlPart {
        ca: root.clone(),
        shard: 0,
    };
    let entry = RevokedEntry {
        serial,
        revocation: Revocation {
            at: now,
            reason: RevocationReason::CaCompromise,
        },
        not_after,
    };
    tx.insert_revoked(&part, &entry)?;
    tx.mark_crl_dirty(root, 0)?;
    Ok(())
}

fn serial_of(der: &[u8]) -> Option<(SerialNumber, Timestamp)> {
    let certificate = Certificate::from_der(der).ok()?;
    let serial = SerialNumber::parse(&certificate.serial_hex())?;
    Some((serial, certificate.not_after()))
}
