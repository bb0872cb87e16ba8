//! A network that is up, with its pods, and the ways packets must go in it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{answerer::Answerer, cluster::Cluster};
use crate::{Error, Lab, Result, probe, wait_until};

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
    /// one of that many bytes, headers included; whether it may be cut
    Sized { to: String, size: u32, df: bool },
    /// a connection to a port
    Tcp(String, u16),
    /// many connections to a port, one after the other: all must come about, whoever they are given to
    TcpAlways(String, u16),
    /// a datagram to a port, from [`Probe::SOURCE`]
    Udp(String, u16),
}

impl Probe {
    /// The port that datagrams come from: that of the packets that netdiag walks.
    pub const SOURCE: u16 = 40_000;
    /// By chance, so many connections never go to the same one of two.
    const MANY: usize = 24;
}

/// A network that is up; dropped, all of it is gone.
#[derive(Debug)]
pub struct Network {
    pub(super) lab: Lab,
    pub(super) pods: Vec<PodSite>,
    pub(super) ways: Vec<Way>,
    pub(super) settles_within: Duration,
    /// open until the end, so that connections find somebody
    pub(super) _listeners: Vec<TcpListener>,
    pub(super) _answerers: Vec<Answerer>,
    pub(super) cluster: Option<Cluster>,
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

    /// The objects of the cluster that it is the network of, as of now, a document each; none without a cluster.
    pub fn objects(&self) -> Result<Option<String>> {
        self.cluster.as_ref().map(Cluster::documents).transpose()
    }

    /// Makes a request to the API server of the cluster, which it has to take.
    pub fn ask(&self, method: &'static str, path: &str, body: &Value) -> Result<()> {
        let cluster = self.cluster.as_ref();
        let cluster = cluster.ok_or_else(|| Error::failed("a network without a cluster".to_owned()))?;
        cluster.write(&[(method, path.to_owned(), body.clone())])
    }

    /// Whether a way's probe is answered now.
    pub fn answers(&self, way: &Way) -> Result<bool> {
        let address = |text: &str| {
            text.parse::<IpAddr>()
                .map_err(|_| Error::failed(format!("{text} is no address")))
        };
        match &way.probe {
            Probe::Ping(to) => {
                let to = address(to)?;
                self.inside(way, || probe::echo(to, Duration::from_secs(1)))?
                    .map_err(Error::io(format!("an echo request to {to}")))
            }
            Probe::Tcp(to, port) => {
                let to = SocketAddr::new(address(to)?, *port);
                self.inside(way, || probe::connects(to, Duration::from_secs(2)))
            }
            Probe::TcpAlways(to, port) => {
                let to = SocketAddr::new(address(to)?, *port);
                let mut connects = |_| probe::connects(to, Duration::from_secs(2));
                self.inside(way, || (0..Probe::MANY).all(&mut connects))
            }
            Probe::Udp(to, port) => {
                let to = SocketAddr::new(address(to)?, *port);
                self.inside(way, || probe::asks(Probe::SOURCE, to, Duration::from_secs(1)))?
                    .map_err(Error::io(format!("a datagram to {to}")))
            }
            Probe::Sized { to, size, df } => self.sized(way, to, *size, *df),
        }
    }

    /// Does the work in the network namespace that a way begins in.
    fn inside<T: Send>(&self, way: &Way, work: impl FnOnce() -> T + Send) -> Result<T> {
        let namespaces = &self.lab.node(&way.node).namespaces;
        match &way.pod {
            Some(pod) => namespaces.in_named_network(pod, work),
            None => namespaces.in_network(work),
        }
    }

    /// ping(8) asks, since sockets of that kind say nothing of DF.
    fn sized(&self, way: &Way, to: &str, size: u32, df: bool) -> Result<bool> {
        let headers = if to.contains(':') { 48 } else { 28 };
        let payload = size.saturating_sub(headers).to_string();
        let words = [
            "ping",
            "-nc1",
            "-W1",
            "-M",
            if df { "do" } else { "dont" },
            "-s",
            &payload,
            to,
        ];
        let node = self.lab.node(&way.node);
        let run = match &way.pod {
            Some(pod) => node.pod(pod).run(words),
            None => node.run(words),
        };
        Ok(run.within(Duration::from_secs(30)).output()?.status.success())
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
