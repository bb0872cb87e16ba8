//! Requests to the API server, each within the deadline, and what its refusals mean.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{Method, Request};
use kube::Client;
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::connect::causes;
use crate::calico::kind::Kind;
use crate::datastore::endpoint::{Deadline, Dialer, Endpoint};
use crate::datastore::{Error, Step};

/// Objects of one page of a list (kubectl: the same).
pub(super) const PAGE: usize = 500;

/// What a value in a query keeps as it is.
pub(super) const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A client of one API server.
pub(super) struct Api {
    pub(super) client: Client,
    pub(super) endpoint: Endpoint,
    /// For a closer look at what failed.
    pub(super) dialer: Dialer,
    pub(super) deadline: Duration,
    /// What comes before the path of every request.
    pub(super) prefix: String,
}

/// An answer of the API server.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Null when it isn't JSON: then nobody serves this path.
    pub(super) body: Value,
}

impl Reply {
    fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) const fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// For what a request was, in errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
}

impl Api {
    /// Sends one request.
    ///
    /// # Errors
    /// No answer, with the step that failed; an answer of any status is none.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Error> {
        self.ask(method, path, "application/json", body).await
    }

    /// The same, for an answer of another form.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Error> {
        let whole = |body: Body| async move {
            let bytes = body.collect().await.map_err(|error| causes(&error))?;
            Ok(bytes.to_bytes())
        };
        let (status, body) = self.exchange(method, path, accept, body, whole).await?;
        let reply = Reply {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        match reply.status {
            401 => Err(self.endpoint.failed(
                Step::Authenticate,
                "the API server doesn't know this user: token or certificate is missing, wrong or expired",
            )),
            _ => Ok(reply),
        }
    }

    /// Sends a request and reads the answer's body, both within the deadline.
    pub(super) async fn exchange<T, F: Future<Output = Result<T, String>>>(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<&Value>,
        read: impl FnOnce(Body) -> F,
    ) -> Result<(u16, T), Error> {
        let kind = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header("content-type", kind)
            .header("accept", accept)
            .body(Body::from(bytes))
            .map_err(|error| self.endpoint.failed(Step::Request, error.to_string()))?;
        let deadline = Deadline::after(self.deadline);
        let exchange = async {
            let answer = self.client.send(request).await.map_err(|error| causes(&error))?;
            let status = answer.status().as_u16();
            Ok((status, read(answer.into_body()).await?))
        };
        match deadline.bound(&self.endpoint, Step::Request, exchange).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.closer_look(error, deadline).await),
        }
    }

    /// Waits for the first bytes of an answer's body, or its end: an answer of any status, for the next request to say what
    /// is wrong.
    pub(super) async fn first_event(&self, path: &str) -> Result<(), Error> {
        let failed = |why: String| self.endpoint.failed(Step::Request, why);
        let request = Request::get(format!("{}{path}", self.prefix))
            .header("accept", "application/json")
            .body(Body::empty())
            .map_err(|error| failed(error.to_string()))?;
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| failed(causes(&error)))?;
        match answer.into_body().frame().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(failed(causes(&error))),
        }
    }

    /// The step that failed, if it still does.
    async fn closer_look(&self, error: Error, deadline: Deadline) -> Error {
        if deadline.is_over() {
            return error;
        }
        let deadline = deadline.at_most(Duration::from_secs(1));
        match self.dialer.dial(&self.endpoint, &[b"http/1.1"], deadline).await {
            Err(found) => found,
            Ok(_) => error,
        }
    }

    /// A request that must succeed.
    pub(super) async fn demand(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        subject: Subject<'_>,
    ) -> Result<Value, Error> {
        let reply = self.call(method, path, body).await?;
        if reply.is_ok() {
            return Ok(reply.body);
        }
        Err(self.refusal(&reply, subject))
    }

    /// What a refusal means.
    pub(super) fn refusal(&self, reply: &Reply, Subject { kind, name }: Subject<'_>) -> Error {
        let name = name.to_owned();
        let message = reply.text("message");
        match (reply.status, reply.text("reason")) {
            // Nobody serves this path: the definition of the kind is missing.
            (404, "") => Error::Unsupported {
                kind,
                store: format!("{}: it has no definition of this kind", self.endpoint),
            },
            (404, _) => Error::NotFound { kind, name },
            (409, "AlreadyExists") => Error::AlreadyExists { kind, name },
            (409, _) => Error::Conflict { kind, name },
            (400 | 422, _) => Error::BadValue {
                key: format!("{kind}({name})"),
                why: message.to_owned(),
            },
            (403, _) => self.endpoint.failed(
                Step::Request,
                format!("not allowed: {message}; see kubectl auth can-i --list for what this user may do"),
            ),
            (status, _) => {
                let why = if message.is_empty() {
                    "no reason given"
                } else {
                    message
                };
                self.endpoint
                    .failed(Step::Request, format!("status {status}: {why}"))
            }
        }
    }

    /// Gives every object of a collection to `each`, page by page; the list's `resourceVersion`.
    pub(super) async fn list(
        &self,
        path: &str,
        subject: Subject<'_>,
        each: &mut dyn FnMut(Value),
    ) -> Result<Option<String>, Error> {
        let mut next = String::new();
        loop {
            let token = utf8_percent_encode(&next, QUERY);
            let page = format!("{path}?limit={PAGE}&continue={token}");
            let mut body = self.demand(Method::GET, &page, None, subject).await?;
            let text = |key: &str| {
                let metadata = body.get("metadata").and_then(|metadata| metadata.get(key));
                metadata.and_then(Value::as_str).map(str::to_owned)
            };
            let (version, more) = (text("resourceVersion"), text("continue"));
            if let Some(Value::Array(items)) = body.get_mut("items").map(Value::take) {
                items.into_iter().for_each(&mut *each);
            }
            match more.filter(|more| !more.is_empty()) {
                Some(more) => next = more,
                None => return Ok(version),
            }
        }
    }

    /// Deletes an object, if it still has this version.
    pub(super) async fn delete(&self, path: &str, version: &str, subject: Subject<'_>) -> Result<(), Error> {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": version},
        });
        self.demand(Method::DELETE, path, Some(&options), subject)
            .await
            .map(drop)
    }
}
