//! Registration over HTTPS (dps-device-api.md 2).

use std::time::Duration;

use bytes::Bytes;
use provost_model::Clock;

use super::answer::Answer;
use super::{RegisterError, Registration};
use crate::http::{HttpAnswer, HttpClient, Method};

/// One keep-alive connection for register and polls.
pub(super) struct HttpsSession {
    client: HttpClient,
    resource: String,
    token: Option<String>,
    api_version: String,
}

impl HttpsSession {
    pub(super) async fn open(
        registration: &Registration<'_>,
        clock: &dyn Clock,
    ) -> Result<Self, RegisterError> {
        let client = HttpClient::connect(registration.target, registration.tls).await?;
        let resource = format!(
            "/{}/registrations/{}",
            registration.id_scope, registration.registration_id
        );
        Ok(Self {
            client,
            resource,
            token: registration.token(clock),
            api_version: registration.api_version.to_owned(),
        })
    }

    pub(super) async fn register(&mut self, body: Vec<u8>) -> Result<Answer, RegisterError> {
        let path = format!("{}/register?api-version={}", self.resource, self.api_version);
        self.request(Method::PUT, &path, Some(body.into())).await
    }

    pub(super) async fn poll(&mut self, operation_id: &str) -> Result<Answer, RegisterError> {
        let path = format!(
            "{}/operations/{operation_id}?api-version={}",
            self.resource, self.api_version
        );
        self.request(Method::GET, &path, None).await
    }

    async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, RegisterError> {
        let authorization = self.token.as_deref().map(|token| ("authorization", token));
        let headers: Vec<_> = authorization.into_iter().collect();
        let answer = self.client.request(method, path, &headers, body).await?;
        let retry_after = retry_after(&answer);
        Ok(Answer {
            status: answer.status.as_u16(),
            retry_after,
            body: answer.body.to_vec(),
        })
    }
}

fn retry_after(answer: &HttpAnswer) -> Option<Duration> {
    let value = answer.headers.get(::http::header::RETRY_AFTER)?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}
