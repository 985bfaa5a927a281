use provost_model::registry::{
    Ca, CaId, CaRole, CaState, DelegatedResponder, Revocation, RevocationReason, SerialNumber,
};
use provost_pki::ocsp::{CertId, CertStatus};
use provost_store::{CrlPart, ReadTx, StoreError};

use super::certificates::CaCertificates;

/// What an answer is made from, read in one snapshot.
pub(super) struct Facts {
    pub(super) ca: Ca,
    /// Who answers for the CA.
    pub(super) responder: Option<DelegatedResponder>,
    /// One for each certificate that was asked about, in their order.
    pub(super) statuses: Vec<CertStatus>,
}

impl Facts {
    /// `None` when there is no such CA. Whether the certificates are of this CA is not looked at.
    pub(super) fn read(
        tx: &ReadTx<'_>,
        id: &CaId,
        asked: &[CertId],
        certificates: &CaCertificates,
    ) -> Result<Option<Self>, StoreError> {
        let Some(ca) = tx.ca(id)? else {
            return Ok(None);
        };
        let responder = tx.ocsp_responder(id)?;
        let serials = asked.iter().map(CertId::serial);
        let statuses: Result<_, StoreError> = match ca.role {
            CaRole::Issuing => serials.map(|serial| of_leaf(tx, id, serial)).collect(),
            CaRole::Root => {
                let children = tx.cas_under(id)?;
                let of_ca = |serial| of_ca(tx, id, &children, certificates, serial);
                serials.map(of_ca).collect()
            }
        };
        Ok(Some(Self {
            statuses: statuses?,
            ca,
            responder,
        }))
    }
}

/// Good only when it is written down as issued: what was only intended, or given up, nobody has.
fn of_leaf(tx: &ReadTx<'_>, ca: &CaId, serial: Option<&SerialNumber>) -> Result<CertStatus, StoreError> {
    let found = match serial {
        Some(serial) => tx.leaf_status(ca, serial)?,
        None => None,
    };
    Ok(match found {
        None => CertStatus::Unknown,
        Some(leaf) => leaf.revoked.map_or(CertStatus::Good, CertStatus::Revoked),
    })
}

fn of_ca(
    tx: &ReadTx<'_>,
    root: &CaId,
    children: &[Ca],
    certificates: &CaCertificates,
    serial: Option<&SerialNumber>,
) -> Result<CertStatus, StoreError> {
    let Some(serial) = serial else {
        return Ok(CertStatus::Unknown);
    };
    let part = CrlPart {
        ca: root.clone(),
        shard: 0,
    };
    if let Some(entry) = tx.revoked_entry(&part, serial)? {
        return Ok(CertStatus::Revoked(entry.revocation));
    }
    let has_serial = |child: &&Ca| {
        let certificate = certificates.of(child);
        certificate.is_some_and(|read| read.serial.as_ref() == Some(serial))
    };
    Ok(match children.iter().find(has_serial) {
        None => CertStatus::Unknown,
        // It expired, and its line has left the CRL.
        Some(child) if child.state == CaState::Revoked => CertStatus::Revoked(Revocation {
            at: child.changed_at,
            reason: RevocationReason::Unspecified,
        }),
        Some(_) => CertStatus::Good,
    })
}
