//! Who may connect: the order of judging a device (iot-hub-device-api.md 3.4).

mod admitted;
mod caller;
mod judge;
mod managed;
mod refusal;
mod right;

use provost_attestation::sas::SasToken;
use provost_model::registry::{CaId, SerialNumber};
use provost_model::{AuthorityOwner, Hub, HubName, IdentityId, PolicyName, PolicyOwner};
use provost_pki::{Certificate, PresentedChain};
use provost_store::{CrlPart, ReadTx, StoreError};

pub(crate) use self::admitted::Admitted;
#[cfg(test)]
pub(crate) use self::admitted::AdmittedBy;
pub use self::caller::DeviceCaller;
use self::judge::{Known, Presented, judge};
use self::managed::Anchor;
pub use self::refusal::{ConnectRefusal, RefusalReason};
pub(crate) use self::right::Right;
use crate::HubError;
use crate::service::HubService;
use crate::session::{DeviceSession, Place};

/// How often a device may change while it is being judged before it is told to come back later.
const MAX_JUDGEMENTS: usize = 4;

/// What a device or module presents when it connects.
#[derive(Debug, Clone)]
pub struct ConnectRequest<'a> {
    /// The hub's host name as the device spells it, with or without a port.
    pub host: &'a str,
    /// The device or module.
    pub id: &'a IdentityId,
    /// The SAS token, when the device sent one.
    pub sas: Option<&'a str>,
    /// The certificates of the TLS handshake, when the device sent any.
    pub certificates: Option<&'a PresentedChain>,
    /// Whether what the session is subscribed to outlives the connection, and goes on from an
    /// earlier one: MQTT's clean session flag, turned round.
    pub is_kept: bool,
}

impl HubService {
    /// Admits a device, or says why not.
    ///
    /// The session enters the session table before the device is read, and whoever changes the
    /// device looks through the table after the commit: whatever the interleaving, no session
    /// outlives the right it was admitted by. The session before it is closed only once the
    /// newcomer is admitted.
    ///
    /// # Errors
    /// [`ConnectRefusal`].
    pub async fn connect(&self, request: ConnectRequest<'_>) -> Result<DeviceSession, ConnectRefusal> {
        let presented = Presented::read(&request)?;
        let hub = self.addressed_hub(&request, &presented).await?;
        let mut place = self.enter(&hub, &request, request.is_kept);
        for _ in 0..MAX_JUDGEMENTS {
            place.link().begin_reading();
            let admitted = self.judge(&hub, &request, &presented).await?;
            match DeviceSession::begin(self, place, admitted) {
                Ok(mut session) => {
                    session.resume().await?;
                    return Ok(session);
                }
                // The device changed between the reading and now.
                Err(unchanged) => place = unchanged,
            }
        }
        Err(ConnectRefusal::Unavailable(None))
    }

    /// Proves a device that does not stay: whoever asks over HTTPS. It is judged as one that connects,
    /// by what stands in the store at this moment, and ends no session. It stands in the session table as
    /// one that is being judged, and so learns of changes while it acts.
    ///
    /// # Errors
    /// [`ConnectRefusal`].
    pub async fn authenticate_device(
        &self,
        request: ConnectRequest<'_>,
    ) -> Result<DeviceCaller, ConnectRefusal> {
        let presented = Presented::read(&request)?;
        let hub = self.addressed_hub(&request, &presented).await?;
        let place = self.enter(&hub, &request, false);
        place.link().begin_reading();
        let admitted = self.judge(&hub, &request, &presented).await?;
        let caller = DeviceCaller::new(place, admitted);
        self.activity().note_asked(caller.hub(), caller.id(), self.now());
        Ok(caller)
    }

    fn enter(&self, hub: &Hub, request: &ConnectRequest<'_>, is_kept: bool) -> Place {
        let leaf = request.certificates.map(PresentedChain::leaf);
        let leaf_of = leaf.and_then(Certificate::device_identifier);
        let device = leaf_of.map(|identifier| identifier.device);
        self.sessions().enter(&hub.name, request.id, is_kept, device)
    }

