//! Who may connect: the order of judging a device (iot-hub-device-api.md 3.4).

mod admitted;
mod caller;
mod judge;
mod refusal;
mod right;

use provost_attestation::sas::SasToken;
use provost_model::{AuthorityOwner, Hub, IdentityId, PolicyName, PolicyOwner};
use provost_pki::{Certificate, PresentedChain};
use provost_store::{ReadTx, StoreError};

pub(crate) use self::admitted::Admitted;
#[cfg(test)]
pub(crate) use self::admitted::AdmittedBy;
pub use self::caller::DeviceCaller;
use self::judge::{Known, Presented, judge};
pub use self::refusal::{ConnectRefusal, RefusalReason};
pub(crate) use self::right::Right;
use crate::HubError;
use crate::service::HubService;
use crate::session::DeviceSession;

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
        let mut place = self.sessions().enter(&hub.name, request.id, request.is_kept);
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
        let place = self.sessions().enter(&hub.name, request.id, false);
        place.link().begin_reading();
        let admitted = self.judge(&hub, &request, &presented).await?;
        let caller = DeviceCaller::new(place, admitted);
        self.activity().note_asked(caller.hub(), caller.id(), self.now());
        Ok(caller)
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
        judge(hub, request.id, presented, known, memo, now)
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
        let read = move |tx: &ReadTx<'_>| {
            let credential = tx.credential(&hub, &id)?;
            let policy = match policy {
                Some(Ok(name)) => tx.access_policy(&PolicyOwner::Hub(hub.clone()), &name)?,
                _ => None,
            };
            // Whoever presents a chain costs the same, known or not, whatever it is registered for (D-22).
            let mut anchors = Vec::new();
            for issuer in &issuers {
                let owner = AuthorityOwner::Hub(hub.clone());
                let found = tx.certificate_authorities_by_subject(&owner, issuer)?;
                anchors.extend(
                    found
                        .into_iter()
                        .filter(|ca| ca.is_verified)
                        .map(|ca| ca.certificate),
                );
            }
            Ok(Known {
                credential,
                policy,
                anchors,
            })
        };
        self.store().read(read).await
    }
}
