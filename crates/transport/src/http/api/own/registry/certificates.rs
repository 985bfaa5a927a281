use std::time::Duration;

use provost_model::Timestamp;
use provost_model::registry::{CaId, IssuedCertificate, IssuedState};
use provost_registry::{CertificateFilter, IssuedAfter};
use provost_wire::json::BodyError;
use provost_wire::own::registry::{CertificateQuery, IssuedPageView, IssuedView};

use super::{Answered, RegistryFailure, Request};
use crate::http::api::own::shown;

const DAY: Duration = Duration::from_hours(24);
/// Far behind every certificate: 9999-12-31.
const NEVER: i64 = 253_402_300_799;

impl Request<'_> {
    /// One condition chooses the index, the others look at what it gives: a page may have fewer
    /// certificates than were asked for, and there may be another one all the same.
    pub(super) async fn certificates(&self, query: CertificateQuery) -> Answered {
        let now = self.parts.clock.now();
        let window = window(&query, now);
        let filter = filter(&query, window, now)?;
        let is_by_device = matches!(filter, CertificateFilter::Device { .. });
        let is_paged = matches!(
            filter,
            CertificateFilter::Device { .. }
                | CertificateFilter::Expiring { .. }
                | CertificateFilter::Standing { .. }
        );
        let found = self
            .registry
            .certificates(self.admin, self.namespace, filter, query.top)
            .await?;
        let last = found
            .last()
            .filter(|_| is_paged && found.len() == query.top.get());
        let continuation = last.map(|last| {
            if is_by_device {
                last.number.to_string()
            } else {
                format!("{}-{}", last.not_after.as_micros(), last.number)
            }
        });
        let fits = |one: &&IssuedCertificate| fits(&query, window, one);
        Ok(shown(&IssuedPageView {
            value: found.iter().filter(fits).map(IssuedView::listed).collect(),
            continuation,
        }))
    }
}

/// From when until when certificates are to expire.
fn window(query: &CertificateQuery, now: Timestamp) -> (Timestamp, Timestamp) {
    let never = Timestamp::from_unix_seconds(NEVER);
    let before = query.expires_before.unwrap_or(never);
    match query.expiring_within_days {
        Some(days) => (now, before.min(now.after(DAY * days))),
        None => (Timestamp::default(), before),
    }
}

fn filter(
    query: &CertificateQuery,
    (from, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<CertificateFilter, RegistryFailure> {
    let wrong = || {
        RegistryFailure::Body(BodyError::Value {
            path: "continuation".to_owned(),
            reason: "is none of this listing".to_owned(),
        })
    };
    if let Some(bytes) = &query.thumbprint {
        return Ok(CertificateFilter::Thumbprint(bytes.clone()));
    }
    if let Some(serial) = &query.serial {
        return Ok(CertificateFilter::Serial(serial.clone()));
    }
    let continuation = query.continuation.as_deref();
    if let Some(name) = &query.device {
        let before = continuation.map(|text| text.parse().map_err(|_| wrong()));
        return Ok(CertificateFilter::Device {
            name: name.clone(),
            before: before.transpose()?,
        });
    }
    let after = continuation.map(|text| {
        let (not_after, number) = text.split_once('-')?;
        Some(IssuedAfter {
            not_after: Timestamp::from_micros(not_after.parse().ok()?),
            number: number.parse().ok()?,
        })
    });
    let after = after.map(|after| after.ok_or_else(wrong)).transpose()?;
    if let Some(ca) = &query.standing_of {
        return Ok(CertificateFilter::Standing {
            ca: ca.clone(),
            now,
            after,
        });
    }
    Ok(CertificateFilter::Expiring { from, until, after })
}

fn fits(query: &CertificateQuery, (from, until): (Timestamp, Timestamp), one: &IssuedCertificate) -> bool {
    let is_thumbprint = |bytes: &Vec<u8>| {
        one.sha1.as_ref().is_some_and(|hash| hash.as_slice() == bytes)
            || one.sha256.as_ref().is_some_and(|hash| hash.as_slice() == bytes)
    };
    let does_stand = |ca: &CaId| one.ca == *ca && one.state == IssuedState::Issued && one.revoked.is_none();
    query.device.as_ref().is_none_or(|device| *device == one.device)
        && query.standing_of.as_ref().is_none_or(does_stand)
        && query.serial.as_ref().is_none_or(|serial| *serial == one.serial)
        && query.thumbprint.as_ref().is_none_or(is_thumbprint)
        && one.not_after >= from
        && one.not_after < until
}
