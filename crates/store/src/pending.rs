//! Runs through provisioning that wait for something outside the program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use provost_model::{
    AllocationAnswer, Assignment, CertificateDer, DeviceId, DpsName, Etag, HubName, HubRemoval, InitialTwin,
    KeptProof, Leased, OperationId, Origin, PendingRegistration, RegistrationId, Secret, Timestamp,
};
use serde_json::{Value, json};

use crate::convert::Place;
use crate::removal::GivenUp;
use crate::sql::{Row, params};
use crate::{AppendTx, ReadTx, StoreError, WriteTx};

const TABLE: &str = "pending_registration";
const COLUMNS: &str = "dps, registration_id, operation, sas, chain, judged_at, payload, answer, made_hub, \
    made_device_id, attempts, began_at, due_at, source_address, is_before_reprovisioning, csr";
/// What became of the wish to make a device on a hub elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It may be made.
    Ours {
        /// It is made anew, or made whole after a try that was cut off.
        is_new: bool,
    },
    /// What is there is of an assignment before and was to be removed: it goes first.
    Outdated,
    /// Somebody is at its removal, or it is to be disabled: that comes first.
    Busy,
    /// The run was replaced, or its lease lost.
    Replaced,
}

/// Which row, of which run, held by whom.
const HELD: &str = "dps = ?1 AND registration_key = ?2 AND operation = ?3 AND lease_holder = ?4";

impl ReadTx<'_> {
    /// The run that waits for a registration ID, whoever holds it.
    pub fn pending_registration(
        &self,
        dps: &DpsName,
        id: &RegistrationId,
    ) -> Result<Option<PendingRegistration>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM pending_registration WHERE dps = ?1 AND registration_key = ?2");
        self.find(&sql, params![dps.key(), id.key()], pending)
    }

    /// When the earliest run that waits is due.
    pub fn next_pending_registration(&self) -> Result<Option<Timestamp>, StoreError> {
        self.next_due("SELECT MIN(due_at) FROM pending_registration")
    }

    /// When the earliest removal that waits is due.
    pub fn next_hub_removal(&self) -> Result<Option<Timestamp>, StoreError> {
        self.next_due("SELECT MIN(due_at) FROM hub_removal")
    }

    fn next_due(&self, sql: &str) -> Result<Option<Timestamp>, StoreError> {
        let due = self.find(sql, params![], |row| row.opt_int(0))?.flatten();
        Ok(due.map(Timestamp::from_micros))
    }
}

impl WriteTx<'_> {
    /// Stores a run, in the place of an earlier one of the same registration ID. Who holds that one
    /// goes on holding the row and finds the run replaced; what it made stays written down. A run is
    /// not due before the one it replaces: a device that asks again and again does not hurry anything.
    pub fn put_pending_registration(&self, run: &PendingRegistration) -> Result<(), StoreError> {
        let sql = "INSERT INTO pending_registration (dps, registration_key, registration_id, operation, sas, \
                   chain, judged_at, payload, answer, made_hub, made_device_id, attempts, began_at, due_at, \
                   source_address, is_before_reprovisioning, csr) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
                   ON CONFLICT (dps, registration_key) DO UPDATE SET \
                   registration_id = excluded.registration_id, operation = excluded.operation, \
                   sas = excluded.sas, chain = excluded.chain, judged_at = excluded.judged_at, \
                   payload = excluded.payload, answer = excluded.answer, attempts = excluded.attempts, \
                   began_at = excluded.began_at, source_address = excluded.source_address, \
                   is_before_reprovisioning = excluded.is_before_reprovisioning, csr = excluded.csr, due_at = CASE \
                   WHEN pending_registration.lease_holder IS NULL \
                   AND pending_registration.due_at < excluded.due_at THEN excluded.due_at \
                   ELSE pending_registration.due_at END";
        let chain: Vec<String> = run
            .proof
            .chain
            .iter()
            .map(|der| STANDARD.encode(&der.0))
            .collect();
        let (chain, payload) = (chain.join(","), run.payload.as_ref().map(ToString::to_string));
        let answer = run.answer.as_ref().map(answer_text);
        let address = run.origin.address.map(|address| address.to_string());
        let params = params![
            run.dps.key(),
            run.registration_id.key(),
            run.registration_id.as_str(),
            run.operation.as_str(),
            run.proof.sas.as_ref().map(|sas| sas.expose().as_str()),
            &chain,
            run.judged_at.as_micros(),
            payload.as_deref(),
            answer.as_deref(),
            run.made.as_ref().map(|made| made.hub.key()),
            run.made.as_ref().map(|made| made.device_id.as_str()),
            i64::from(run.attempts),
            run.began_at.as_micros(),
            run.due_at.as_micros(),
            address.as_deref(),
            run.origin.is_before_reprovisioning,
            run.csr.as_deref(),
        ];
        self.execute(sql, params).map(|_| ())
    }

    /// Ends a run that is held; `false`, and nothing is done, when it was replaced or the lease lost.
    pub fn end_pending_registration(&self, run: &Leased<PendingRegistration>) -> Result<bool, StoreError> {
        let sql = format!("DELETE FROM pending_registration WHERE {HELD}");
        Ok(self.execute(&sql, &held(run))? > 0)
    }
}

