//! The cluster of a network: an API server that its nodes' daemons ask.

use serde_json::Value;

use crate::{
    Daemon, Kubernetes, Node, Result,
    kubernetes::{Alone, Door},
};

/// A request to the API server: its method, its path, its body.
pub(super) type Request = (&'static str, String, Value);

/// Where services and pods are.
pub(super) const NAMESPACE: &str = "shop";

/// The name of the daemon on each node.
pub(super) const KUBE_PROXY: &str = "kube-proxy";

/// An API server, and what leads the nodes there.
#[derive(Debug)]
pub(super) struct Cluster {
    // Dropped first: nobody asks any more.
    doors: Vec<Door>,
    server: Alone,
}

impl Cluster {
    /// The cluster of a network, which begins when it is asked for.
    pub(super) fn of(cluster: &mut Option<Self>) -> Result<&mut Self> {
        let known = match cluster.take() {
            Some(known) => known,
            None => Self {
                doors: Vec::new(),
                server: Kubernetes::alone(NAMESPACE)?,
            },
        };
        Ok(cluster.insert(known))
    }

    /// Makes these requests.
    pub(super) fn write(&self, requests: &[Request]) -> Result<()> {
        requests
            .iter()
            .try_for_each(|(method, path, body)| self.server.demand(method, path, Some(body)).map(drop))
    }

    /// Starts a kube-proxy on a node.
    pub(super) fn kube_proxy(&mut self, node: &Node, mode: &str) -> Result<()> {
        let (door, url) = Door::open(node, self.server.port())?;
        self.doors.push(door);
        let config = self.server.kubeconfig("admin", &url)?;
        let arguments = [
            format!("--kubeconfig={}", config.display()),
            format!("--proxy-mode={mode}"),
            format!("--hostname-override={}", node.name()),
            "--cluster-cidr=10.244.0.0/16".into(),
            // These belong to the machine, not to the namespace.
            "--conntrack-max-per-core=0".into(),
            "--conntrack-min=0".into(),
            "--conntrack-tcp-timeout-established=0s".into(),
            "--conntrack-tcp-timeout-close-wait=0s".into(),
        ];
        let daemon = Daemon {
            program: Kubernetes::program("kube-proxy")?,
            called: KUBE_PROXY.into(),
            arguments: arguments.into(),
            environment: Vec::new(),
            log: "/var/log/kube-proxy.log".into(),
        };
        node.start(KUBE_PROXY, &daemon)
    }

    /// All objects of nodes, pods and services, a document each.
    pub(super) fn documents(&self) -> Result<String> {
        let mut text = String::new();
        for path in self.server.collections() {
            let list = self.server.get(&path)?.unwrap_or_default();
            text.extend(["---\n", &list.to_string(), "\n"]);
        }
        Ok(text)
    }
}
