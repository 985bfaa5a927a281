//! What the newer database knew of, done again in the restored one. Only ever takes rights away: what the
//! newer database allowed and the restored one does not stays refused. Keys are the newer ones wherever
//! both know the thing. What was made since is made again only where it keeps somebody out.

mod brought_back;
mod devices;
mod entries;

use provost_model::{Random, Timestamp};

use self::brought_back::Rows;

use crate::StoreError;
use crate::engine::Engine;
use crate::registry::identify_cas;
use crate::sql::{Param, params};

/// What a newer database knew of what must stay shut out, and was done again in the restored one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Enrollments and groups made after the backup that are there again, disabled.
    pub made_entries: u64,
    /// Devices of the registry made after the backup that were disabled: they are there again.
    pub made_registry_devices: u64,
    /// Devices of hubs, the same.
    pub made_hub_devices: u64,
    /// CAs made after the backup: known again, so that what they signed is, and without keys.
    pub made_cas: u64,
    /// Devices of the registry that were deleted and made again: the newer ones are there.
    pub replaced_registry_devices: u64,
    /// Hubs and provisioning services that were linked to a namespace after the backup, and are again.
    pub made_links: u64,
    /// Identities on hubs elsewhere that are still to be taken from them.
    pub removals: u64,
    /// The first of each kind of what is there again, by name.
    pub named: Vec<String>,
}

impl Reapplied {
    /// Everything but names, as it stands in the audit log.
    pub(super) fn counts(&self) -> String {
        let without_names = Self {
            named: Vec::new(),
            ..self.clone()
        };
        format!("{without_names:?}")
    }

    /// Keeps the names, and answers how many there were.
    fn note(&mut self, (count, names): (u64, Vec<String>)) -> u64 {
        self.named.extend(names);
        count
    }
}

/// Does it again. `last` is the number last given out; new rows take the next ones.
pub(super) fn reapply(
    engine: Engine<'_>,
    now: Timestamp,
    random: &dyn Random,
    last: &mut i64,
) -> Result<Reapplied, StoreError> {
    let work = Work {
        engine,
        at: now.as_micros(),
    };
    let mut done = Reapplied::default();
    // CAs before certificates, which are known by them.
    work.new_cas(&mut done)?;
    work.certificates(&mut done, last)?;
    work.cas(&mut done)?;
    identify_cas(engine)?;
    work.registry_devices(&mut done, random)?;
    work.hub_devices(&mut done)?;
    work.removals(&mut done)?;
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

    /// Without their rows nothing would know what they signed wherever a CA above them is trusted. Their keys
    /// are in no backup: they sign nothing more, and their CRLs stay the last.
    fn new_cas(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        let made = self.bring_back(
            &Rows {
                table: "ca",
                name: "'CA ' || n.namespace || '/' || n.id",
                changed: &[
                    (
                        "state",
                        "CASE n.state WHEN 'revoked' THEN 'revoked' ELSE 'closed' END",
                    ),
                    ("changed_at", "CAST(?1 AS BIGINT)"),
                    (
                        "key_destroyed_at",
                        "CASE WHEN n.key_ref = 'offline' THEN n.key_destroyed_at \
                         ELSE COALESCE(n.key_destroyed_at, CAST(?1 AS BIGINT)) END",
                    ),
                ],
                added: &[],
                which: "CAST(?1 AS BIGINT) IS NOT NULL AND n.certificate IS NOT NULL \
                        AND NOT EXISTS (SELECT 1 FROM ca c WHERE c.id = n.id)",
            },
            params![self.at],
        )?;
        done.made_cas = done.note(made);
        Ok(())
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
        // One that ended is recognised in a path by the certificate it got after the backup.
        self.run(
            "UPDATE ca SET certificate = n.certificate, subject_hash = n.subject_hash, \
             key_sha256 = n.key_sha256 FROM newer_ca n WHERE n.id = ca.id AND ca.certificate IS NULL \
             AND n.certificate IS NOT NULL AND ca.state IN ('revoked', 'closed')",
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
        // Of a key that is gone nothing more is signed.
        self.run(
            "UPDATE crl SET due_at = NULL WHERE due_at IS NOT NULL AND ca IN (SELECT id FROM ca \
             WHERE key_destroyed_at IS NOT NULL AND key_ref <> 'offline')",
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
        self.links(done)
    }

    /// In a namespace a device may be disabled that is not at its hub, and only who is linked asks there.
    fn links(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.removed_links = self.run(
            "DELETE FROM namespace_link WHERE NOT EXISTS (SELECT 1 FROM newer_namespace_link n \
             WHERE n.owner = namespace_link.owner AND n.namespace = namespace_link.namespace)",
        )?;
        done.made_links = self.run(
            "INSERT INTO namespace_link (owner, namespace) SELECT n.owner, n.namespace \
             FROM newer_namespace_link n WHERE NOT EXISTS (SELECT 1 FROM namespace_link o \
             WHERE o.owner = n.owner) AND EXISTS (SELECT 1 FROM namespace s JOIN newer_namespace m \
             ON m.name_key = s.name_key AND m.uuid = s.uuid WHERE s.name_key = n.namespace) \
             AND (EXISTS (SELECT 1 FROM dps WHERE 'dps:' || dps.name_key = n.owner) \
             OR EXISTS (SELECT 1 FROM hub WHERE 'hub:' || hub.name_key = n.owner))",
        )?;
        Ok(())
    }
}
