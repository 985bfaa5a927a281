use std::time::{Duration, Instant};

use provost_device::http::Method;
use provost_wire::arm::registry::API_VERSION;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cli::input::segment;
use crate::cli::{Context, Failure, OWN_API_VERSION, chain};
use crate::client::{Answer, ApiClient, ClientError, MANAGEMENT_SUBSCRIPTION};
use crate::output::{Column, spinner, warn};

/// The first pauses between two looks at an operation are shorter: most end at once.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
];
const PAUSE: Duration = Duration::from_secs(1);
/// More pages than this are a server that never ends.
const MAX_PAGES: usize = 100_000;

/// Requests about one namespace.
pub(in crate::cli) struct Registry<'a> {
    pub(super) context: &'a Context,
    arm: ApiClient,
    own: ApiClient,
    namespace: String,
    group: String,
}

impl<'a> Registry<'a> {
    pub(super) fn open(context: &'a Context, namespace: &str, group: &str) -> Result<Self, Failure> {
        Ok(Self {
            context,
            arm: context.locator.management(API_VERSION)?,
            own: context.locator.management(OWN_API_VERSION)?,
            namespace: namespace.to_owned(),
            group: group.to_owned(),
        })
    }

    /// The address of a resource below the namespace, which begins with a slash, or of itself.
    pub(super) fn path(&self, below: &str) -> String {
        format!("{}/{}{below}", namespaces(&self.group), segment(&self.namespace))
    }

    /// The same outside of Azure's contract.
    fn own_path(&self, below: &str) -> String {
        format!("/provost/namespaces/{}{below}", segment(&self.namespace))
    }

    pub(super) async fn get(&mut self, below: &str) -> Result<Value, Failure> {
        let path = self.path(below);
        Ok(self.arm.get(&path).await?)
    }

    /// All of a list, whatever its pages.
    pub(super) async fn list(&mut self, below: &str) -> Result<Vec<Value>, Failure> {
        let path = self.path(below);
        pages(&mut self.arm, path, usize::MAX).await
    }

    /// The first of a list, at most so many.
    pub(super) async fn first(&mut self, below: &str, most: usize) -> Result<Vec<Value>, Failure> {
        let path = self.path(below);
        pages(&mut self.arm, path, most).await
    }

    /// Makes or changes something; when it goes on, waits, and answers how it stands then.
    pub(super) async fn write(
        &mut self,
        method: Method,
        below: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let path = self.path(below);
        let answer = self.arm.send(method, &path, &[], Some(body)).await?;
        if answer.operation.is_none() {
            return Ok(answer.body);
        }
        self.wait(&answer).await?;
        self.get(below).await
    }

    /// Begins something.
    pub(super) async fn begin(
        &mut self,
        method: Method,
        below: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let path = self.path(below);
        let headers = [("if-match", "*")];
        Ok(self.arm.send(method, &path, &headers, body).await?)
    }

    /// Waits for what was begun, or says which operation it is.
    pub(super) async fn finish(&mut self, answer: &Answer, no_wait: bool) -> Result<(), Failure> {
        if !no_wait {
            return self.wait(answer).await;
        }
        let operation = json!({ "id": answer.operation });
        Ok(self.context.output.document(&operation)?)
    }

    /// Looks at an operation until it ends; fails as it failed.
    pub(super) async fn wait(&mut self, answer: &Answer) -> Result<(), Failure> {
        match answer.operation.clone() {
            Some(operation) => self.wait_for(&operation).await.map(drop),
            None => Ok(()),
        }
    }

    /// The same for one by its name; answers how it ended.
    pub(super) async fn wait_for(&mut self, operation: &str) -> Result<Value, Failure> {
        let path = self.own_path(&format!("/operations/{}", segment(operation)));
        let (progress, begun) = (spinner(), Instant::now());
        for pause in PAUSES.into_iter().chain(std::iter::repeat(PAUSE)) {
            let shown = match self.own.get(&path).await {
                // A restart of the server does not end it: the operation goes on afterwards.
                Err(error @ ClientError::Connection { .. }) => {
                    progress.suspend(|| warn(&format!("{}; trying again", chain(&error))));
                    sleep(PAUSE).await;
                    continue;
                }
                answer => answer?,
            };
            let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default();
            match text("status") {
                "Succeeded" => {
                    progress.finish_and_clear();
                    return Ok(shown);
                }
                "Failed" => {
                    progress.finish_and_clear();
                    let told = |pointer: &str| shown.pointer(pointer).and_then(Value::as_str);
                    let code = told("/error/code").unwrap_or("unknown");
                    let message = told("/error/message").unwrap_or("the operation failed");
                    return Err(Failure::Incomplete(format!("{message} ({code})")));
                }
                status => {
                    let seconds = begun.elapsed().as_secs();
                    progress.set_message(format!("{} {status}, {seconds} s", text("kind")));
                }
            }
            progress.tick();
            sleep(pause).await;
        }
        Ok(Value::Null)
    }

