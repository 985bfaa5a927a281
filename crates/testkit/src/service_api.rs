use std::time::Duration;

use bytes::Bytes;
use http::Method;
use provost_attestation::sas;
use provost_device::Target;
use provost_device::http::HttpClient;
use provost_device::tls::ClientTls;
use provost_model::{Clock, SymmetricKey};
use serde_json::Value;

use crate::{Answer, Enrollment};

/// A back end or an operator with one credential. Every request has a connection of its own.
#[derive(Clone)]
pub struct ServiceApi {
    target: Target,
    tls: ClientTls,
    /// The `Authorization` header.
    authorization: Option<String>,
    /// What every address ends with.
    query: &'static str,
}

impl ServiceApi {
    pub(crate) fn new(target: Target, tls: ClientTls, query: &'static str) -> Self {
        Self {
            target,
            tls,
            authorization: None,
            query,
        }
    }

    /// The same API asked with another `Authorization` header, or none.
    #[must_use]
    pub fn authorized(&self, authorization: Option<String>) -> Self {
        Self {
            authorization,
            ..self.clone()
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None).await
    }

    /// PUT without `If-Match`.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], Some(body)).await
    }

    /// PUT with `If-Match`.
    pub async fn put_if(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("if-match", etag)], Some(body)).await
    }

    /// Makes an enrollment or a group, or puts it in the place of the one there is.
    pub async fn put_enrollment(&self, enrollment: &Enrollment) -> Value {
        let (path, body) = (enrollment.path(), enrollment.body());
        match self.get(&path).await.status {
            404 => self.put(&path, &body).await.ok(),
            _ => self.put_if(&path, "*", &body).await.ok(),
        }
    }

    /// Reads an enrollment or a group, changes it and writes it back, as a back end does: what is not
    /// changed goes back as it came, certificates as information only.
    pub async fn change(&self, enrollment: &Enrollment, change: impl FnOnce(&mut Value)) -> Value {
        let path = enrollment.path();
        let mut shown = self.get(&path).await.ok();
        let etag = shown["etag"].as_str().expect("an etag").to_owned();
        change(&mut shown);
        self.put_if(&path, &etag, &shown).await.ok()
    }

    /// Fills one slot of an entry by X.509, or empties it, and leaves the other as it is.
    pub async fn fill(&self, entry: &Enrollment, slot: &str, content: Option<Value>) -> Value {
        let fill = |shown: &mut Value| {
            let x509 = shown["attestation"]["x509"].as_object_mut();
            let mut members = x509.expect("an entry by X.509").values_mut();
            members.find(|member| member.is_object()).expect("slots")[slot] = content.into();
        };
        self.change(entry, fill).await
    }

    /// PATCH with `If-Match: *`.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[("if-match", "*")], Some(body)).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(body)).await
    }

    /// DELETE with `If-Match: *`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[("if-match", "*")], None).await
    }

    /// Any JSON request.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let body = body.map(|body| Bytes::from(body.to_string()));
        self.send_bytes(method, path, headers, body).await
    }

    /// Any request.
    pub async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Answer {
        let separator = if path.contains('?') { '&' } else { '?' };
        let address = match self.query {
            "" => path.to_owned(),
            query => format!("{path}{separator}{query}"),
        };
        let mut headers = headers.to_vec();
        if let Some(text) = &self.authorization {
            headers.push(("authorization", text));
        }
        let mut client = HttpClient::connect(&self.target, &self.tls)
            .await
            .expect("the service accepts");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let asked = format!("{method} {path}");
        let answer = client.request(method, &address, &headers, body).await;
        let answer = answer.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        Answer {
            asked,
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: serde_json::from_slice(&answer.body).unwrap_or_default(),
            raw: answer.body,
        }
    }
}

/// A policy's token for a whole host, good for an hour.
pub fn service_token(host: &str, policy: &str, key: &SymmetricKey, clock: &dyn Clock) -> String {
    sas::sign(
        host,
        key,
        clock.now().after(Duration::from_hours(1)),
        Some(policy),
    )
}
