//! Who holds certificates that stand, counted page by page from the indexes: what a revocation would touch.

use provost_model::registry::CaId;
use provost_model::{DpsName, NamespaceName, RegistryDeviceName, Timestamp};

use super::standing_leaves::signed_by;
use crate::sql::{Param, params};
use crate::{ReadTx, StoreError};

/// Whose certificates are counted.
#[derive(Debug, Clone, Copy)]
pub enum Holders<'a> {
    /// Those of one device, of whatever CA.
    Device(&'a RegistryDeviceName),
    /// Those of these CAs, of at most so many devices, in the order of their keys after one of them.
    Of {
        /// The CAs.
        cas: &'a [CaId],
        /// The last device of the page before.
        after: Option<&'a str>,
        /// Devices of a page.
        limit: usize,
    },
}

/// Counts of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HolderCounts {
    /// Devices of the registry that hold certificates which are neither revoked nor expired.
    pub devices: i64,
    /// Those certificates.
    pub certificates: i64,
    /// Those of the devices that are enabled and that an enabled entry which names a policy would let in.
    pub can_renew: i64,
    /// The key of the last device looked at; `None` when there was none.
    pub last: Option<String>,
}

impl ReadTx<'_> {
    /// Counts holders in a namespace and those among them that the given provisioning services would let in:
    /// a device's own entry decides alone when there is one, else the group it came by last.
    pub fn certificate_holder_counts(
        &self,
        namespace: &NamespaceName,
        holders: Holders<'_>,
        services: &[DpsName],
        now: Timestamp,
    ) -> Result<HolderCounts, StoreError> {
        let mut params = params![namespace.key(), now.as_micros()].to_vec();
        let held = held(holders, &mut params);
        let let_in = let_in(services, &mut params);
        // A deleted device comes back as another one: its certificates are of no use already.
        let sql = format!(
            "SELECT COUNT(d.name_key), CAST(SUM(CASE WHEN d.name_key IS NULL THEN 0 ELSE h.held END) AS BIGINT), \
             CAST(SUM(CASE WHEN d.enabled = 1 AND {let_in} THEN 1 ELSE 0 END) AS BIGINT), MAX(h.device) \
             FROM ({held}) h LEFT JOIN registry_device d ON d.namespace = ?1 AND d.name_key = h.device"
        );
        let counts = self.find(&sql, &params, |row| {
            Ok(HolderCounts {
                devices: row.int(0)?,
                certificates: row.opt_int(1)?.unwrap_or(0),
                can_renew: row.opt_int(2)?.unwrap_or(0),
                last: row.opt_text(3)?,
            })
        })?;
        Ok(counts.unwrap_or_default())
    }

    /// How many certificates of these CAs a device holds that are neither revoked nor expired.
    pub fn standing_leaves_of_device(
        &self,
        (namespace, device): (&NamespaceName, &RegistryDeviceName),
        cas: &[CaId],
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut params = params![namespace.key(), now.as_micros(), device.key()].to_vec();
        let signed = signed_by(cas, &mut params);
        let sql = format!(
            "SELECT COUNT(*) FROM issued_certificate WHERE namespace = ?1 AND device = ?3 AND {STANDS} AND {signed}"
        );
        self.count(&sql, &params)
    }
}

const STANDS: &str = "not_after > ?2 AND revoked_at IS NULL";

/// The devices with their counts; read from the index over devices alone.
fn held<'a>(holders: Holders<'a>, params: &mut Vec<Param<'a>>) -> String {
    let (whose, limit) = match holders {
        Holders::Device(name) => {
            params.push(Param::Text(name.key()));
            (format!("device = ?{}", params.len()), String::new())
        }
        Holders::Of { cas, after, limit } => {
            params.push(Param::Text(after.unwrap_or_default()));
            let past = format!("device > ?{}", params.len());
            let signed = signed_by(cas, params);
            params.push(Param::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
            (
                format!("{past} AND {signed}"),
                format!(" ORDER BY device LIMIT ?{}", params.len()),
            )
        }
    };
    format!(
        "SELECT device, COUNT(*) AS held FROM issued_certificate \
         WHERE namespace = ?1 AND {whose} AND {STANDS} GROUP BY device{limit}"
    )
}

/// The key a device registers by: its name in the registry may be another one.
const REGISTERS_AS: &str = "LOWER(d.external_device_id)";

fn let_in<'a>(services: &'a [DpsName], params: &mut Vec<Param<'a>>) -> String {
    const ISSUES: &str =
        "CASE WHEN e.status = 'enabled' AND e.credential_policy IS NOT NULL THEN 1 ELSE 0 END";
    let mut ways = Vec::with_capacity(services.len());
    for service in services {
        params.push(Param::Text(service.key()));
        let dps = format!("?{}", params.len());
        ways.push(format!(
            "COALESCE((SELECT {ISSUES} FROM enrollment e WHERE e.dps = {dps} AND e.kind = 'individual' \
             AND e.entry_key = {REGISTERS_AS}), \
             (SELECT {ISSUES} FROM registration r JOIN enrollment e ON e.dps = {dps} AND e.kind = 'group' \
             AND e.entry_key = r.group_key WHERE r.dps = {dps} AND r.registration_key = {REGISTERS_AS}), 0) = 1"
        ));
    }
    if ways.is_empty() {
        return "1 = 0".to_owned();
    }
    format!("({})", ways.join(" OR "))
}
