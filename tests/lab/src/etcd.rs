//! etcd in a node, and a client for both of its stores.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{Daemon, Error, Node, Result, daemons, spawn::Namespaces, wait_for};

/// Which of etcd's two stores, and so which era of Calico.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// v3: whole resources as JSON (Calico 3)
    V3,
    /// v2: one key per value (Calico 1 and 2)
    V2,
}

/// A running etcd.
#[derive(Debug, Clone)]
pub struct Etcd {
    namespaces: Arc<Namespaces>,
    endpoint: String,
    store: Store,
    /// keeps connections, which stay in the network namespace they were made in
    agent: ureq::Agent,
}

impl Etcd {
    /// Starts etcd in `node`, listening on `address` (`192.168.80.23:6666`), its data in the node's memory.
    pub fn start(node: &Node, address: &str, store: Store) -> Result<Self> {
        let endpoint = format!("http://{address}");
        let arguments = [
            "--data-dir=/run/lab/etcd",
            "--unsafe-no-fsync",
            "--enable-v2",
            // A cluster of one need not listen for others' heartbeats.
            "--heartbeat-interval=50",
            "--election-timeout=250",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--logger=zap",
            &format!("--listen-client-urls={endpoint}"),
            &format!("--advertise-client-urls={endpoint}"),
        ];
        let daemon = Daemon {
            program: daemons::path("etcd-server", "usr/bin/etcd")?,
            called: "etcd".into(),
            arguments: arguments.map(str::to_owned).into(),
            environment: Vec::new(),
            log: "/var/log/etcd.log".into(),
        };
        node.start("etcd", &daemon)?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(3)))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self {
            namespaces: Arc::clone(&node.namespaces),
            endpoint,
            store,
            agent,
        })
    }

    /// Waits until it serves.
    pub fn wait_ready(&self) -> Result<()> {
        wait_for("etcd serves", Duration::from_secs(10), || {
            self.call("GET", "/health", "", "")
                .ok()
                .filter(|(_, health)| health["health"] == "true")
        })
        .map(drop)
    }

    /// `http://address:port`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Which store the methods below speak to.
    pub fn store(&self) -> Store {
        self.store
    }

    /// Writes a key.
    pub fn put(&self, key: &str, value: &str) -> Result<()> {
        match self.store {
            Store::V3 => self
                .v3("put", &json!({"key": encode(key), "value": encode(value)}))
                .map(drop),
            Store::V2 => self
                .v2("PUT", key, &format!("value={}", percent(value)))
                .map(drop),
        }
    }

    /// Writes many keys, on one connection's worth of time.
    pub fn put_all<'a>(&self, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
        entries
            .into_iter()
            .try_for_each(|(key, value)| self.put(key, value))
    }

    /// What a key holds.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        match self.store {
            Store::V3 => Ok(pairs_v3(&self.v3("range", &json!({"key": encode(key)}))?)
                .pop()
                .map(|(_, value)| value)),
            Store::V2 => Ok(self.v2("GET", key, "")?["node"]["value"]
                .as_str()
                .map(str::to_owned)),
        }
    }

    /// All keys below a directory (`/calico/`), in order.
    pub fn list(&self, prefix: &str) -> Result<Vec<(String, String)>> {
        match self.store {
            Store::V3 => {
                let mut end = prefix.as_bytes().to_vec();
                if let Some(last) = end.last_mut() {
                    *last += 1;
                }
                let range = json!({"key": encode(prefix), "range_end": BASE64_STANDARD.encode(end)});
                Ok(pairs_v3(&self.v3("range", &range)?))
            }
            Store::V2 => {
                let mut pairs = Vec::new();
                let key = format!("{}?recursive=true&sorted=true", prefix.trim_end_matches('/'));
                pairs_v2(&self.v2("GET", &key, "")?["node"], &mut pairs);
                Ok(pairs)
            }
        }
    }

    /// Removes a key.
    pub fn delete(&self, key: &str) -> Result<()> {
        match self.store {
            Store::V3 => self.v3("deleterange", &json!({"key": encode(key)})).map(drop),
            Store::V2 => self.v2("DELETE", key, "").map(drop),
        }
    }

    fn v3(&self, verb: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.call(
            "POST",
            &format!("/v3/kv/{verb}"),
            "application/json",
            &body.to_string(),
        )?;
        if status == 200 {
            Ok(answer)
        } else {
            Err(Error::failed(format!("etcd: {verb}: {status} {answer}")))
        }
    }

    fn v2(&self, method: &str, key: &str, body: &str) -> Result<Value> {
        let form = "application/x-www-form-urlencoded";
        let (status, answer) = self.call(method, &format!("/v2/keys{key}"), form, body)?;
        match status {
            200 | 201 | 404 => Ok(answer),
            _ => Err(Error::failed(format!("etcd: {method} {key}: {status} {answer}"))),
        }
    }

    /// One HTTP request, sent from within the node.
    fn call(&self, method: &str, path: &str, kind: &str, body: &str) -> Result<(u16, Value)> {
        let failed = |error: &dyn std::fmt::Display| Error::failed(format!("etcd: {method} {path}: {error}"));
        let uri = format!("{}{path}", self.endpoint);
        let answered = self.namespaces.in_network(|| {
            let request = ureq::http::Request::builder().method(method).uri(uri);
            let mut answer = if body.is_empty() {
                self.agent.run(request.body(())?)?
            } else {
                self.agent.run(request.header("Content-Type", kind).body(body)?)?
            };
            Ok::<_, ureq::Error>((answer.status().as_u16(), answer.body_mut().read_to_string()?))
        })?;
        let (status, text) = answered.map_err(|error| failed(&error))?;
        Ok((
            status,
            serde_json::from_str(&text).map_err(|error| failed(&format!("{error} in {text}")))?,
        ))
    }
}

fn encode(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |done, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => done + &char::from(byte).to_string(),
        _ => done + &format!("%{byte:02X}"),
    })
}

fn pairs_v3(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| {
        let bytes = BASE64_STANDARD
            .decode(value.as_str().unwrap_or_default())
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pairs = answer["kvs"].as_array().into_iter().flatten();
    pairs
        .map(|pair| (text(&pair["key"]), text(&pair["value"])))
        .collect()
}

fn pairs_v2(node: &Value, pairs: &mut Vec<(String, String)>) {
    if let (Some(key), Some(value)) = (node["key"].as_str(), node["value"].as_str()) {
        pairs.push((key.into(), value.into()));
    }
    for child in node["nodes"].as_array().into_iter().flatten() {
        pairs_v2(child, pairs);
    }
}
