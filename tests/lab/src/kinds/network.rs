//! A network with its pods, and the ways packets must go in it.

use std::{collections::BTreeSet, net::TcpListener, thread, time::Duration};

use super::frr;
use crate::{Bird, Error, Lab, Plan, Result, bird, wait_until};

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
    /// something that takes connections
    Listen {
        node: String,
        pod: String,
        port: u16,
    },
}

/// A pod, and where it is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSite {
    /// the node that it is in
    pub node: String,
    /// the name of its namespace
    pub name: String,
    /// its address, without a length; empty when it has none
    pub address: String,
    /// its link to the outside, if it has one
    pub own_link: Option<String>,
    /// the link of the node that this one is the other end of, or is on top of
    pub host_link: Option<String>,
}

/// From where packets are sent to where, and whether they must arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// the node that they start in
    pub node: String,
    /// the pod of that node; none for the node itself
    pub pod: Option<String>,
    /// what is sent, and where to
    pub probe: Probe,
    /// whether there has to be an answer
    pub answered: bool,
}

/// What is sent to find out whether a way is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// an ICMP echo request
    Ping(String),
    /// a connection to a port
    Tcp(String, u16),
}

/// A network that is up; dropped, all of it is gone.
#[derive(Debug)]
pub struct Network {
    lab: Lab,
    pods: Vec<PodSite>,
    ways: Vec<Way>,
    settles_within: Duration,
    /// open until the end, so that connections find somebody
    _listeners: Vec<TcpListener>,
}

impl Draft {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            settles_within: Duration::from_secs(5),
            ..Self::default()
        }
    }

    pub(super) fn pods(mut self, pods: impl IntoIterator<Item = PodSite>) -> Self {
        self.pods.extend(pods);
        self
    }

    /// Daemons need this long, at most, until all ways are open.
    pub(super) fn settles_within(mut self, within: Duration) -> Self {
        self.settles_within = within;
        self
    }

    /// From a node, or from a `node/pod`, an echo request must be answered.
    pub(super) fn pings(self, from: &str, to: &str) -> Self {
        self.way(from, Probe::Ping(to.into()), true)
    }

    /// From a node, or from a `node/pod`, an echo request must not be answered.
    pub(super) fn never_pings(self, from: &str, to: &str) -> Self {
        self.way(from, Probe::Ping(to.into()), false)
    }

    /// From a node, or from a `node/pod`, a connection must come about.
    pub(super) fn connects(self, from: &str, to: &str, port: u16) -> Self {
        self.way(from, Probe::Tcp(to.into(), port), true)
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

    pub(super) fn listens(mut self, node: &str, pod: &str, port: u16) -> Self {
        self.steps.push(Step::Listen {
            node: node.into(),
            pod: pod.into(),
            port,
        });
        self
    }

    pub(super) fn file(mut self, node: &str, path: &str, text: String) -> Self {
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
        let mut listeners = Vec::new();
        for step in &self.steps {
            match step {
                Step::Sh { node, script } => lab.node(node).sh(script).ok().map(drop)?,
                Step::Write { node, path, text } => lab.node(node).write(path, text)?,
                Step::Bird { node, config } => {
                    lab.node(node).write(bird::CONFIG, config)?;
                    Bird::V2.start(lab.node(node))?;
                }
                Step::Rip { node, config } => frr::start(lab.node(node), config)?,
                Step::Listen { node, pod, port } => listeners.push(lab.node(node).pod(pod).listen(*port)?),
            }
        }
        Ok(Network {
            lab,
            pods: self.pods,
            ways: self.ways,
            settles_within: self.settles_within,
            _listeners: listeners,
        })
    }
}

impl Network {
    /// The lab it is built in.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// All its pods.
    pub fn pods(&self) -> &[PodSite] {
        &self.pods
    }

    /// What must go through, and what must not.
    pub fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// Whether a way's probe is answered now.
    pub fn answers(&self, way: &Way) -> Result<bool> {
        let words = match &way.probe {
            Probe::Ping(to) => ["ping", "-nc1", "-W1", to].map(str::to_owned).to_vec(),
            Probe::Tcp(to, port) => {
                let connect = format!("exec 3<>/dev/tcp/{to}/{port}");
                ["timeout", "2", "bash", "-c", &connect]
                    .map(str::to_owned)
                    .to_vec()
            }
        };
        let node = self.lab.node(&way.node);
        let run = match &way.pod {
            Some(pod) => node.pod(pod).run(words),
            None => node.run(words),
        };
        Ok(run.output()?.status.success())
    }

    /// Waits until every way is as it must be; an error names those that are not.
    pub fn works(&self) -> Result<()> {
        let mut wrong: BTreeSet<usize> = (0..self.ways.len()).collect();
        let settled = wait_until("all ways are open", self.settles_within, || {
            wrong = self.wrong(&wrong);
            wrong.is_empty()
        });
        // What was closed at first may have opened since.
        let closed = (0..self.ways.len()).filter(|index| !self.ways[*index].answered);
        wrong.extend(self.wrong(&closed.collect()));
        let wrong: Vec<_> = wrong
            .iter()
            .map(|index| format!("{:?}", self.ways[*index]))
            .collect();
        if wrong.is_empty() {
            return settled;
        }
        Err(Error::failed(format!("not as it must be: {}", wrong.join("\n"))))
    }

    /// The ways that are not as they must be, as of now.
    pub fn broken(&self) -> Vec<&Way> {
        let all = (0..self.ways.len()).collect();
        let wrong = self.wrong(&all).into_iter();
        wrong.filter_map(|index| self.ways.get(index)).collect()
    }

    fn wrong(&self, of: &BTreeSet<usize>) -> BTreeSet<usize> {
        thread::scope(|scope| {
            let probes: Vec<_> = of
                .iter()
                .filter_map(|index| Some((*index, self.ways.get(*index)?)))
                .map(|(index, way)| (index, way, scope.spawn(move || self.answers(way))))
                .collect();
            probes
                .into_iter()
                .filter_map(|(index, way, probe)| {
                    let answered = probe.join().ok().and_then(Result::ok);
                    (answered != Some(way.answered)).then_some(index)
                })
                .collect()
        })
    }
}
