use provost_model::registry::{
    CaId, DeviceIdentifier, IssuedCertificate, IssuedState, Revocation, RevocationReason, SerialNumber,
};
use provost_model::{CertificateDer, CredentialPolicyName, NamespaceName, RegistryDeviceName, Timestamp};

use super::LeafStanding;
use super::device::identifier;
use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

pub(super) const COLUMNS: &str = "number, ca, serial, namespace, device, policy, device_uuid, generation, state, \
    key_sha256, not_before, not_after, shard, certificate, sha1, sha256, revoked_at, reason, created_at";

/// What is about to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIntent {
    /// Who signs.
    pub ca: CaId,
    /// Unique at that CA.
    pub serial: SerialNumber,
    /// Whose device.
    pub namespace: NamespaceName,
    /// Which device.
    pub device: RegistryDeviceName,
    /// By which policy.
    pub policy: CredentialPolicyName,
    /// What it says of the device.
    pub identifier: DeviceIdentifier,
    /// SHA-256 over the `SubjectPublicKeyInfo` of its key.
    pub key_sha256: [u8; 32],
    /// First instant of its validity.
    pub not_before: Timestamp,
    /// Last instant of its validity.
    pub not_after: Timestamp,
    /// Which part of its CA's CRL it would stand in.
    pub shard: u32,
    /// Now.
    pub created_at: Timestamp,
}

impl AppendTx<'_> {
    /// Writes down what is about to be signed; returns its number.
    pub fn intend_certificate(&self, intent: &NewIntent) -> Result<i64, StoreError> {
        let sql = "INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, \
                   generation, state, key_sha256, not_before, not_after, shard, created_at) VALUES (?1, ?2, ?3, ?4, \
                   ?5, ?6, ?7, ?8, 'intended', ?9, ?10, ?11, ?12, ?13)";
        let number = self.next_number();
        let uuid = intent.identifier.device.to_string();
        let generation = intent.identifier.generation.to_string();
        let params = params![
            number,
            intent.ca.as_str(),
            intent.serial.as_bytes(),
            intent.namespace.key(),
            intent.device.key(),
            intent.policy.key(),
            &uuid,
            &generation,
            &intent.key_sha256,
            intent.not_before.as_micros(),
            intent.not_after.as_micros(),
            i64::from(intent.shard),
            intent.created_at.as_micros(),
        ];
        self.execute(sql, params)?;
        Ok(number)
    }

    /// Gives up what was intended before an instant and never completed: a process that ended in between
    /// left it. Returns how many.
    pub fn orphan_intended(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql =
            "UPDATE issued_certificate SET state = 'orphaned' WHERE state = 'intended' AND created_at < ?1";
        self.execute(sql, params![before.as_micros()])
    }

    /// Forgets what was given up before an instant: nobody ever had it. Returns how many.
    pub fn prune_orphaned(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM issued_certificate WHERE state = 'orphaned' AND created_at < ?1";
        self.execute(sql, params![before.as_micros()])
    }

    /// Gives up one that was intended: its signature failed, or nobody wants it any more.
    pub fn orphan_certificate(&self, number: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE issued_certificate SET state = 'orphaned' WHERE number = ?1 AND state = 'intended'";
        Ok(self.execute(sql, params![number])? > 0)
    }
}

impl WriteTx<'_> {
    /// Turns an intended certificate into an issued one; `false` when it is not intended any more.
    pub fn complete_issued(
        &self,
        number: i64,
        certificate: &CertificateDer,
        sha1: [u8; 20],
        sha256: [u8; 32],
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE issued_certificate SET state = 'issued', certificate = ?2, sha1 = ?3, sha256 = ?4 \
                   WHERE number = ?1 AND state = 'intended'";
        let params = params![number, certificate.0.as_slice(), sha1.as_slice(), &sha256];
        Ok(self.execute(sql, params)? > 0)
    }

    /// Gives up one that was intended, in a transaction that goes on.
    pub fn give_up_intended(&self, number: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE issued_certificate SET state = 'orphaned' WHERE number = ?1 AND state = 'intended'";
        Ok(self.execute(sql, params![number])? > 0)
    }
}

