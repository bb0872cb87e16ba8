//! A pod: a named network namespace in a node.

use std::{ffi::OsStr, net::TcpListener, time::Duration};

use crate::{Error, Node, Result, Run};

/// A pod of a node.
#[derive(Debug, Clone)]
pub struct Pod<'a> {
    node: &'a Node,
    name: String,
}

impl<'a> Pod<'a> {
    pub(crate) fn new(node: &'a Node, name: &str) -> Self {
        Self {
            node,
            name: name.into(),
        }
    }

    /// A command line to run in the pod.
    pub fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        let mut enter = self.node.enter();
        enter.args(["ip", "netns", "exec", &self.name]);
        Run::new(enter, &format!("{}/{}", self.node.name(), self.name), words)
    }

    /// Whether `address` answers a ping within a second.
    pub fn pings(&self, address: &str) -> Result<bool> {
        let ping = self
            .run(["ping", "-n", "-c", "1", "-W", "1", address])
            .within(Duration::from_secs(30));
        Ok(ping.output()?.status.success())
    }

    /// Does some work in the pod's network: sockets opened there stay there.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.node.namespaces.in_named_network(&self.name, work)
    }

    /// Something in the pod that takes connections to a port, and says nothing; dropped, it is gone.
    pub fn listen(&self, port: u16) -> Result<TcpListener> {
        self.node
            .namespaces
            .in_named_network(&self.name, || TcpListener::bind(("0.0.0.0", port)))?
            .map_err(Error::io(format!("{}: port {port}", self.name)))
    }
}
