use std::time::Duration;

use provost_attestation::sas;
use provost_device::Target;
use provost_device::http::{HttpAnswer, HttpClient, Method};
use provost_device::tls::ClientTls;
use provost_model::ambient::SystemClock;
use provost_model::{Clock, Secret, SymmetricKey};
use serde_json::Value;

use super::{ClientError, Refusal};

/// Lifetime of the tokens signed here, as the `az` command line has it (dps-service-api.md 1.3).
const SAS_TTL: Duration = Duration::from_mins(10);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request that came too fast is sent again.
const MAX_WAITS: u32 = 20;
/// The longest wait that is obeyed as told.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// More pages than this are a server that never ends.
const MAX_PAGES: usize = 100_000;
const CONTINUATION: &str = "x-ms-continuation";

/// Who asks.
pub(super) enum Authorization {
    /// A shared access policy; every request is signed anew.
    Policy {
        resource: String,
        policy: String,
        key: SymmetricKey,
    },
    /// The value of the header as it is: a bearer token or a ready-made SAS token.
    Header(Secret<String>),
}

impl Authorization {
    fn header(&self, clock: &dyn Clock) -> Secret<String> {
        match self {
            Self::Policy {
                resource,
                policy,
                key,
            } => Secret::new(sas::sign(resource, key, clock.now().after(SAS_TTL), Some(policy))),
            Self::Header(value) => value.clone(),
        }
    }
}

/// An answer below 300.
#[derive(Debug)]
pub struct Answer {
    /// The body; null when there is none.
    pub body: Value,
    /// The long-running operation the answer leaves behind, by its name (certificate-management.md 1.6).
    pub operation: Option<String>,
    continuation: Option<String>,
}

/// Requests to one service, over one kept connection.
pub struct ApiClient {
    target: Target,
    tls: ClientTls,
    authorization: Authorization,
    api_version: &'static str,
    timeout: Duration,
    connection: Option<HttpClient>,
}

impl ApiClient {
    pub(super) fn new(
        target: Target,
        tls: ClientTls,
        authorization: Authorization,
        api_version: &'static str,
    ) -> Self {
        Self {
            target,
            tls,
            authorization,
            api_version,
            timeout: TIMEOUT,
            connection: None,
        }
    }

    /// Waits this long for the answers to come, for requests that wait for something themselves.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Reads a document.
    pub async fn get(&mut self, path: &str) -> Result<Value, ClientError> {
        Ok(self.send(Method::GET, path, &[], None).await?.body)
    }

