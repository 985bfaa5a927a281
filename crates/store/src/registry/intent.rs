//! What is about to be signed, until it is issued or given up.

use provost_model::registry::{CaId, DeviceIdentifier, IssuedCertificate, SerialNumber};
use provost_model::{CertificateDer, CredentialPolicyName, NamespaceName, RegistryDeviceName, Timestamp};

use super::issued::issued;
use crate::sql::params;
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

/// The columns of an issued certificate; those it has not yet are null, and of their type also for PostgreSQL.
const COLUMNS: &str = "number, ca, serial, namespace, device, policy, device_uuid, generation, state, key_sha256, \
    not_before, not_after, shard, NULLIF(key_sha256, key_sha256), NULLIF(key_sha256, key_sha256), \
    NULLIF(key_sha256, key_sha256), NULLIF(created_at, created_at), NULLIF(state, state), created_at";

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
        let sql = "INSERT INTO certificate_intent (number, ca, serial, namespace, device, policy, device_uuid, \
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
            "UPDATE certificate_intent SET state = 'orphaned' WHERE state = 'intended' AND created_at < ?1";
        self.execute(sql, params![before.as_micros()])
    }

    /// Forgets what was given up before an instant: nobody ever had it. Returns how many.
    pub fn prune_orphaned(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM certificate_intent WHERE state = 'orphaned' AND created_at < ?1";
        self.execute(sql, params![before.as_micros()])
    }

    /// Gives up one that was intended: its signature failed, or nobody wants it any more.
    pub fn orphan_certificate(&self, number: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE certificate_intent SET state = 'orphaned' WHERE number = ?1 AND state = 'intended'";
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
        // Serial numbers are random; one that its CA gave before is not handed out.
        let sql = "INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, \
                   generation, key_sha256, not_before, not_after, shard, created_at, certificate, sha1, sha256) \
                   SELECT number, ca, serial, namespace, device, policy, device_uuid, generation, key_sha256, \
                   not_before, not_after, shard, created_at, ?2, ?3, ?4 \
                   FROM certificate_intent WHERE number = ?1 AND state = 'intended' \
                   ON CONFLICT (ca, serial) DO NOTHING";
        let params = params![number, certificate.0.as_slice(), sha1.as_slice(), &sha256];
        if self.execute(sql, params)? == 0 {
            return Ok(false);
        }
        let sql = "DELETE FROM certificate_intent WHERE number = ?1";
        self.execute(sql, params![number])?;
        Ok(true)
    }

    /// Gives up one that was intended, in a transaction that goes on.
    pub fn give_up_intended(&self, number: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE certificate_intent SET state = 'orphaned' WHERE number = ?1 AND state = 'intended'";
        Ok(self.execute(sql, params![number])? > 0)
    }
}

impl ReadTx<'_> {
    /// One that was intended, or given up since.
    pub(super) fn intended_certificate(&self, number: i64) -> Result<Option<IssuedCertificate>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM certificate_intent WHERE number = ?1");
        self.find(&sql, params![number], issued)
    }
}
