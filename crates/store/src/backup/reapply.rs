//! What the newer database knew of, done again in the restored one. Only ever takes rights away: what the
//! newer database allowed and the restored one does not stays refused. Keys are the newer ones wherever
//! both know the thing.

use provost_model::Timestamp;

use crate::StoreError;
use crate::engine::Engine;
use crate::sql::{Param, params};

/// What a newer database knew of what must stay shut out, and was done again in the restored one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// Certificates issued after the backup that have a row again.
    pub issued_certificates: u64,
    /// Certificates put on CRLs.
    pub revoked_certificates: u64,
    /// Devices of the registry whose certificates no longer count.
    pub rotated_devices: u64,
    /// Devices of the registry that were disabled, or deleted, and are disabled now.
    pub disabled_registry_devices: u64,
    /// Devices of hubs, the same.
    pub disabled_hub_devices: u64,
    /// Devices of hubs whose keys or thumbprints were changed: they have the newer ones.
    pub renewed_devices: u64,
    /// Modules that were deleted.
    pub removed_modules: u64,
    /// Modules whose keys or thumbprints were changed: they have the newer ones.
    pub renewed_modules: u64,
    /// Enrollments and groups that were disabled or deleted.
    pub disabled_entries: u64,
    /// Enrollments and groups whose keys or certificates were changed: they have the newer ones.
    pub renewed_entries: u64,
    /// CAs that were revoked or closed.
    pub ended_cas: u64,
    /// CA certificates taken from hubs and provisioning services.
    pub removed_ca_certificates: u64,
    /// CA certificates whose verification was taken back.
    pub unverified_ca_certificates: u64,
    /// Shared access policies that were deleted.
    pub removed_policies: u64,
    /// Shared access policies whose keys or rights were changed: they have the newer ones.
    pub renewed_policies: u64,
    /// Admin tokens that were deleted.
    pub removed_admin_tokens: u64,
    /// Admin tokens whose rights were changed: they have the newer ones.
    pub changed_admin_tokens: u64,
    /// Policies of credentials that were deleted.
    pub removed_credential_policies: u64,
    /// Credentials that were deleted.
    pub removed_credentials: u64,
    /// Hubs and provisioning services that were unlinked from a namespace.
    pub removed_links: u64,
}

/// What a device or a module is known by at its hub.
const CREDENTIAL: [&str; 5] = [
    "auth",
    "primary_key",
    "secondary_key",
    "primary_thumbprint",
    "secondary_thumbprint",
];

/// Does it again. `last` is the number last given out; new rows take the next ones.
pub(super) fn reapply(engine: Engine<'_>, now: Timestamp, last: &mut i64) -> Result<Reapplied, StoreError> {
    let work = Work {
        engine,
        at: now.as_micros(),
    };
    let mut done = Reapplied::default();
    work.certificates(&mut done, last)?;
    work.cas(&mut done)?;
    work.devices(&mut done)?;
    // Entries before CA certificates: what a disabled group referred to is looked up there.
    work.entries(&mut done)?;
    work.access(&mut done)?;
    work.credentials(&mut done)?;
    Ok(done)
}

struct Work<'a> {
    engine: Engine<'a>,
    at: i64,
}

