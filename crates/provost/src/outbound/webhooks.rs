use provost_device::http::Method;
use provost_model::Secret;
use provost_provisioning::{PortFuture, WebhookAnswer, WebhookError, Webhooks};

use super::guard::Guard;
use super::trust::{Trust, TrustError};
use super::url::Url;
use super::{Manner, OutboundError, Outgoing};
use crate::config::WebhookConfig;

/// Asks webhooks.
pub struct WebhookClient {
    config: WebhookConfig,
    guard: Guard,
    trust: Trust,
}

impl WebhookClient {
    /// A client as configured.
    ///
    /// # Errors
    /// When the configured authorities cannot be used.
    pub fn new(config: &WebhookConfig) -> Result<Self, TrustError> {
        Ok(Self {
            guard: Guard::of_webhooks(config),
            trust: match &config.ca {
                Some(path) => Trust::file(path)?,
                None => Trust::public()?,
            },
            config: config.clone(),
        })
    }

    async fn ask(&self, url: &str, document: Vec<u8>) -> Result<WebhookAnswer, WebhookError> {
        let url = Url::parse(url).map_err(|error| WebhookError::Forbidden(error.to_string()))?;
        let manner = Manner {
            guard: &self.guard,
            trust: &self.trust,
            timeout: self.config.timeout,
            max_answer: self.config.max_answer_bytes,
        };
        let request = Outgoing {
            url: &url,
            method: Method::POST,
            headers: &[],
            body: Some(document.into()),
        };
        match manner.send(request).await {
            Ok(answer) => Ok(WebhookAnswer {
                status: answer.status.as_u16(),
                body: answer.body.to_vec(),
            }),
            Err(OutboundError::Guard(error)) if error.is_final() => {
                Err(WebhookError::Forbidden(error.to_string()))
            }
            Err(error) => Err(WebhookError::Failed(error.to_string())),
        }
    }
}

impl Webhooks for WebhookClient {
    fn post<'a>(
        &'a self,
        url: &'a Secret<String>,
        document: Vec<u8>,
    ) -> PortFuture<'a, Result<WebhookAnswer, WebhookError>> {
        Box::pin(self.ask(url.expose(), document))
    }
}
