//! A network that is not up yet, and its bring-up.

use std::{net::TcpListener, time::Duration};

use super::{
    Network, PodSite, Probe, Way,
    answerer::Answerer,
    cluster::{self, Cluster},
    frr,
};
use crate::{Bird, Daemon, Error, Plan, Result, bird, ovs};

/// A network that is not up yet.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing exists before `up`"]
pub struct Draft {
    plan: Plan,
    pods: Vec<PodSite>,
    ways: Vec<Way>,
    steps: Vec<Step>,
    settles_within: Duration,
}

/// What is done once all nodes are up.
#[derive(Debug, Clone)]
enum Step {
    Sh {
        node: String,
        script: String,
    },
    Write {
        node: String,
        path: String,
        text: String,
    },
    /// BIRD 2 with this configuration
    Bird {
        node: String,
        config: String,
    },
    /// FRR's zebra and ripd with this configuration
    Rip {
        node: String,
        config: String,
    },
    /// Open vSwitch, then lines for the shell that has its tools
    Ovs {
        node: String,
        script: String,
    },
    OvsSh {
        node: String,
        script: String,
    },
    /// a program in Perl that runs until the end
    Program {
        node: String,
        called: String,
        text: String,
    },
    Kill {
        node: String,
        daemon: String,
    },
    /// something that takes connections, in a pod or in the node itself
    Listen {
        node: String,
        pod: Option<String>,
        port: u16,
    },
    /// something that takes connections, and sends datagrams back
    Serve {
        node: String,
        pod: String,
        port: u16,
    },
    /// objects of the cluster
    Objects(Vec<cluster::Request>),
    KubeProxy {
        node: String,
        mode: &'static str,
    },
}