impl Work<'_> {
    fn run(&self, sql: &str) -> Result<u64, StoreError> {
        self.engine.execute(sql, &[])
    }

    fn with(&self, sql: &str, values: &[Param<'_>]) -> Result<u64, StoreError> {
        self.engine.execute(sql, values)
    }

    /// A certificate without a row would be on no CRL, whatever becomes of its device.
    fn certificates(&self, done: &mut Reapplied, last: &mut i64) -> Result<(), StoreError> {
        done.issued_certificates = self.with(
            "INSERT INTO issued_certificate (number, ca, serial, namespace, device, policy, device_uuid, \
             generation, key_sha256, not_before, not_after, shard, certificate, sha1, sha256, revoked_at, \
             reason, created_at) SELECT CAST(?1 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY n.number), n.ca, \
             n.serial, n.namespace, n.device, n.policy, n.device_uuid, n.generation, n.key_sha256, \
             n.not_before, n.not_after, n.shard, n.certificate, n.sha1, n.sha256, n.revoked_at, n.reason, \
             n.created_at FROM newer_issued_certificate n \
             WHERE EXISTS (SELECT 1 FROM ca WHERE ca.id = n.ca) AND NOT EXISTS (SELECT 1 FROM issued_certificate i \
             WHERE i.ca = n.ca AND i.serial = n.serial)",
            params![*last],
        )?;
        *last = last.saturating_add(i64::try_from(done.issued_certificates).unwrap_or(i64::MAX));
        // Signed just after the copy was taken.
        self.run(
            "DELETE FROM certificate_intent WHERE EXISTS (SELECT 1 FROM issued_certificate i \
             WHERE i.ca = certificate_intent.ca AND i.serial = certificate_intent.serial)",
        )?;
        self.run(
            "UPDATE issued_certificate SET revoked_at = n.revoked_at, reason = n.reason \
             FROM newer_issued_certificate n WHERE n.ca = issued_certificate.ca \
             AND n.serial = issued_certificate.serial AND n.revoked_at IS NOT NULL \
             AND issued_certificate.revoked_at IS NULL",
        )?;
        done.revoked_certificates = self.run(
            "INSERT INTO revoked_certificate (ca, shard, serial, revoked_at, reason, not_after) \
             SELECT ca, shard, serial, revoked_at, reason, not_after FROM newer_revoked_certificate \
             WHERE ca IN (SELECT id FROM ca) ON CONFLICT DO NOTHING",
        )?;
        Ok(())
    }

    /// The CRL that is out is the newer one, and so is the last one of a CA that ended: its key may be gone.
    fn cas(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.ended_cas = self.with(
            "UPDATE ca SET state = n.state, changed_at = ?1 FROM newer_ca n WHERE n.id = ca.id \
             AND ((n.state = 'revoked' AND ca.state <> 'revoked') \
             OR (n.state = 'closed' AND ca.state NOT IN ('revoked', 'closed')))",
            params![self.at],
        )?;
        self.run(
            "UPDATE ca SET key_destroyed_at = n.key_destroyed_at FROM newer_ca n WHERE n.id = ca.id \
             AND ca.key_destroyed_at IS NULL AND n.key_destroyed_at IS NOT NULL",
        )?;
        self.run(
            "INSERT INTO crl (ca, shard, number, this_update, next_update, der, entries, changes, told, due_at, \
             rests_until) SELECT ca, shard, number, this_update, next_update, der, entries, changes, told, \
             due_at, rests_until FROM newer_crl n WHERE ca IN (SELECT id FROM ca) ON CONFLICT (ca, shard) \
             DO UPDATE SET number = excluded.number, this_update = excluded.this_update, \
             next_update = excluded.next_update, der = excluded.der, entries = excluded.entries, \
             changes = excluded.changes, told = excluded.told, due_at = excluded.due_at \
             WHERE excluded.number >= crl.number",
        )?;
        Ok(())
    }

    /// What was deleted issues nothing again. A credential made anew under the same namespace has another root,
    /// and its policies are other ones.
    fn credentials(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.removed_credential_policies = self.run(
            "DELETE FROM credential_policy WHERE NOT EXISTS (SELECT 1 FROM newer_credential_policy n \
             WHERE n.namespace = credential_policy.namespace AND n.name_key = credential_policy.name_key \
             AND n.uuid = credential_policy.uuid)",
        )?;
        done.removed_credentials = self.run(
            "DELETE FROM credential WHERE NOT EXISTS (SELECT 1 FROM newer_credential n \
             WHERE n.namespace = credential.namespace AND n.root = credential.root) \
             AND NOT EXISTS (SELECT 1 FROM credential_policy p WHERE p.namespace = credential.namespace)",
        )?;
        Ok(())
    }

    fn devices(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.rotated_devices = self.run(
            "UPDATE registry_device SET generation = n.generation FROM newer_registry_device n \
             WHERE n.namespace = registry_device.namespace AND n.name_key = registry_device.name_key \
             AND n.uuid = registry_device.uuid AND n.generation <> registry_device.generation",
        )?;
        done.disabled_registry_devices = self.run(
            "UPDATE registry_device SET enabled = 0, version = version + 1 WHERE enabled = 1 AND NOT EXISTS \
             (SELECT 1 FROM newer_registry_device n WHERE n.namespace = registry_device.namespace \
             AND n.name_key = registry_device.name_key AND n.uuid = registry_device.uuid AND n.enabled = 1)",
        )?;
        done.renewed_devices = self.renew_credentials("device", &["hub", "device_id", "generation_id"])?;
        done.disabled_hub_devices = self.with(
            "UPDATE device SET status = 'disabled', status_updated_at = ?1, \
             status_reason = 'disabled or deleted after the backup that was restored' \
             WHERE status = 'enabled' AND NOT EXISTS (SELECT 1 FROM newer_device n WHERE n.hub = device.hub \
             AND n.device_id = device.device_id AND n.generation_id = device.generation_id \
             AND n.status = 'enabled')",
            params![self.at],
        )?;
        self.modules(done)
    }

    /// A module has no status of its own: one that was deleted is deleted again.
    fn modules(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.removed_modules = self.run(
            "DELETE FROM module WHERE NOT EXISTS (SELECT 1 FROM newer_module n WHERE n.hub = module.hub \
             AND n.device_id = module.device_id AND n.module_id = module.module_id \
             AND n.generation_id = module.generation_id)",
        )?;
        self.run(
            "DELETE FROM kept_session WHERE module_id <> '' AND NOT EXISTS (SELECT 1 FROM module m \
             WHERE m.hub = kept_session.hub AND m.device_id = kept_session.device_id \
             AND m.module_id = kept_session.module_id)",
        )?;
        done.renewed_modules = self.renew_credentials("module", &["hub", "device_id", "module_id"])?;
        Ok(())
    }

    /// Gives what has a credential of its own, a device or a module, the newer one where it has another.
    fn renew_credentials(&self, table: &str, same: &[&str]) -> Result<u64, StoreError> {
        let joined = |columns: &[&str], operator: &str, between: &str| -> String {
            let pairs = columns
                .iter()
                .map(|column| format!("n.{column} {operator} {table}.{column}"));
            pairs.collect::<Vec<_>>().join(between)
        };
        let set = CREDENTIAL
            .map(|column| format!("{column} = n.{column}"))
            .join(", ");
        let is_same = joined(same, "=", " AND ");
        let is_other = joined(&CREDENTIAL, "IS DISTINCT FROM", " OR ");
        self.run(&format!(
            "UPDATE {table} SET etag = n.etag, {set} FROM newer_{table} n WHERE {is_same} AND ({is_other})"
        ))
    }

    fn entries(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.renewed_entries = self.with(
            "UPDATE enrollment SET etag = n.etag, updated_at = ?1, mechanism = n.mechanism, \
             primary_key = n.primary_key, secondary_key = n.secondary_key, \
             primary_certificate = n.primary_certificate, secondary_certificate = n.secondary_certificate, \
             primary_reference = n.primary_reference, secondary_reference = n.secondary_reference \
             FROM newer_enrollment n WHERE n.dps = enrollment.dps AND n.kind = enrollment.kind \
             AND n.entry_key = enrollment.entry_key AND (n.mechanism <> enrollment.mechanism \
             OR n.primary_key IS DISTINCT FROM enrollment.primary_key \
             OR n.secondary_key IS DISTINCT FROM enrollment.secondary_key \
             OR n.primary_certificate IS DISTINCT FROM enrollment.primary_certificate \
             OR n.secondary_certificate IS DISTINCT FROM enrollment.secondary_certificate \
             OR n.primary_reference IS DISTINCT FROM enrollment.primary_reference \
             OR n.secondary_reference IS DISTINCT FROM enrollment.secondary_reference)",
            params![self.at],
        )?;
        self.run(
            "DELETE FROM enrollment_anchor WHERE EXISTS (SELECT 1 FROM newer_enrollment n \
             WHERE n.dps = enrollment_anchor.dps AND n.kind = enrollment_anchor.kind \
             AND n.entry_key = enrollment_anchor.entry_key)",
        )?;
        self.run(
            "INSERT INTO enrollment_anchor (dps, kind, entry_key, slot, subject_hash, thumbprint, reference_key) \
             SELECT n.dps, n.kind, n.entry_key, n.slot, n.subject_hash, n.thumbprint, n.reference_key \
             FROM newer_enrollment_anchor n JOIN enrollment e ON e.dps = n.dps AND e.kind = n.kind \
             AND e.entry_key = n.entry_key",
        )?;
        done.disabled_entries = self.with(
            "UPDATE enrollment SET status = 'disabled', updated_at = ?1 WHERE status = 'enabled' \
             AND NOT EXISTS (SELECT 1 FROM newer_enrollment n WHERE n.dps = enrollment.dps \
             AND n.kind = enrollment.kind AND n.entry_key = enrollment.entry_key AND n.status = 'enabled')",
            params![self.at],
        )?;
        self.block()
    }

    /// What a disabled entry holds blocks chains that come in by other groups too.
    fn block(&self) -> Result<(), StoreError> {
        // As it was meant when the entry was disabled; then what the newer database never knew as disabled.
        self.run(
            "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key) \
             SELECT n.dps, n.kind, n.entry_key, n.slot, n.thumbprint, n.reference_key \
             FROM newer_disabled_anchor n JOIN enrollment e ON e.dps = n.dps AND e.kind = n.kind \
             AND e.entry_key = n.entry_key WHERE e.status = 'disabled' \
             ON CONFLICT (dps, kind, entry_key, slot) DO UPDATE SET thumbprint = excluded.thumbprint, \
             reference_key = excluded.reference_key",
        )?;
        self.run(
            "INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key) \
             SELECT a.dps, a.kind, a.entry_key, a.slot, CASE WHEN a.kind = 'group' \
             AND a.reference_key IS NOT NULL THEN (SELECT c.thumbprint FROM ca_certificate c \
             WHERE c.owner = 'dps:' || a.dps AND c.name_key = a.reference_key) ELSE a.thumbprint END, \
             a.reference_key FROM enrollment_anchor a JOIN enrollment e ON e.dps = a.dps AND e.kind = a.kind \
             AND e.entry_key = a.entry_key WHERE e.status = 'disabled' \
             ON CONFLICT (dps, kind, entry_key, slot) DO NOTHING",
        )?;
        self.run(
            "UPDATE dps SET trust_version = n.trust_version FROM newer_dps n WHERE n.name_key = dps.name_key \
             AND n.trust_version > dps.trust_version",
        )?;
        self.run("UPDATE dps SET trust_version = trust_version + 1")
            .map(|_| ())
    }

    fn access(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.removed_ca_certificates = self.run(
            "DELETE FROM ca_certificate WHERE ca IN (SELECT id FROM ca WHERE state = 'revoked') \
             OR NOT EXISTS (SELECT 1 FROM newer_ca_certificate n WHERE n.owner = ca_certificate.owner \
             AND n.thumbprint = ca_certificate.thumbprint)",
        )?;
        done.unverified_ca_certificates = self.run(
            "UPDATE ca_certificate SET is_verified = 0 WHERE is_verified = 1 AND NOT EXISTS (SELECT 1 \
             FROM newer_ca_certificate n WHERE n.owner = ca_certificate.owner \
             AND n.thumbprint = ca_certificate.thumbprint AND n.is_verified = 1)",
        )?;
        done.removed_policies = self.run(
            "DELETE FROM access_policy WHERE NOT EXISTS (SELECT 1 FROM newer_access_policy n \
             WHERE n.owner = access_policy.owner AND n.name = access_policy.name)",
        )?;
        done.renewed_policies = self.run(
            "UPDATE access_policy SET primary_key = n.primary_key, secondary_key = n.secondary_key, \
             rights = n.rights FROM newer_access_policy n WHERE n.owner = access_policy.owner \
             AND n.name = access_policy.name AND (n.primary_key <> access_policy.primary_key \
             OR n.secondary_key <> access_policy.secondary_key OR n.rights <> access_policy.rights)",
        )?;
        done.removed_admin_tokens =
            self.run("DELETE FROM admin_token WHERE hash NOT IN (SELECT hash FROM newer_admin_token)")?;
        done.changed_admin_tokens = self.run(
            "UPDATE admin_token SET role = n.role, namespace = n.namespace FROM newer_admin_token n \
             WHERE n.hash = admin_token.hash AND (n.role <> admin_token.role \
             OR n.namespace IS DISTINCT FROM admin_token.namespace)",
        )?;
        done.removed_links = self.run(
            "DELETE FROM namespace_link WHERE NOT EXISTS (SELECT 1 FROM newer_namespace_link n \
             WHERE n.owner = namespace_link.owner AND n.namespace = namespace_link.namespace)",
        )?;
        Ok(())
    }
}