    async fn addressed_hub(
        &self,
        request: &ConnectRequest<'_>,
        presented: &Presented<'_>,
    ) -> Result<Hub, ConnectRefusal> {
        match self.hub_by_host(request.host).await {
            Ok(hub) => Ok(hub),
            Err(HubError::Store(error)) => Err(ConnectRefusal::Unavailable(Some(error))),
            Err(_) => {
                presented.spend_like_a_judgement(self.now());
                Err(RefusalReason::UnknownHub.into())
            }
        }
    }

    /// Judges a device by what stands in the store now.
    async fn judge(
        &self,
        hub: &Hub,
        request: &ConnectRequest<'_>,
        presented: &Presented<'_>,
    ) -> Result<Admitted, ConnectRefusal> {
        let known = self.read_known(hub, request, presented).await?;
        let (memo, now) = (self.signatures(), self.now());
        judge(hub, request.id, presented, &known, memo, now)
    }

    async fn read_known(
        &self,
        hub: &Hub,
        request: &ConnectRequest<'_>,
        presented: &Presented<'_>,
    ) -> Result<Known, StoreError> {
        let (hub, id) = (hub.name.clone(), request.id.clone());
        let policy = presented
            .sas
            .as_ref()
            .and_then(SasToken::policy)
            .map(PolicyName::parse);
        let issuers: Vec<_> = presented
            .certificates
            .iter()
            .flat_map(|chain| chain.iter().map(Certificate::issuer_hash))
            .collect();
        let strict_leaf = presented
            .certificates
            .filter(|_| self.refuses_revoked_serials())
            .map(|chain| chain.leaf().clone());
        let leaf = presented.certificates.map(|chain| chain.leaf().shown());
        let read = move |tx: &ReadTx<'_>| {
            let credential = tx.credential(&hub, &id)?;
            let policy = match policy {
                Some(Ok(name)) => tx.access_policy(&PolicyOwner::Hub(hub.clone()), &name)?,
                _ => None,
            };
            // Whoever presents a chain costs the same, known or not, whatever it is registered for (D-22).
            let mut anchors = Vec::new();
            for issuer in &issuers {
                anchors.extend(read_anchors(tx, &hub, issuer, strict_leaf.as_ref())?);
            }
            let registry = tx.registry_identity(&hub, &id.device_id)?;
            let issuers = leaf.map(|leaf| tx.known_issuers(issuers, &leaf)).transpose()?;
            Ok(Known {
                credential,
                policy,
                anchors,
                registry,
                issuers: issuers.unwrap_or_default(),
            })
        };
        self.store().read(read).await
    }
}

/// The verified CA certificates of a hub with this subject.
fn read_anchors(
    tx: &ReadTx<'_>,
    hub: &HubName,
    subject: &[u8; 32],
    strict_leaf: Option<&Certificate>,
) -> Result<Vec<Anchor>, StoreError> {
    let owner = AuthorityOwner::Hub(hub.clone());
    let mut anchors = Vec::new();
    for ca in tx.certificate_authorities_by_subject(&owner, subject)? {
        if !ca.is_verified {
            continue;
        }
        let lists_leaf = match (strict_leaf, &ca.synchronized) {
            (Some(leaf), Some(from)) => is_listed(tx, leaf, &from.ca)?,
            _ => false,
        };
        anchors.push(Anchor {
            certificate: ca.certificate,
            synchronized: ca.synchronized,
            lists_leaf,
        });
    }
    Ok(anchors)
}

/// Whether a leaf stands among the revoked of a CA, however it came there.
fn is_listed(tx: &ReadTx<'_>, leaf: &Certificate, ca: &CaId) -> Result<bool, StoreError> {
    let Some(serial) = SerialNumber::parse(&leaf.serial_hex()) else {
        return Ok(false);
    };
    let shards = match tx.issued_by_serial(ca, &serial)? {
        Some(issued) => issued.shard..issued.shard.saturating_add(1),
        // A database that was put back may not know it any more; its line on the CRL was carried over.
        None => 0..tx.ca(ca)?.map_or(0, |ca| ca.shards),
    };
    for shard in shards {
        let ca = ca.clone();
        if tx.is_revoked(&CrlPart { ca, shard }, serial.as_bytes())? {
            return Ok(true);
        }
    }
    Ok(false)
}
