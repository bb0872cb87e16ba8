//! The API server itself, for whoever collects more of it than Calico's objects.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Method;
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::api::{Api, PAGE, QUERY, Reply};
use super::connect;
use crate::calico::apiconfig::ApiConfig;
use crate::datastore::{Error, Step};

/// Columns as kubectl prints them (`meta.k8s.io/v1` Table).
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const JSON: &str = "application/json";

/// Reads whatever one API server has.
pub struct Server {
    api: Api,
}

impl Server {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`]: no server is named, or its credentials can't be read.
    pub async fn connect(config: &ApiConfig, deadline: Duration) -> Result<Self, Error> {
        let api = Box::pin(connect::api(config, deadline)).await?;
        Ok(Self { api })
    }

    /// For messages.
    pub fn describe(&self) -> String {
        format!("Kubernetes at {}", self.api.endpoint)
    }

    /// For requests that aren't answered by a document, such as those that run a command.
    pub fn client(&self) -> &kube::Client {
        &self.api.client
    }

    /// What is at a path; nothing where nobody serves it.
    ///
    /// # Errors
    /// No answer within the deadline, or a refusal, with its reason.
    pub async fn get(&self, path: &str) -> Result<Option<Value>, Error> {
        let reply = self.api.call(Method::GET, path, None).await?;
        self.judged(reply)
    }

    /// All objects of a collection, read page by page, as one list.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn list(&self, path: &str) -> Result<Option<Value>, Error> {
        self.pages(path, JSON, "items").await
    }

    /// The same as a table: its columns, and a row an object.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn table(&self, path: &str) -> Result<Option<Value>, Error> {
        self.pages(path, TABLE, "rows").await
    }

    /// The text at a path, such as a log; what is beyond so many bytes is left out.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn text(&self, path: &str, most: usize) -> Result<Option<String>, Error> {
        let (status, body) = self
            .api
            .exchange(Method::GET, path, "*/*", None, |body| async move {
                let mut body = Limited::new(body, most);
                let mut read = Vec::new();
                // The end that the limit makes is as good as its own.
                while let Some(Ok(frame)) = body.frame().await {
                    read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                }
                Ok(read)
            })
            .await?;
        if matches!(status, 200..=299) {
            return Ok(Some(String::from_utf8_lossy(&body).into_owned()));
        }
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.judged(Reply { status, body }).map(|_| None)
    }

    async fn pages(&self, path: &str, accept: &str, items: &str) -> Result<Option<Value>, Error> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut all: Option<Value> = None;
        let mut next = String::new();
        loop {
            let token = utf8_percent_encode(&next, QUERY);
            let page = format!("{path}{join}limit={PAGE}&continue={token}");
            let Some(mut body) = self.judged(self.api.ask(Method::GET, &page, accept, None).await?)? else {
                return Ok(all);
            };
            let more = body["metadata"]["continue"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            match all.as_mut().and_then(|all| all[items].as_array_mut()) {
                Some(known) => {
                    if let Value::Array(new) = body[items].take() {
                        known.extend(new);
                    }
                }
                None => all = Some(body),
            }
            if more.is_empty() {
                break;
            }
            next = more;
        }
        if let Some(all) = &mut all {
            // It is one list now.
            all["metadata"] = json!({ "resourceVersion": all["metadata"]["resourceVersion"] });
        }
        Ok(all)
    }

    fn judged(&self, reply: Reply) -> Result<Option<Value>, Error> {
        if reply.is_ok() {
            return Ok(Some(reply.body));
        }
        let message = reply.body["message"].as_str().unwrap_or("no reason given");
        match reply.status {
            404 => Ok(None),
            403 => Err(self
                .api
                .endpoint
                .failed(Step::Request, format!("not allowed: {message}"))),
            status => {
                let why = format!("status {status}: {message}");
                Err(self.api.endpoint.failed(Step::Request, why))
            }
        }
    }
}