    pub(in crate::cli) async fn own_get(&mut self, below: &str) -> Result<Value, Failure> {
        let path = self.own_path(below);
        Ok(self.own.get(&path).await?)
    }

    pub(super) async fn own_begin(
        &mut self,
        method: Method,
        below: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let path = self.own_path(below);
        Ok(self.own.send(method, &path, &[], body).await?)
    }

    /// All of a list outside of Azure's contract, whatever its pages; at most `top`.
    pub(super) async fn own_list(
        &mut self,
        below: &str,
        query: &[(&str, String)],
        top: Option<usize>,
    ) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut continuation: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let asked = query
                .iter()
                .map(|(name, value)| format!("{name}={}", segment(value)));
            let mut parameters: Vec<String> = asked.collect();
            parameters.extend(continuation.map(|text| format!("continuation={}", segment(&text))));
            let answer = self.own_get(&format!("{below}?{}", parameters.join("&"))).await?;
            items.extend(values(&answer)?);
            continuation = answer
                .get("continuation")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if continuation.is_none() || top.is_some_and(|top| items.len() >= top) {
                items.truncate(top.unwrap_or(usize::MAX));
                return Ok(items);
            }
        }
        Err(ClientError::Unexpected("pages without end").into())
    }

    pub(in crate::cli) fn show(&self, document: &Value) -> Result<(), Failure> {
        Ok(self.context.output.document(document)?)
    }

    pub(super) fn table(&self, documents: &[Value], columns: &[Column]) -> Result<(), Failure> {
        Ok(self.context.output.documents(documents, columns)?)
    }
}

/// The address of all namespaces of a group.
fn namespaces(group: &str) -> String {
    format!(
        "/subscriptions/{MANAGEMENT_SUBSCRIPTION}/resourceGroups/{}/providers/Microsoft.DeviceRegistry/namespaces",
        segment(group)
    )
}

/// Every namespace the token may see.
pub(super) async fn all_namespaces(context: &Context, group: &str) -> Result<Vec<Value>, Failure> {
    let mut client = context.locator.management(API_VERSION)?;
    pages(&mut client, namespaces(group), usize::MAX).await
}

/// Follows `nextLink`, which is an absolute address of the same server, until there are so many.
async fn pages(client: &mut ApiClient, mut path: String, most: usize) -> Result<Vec<Value>, Failure> {
    let mut items = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = client.get(&path).await?;
        items.extend(values(&page)?);
        match page.get("nextLink").and_then(Value::as_str).and_then(path_of) {
            Some(next) if items.len() < most => path = next,
            _ => {
                items.truncate(most);
                return Ok(items);
            }
        }
    }
    Err(ClientError::Unexpected("pages without end").into())
}

/// Path and query of an absolute address, without the api-version every request gets anyway.
fn path_of(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("api-version="))
        .collect();
    Some(if kept.is_empty() {
        format!("/{path}")
    } else {
        format!("/{path}?{}", kept.join("&"))
    })
}

fn values(page: &Value) -> Result<Vec<Value>, ClientError> {
    let items = page.get("value").and_then(Value::as_array);
    items
        .cloned()
        .ok_or(ClientError::Unexpected("no list in the answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_links_are_followed_without_their_version() {
        assert_eq!(
            path_of("https://h:1/a/b?$skipToken=x&api-version=2026-03-01-preview").as_deref(),
            Some("/a/b?$skipToken=x")
        );
        assert_eq!(path_of("https://h/a?api-version=1").as_deref(), Some("/a"));
        assert_eq!(path_of("/a"), None);
    }
}
