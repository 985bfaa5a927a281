use std::sync::Arc;
use std::time::Duration;

use provost_model::registry::{Ca, CaId, CaState, DelegatedResponder};
use provost_model::{Clock, ErrorKind, Timestamp};
use provost_pki::ocsp::{CertStatus, OcspRefusal, OcspRequest, OcspResponse, SingleResponse};
use provost_store::{ReadTx, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, warn};

use super::answers::{AnswerKey, KeptAnswer, KeptAnswers};
use super::certificates::{CaCertificates, ReadCertificate};
use super::status::Facts;
use super::voice::Voices;
use crate::{CaError, CaKeys};

/// From an answer to the promised next; it is used for half of that.
const LIFETIME: Duration = Duration::from_hours(24);
/// The same of an answer about something unknown: it may be issued any moment.
const UNKNOWN_LIFETIME: Duration = Duration::from_mins(5);
/// How many answers are signed at a time.
const SIGNING: usize = 4;
/// How many may be signed or wait for it; whoever comes then is told to try later.
pub(super) const WAITING: usize = 256;

/// Answers OCSP requests about certificates of our CAs. Cheap to clone.
#[derive(Clone)]
pub struct OcspResponder {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    keys: CaKeys,
    clock: Arc<dyn Clock>,
    kept: KeptAnswers,
    certificates: Arc<CaCertificates>,
    voices: Voices,
    signing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct OcspAnswer {
    /// Its bytes.
    pub der: Arc<[u8]>,
    /// What it says, for counting.
    pub word: OcspWord,
    /// From when to when it stands, when others may keep it: not with a nonce, not about something
    /// unknown, and no refusal.
    pub standing: Option<OcspStanding>,
}

/// From when to when an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OcspStanding {
    /// Since when.
    pub this_update: Timestamp,
    /// By when there is a newer one.
    pub next_update: Timestamp,
}

/// What a response says; of an answer about several certificates the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OcspWord {
    /// Issued and not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// Never issued, as far as is known.
    Unknown,
    /// The request cannot be read.
    MalformedRequest,
    /// The responder failed.
    InternalError,
    /// It cannot answer now.
    TryLater,
    /// It does not answer for this issuer.
    Unauthorized,
}

impl OcspWord {
    /// The word of RFC 6960.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
            Self::MalformedRequest => "malformedRequest",
            Self::InternalError => "internalError",
            Self::TryLater => "tryLater",
            Self::Unauthorized => "unauthorized",
        }
    }

    fn of(statuses: &[CertStatus]) -> Self {
        let is_one = |wanted: fn(&CertStatus) -> bool| statuses.iter().any(wanted);
        if is_one(|status| matches!(status, CertStatus::Revoked(_))) {
            Self::Revoked
        } else if is_one(|status| matches!(status, CertStatus::Unknown)) {
            Self::Unknown
        } else {
            Self::Good
        }
    }
}

impl OcspAnswer {
    fn refusal(refusal: OcspRefusal) -> Self {
        Self {
            der: Arc::from(refusal.to_der()),
            word: match refusal {
                OcspRefusal::MalformedRequest => OcspWord::MalformedRequest,
                OcspRefusal::InternalError => OcspWord::InternalError,
                OcspRefusal::TryLater => OcspWord::TryLater,
                OcspRefusal::Unauthorized => OcspWord::Unauthorized,
            },
            standing: None,
        }
    }

    fn kept(kept: KeptAnswer) -> Self {
        Self {
            der: kept.der,
            word: OcspWord::of(&[kept.status]),
            standing: Some(OcspStanding {
                this_update: kept.this_update,
                next_update: kept.next_update,
            }),
        }
    }
}

/// An answer that is to be signed.
struct Order {
    request: OcspRequest,
    responder: DelegatedResponder,
    statuses: Vec<CertStatus>,
    now: Timestamp,
    next_update: Timestamp,
}

