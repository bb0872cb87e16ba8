//! The `/v2/keys` interface of etcd: JSON over HTTP, a connection a request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::super::endpoint::{Deadline, Dialer, Endpoint};
use super::super::{Error, Step};
use crate::calico::secret::Secret;

/// What a path keeps as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `Key not found`, `Compare failed`, `Key already exists` (etcd `etcdserver/api/v2error`).
pub(super) const NOT_FOUND: u32 = 100;
pub(super) const COMPARE_FAILED: u32 = 101;
pub(super) const EXISTS: u32 = 105;

/// A value and the index of its last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) value: String,
    pub(super) index: u64,
}

/// Every key below a directory, by its full name.
pub(super) type Tree = BTreeMap<String, Leaf>;

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// The key was last changed at this index.
    Index(u64),
    /// The key doesn't exist.
    Absent,
}

/// How etcd answered.
#[derive(Debug)]
pub(super) enum Reply {
    Done(Tree),
    /// An error of etcd itself, by its code.
    Refused {
        code: u32,
        message: String,
    },
    /// Not an answer of the v2 API.
    Foreign {
        status: u16,
    },
}

#[derive(Deserialize)]
struct Answer {
    node: Option<Node>,
    #[serde(rename = "errorCode")]
    error_code: Option<u32>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    key: String,
    value: Option<String>,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    modified_index: u64,
}

/// Sends requests to one endpoint.
#[derive(Debug, Clone)]
pub(super) struct Http {
    pub(super) endpoint: Endpoint,
    pub(super) dialer: Arc<Dialer>,
    pub(super) user: Option<(String, Secret)>,
}

impl Http {
    /// A directory or a key as a quorum of the servers has it.
    pub(super) async fn get(&self, key: &str, recursive: bool, deadline: Deadline) -> Result<Reply, Error> {
        let query = format!("quorum=true&recursive={recursive}");
        self.send(Method::GET, key, &query, String::new(), deadline).await
    }

    /// Sets a key, or with `None` deletes it, if the guard holds.
    pub(super) async fn put(
        &self,
        key: &str,
        value: Option<&str>,
        guard: Guard,
        deadline: Deadline,
    ) -> Result<Reply, Error> {
        let query = match guard {
            Guard::Index(index) => format!("prevIndex={index}"),
            Guard::Absent => "prevExist=false".to_owned(),
        };
        let (method, body) = match value {
            Some(value) => (
                Method::PUT,
                format!("value={}", utf8_percent_encode(value, NON_ALPHANUMERIC)),
            ),
            None => (Method::DELETE, String::new()),
        };
        self.send(method, key, &query, body, deadline).await
    }

    async fn send(
        &self,
        method: Method,
        key: &str,
        query: &str,
        body: String,
        deadline: Deadline,
    ) -> Result<Reply, Error> {
        let stream = self.dialer.dial(&self.endpoint, &[b"http/1.1"], deadline).await?;
        let request = self.request(method, key, query, body);
        let exchange = async {
            let request = request?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| reason(&error))?;
            let ask = async move {
                let answer = sender
                    .send_request(request)
                    .await
                    .map_err(|error| reason(&error))?;
                let status = answer.status().as_u16();
                let body = answer
                    .into_body()
                    .collect()
                    .await
                    .map_err(|error| reason(&error))?;
                Ok((status, body.to_bytes()))
            };
            // The connection ends once `ask` has dropped the sender; its own error is the one that `ask` got.
            tokio::join!(ask, connection).0
        };
        let (status, body) = deadline.bound(&self.endpoint, Step::Request, exchange).await?;
        self.read(status, &body)
    }

    fn request(
        &self,
        method: Method,
        key: &str,
        query: &str,
        body: String,
    ) -> Result<Request<Full<Bytes>>, String> {
        let mut uri = format!("/v2/keys{}", utf8_percent_encode(key, PATH));
        if !query.is_empty() {
            // Writing to a String doesn't fail.
            let _ = write!(uri, "?{query}");
        }
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", self.endpoint.authority())
            .header("connection", "close");
        if !body.is_empty() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        if let Some((user, password)) = &self.user {
            let token = STANDARD.encode(format!("{user}:{}", password.expose()));
            request = request.header("authorization", format!("Basic {token}"));
        }
        request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())
    }

    fn read(&self, status: u16, body: &[u8]) -> Result<Reply, Error> {
        if status == 401 {
            let why = self.user.as_ref().map_or_else(
                || super::super::etcd3::no_user().to_owned(),
                |(user, _)| {
                    format!("user {user:?}: the name or the password is wrong, or the user may not do this")
                },
            );
            return Err(self.endpoint.failed(Step::Authenticate, why));
        }
        let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
            return Ok(Reply::Foreign { status });
        };
        if let Some(code) = answer.error_code {
            let message = answer.message.unwrap_or_default();
            return Ok(Reply::Refused { code, message });
        }
        let mut tree = Tree::new();
        match answer.node {
            Some(node) => flatten(node, &mut tree),
            None => return Ok(Reply::Foreign { status }),
        }
        Ok(Reply::Done(tree))
    }
}

fn flatten(node: Node, tree: &mut Tree) {
    if let Some(value) = node.value {
        let index = node.modified_index;
        tree.insert(node.key, Leaf { value, index });
    }
    for child in node.nodes {
        flatten(child, tree);
    }
}

/// An error of hyper down to its cause.
fn reason(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