impl AppendTx<'_> {
    /// Whoever held anything is gone: all of it that goes on is due now.
    pub fn forget_leases(&self) -> Result<(), StoreError> {
        for table in [TABLE, "hub_removal", "job", "reprovision"] {
            let sql = format!(
                "UPDATE {table} SET lease_holder = NULL, due_at = 0 WHERE lease_holder IS NOT NULL \
                 AND due_at IS NOT NULL"
            );
            self.execute(&sql, params![])?;
        }
        Ok(())
    }

    /// Takes up to `limit` runs that are due, until `until`. `holder` must never have been used.
    pub fn lease_pending_registrations(
        &self,
        now: Timestamp,
        until: Timestamp,
        holder: &str,
        limit: usize,
    ) -> Result<Vec<Leased<PendingRegistration>>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM pending_registration WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = self
            .read()
            .query(&sql, params![now.as_micros(), limit], pending)?;
        let take = "UPDATE pending_registration SET lease_holder = ?3, due_at = ?4 \
                    WHERE dps = ?1 AND registration_key = ?2";
        for run in &due {
            let params = params![
                run.dps.key(),
                run.registration_id.key(),
                holder,
                until.as_micros()
            ];
            self.execute(take, params)?;
        }
        let leased = due.into_iter().map(|work| Leased {
            work,
            holder: holder.to_owned(),
        });
        Ok(leased.collect())
    }

    /// Writes down how far a run that is held has come, and holds it until `until`. `false`, and
    /// nothing is written, when it was replaced or the lease lost.
    pub fn advance_pending_registration(
        &self,
        run: &Leased<PendingRegistration>,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE pending_registration SET answer = ?5, made_hub = ?6, made_device_id = ?7, attempts = ?8, \
             due_at = ?9 WHERE {HELD}"
        );
        let answer = run.work.answer.as_ref().map(answer_text);
        let [dps, id, operation, holder] = held(run);
        let params = [
            dps,
            id,
            operation,
            holder,
            answer.as_deref().into(),
            run.work.made.as_ref().map(|made| made.hub.key()).into(),
            run.work.made.as_ref().map(|made| made.device_id.as_str()).into(),
            i64::from(run.work.attempts).into(),
            until.as_micros().into(),
        ];
        Ok(self.execute(&sql, &params)? > 0)
    }

    /// Writes down that a run that is held is about to make or update a device on a hub elsewhere, and
    /// holds it until `until`. With [`Claim::Ours`] `run` says what was written; otherwise nothing is.
    pub fn claim_place(
        &self,
        run: &mut Leased<PendingRegistration>,
        place: &Assignment,
        is_there: bool,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Claim, StoreError> {
        let sql = format!("SELECT COUNT(*) FROM pending_registration WHERE {HELD}");
        if self.read().count(&sql, &held(run))? == 0 {
            return Ok(Claim::Replaced);
        }
        match self.give_up_hub_removal(place, is_there, now)? {
            GivenUp::Not => return Ok(Claim::Busy),
            GivenUp::NotYet => return Ok(Claim::Outdated),
            GivenUp::Nothing => {}
        }
        let is_new = !is_there || run.work.made.as_ref() == Some(place);
        if is_new {
            // Only one place is written down; another one goes by itself.
            if let Some(left) = run.work.made.replace(place.clone()).filter(|left| left != place) {
                self.put_hub_removal(&HubRemoval::delete(left.hub, left.device_id, now))?;
            }
        }
        self.advance_pending_registration(run, until)?;
        Ok(Claim::Ours { is_new })
    }

    /// Gives a run back. One that was replaced meanwhile is due at once, otherwise it is due, and has
    /// failed as often, as `run` says.
    pub fn release_pending_registration(
        &self,
        run: &Leased<PendingRegistration>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE pending_registration SET lease_holder = NULL, attempts = ?5, due_at = ?6 WHERE {HELD}"
        );
        let [dps, id, operation, holder] = held(run);
        let (attempts, due) = (i64::from(run.work.attempts), run.work.due_at.as_micros());
        self.execute(&sql, &[dps, id, operation, holder, attempts.into(), due.into()])?;
        let replaced = "UPDATE pending_registration SET lease_holder = NULL, due_at = ?4 \
                        WHERE dps = ?1 AND registration_key = ?2 AND lease_holder = ?3";
        self.execute(replaced, &[dps, id, holder, now.as_micros().into()])?;
        Ok(())
    }
}