impl ReadTx<'_> {
    /// A certificate by its place in the store.
    pub fn issued_certificate(&self, number: i64) -> Result<Option<IssuedCertificate>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM issued_certificate WHERE number = ?1");
        self.find(&sql, params![number], issued)
    }

    /// A certificate and what follows it in the chain: leaf, issuing CA, what is above, root last. Empty
    /// when it was not issued, and when it was revoked since: nobody is handed what no hub takes.
    pub fn issued_chain(&self, number: i64) -> Result<Vec<CertificateDer>, StoreError> {
        if self.issued_standing(number)? == Some(LeafStanding::Revoked) {
            return Ok(Vec::new());
        }
        let Some(leaf) = self.issued_certificate(number)? else {
            return Ok(Vec::new());
        };
        let (Some(certificate), Some(ca)) = (leaf.certificate, self.ca(&leaf.ca)?) else {
            return Ok(Vec::new());
        };
        Ok([certificate]
            .into_iter()
            .chain(ca.certificate)
            .chain(ca.issuers)
            .collect())
    }

    /// Whether a key is that of a leaf of another device, whatever became of that leaf: two devices never
    /// share a key (certificate-management.md 2.3).
    pub fn key_of_another_device(
        &self,
        key_sha256: &[u8; 32],
        namespace: &NamespaceName,
        device: &RegistryDeviceName,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT number FROM issued_certificate WHERE key_sha256 = ?1 AND state <> 'orphaned' \
                   AND (namespace <> ?2 OR device <> ?3) LIMIT 1";
        let params = params![key_sha256, namespace.key(), device.key()];
        Ok(self.find(sql, params, |row| row.int(0))?.is_some())
    }

    /// Leaves of a CA that are issued or about to be, revoked or not, and have not expired.
    pub fn unexpired_leaves(&self, ca: &CaId, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM issued_certificate WHERE ca = ?1 AND state <> 'orphaned' \
                   AND not_after > ?2";
        self.count(sql, params![ca.as_str(), now.as_micros()])
    }

    /// Leaves of a policy's CA that are issued, not revoked and not expired.
    pub fn standing_leaves(&self, ca: &CaId, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM issued_certificate WHERE ca = ?1 AND state = 'issued' \
                   AND revoked_at IS NULL AND not_after > ?2";
        self.count(sql, params![ca.as_str(), now.as_micros()])
    }
}

pub(super) fn issued(row: &Row<'_>) -> Result<IssuedCertificate, StoreError> {
    let number = row.int(0)?;
    let key = number.to_string();
    let place = Place {
        table: "issued_certificate",
        key: &key,
    };
    let wrong = |column| move || place.inconsistent(column);
    Ok(IssuedCertificate {
        number,
        ca: CaId::parse(&row.text(1)?).ok_or_else(wrong("ca"))?,
        serial: SerialNumber::from_bytes(&row.blob(2)?).ok_or_else(wrong("serial"))?,
        namespace: place.id("namespace", NamespaceName::parse(&row.text(3)?))?,
        device: place.id("device", RegistryDeviceName::parse(&row.text(4)?))?,
        policy: place.id("policy", CredentialPolicyName::parse(&row.text(5)?))?,
        identifier: identifier(place, &row.text(6)?, &row.text(7)?)?,
        state: IssuedState::parse(&row.text(8)?).ok_or_else(wrong("state"))?,
        key_sha256: row
            .blob(9)?
            .try_into()
            .map_err(|_| place.inconsistent("key_sha256"))?,
        not_before: Timestamp::from_micros(row.int(10)?),
        not_after: Timestamp::from_micros(row.int(11)?),
        shard: u32::try_from(row.int(12)?).map_err(|_| place.inconsistent("shard"))?,
        certificate: row.opt_blob(13)?.map(CertificateDer),
        sha1: hash(place, "sha1", row.opt_blob(14)?)?,
        sha256: hash(place, "sha256", row.opt_blob(15)?)?,
        revoked: revocation(place, row.opt_int(16)?, row.opt_text(17)?)?,
        created_at: Timestamp::from_micros(row.int(18)?),
    })
}

/// An absent hash is none; one of another length is no hash.
fn hash<const N: usize>(
    place: Place<'_>,
    column: &'static str,
    bytes: Option<Vec<u8>>,
) -> Result<Option<[u8; N]>, StoreError> {
    let parse = |bytes: Vec<u8>| bytes.try_into().map_err(|_| place.inconsistent(column));
    bytes.map(parse).transpose()
}

fn revocation(
    place: Place<'_>,
    at: Option<i64>,
    reason: Option<String>,
) -> Result<Option<Revocation>, StoreError> {
    let Some(at) = at else {
        return Ok(None);
    };
    let reason = RevocationReason::parse(&reason.unwrap_or_default());
    Ok(Some(Revocation {
        at: Timestamp::from_micros(at),
        reason: reason.ok_or_else(|| place.inconsistent("reason"))?,
    }))
}
