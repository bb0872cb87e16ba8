//! JSON-RPC 1.0 over a daemon's socket, as ovsdb-server and ovs-vswitchd speak it (RFC 7047, section 4).

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::unix::{self, Deadline, Failure};
use crate::parse::excerpt;
use crate::parse::ovsdb::Values;

/// An answer larger than this is no picture of a switch.
const MAX_ANSWER: usize = 256 << 20;

/// One connection; requests go one after the other.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    values: Values,
    deadline: Deadline,
    last: u64,
}

impl Client {
    pub(super) async fn connect(path: &Path, deadline: Deadline) -> Result<Self, Failure> {
        Ok(Self {
            stream: unix::connect(path, deadline).await?,
            values: Values::default(),
            deadline,
            last: 0,
        })
    }

    /// The result of a method.
    pub(super) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        self.last += 1;
        let request = json!({"method": method, "params": params, "id": self.last}).to_string();
        let deadline = self.deadline;
        let exchange = async {
            self.send(&request).await?;
            self.answer().await
        };
        deadline.bound(method, exchange).await.map_err(|failure| {
            if failure.why.starts_with(method) {
                failure
            } else {
                Failure::unreadable(format!("{method}: {}", failure.why))
            }
        })
    }

    async fn send(&mut self, text: &str) -> Result<(), Failure> {
        let sent = self.stream.write_all(text.as_bytes()).await;
        sent.map_err(|error| Failure::unreadable(error.to_string()))
    }

    /// Reads to the answer of the last request; the server's own requests in between are answered.
    async fn answer(&mut self) -> Result<Value, Failure> {
        let mut part = vec![0; 64 << 10];
        loop {
            while let Some(mut message) = self.values.next_object().map_err(Failure::unreadable)? {
                if message.get("method").is_some() {
                    // The server asks whether its client still lives (section 4.1.11).
                    if message["method"] == "echo" && !message["id"].is_null() {
                        let reply =
                            json!({"id": message["id"], "result": message["params"], "error": Value::Null});
                        self.send(&reply.to_string()).await?;
                    }
                    continue;
                }
                if message["id"] != json!(self.last) {
                    continue;
                }
                return match message.get("error") {
                    None | Some(Value::Null) => Ok(message["result"].take()),
                    Some(Value::String(error)) => Err(Failure::unreadable(excerpt(error))),
                    Some(error) => Err(Failure::unreadable(excerpt(&error.to_string()))),
                };
            }
            if self.values.waiting() > MAX_ANSWER {
                return Err(Failure::unreadable(format!(
                    "the answer is longer than {} MiB",
                    MAX_ANSWER >> 20
                )));
            }
            match self.stream.read(&mut part).await {
                Ok(0) if self.values.waiting() > 0 => {
                    return Err(Failure::unreadable("the connection was closed within an answer"));
                }
                Ok(0) => {
                    return Err(Failure::unreadable("the connection was closed without an answer"));
                }
                Ok(length) => self.values.push(part.get(..length).unwrap_or_default()),
                Err(error) => return Err(Failure::unreadable(error.to_string())),
            }
        }
    }
}