fn held(run: &Leased<PendingRegistration>) -> [crate::sql::Param<'_>; 4] {
    [
        run.work.dps.key().into(),
        run.work.registration_id.key().into(),
        run.work.operation.as_str().into(),
        run.holder.as_str().into(),
    ]
}

fn answer_text(answer: &AllocationAnswer) -> String {
    let twin = answer
        .initial_twin
        .as_ref()
        .map(|twin| json!({ "tags": twin.tags, "desired": twin.desired }));
    json!({
        "entry": answer.entry.as_str(),
        "hub": answer.hub.as_str(),
        "twin": twin,
        "payload": answer.payload,
    })
    .to_string()
}

fn answer(place: Place<'_>, text: &str) -> Result<AllocationAnswer, StoreError> {
    let wrong = || place.inconsistent("answer");
    let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).ok_or_else(wrong);
    let twin = match value.get("twin") {
        None | Some(Value::Null) => None,
        Some(twin) => {
            let part = |name: &str| twin.get(name).and_then(Value::as_object).cloned();
            Some(InitialTwin {
                tags: part("tags").ok_or_else(wrong)?,
                desired: part("desired").ok_or_else(wrong)?,
            })
        }
    };
    Ok(AllocationAnswer {
        entry: Etag::from_text(text("entry")?),
        hub: place.id("answer", HubName::parse(text("hub")?))?,
        initial_twin: twin,
        payload: value.get("payload").filter(|payload| !payload.is_null()).cloned(),
    })
}

fn pending(row: &Row<'_>) -> Result<PendingRegistration, StoreError> {
    let id = row.text(1)?;
    let place = Place {
        table: TABLE,
        key: &id,
    };
    let made = match (row.opt_text(8)?, row.opt_text(9)?) {
        (Some(hub), Some(device_id)) => Some(Assignment {
            hub: place.id("made_hub", HubName::parse(&hub))?,
            device_id: place.id("made_device_id", DeviceId::parse(&device_id))?,
        }),
        _ => None,
    };
    let payload = row
        .opt_text(6)?
        .map(|text| serde_json::from_str(&text).map_err(|_| place.inconsistent("payload")));
    let address = row
        .opt_text(13)?
        .map(|text| text.parse().map_err(|_| place.inconsistent("source_address")));
    Ok(PendingRegistration {
        dps: place.id("dps", DpsName::parse(&row.text(0)?))?,
        registration_id: place.id("registration_id", RegistrationId::parse(&id))?,
        operation: place.id("operation", OperationId::parse(&row.text(2)?))?,
        proof: KeptProof {
            sas: row.opt_text(3)?.map(Secret::new),
            chain: chain(place, &row.text(4)?)?,
        },
        judged_at: Timestamp::from_micros(row.int(5)?),
        origin: Origin {
            address: address.transpose()?,
            is_before_reprovisioning: row.flag(14)?,
        },
        payload: payload.transpose()?,
        csr: row.opt_text(15)?,
        answer: row.opt_text(7)?.map(|text| answer(place, &text)).transpose()?,
        made,
        attempts: u32::try_from(row.int(10)?).map_err(|_| place.inconsistent("attempts"))?,
        began_at: Timestamp::from_micros(row.int(11)?),
        due_at: Timestamp::from_micros(row.int(12)?),
    })
}

fn chain(place: Place<'_>, text: &str) -> Result<Vec<CertificateDer>, StoreError> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| STANDARD.decode(part).map(CertificateDer))
        .collect::<Result<_, _>>()
        .map_err(|_| place.inconsistent("chain"))
}
