//! How to get to other nodes.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::targets;
use crate::cli::{Context, Error};
use crate::fleet::kube::{self, Kube};
use crate::fleet::ssh::Ssh;
use crate::fleet::{Failure, Program, Target, Way};
use crate::state::{Fact, Objects};

/// The ways to nodes that `nodes` names.
#[derive(Debug, Args)]
pub(in crate::cli) struct Ways {
    /// How nodes are reached: ssh, the system's own with its configuration, or kubectl, by exec into a pod on each node
    /// with the rights that kubectl has
    #[arg(long, value_enum, default_value_t = Via::Ssh, requires = "nodes")]
    via: Via,
    /// Bring this netdiag along to nodes that don't have it; nothing of it stays there (always with --via kubectl)
    #[arg(long, requires = "nodes")]
    push: bool,
    /// Namespaces of the pods to exec into (default: kube-system and calico-system)
    #[arg(long, value_name = "NAMESPACE", requires = "nodes", value_delimiter = ',')]
    kube_namespace: Vec<String>,
    /// Label of the pods to exec into: one on each node, in its network
    #[arg(long, value_name = "KEY=VALUE", requires = "nodes", default_value = kube::SELECTOR)]
    kube_selector: String,
    /// Where a node is reached (default: its name, its InternalIP, its BGP address); repeatable
    #[arg(long = "host", value_name = "NODE=HOST", requires = "nodes", value_parser = host)]
    pub(super) hosts: Vec<(String, String)>,
    /// User to log in as (default: what ssh's configuration says)
    #[arg(long, value_name = "USER", requires = "nodes")]
    ssh_user: Option<String>,
    /// Run netdiag by sudo on the nodes; it must not ask for a password
    #[arg(long, requires = "nodes")]
    sudo: bool,
}

/// The way to other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Via {
    Ssh,
    Kubectl,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = Self::new(failure.why);
        match failure.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

fn host(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((node, host)) if !node.is_empty() && !host.is_empty() => Ok((node.to_owned(), host.to_owned())),
        _ => Err("give a node and where it is reached: node1=192.168.80.23".to_owned()),
    }
}

impl Ways {
    /// ssh needs no preparation; of Kubernetes the pods are asked first.
    pub(in crate::cli) fn way(
        &self,
        cx: &Context,
        program: Program,
        patience: Duration,
    ) -> Result<Way, Error> {
        if self.via == Via::Ssh {
            return Ok(Way::Ssh(Ssh {
                user: self.ssh_user.clone(),
                sudo: self.sudo,
                program,
                connect: patience.min(Duration::from_secs(10)),
            }));
        }
        let namespaces = if self.kube_namespace.is_empty() {
            kube::NAMESPACES.map(str::to_owned).into()
        } else {
            self.kube_namespace.clone()
        };
        cx.block_on(async {
            let kube = Kube::connect(&namespaces, &self.kube_selector, program);
            match tokio::time::timeout(patience, kube).await {
                Ok(Ok(kube)) => Ok(Way::Kube(kube)),
                Ok(Err(failure)) => Err(Error::from(failure)),
                Err(_) => Err(Error::new(format!(
                    "Kubernetes: no answer within {} s",
                    patience.as_secs_f64()
                ))),
            }
        })
    }

    /// The node's own netdiag, or this one.
    pub(in crate::cli) fn program(&self) -> Result<Program, Error> {
        if !self.push && self.via == Via::Ssh {
            return Ok(Program::Installed);
        }
        let fail = |error: std::io::Error| Error::new(format!("this program can't be copied: {error}"));
        // Of a program that was replaced while it runs, the path is gone, but not what it leads to.
        let binary = std::fs::read("/proc/self/exe").map_err(fail)?;
        Ok(Program::Pushed(binary.into()))
    }

    /// Whether it is said where this node is reached: its objects don't matter then.
    pub(in crate::cli) fn knows(&self, node: &str) -> bool {
        self.via == Via::Kubectl || self.hosts.iter().any(|(given, _)| given == node)
    }

    /// Where a node is reached, with the addresses of its objects where those are known.
    pub(in crate::cli) fn target(&self, node: &str, objects: &Fact<Objects>) -> Result<Target, Error> {
        let given = self.hosts.iter().cloned().collect();
        let mut targets = targets::targets(&[node.to_owned()], objects, &[], &given)?;
        targets
            .pop()
            .ok_or_else(|| Error::new(format!("{node} is no node")))
    }
}
