//! Removing an instance or a hub with everything that belongs to it.

use provost_model::{DpsName, HubName, PolicyOwner};

use crate::policy::owner_text;
use crate::sql::params;
use crate::{ReadTx, StoreError, WriteTx};

/// Every table whose rows belong to an instance, by their column `dps`.
const OF_DPS: [&str; 9] = [
    "linked_hub",
    "enrollment",
    "enrollment_anchor",
    "disabled_anchor",
    "registration",
    "refusal",
    "entry_count",
    "pending_registration",
    "allocation_call",
];
/// Every table whose rows belong to a hub, by their column `hub`. Not `registration`: a record says
/// where a device was sent, and stands until it registers again.
const OF_HUB: [&str; 16] = [
    "linked_hub",
    "device",
    "module",
    "kept_session",
    "remote_hub",
    "hub_removal",
    "job",
    "reprovision",
    "telemetry_partition",
    "telemetry_segment",
    "consumer_group",
    "consumer_checkpoint",
    "tag_leaf",
    "device_message",
    "message_feedback",
    "certificate_renewal",
];
/// Tables of both, by the owner's text.
const OF_OWNER: [&str; 3] = ["access_policy", "ca_certificate", "namespace_link"];

impl ReadTx<'_> {
    /// Instances that may assign devices to a hub.
    pub fn links_to(&self, hub: &HubName) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM linked_hub WHERE hub = ?1";
        self.count(sql, params![hub.key()])
    }
}

impl WriteTx<'_> {
    /// Removes an instance: entries, records, CA certificates, policies, links. Devices stay at their
    /// hubs.
    pub fn delete_dps(&self, dps: &DpsName) -> Result<(), StoreError> {
        for table in OF_DPS {
            let sql = format!("DELETE FROM {table} WHERE dps = ?1");
            self.execute(&sql, params![dps.key()])?;
        }
        self.delete_owned(&PolicyOwner::Dps(dps.clone()))?;
        let sql = "DELETE FROM dps WHERE name_key = ?1";
        self.execute(sql, params![dps.key()]).map(|_| ())
    }

    /// Removes a hub: devices with their twins, telemetry, CA certificates, policies, links.
    pub fn delete_hub(&self, hub: &HubName) -> Result<(), StoreError> {
        // Rows of what belongs to a hub, by its number.
        for sql in [
            "DELETE FROM job_device WHERE job IN (SELECT number FROM job WHERE hub = ?1)",
            "DELETE FROM reprovision_device WHERE run IN (SELECT number FROM reprovision WHERE hub = ?1)",
        ] {
            self.execute(sql, params![hub.key()])?;
        }
        for table in OF_HUB {
            let sql = format!("DELETE FROM {table} WHERE hub = ?1");
            self.execute(&sql, params![hub.key()])?;
        }
        self.delete_owned(&PolicyOwner::Hub(hub.clone()))?;
        let sql = "DELETE FROM hub WHERE name_key = ?1";
        self.execute(sql, params![hub.key()]).map(|_| ())
    }

    fn delete_owned(&self, owner: &PolicyOwner) -> Result<(), StoreError> {
        let owner = owner_text(owner);
        // A link to a namespace is among them.
        self.registry_changes();
        for table in OF_OWNER {
            let sql = format!("DELETE FROM {table} WHERE owner = ?1");
            self.execute(&sql, params![&owner])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of all migrations that have a column of this name.
    fn tables_with(column: &str) -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let (mut tables, mut dropped) = (Vec::new(), Vec::new());
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for table in text.split("CREATE TABLE ").skip(1) {
                let (name, columns) = table.split_once(" (").unwrap();
                let columns = columns.split("\n);").next().unwrap();
                let is_there = columns
                    .lines()
                    .any(|line| line.trim_start().starts_with(&format!("{column} {{text}}")));
                if is_there {
                    tables.push(name.to_owned());
                }
            }
            let gone = text.split("DROP TABLE ").skip(1);
            dropped.extend(gone.filter_map(|rest| Some(rest.split_once(';')?.0.to_owned())));
        }
        tables.retain(|table| !dropped.contains(table));
        tables.sort();
        tables
    }

    fn sorted(tables: &[&str]) -> Vec<String> {
        let mut tables: Vec<String> = tables.iter().map(|&name| name.to_owned()).collect();
        tables.sort();
        tables
    }

    #[test]
    fn nothing_that_belongs_to_an_instance_or_a_hub_is_left() {
        assert_eq!(tables_with("dps"), sorted(&OF_DPS));
        let mut of_hub = OF_HUB.to_vec();
        of_hub.push("registration");
        assert_eq!(tables_with("hub"), sorted(&of_hub));
        assert_eq!(tables_with("owner"), sorted(&OF_OWNER));
    }
}