    /// Writes a document; `if_match` is sent as it is.
    pub async fn put(
        &mut self,
        path: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Value, ClientError> {
        self.write(Method::PUT, path, body, if_match).await
    }

    /// Merges into a document.
    pub async fn patch(
        &mut self,
        path: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Value, ClientError> {
        self.write(Method::PATCH, path, body, if_match).await
    }

    /// Posts a body.
    pub async fn post(
        &mut self,
        path: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Value, ClientError> {
        self.write(Method::POST, path, body, if_match).await
    }

    /// Deletes; without an etag whatever is there.
    pub async fn delete(&mut self, path: &str, if_match: Option<&str>) -> Result<(), ClientError> {
        let headers = [("if-match", if_match.unwrap_or("*"))];
        self.send(Method::DELETE, path, &headers, None).await.map(drop)
    }

    /// All items of a paged query (dps-service-api.md 2.5); at most `top` when given.
    pub async fn query(&mut self, path: &str, top: Option<usize>) -> Result<Vec<Value>, ClientError> {
        self.query_text(path, "SELECT *", top).await
    }

    /// The same for a query that says what it wants (iot-hub-service-api.md 8.1).
    pub async fn query_text(
        &mut self,
        path: &str,
        text: &str,
        top: Option<usize>,
    ) -> Result<Vec<Value>, ClientError> {
        let body = serde_json::json!({ "query": text });
        self.pages(Method::POST, path, Some(&body), top).await
    }

    /// All items of a listing in pages; at most `top` when given.
    pub async fn pages(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        top: Option<usize>,
    ) -> Result<Vec<Value>, ClientError> {
        let mut items = Vec::new();
        let mut continuation: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let rest = top.map(|top| top.saturating_sub(items.len()).min(1000).to_string());
            let mut headers: Vec<(&str, &str)> = Vec::new();
            headers.extend(rest.as_deref().map(|rest| ("x-ms-max-item-count", rest)));
            headers.extend(continuation.as_deref().map(|token| (CONTINUATION, token)));
            let answer = self.send(method.clone(), path, &headers, body).await?;
            let Value::Array(page) = answer.body else {
                return Err(ClientError::Unexpected("a page that is no array"));
            };
            items.extend(page);
            continuation = answer.continuation;
            if continuation.is_none() || top.is_some_and(|top| items.len() >= top) {
                items.truncate(top.unwrap_or(usize::MAX));
                return Ok(items);
            }
        }
        Err(ClientError::Unexpected("pages without end"))
    }

    async fn write(
        &mut self,
        method: Method,
        path: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Value, ClientError> {
        let if_match = if_match.map(|etag| ("if-match", etag));
        let headers: Vec<_> = if_match.into_iter().collect();
        Ok(self.send(method, path, &headers, Some(body)).await?.body)
    }

    /// One request; an answer of 300 or more is [`ClientError::Refused`]. `path` may have a query.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joint}api-version={}", self.api_version);
        let authorization = self.authorization.header(&SystemClock);
        let mut all = vec![("authorization", authorization.expose().as_str())];
        all.extend_from_slice(headers);
        let bytes = body.map(|body| body.to_string().into_bytes());
        for _ in 0..MAX_WAITS {
            let answer = self.exchange(&method, &path, &all, bytes.clone()).await?;
            match wait_told(&answer) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return read(&answer),
            }
        }
        let answer = self.exchange(&method, &path, &all, bytes).await?;
        read(&answer)
    }

    /// One request without a body, answered as it came: for what is said in headers. An answer of 300
    /// or more is [`ClientError::Refused`].
    pub async fn raw(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<HttpAnswer, ClientError> {
        let path = format!("{path}?api-version={}", self.api_version);
        let authorization = self.authorization.header(&SystemClock);
        let mut all = vec![("authorization", authorization.expose().as_str())];
        all.extend_from_slice(headers);
        let answer = self.exchange(&method, &path, &all, None).await?;
        if answer.status.as_u16() >= 300 {
            read(&answer)?;
        }
        Ok(answer)
    }

    async fn exchange(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<HttpAnswer, ClientError> {
        if let Some(mut kept) = self.connection.take() {
            let answer = kept
                .request(method.clone(), path, headers, body.clone().map(Into::into))
                .await;
            match answer {
                Ok(answer) => {
                    self.connection = Some(kept);
                    return Ok(answer);
                }
                // The server closes connections that rest; reading twice does no harm.
                Err(_) if *method == Method::GET => {}
                Err(source) => return Err(self.failed(source)),
            }
        }
        let connected = HttpClient::connect(&self.target, &self.tls).await;
        let mut fresh = connected.map_err(|source| self.failed(source))?;
        fresh.set_timeout(self.timeout);
        let answer = fresh
            .request(method.clone(), path, headers, body.map(Into::into))
            .await
            .map_err(|source| self.failed(source))?;
        self.connection = Some(fresh);
        Ok(answer)
    }

    fn failed(&self, source: provost_device::DeviceError) -> ClientError {
        ClientError::Connection {
            address: format!("{}:{}", self.target.host, self.target.port),
            source,
        }
    }
}

/// How long the service asks to wait before the same request is sent again: one that came too fast was
/// not looked at.
fn wait_told(answer: &HttpAnswer) -> Option<Duration> {
    if answer.status.as_u16() != 429 {
        return None;
    }
    let seconds = answer.headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn read(answer: &HttpAnswer) -> Result<Answer, ClientError> {
    let status = answer.status.as_u16();
    if status >= 300 {
        return Err(ClientError::Refused(Box::new(Refusal::read(
            status,
            &answer.body,
        ))));
    }
    let continuation = answer
        .headers
        .get(CONTINUATION)
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
        .map(str::to_owned);
    let body = if answer.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&answer.body).map_err(|_| ClientError::Unexpected("body is not JSON"))?
    };
    Ok(Answer {
        body,
        operation: operation(answer),
        continuation,
    })
}

/// The last segment of the address where an operation is looked after.
fn operation(answer: &HttpAnswer) -> Option<String> {
    let header = |name: &str| answer.headers.get(name)?.to_str().ok();
    let address = header("azure-asyncoperation").or_else(|| header("location"))?;
    let (path, _) = address.split_once('?').unwrap_or((address, ""));
    let (_, name) = path.rsplit_once('/')?;
    Some(name.to_owned()).filter(|name| !name.is_empty())
}