impl Draft {
    /// What this plan brings up, and no pods or ways yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            // Without daemons it takes none, but where many labs run at once.
            settles_within: Duration::from_secs(15),
            ..Self::default()
        }
    }

    /// Pods that were made by [`Self::also`].
    pub fn pods(mut self, pods: impl IntoIterator<Item = PodSite>) -> Self {
        self.pods.extend(pods);
        self
    }

    /// Daemons need this long, at most, until all ways are open.
    pub fn settles_within(mut self, within: Duration) -> Self {
        self.settles_within = within;
        self
    }

    /// From a node, or from a `node/pod`, an echo request must be answered.
    pub fn pings(self, from: &str, to: &str) -> Self {
        self.way(from, Probe::Ping(to.into()), true)
    }

    /// From a node, or from a `node/pod`, an echo request must not be answered.
    pub fn never_pings(self, from: &str, to: &str) -> Self {
        self.way(from, Probe::Ping(to.into()), false)
    }

    /// From a node, or from a `node/pod`, an echo request of that many bytes is answered, or isn't.
    pub(super) fn sized(self, from: &str, to: &str, size: u32, df: bool, answered: bool) -> Self {
        let to = to.into();
        self.way(from, Probe::Sized { to, size, df }, answered)
    }

    /// From a node, or from a `node/pod`, a connection must come about.
    pub fn connects(self, from: &str, to: &str, port: u16) -> Self {
        self.way(from, Probe::Tcp(to.into(), port), true)
    }

    /// From a node, or from a `node/pod`, every connection must come about, whoever it is given to.
    pub(super) fn connects_always(self, from: &str, to: &str, port: u16) -> Self {
        self.way(from, Probe::TcpAlways(to.into(), port), true)
    }

    /// From a node, or from a `node/pod`, a connection must not come about.
    pub(super) fn never_connects(self, from: &str, to: &str, port: u16) -> Self {
        self.way(from, Probe::Tcp(to.into(), port), false)
    }

    /// From a node, or from a `node/pod`, a datagram must be answered.
    pub fn asks(self, from: &str, to: &str, port: u16) -> Self {
        self.way(from, Probe::Udp(to.into(), port), true)
    }

    fn way(mut self, from: &str, probe: Probe, answered: bool) -> Self {
        let (node, pod) = match from.split_once('/') {
            Some((node, pod)) => (node, Some(pod.to_owned())),
            None => (from, None),
        };
        self.ways.push(Way {
            node: node.into(),
            pod,
            probe,
            answered,
        });
        self
    }

    pub(super) fn bird(mut self, node: &str, config: String) -> Self {
        self.steps.push(Step::Bird {
            node: node.into(),
            config,
        });
        self
    }

    pub(super) fn frr(mut self, node: &str, config: String) -> Self {
        self.steps.push(Step::Rip {
            node: node.into(),
            config,
        });
        self
    }

    pub(super) fn ovs(mut self, node: &str, script: &str) -> Self {
        self.steps.push(Step::Ovs {
            node: node.into(),
            script: script.into(),
        });
        self
    }

    /// Runs a program in Perl, under the name of what it stands for.
    pub fn program(mut self, node: &str, called: &str, text: &str) -> Self {
        self.steps.push(Step::Program {
            node: node.into(),
            called: called.into(),
            text: text.into(),
        });
        self
    }

    /// Lines for the shell of a node that has Open vSwitch and its tools.
    pub fn also_ovs(mut self, node: &str, script: &str) -> Self {
        self.steps.push(Step::OvsSh {
            node: node.into(),
            script: script.into(),
        });
        self
    }

    /// Kills a daemon of a node.
    pub fn also_kill(mut self, node: &str, daemon: &str) -> Self {
        self.steps.push(Step::Kill {
            node: node.into(),
            daemon: daemon.into(),
        });
        self
    }

    /// Something in a pod takes connections to this port.
    pub fn listens(mut self, node: &str, pod: &str, port: u16) -> Self {
        self.steps.push(Step::Listen {
            node: node.into(),
            pod: Some(pod.into()),
            port,
        });
        self
    }

    /// The same in the node itself.
    pub(super) fn listens_on(mut self, node: &str, port: u16) -> Self {
        self.steps.push(Step::Listen {
            node: node.into(),
            pod: None,
            port,
        });
        self
    }

    /// A program in a pod that takes connections to this port, and sends datagrams back.
    pub fn serves(mut self, node: &str, pod: &str, port: u16) -> Self {
        self.steps.push(Step::Serve {
            node: node.into(),
            pod: pod.into(),
            port,
        });
        self
    }

    /// Requests to the API server of the cluster.
    pub(super) fn objects(mut self, requests: impl IntoIterator<Item = cluster::Request>) -> Self {
        self.steps.push(Step::Objects(requests.into_iter().collect()));
        self
    }

    /// A kube-proxy in this mode.
    pub(super) fn kube_proxy(mut self, node: &str, mode: &'static str) -> Self {
        self.steps.push(Step::KubeProxy {
            node: node.into(),
            mode,
        });
        self
    }

    /// A file of a node.
    pub fn file(mut self, node: &str, path: &str, text: String) -> Self {
        self.steps.push(Step::Write {
            node: node.into(),
            path: path.into(),
            text,
        });
        self
    }

    /// Lines for the shell of a node, once all nodes are up.
    pub fn also(mut self, node: &str, script: &str) -> Self {
        self.steps.push(Step::Sh {
            node: node.into(),
            script: script.into(),
        });
        self
    }

    /// Brings it up; that all ways are open is not awaited ([`Network::works`]).
    pub fn up(self) -> Result<Network> {
        let lab = self.plan.up()?;
        let (mut listeners, mut answerers, mut cluster) = (Vec::new(), Vec::new(), None);
        for step in &self.steps {
            match step {
                Step::Sh { node, script } => {
                    // Guests on a busy machine are slow.
                    let run = lab.node(node).sh(script).within(Duration::from_secs(60));
                    run.ok().map(drop)?;
                }
                Step::Write { node, path, text } => lab.node(node).write(path, text)?,
                Step::Bird { node, config } => {
                    lab.node(node).write(bird::CONFIG, config)?;
                    Bird::V2.start(lab.node(node))?;
                }
                Step::Rip { node, config } => frr::start(lab.node(node), config)?,
                Step::Ovs { node, script } => {
                    ovs::start(lab.node(node))?;
                    ovs::sh(lab.node(node), script)?;
                }
                Step::Program { node, called, text } => {
                    let path = format!("/run/lab/{called}.pl");
                    lab.node(node).write(&path, text)?;
                    let daemon = Daemon {
                        program: "/usr/bin/perl".into(),
                        called: called.clone(),
                        arguments: vec![path],
                        environment: Vec::new(),
                        log: format!("/var/log/{called}.log"),
                    };
                    lab.node(node).start(called, &daemon)?;
                }
                Step::OvsSh { node, script } => ovs::sh(lab.node(node), script).map(drop)?,
                Step::Kill { node, daemon } => lab.node(node).kill(daemon)?,
                Step::Listen { node, pod, port } => {
                    let node = lab.node(node);
                    let bound = || TcpListener::bind(("0.0.0.0", *port));
                    listeners.push(match pod {
                        Some(pod) => node.pod(pod).listen(*port)?,
                        None => node
                            .in_network(bound)?
                            .map_err(Error::io(format!("{}: port {port}", node.name())))?,
                    });
                }
                Step::Serve { node, pod, port } => {
                    answerers.push(Answerer::start(lab.node(node), pod, *port)?);
                }
                Step::Objects(requests) => Cluster::of(&mut cluster)?.write(requests)?,
                Step::KubeProxy { node, mode } => {
                    Cluster::of(&mut cluster)?.kube_proxy(lab.node(node), mode)?;
                }
            }
        }
        Ok(Network {
            lab,
            pods: self.pods,
            ways: self.ways,
            settles_within: self.settles_within,
            _listeners: listeners,
            _answerers: answerers,
            cluster,
        })
    }
}