impl Order {
    /// What is to be signed, or why nothing is.
    fn of(
        facts: Facts,
        certificates: &CaCertificates,
        request: OcspRequest,
        now: Timestamp,
    ) -> Result<Self, OcspRefusal> {
        let (issuer, end) = speaking(&facts.ca, certificates, now).ok_or(OcspRefusal::Unauthorized)?;
        let issuer = &issuer.certificate;
        if !request.certificates.iter().all(|id| id.is_issued_by(issuer)) {
            return Err(OcspRefusal::Unauthorized);
        }
        // Without one the CA was made just now, or its responder could not be renewed.
        let responder = facts.responder.filter(|responder| now < responder.not_after);
        let responder = responder.ok_or(OcspRefusal::TryLater)?;
        let lifetime = match OcspWord::of(&facts.statuses) {
            OcspWord::Unknown => UNKNOWN_LIFETIME,
            _ => LIFETIME,
        };
        Ok(Self {
            next_update: now.after(lifetime).min(responder.not_after).min(end),
            request,
            responder,
            statuses: facts.statuses,
            now,
        })
    }

    /// Under what name the answer is kept, and the status it tells; `None` when it is for one asker alone.
    fn key(&self) -> Option<(AnswerKey, CertStatus)> {
        match (
            self.request.certificates.as_slice(),
            self.statuses.as_slice(),
            &self.request.nonce,
        ) {
            ([id], [status], None) => Some(((self.responder.ca.clone(), id.as_der().to_vec()), *status)),
            _ => None,
        }
    }

    fn standing(&self) -> Option<OcspStanding> {
        // Something unknown may be issued any moment, and anybody can make up what is unknown.
        let is_lasting = OcspWord::of(&self.statuses) != OcspWord::Unknown;
        (is_lasting && self.request.nonce.is_none()).then_some(OcspStanding {
            this_update: self.now,
            next_update: self.next_update,
        })
    }
}

