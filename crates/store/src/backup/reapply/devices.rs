//! Identities: of the registry, of hubs, and what is to be taken from hubs elsewhere.

use provost_model::{Random, Uuid};

use super::brought_back::Rows;
use super::{Reapplied, Work};
use crate::StoreError;
use crate::sql::params;

/// Of a device that was disabled or deleted since and about which the newer database says nothing more.
const REASON: &str = "deleted after the backup that was restored";

/// What a device or a module is known by at its hub.
const CREDENTIAL: [&str; 5] = [
    "auth",
    "primary_key",
    "secondary_key",
    "primary_thumbprint",
    "secondary_thumbprint",
];

impl Work<'_> {
    /// Devices of the registry: a certificate counts by the identifier its device has there.
    pub(super) fn registry_devices(
        &self,
        done: &mut Reapplied,
        random: &dyn Random,
    ) -> Result<(), StoreError> {
        done.rotated_devices = self.run(
            "UPDATE registry_device SET generation = n.generation FROM newer_registry_device n \
             WHERE n.namespace = registry_device.namespace AND n.name_key = registry_device.name_key \
             AND n.uuid = registry_device.uuid AND n.generation <> registry_device.generation",
        )?;
        // Deleted and made again: it is the newer one in every respect. One that took another's ID at its hub
        // cannot be put here and counts as deleted.
        done.replaced_registry_devices = self.run(
            "UPDATE registry_device SET name = n.name, uuid = n.uuid, generation = n.generation, \
             external_device_id = n.external_device_id, enabled = n.enabled, policy = n.policy, \
             assigned_hub = n.assigned_hub, document = n.document, version = n.version, etag = n.etag, \
             created_at = n.created_at, updated_at = n.updated_at, transition_at = n.transition_at \
             FROM newer_registry_device n WHERE n.namespace = registry_device.namespace \
             AND n.name_key = registry_device.name_key AND n.uuid <> registry_device.uuid \
             AND NOT EXISTS (SELECT 1 FROM registry_device o WHERE o.namespace = n.namespace \
             AND lower(o.external_device_id) = lower(n.external_device_id) AND o.name_key <> n.name_key)",
        )?;
        self.end_deleted(done, random)?;
        done.disabled_registry_devices += self.run(
            "UPDATE registry_device SET enabled = 0, version = version + 1 WHERE enabled = 1 AND NOT EXISTS \
             (SELECT 1 FROM newer_registry_device n WHERE n.namespace = registry_device.namespace \
             AND n.name_key = registry_device.name_key AND n.enabled = 1)",
        )?;
        let made = self.bring_back(
            &Rows {
                table: "registry_device",
                name: "'registry device ' || n.namespace || '/' || n.name",
                changed: &[],
                added: &[],
                which: "n.enabled = 0 AND EXISTS (SELECT 1 FROM namespace s WHERE s.name_key = n.namespace) \
                        AND NOT EXISTS (SELECT 1 FROM registry_device o WHERE o.namespace = n.namespace \
                        AND (o.name_key = n.name_key \
                        OR lower(o.external_device_id) = lower(n.external_device_id)))",
            },
            &[],
        )?;
        done.made_registry_devices = done.note(made);
        Ok(())
    }

    /// A device that was deleted is disabled, and nothing that was ever issued to it counts when it is enabled.
    fn end_deleted(&self, done: &mut Reapplied, random: &dyn Random) -> Result<(), StoreError> {
        let deleted = self.engine.query(
            "SELECT d.namespace, d.name_key, d.enabled FROM registry_device d WHERE NOT EXISTS \
             (SELECT 1 FROM newer_registry_device n WHERE n.namespace = d.namespace \
             AND n.name_key = d.name_key AND n.uuid = d.uuid) \
             AND (d.enabled = 1 OR EXISTS (SELECT 1 FROM issued_certificate i WHERE i.namespace = d.namespace \
             AND i.device = d.name_key AND i.device_uuid = d.uuid AND i.generation = d.generation))",
            &[],
            |row| Ok((row.text(0)?, row.text(1)?, row.int(2)?)),
        )?;
        for (namespace, name, enabled) in deleted {
            let generation = Uuid::generate(random).to_string();
            done.rotated_devices += self.with(
                "UPDATE registry_device SET generation = ?3, enabled = 0, version = version + 1 \
                 WHERE namespace = ?1 AND name_key = ?2",
                params![&namespace, &name, &generation],
            )?;
            done.disabled_registry_devices += u64::from(enabled == 1);
        }
        Ok(())
    }

    /// Identities of hubs. One that was deleted and made again has the newer keys, and what waited for the
    /// former one is no business of the newer: it goes by the generation.
    pub(super) fn hub_devices(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        let taken = [&["generation_id"], &CREDENTIAL[..]].concat();
        done.renewed_devices = self.renew("device", &["hub", "device_id"], &taken)?;
        // Who disabled it says who may enable it: the reason is part of that.
        self.run(
            "UPDATE device SET status_reason = n.status_reason FROM newer_device n WHERE n.hub = device.hub \
             AND n.device_id = device.device_id AND n.status = 'disabled' \
             AND n.status_reason IS DISTINCT FROM device.status_reason",
        )?;
        done.disabled_hub_devices = self.with(
            "UPDATE device SET status = 'disabled', status_updated_at = ?1 FROM newer_device n \
             WHERE device.status = 'enabled' AND n.hub = device.hub AND n.device_id = device.device_id \
             AND n.status = 'disabled'",
            params![self.at],
        )?;
        done.disabled_hub_devices += self.with(
            "UPDATE device SET status = 'disabled', status_updated_at = ?1, status_reason = ?2 \
             WHERE status = 'enabled' AND NOT EXISTS (SELECT 1 FROM newer_device n WHERE n.hub = device.hub \
             AND n.device_id = device.device_id)",
            params![self.at, REASON],
        )?;
        self.new_disabled_identities(done)?;
        self.modules(done)
    }

    /// The name stays shut: a device that registers again is told that it is disabled.
    fn new_disabled_identities(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        let made = self.bring_back(
            &Rows {
                table: "device",
                name: "'device ' || n.hub || '/' || n.device_id",
                changed: &[],
                added: &[
                    ("twin_version", "2"),
                    ("twin_etag", "1"),
                    ("model_id", "''"),
                    ("desired_version", "1"),
                    ("reported_version", "1"),
                    ("tags", "'{}'"),
                    ("desired", "'{}'"),
                    ("desired_metadata", "'{}'"),
                    ("reported", "'{}'"),
                    ("reported_metadata", "'{}'"),
                ],
                which: "n.status = 'disabled' AND EXISTS (SELECT 1 FROM hub h WHERE h.name_key = n.hub) \
                        AND NOT EXISTS (SELECT 1 FROM device d WHERE d.hub = n.hub \
                        AND d.device_id = n.device_id)",
            },
            &[],
        )?;
        done.made_hub_devices = done.note(made);
        Ok(())
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
        let same = ["hub", "device_id", "module_id"];
        done.renewed_modules = self.renew("module", &same, &CREDENTIAL)?;
        Ok(())
    }

    /// Gives what has a credential of its own, a device or a module, the newer one where it has another.
    fn renew(&self, table: &str, same: &[&str], taken: &[&str]) -> Result<u64, StoreError> {
        let joined = |columns: &[&str], operator: &str, between: &str| -> String {
            let pairs = columns
                .iter()
                .map(|column| format!("n.{column} {operator} {table}.{column}"));
            pairs.collect::<Vec<_>>().join(between)
        };
        let set: Vec<_> = taken
            .iter()
            .map(|column| format!("{column} = n.{column}"))
            .collect();
        let set = set.join(", ");
        let is_same = joined(same, "=", " AND ");
        let is_other = joined(taken, "IS DISTINCT FROM", " OR ");
        self.run(&format!(
            "UPDATE {table} SET etag = n.etag, {set} FROM newer_{table} n WHERE {is_same} AND ({is_other})"
        ))
    }

    /// What was to be taken from hubs elsewhere and was not yet.
    pub(super) fn removals(&self, done: &mut Reapplied) -> Result<(), StoreError> {
        done.removals = self.with(
            "INSERT INTO hub_removal (hub, device_id, action, attempts, asked_at, due_at) \
             SELECT n.hub, n.device_id, n.action, 0, CAST(?1 AS BIGINT), CAST(?1 AS BIGINT) \
             FROM newer_hub_removal n WHERE EXISTS (SELECT 1 FROM remote_hub r WHERE r.hub = n.hub) \
             AND NOT EXISTS (SELECT 1 FROM hub_removal o WHERE o.hub = n.hub AND o.device_id = n.device_id \
             AND (o.action = n.action OR o.action = 'delete')) \
             ON CONFLICT (hub, device_id) DO UPDATE SET action = excluded.action, attempts = 0, \
             asked_at = excluded.asked_at, due_at = excluded.due_at",
            params![self.at],
        )?;
        Ok(())
    }
}