impl OcspResponder {
    /// Answers for the CAs in this store.
    pub fn new(store: Store, keys: CaKeys, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            store,
            keys,
            clock,
            kept: KeptAnswers::default(),
            certificates: Arc::default(),
            voices: Voices::default(),
            signing: Arc::new(Semaphore::new(SIGNING)),
            waiting: Arc::new(Semaphore::new(WAITING)),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Answers a request in DER that was sent to a CA's address; `None` when there is no such CA.
    pub async fn answer(&self, ca: &CaId, request: &[u8]) -> Option<OcspAnswer> {
        self.answer_parsed(ca, OcspRequest::from_der(request)).await
    }

    /// The same for a request in base64, as a GET has it, its percent encoding undone.
    pub async fn answer_base64(&self, ca: &CaId, request: &str) -> Option<OcspAnswer> {
        self.answer_parsed(ca, OcspRequest::from_base64(request)).await
    }

    async fn answer_parsed<E>(&self, ca: &CaId, request: Result<OcspRequest, E>) -> Option<OcspAnswer> {
        let Ok(request) = request else {
            return Some(OcspAnswer::refusal(OcspRefusal::MalformedRequest));
        };
        let (id, asked) = (ca.clone(), request.certificates.clone());
        let certificates = Arc::clone(&self.inner.certificates);
        let read = move |tx: &ReadTx<'_>| Facts::read(tx, &id, &asked, &certificates);
        let answered = match self.inner.store.read(read).await {
            Ok(None) => return None,
            Ok(Some(facts)) => self.answer_from(facts, request).await,
            Err(failed) => Err(of_store(&failed)),
        };
        Some(answered.unwrap_or_else(OcspAnswer::refusal))
    }

    async fn answer_from(&self, facts: Facts, request: OcspRequest) -> Result<OcspAnswer, OcspRefusal> {
        let now = self.inner.clock.now();
        let order = Order::of(facts, &self.inner.certificates, request, now)?;
        let key = order.key();
        if let Some((key, status)) = &key
            && let Some(kept) = self.inner.kept.find(key, *status, &order.responder.serial, now)
        {
            return Ok(OcspAnswer::kept(kept));
        }
        let (word, standing) = (OcspWord::of(&order.statuses), order.standing());
        let signed_by = order.responder.serial.clone();
        let der: Arc<[u8]> = Arc::from(self.sign(order).await?);
        if let (Some((key, status)), Some(standing)) = (key, standing) {
            let answer = KeptAnswer {
                der: Arc::clone(&der),
                status,
                responder: signed_by,
                this_update: standing.this_update,
                next_update: standing.next_update,
            };
            self.inner.kept.keep(key, answer);
        }
        Ok(OcspAnswer { der, word, standing })
    }

    /// Signs on a thread that may wait. Anybody may ask, so what is signed at a time is bounded.
    async fn sign(&self, order: Order) -> Result<Vec<u8>, OcspRefusal> {
        let permits = self.permits().await.ok_or(OcspRefusal::TryLater)?;
        let inner = Arc::clone(&self.inner);
        let signed = tokio::task::spawn_blocking(move || {
            // Held until it is done, though nobody may wait for the answer any more.
            let _permits = permits;
            inner.signed(&order)
        });
        match signed.await {
            Ok(Ok(der)) => Ok(der),
            Ok(Err(failed)) => {
                warn!(
                    error = &failed as &dyn std::error::Error,
                    "an OCSP response could not be signed"
                );
                Err(of_kind(failed.kind()))
            }
            Err(_) => Err(OcspRefusal::InternalError),
        }
    }

    /// Takes the places of as many that wait.
    #[cfg(test)]
    pub(super) async fn hold_waiting(&self, places: u32) -> OwnedSemaphorePermit {
        let waiting = Arc::clone(&self.inner.waiting);
        waiting.acquire_many_owned(places).await.unwrap()
    }

    async fn permits(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let waiting = Arc::clone(&self.inner.waiting).try_acquire_owned().ok()?;
        let signing = Arc::clone(&self.inner.signing).acquire_owned().await.ok()?;
        Some([waiting, signing])
    }
}

impl Inner {
    fn signed(&self, order: &Order) -> Result<Vec<u8>, CaError> {
        let voice = self.voices.of(&order.responder, &self.keys)?;
        let responses: Vec<SingleResponse> = order
            .request
            .certificates
            .iter()
            .zip(&order.statuses)
            .map(|(id, status)| SingleResponse {
                id: id.clone(),
                status: *status,
                this_update: order.now,
                next_update: order.next_update,
            })
            .collect();
        let response = OcspResponse {
            responder: &voice.certificate,
            with_certificate: true,
            produced_at: order.now,
            responses: &responses,
            nonce: order.request.nonce.as_deref(),
        };
        Ok(response.signed_with(&voice.signer)?)
    }
}

/// The certificate of a CA that is answered for, and its end. Not one that was revoked: whoever holds its key
/// could have made a responder, so no answer in its name is worth anything. Not one that expired, nor one whose
/// key is not here: nobody can make a responder for it.
fn speaking(
    ca: &Ca,
    certificates: &CaCertificates,
    now: Timestamp,
) -> Option<(Arc<ReadCertificate>, Timestamp)> {
    let end = ca.not_after.filter(|end| now < *end)?;
    let is_heard = ca.state != CaState::Revoked && !ca.key.is_offline();
    let certificate = certificates.of(ca).filter(|_| is_heard)?;
    Some((certificate, end))
}

fn of_store(failed: &StoreError) -> OcspRefusal {
    error!(
        error = failed as &dyn std::error::Error,
        "OCSP cannot read the store"
    );
    of_kind(failed.kind())
}

fn of_kind(kind: ErrorKind) -> OcspRefusal {
    match kind {
        ErrorKind::Unavailable | ErrorKind::Throttled { .. } => OcspRefusal::TryLater,
        _ => OcspRefusal::InternalError,
    }
}
