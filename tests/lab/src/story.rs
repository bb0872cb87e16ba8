//! The founding story: four nodes whose addresses Calico took from a leftover bridge.

use std::{thread, time::Duration};

use crate::{
    Bird, Daemon, Error, Etcd, Fault, Gateway, HOSTS, Host, Lab, Node, Plan, PodPlan, Result, Run, Session,
    Store, bird, daemons,
    kinds::PodSite,
    objects,
    plan::cali_name,
    render::{Settings, mesh_name},
    renderer::Renderer,
    wait_until,
};

/// Where etcd listens (it runs on node1).
pub const ETCD: &str = "192.168.80.23:6666";

/// A story that is up.
#[derive(Debug)]
pub struct Story {
    // Dropped in this order: the renderer looks into the lab.
    renderer: Renderer,
    etcd: Etcd,
    lab: Lab,
    plan: StoryPlan,
}

/// A story that is not up yet.
#[derive(Debug, Clone)]
#[must_use = "nothing exists before `up`"]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the story")]
pub struct StoryPlan {
    bird: Bird,
    store: Store,
    healthy: bool,
    hosts_file: bool,
    one_directional: bool,
    hold_time: u32,
    calico_version: String,
    bgp_configuration: bool,
    autodetection: Option<String>,
    gateway: Gateway,
    faults: Vec<Fault>,
    twin: Option<(&'static str, &'static str)>,
}

impl StoryPlan {
    /// Calico before 3.15 took the last bridge for the node's address: nothing works between nodes.
    /// BIRD 1.6 and etcd v3, if nothing else is said.
    pub fn first_found() -> Self {
        Self {
            bird: Bird::V1,
            store: Store::V3,
            healthy: false,
            hosts_file: true,
            one_directional: false,
            hold_time: 9,
            calico_version: "v3.13.5".into(),
            bgp_configuration: false,
            autodetection: None,
            gateway: Gateway::Silent,
            faults: Vec::new(),
            twin: None,
        }
    }

    /// Which BIRD.
    pub fn bird(mut self, bird: Bird) -> Self {
        self.bird = bird;
        self
    }

    /// Which of etcd's stores.
    pub fn store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// With the right addresses from the start, and a setting that keeps them (`interface=eth0`).
    pub fn healthy(mut self) -> Self {
        self.healthy = true;
        self
    }

    /// Without the nodes' names in /etc/hosts.
    pub fn without_hosts_file(mut self) -> Self {
        self.hosts_file = false;
        self
    }

    /// As since Calico 3: of two nodes, only one connects.
    pub fn one_directional(mut self) -> Self {
        self.one_directional = true;
        self
    }

    /// After how many seconds without a sign of life a session ends (9).
    pub fn hold_time(mut self, seconds: u32) -> Self {
        self.hold_time = seconds;
        self
    }

    /// What ClusterInformation says (etcd v3 only); empty: it says nothing.
    pub fn calico_version(mut self, version: &str) -> Self {
        self.calico_version = version.into();
        self
    }

    /// With a BGPConfiguration `default` (etcd v3 only).
    pub fn bgp_configuration(mut self) -> Self {
        self.bgp_configuration = true;
        self
    }

    /// IP_AUTODETECTION_METHOD of calico-node (else `first-found`, and `interface=eth0` in a healthy story).
    pub fn autodetection(mut self, method: &str) -> Self {
        self.autodetection = Some(method.into());
        self
    }

    /// What the gateway does with packets to the leftover bridges' addresses.
    pub fn gateway(mut self, gateway: Gateway) -> Self {
        self.gateway = gateway;
        self
    }

    /// Broken from the start; faults of BIRD's configuration are there before BIRD is.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Another machine of the story calls itself by a node's name, too, and wrote that one's Node last.
    pub fn twin(mut self, machine: &'static str, name: &'static str) -> Self {
        self.twin = Some((machine, name));
        self
    }

    /// Brings it up; sessions are not awaited.
    pub fn up(self) -> Result<Story> {
        let lab = Self::network().up()?;
        let etcd = Etcd::start(lab.node("node1"), ETCD, self.store)?;
        self.gateway.set_up(lab.fabric())?;
        for host in HOSTS {
            self.furnish(lab.node(host.name))?;
        }
        etcd.wait_ready()?;
        objects::write(&etcd, self.healthy, &self.calico_version, self.bgp_configuration)?;
        if let Some((machine, name)) = self.twin {
            let host = HOSTS.iter().find(|host| host.name == machine);
            objects::write_node(&etcd, name, host.map_or("", |host| host.address))?;
            objects::remove_node(&etcd, machine)?;
        }
        let nodes = HOSTS.map(|host| (lab.shared(host.name).clone(), host.block.to_owned()));
        let settings = Settings {
            bird: self.bird,
            one_directional: self.one_directional,
            hold_time: self.hold_time,
        };
        let renderer = Renderer::start(etcd.clone(), nodes.into(), settings)?;
        if let Some((machine, name)) = self.twin {
            renderer.rename(machine, name)?;
        }
        let story = Story {
            renderer,
            etcd,
            lab,
            plan: self,
        };
        let (configured, others): (Vec<_>, Vec<_>) =
            story.plan.faults.iter().copied().partition(Fault::is_configured);
        story.renderer.change(|faults| faults.extend(configured))?;
        story.start_bird()?;
        others.into_iter().try_for_each(|fault| story.inject(fault))?;
        Ok(story)
    }

    fn network() -> Plan {
        HOSTS
            .iter()
            .fold(Plan::new().segment("lan", "192.168.80.254/24"), |plan, host| {
                plan.node(host.name, |node| {
                    let [pod1, pod2] = host.pods;
                    node.link("eth0", "lan", &format!("{}/24", host.address))
                        .route("default via 192.168.80.254")
                        .forward()
                        .bridge("docker0", "172.17.0.1/16")
                        .pod(PodPlan::calico("pod1", pod1))
                        .pod(PodPlan::calico("pod2", pod2))
                        // Another network's leftover, and the youngest link: the one that first-found took.
                        .bridge("cni0", &format!("{}/24", host.leftover))
                })
            })
    }

    /// What a machine calls itself towards Calico.
    fn nodename<'a>(&self, machine: &'a str) -> &'a str {
        match self.twin {
            Some((twin, name)) if twin == machine => name,
            _ => machine,
        }
    }

    /// What calico-node leaves on a machine, and its Felix.
    fn furnish(&self, node: &Node) -> Result<()> {
        let mut hosts = String::from("127.0.0.1 localhost\n");
        if self.hosts_file {
            hosts.extend(HOSTS.map(|host| format!("{} {}\n", host.address, host.name)));
        }
        node.write("/etc/hosts", &hosts)?;
        let (called, arguments) = match self.store {
            Store::V3 => ("calico-node", vec!["-felix".to_owned()]),
            Store::V2 => ("calico-felix", vec![]),
        };
        let program = format!("/run/lab/bin/{called}");
        let name = self.nodename(node.name());
        if name != node.name() {
            node.write("/etc/machine-id", "5e1f0c5a7b2d4d0e9a3c8b6f4e2d1c0b\n")?;
        }
        node.sh(&format!(
            "mkdir -p /var/lib/calico; printf %s {name} >/var/lib/calico/nodename; ln -sf '{}' {program}",
            daemons::IDLE
        ))
        .ok()?;
        let method = match &self.autodetection {
            Some(method) => method,
            None if self.healthy => "interface=eth0",
            None => "first-found",
        };
        let environment = [
            ("NODENAME", name),
            ("IP", "autodetect"),
            ("IP_AUTODETECTION_METHOD", method),
            ("CALICO_NETWORKING_BACKEND", "bird"),
            ("CALICO_IPV4POOL_CIDR", objects::POOL),
            ("CALICO_IPV4POOL_IPIP", "Off"),
            ("CLUSTER_TYPE", "k8s,bgp"),
            ("ETCD_ENDPOINTS", &format!("http://{ETCD}")),
        ];
        let felix = Daemon {
            program,
            called: called.into(),
            arguments,
            environment: environment
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            log: "/var/log/calico/felix/current".into(),
        };
        node.start("felix", &felix)
    }
}

impl Story {
    /// The node of that name; it panics if there is none.
    pub fn node(&self, name: &str) -> &Node {
        self.lab.node(name)
    }

    /// The lab it is played in.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// All its pods.
    pub fn pods(&self) -> Vec<PodSite> {
        let of = |host: &Host| {
            ["pod1", "pod2"]
                .into_iter()
                .zip(host.pods)
                .map(|(pod, address)| PodSite {
                    node: host.name.into(),
                    name: pod.into(),
                    address: address.into(),
                    own_link: Some("eth0".into()),
                    host_link: Some(cali_name(host.name, pod)),
                })
                .collect::<Vec<_>>()
        };
        HOSTS.iter().flat_map(of).collect()
    }

    /// The datastore.
    pub fn etcd(&self) -> &Etcd {
        &self.etcd
    }

    /// netdiag on a node, with the environment that points it at the datastore.
    pub fn netdiag(&self, program: &str, on: &str, arguments: &[&str]) -> Run {
        let command = std::iter::once(program).chain(arguments.iter().copied());
        let run = self.node(on).run(command).within(Duration::from_secs(120));
        self.environment()
            .into_iter()
            .fold(run, |run, (name, value)| run.env(name, value))
    }

    /// The variables that point a client at the datastore.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("ETCD_ENDPOINTS", self.etcd.endpoint().to_owned())];
        if self.plan.store == Store::V2 {
            variables.push(("DATASTORE_TYPE", "etcdv2".into()));
        }
        variables
    }

    /// The BGP sessions of a node, as its BIRD shows them.
    pub fn sessions(&self, node: &str) -> Result<Vec<Session>> {
        bird::sessions(self.node(node))
    }

    /// Waits until every session of every node is Established, three on each.
    pub fn wait_established(&self, within: Duration) -> Result<()> {
        let mut last = String::new();
        let established = |node: &Node| {
            let sessions = bird::sessions(node).unwrap_or_default();
            sessions.len() == HOSTS.len() - 1 && sessions.iter().all(|session| session.info == "Established")
        };
        wait_until("all sessions Established", within, || {
            let late: Vec<_> = self.lab.nodes().filter(|node| !established(node)).collect();
            let said = late
                .iter()
                .map(|node| format!("{}: {:?}", node.name(), bird::sessions(node)));
            last = said.collect::<Vec<_>>().join("\n");
            late.is_empty()
        })
        .map_err(|error| Error::failed(format!("{error}\n{last}")))
    }

    /// Whether a node's kernel has the blackhole that BIRD makes for the node's own block.
    pub fn has_own_block(&self, node: &str) -> Result<bool> {
        let routes = self
            .node(node)
            .run(["ip", "route", "show", "type", "blackhole", "proto", "bird"])
            .ok()?;
        Ok(!routes.trim().is_empty())
    }

    /// The blocks that a node's kernel has routes to, made by BIRD (its own blackhole left out).
    pub fn learned_blocks(&self, node: &str) -> Result<Vec<String>> {
        let routes = self
            .node(node)
            .run(["ip", "route", "show", "proto", "bird"])
            .ok()?;
        let routes = routes.lines().filter(|route| !route.starts_with("blackhole"));
        Ok(routes
            .filter_map(|route| route.split_whitespace().next())
            .map(str::to_owned)
            .collect())
    }

    /// Breaks something.
    pub fn inject(&self, fault: Fault) -> Result<()> {
        if fault.is_configured() {
            self.renderer.change(|faults| faults.push(fault))
        } else {
            fault.inflict(&self.lab, |peer| self.session_name(peer))
        }
    }

    /// Mends what [`Story::inject`] broke.
    pub fn clear(&self, fault: Fault) -> Result<()> {
        if fault.is_configured() {
            self.renderer
                .change(|faults| faults.retain(|other| *other != fault))
        } else {
            fault.relieve(&self.lab, self.plan.bird, |peer| self.session_name(peer))
        }
    }

    /// Writes the right addresses into the datastore, as netdiag is to do.
    pub fn mend(&self) -> Result<()> {
        HOSTS
            .iter()
            .try_for_each(|host| objects::write_node(&self.etcd, host.name, host.address))
    }

    /// Writes one node's address into the datastore, a /24.
    pub fn set_address(&self, node: &str, address: &str) -> Result<()> {
        objects::write_node(&self.etcd, node, address)
    }

    /// The twin has a name of its own from now on: calico-node starts again there, and on the machine whose name it had;
    /// each writes its Node.
    pub fn part_twins(&mut self) -> Result<()> {
        let Some((machine, name)) = self.plan.twin.take() else {
            return Ok(());
        };
        let node = self.lab.node(machine);
        node.stop("felix")?;
        self.plan.furnish(node)?;
        self.renderer.rename(machine, machine)?;
        for host in HOSTS.iter().filter(|host| [machine, name].contains(&host.name)) {
            self.set_address(host.name, host.address)?;
        }
        Ok(())
    }

    /// The protocol that the other nodes have for a node.
    fn session_name(&self, peer: &str) -> Result<String> {
        let cluster = self.renderer.cluster()?;
        cluster
            .address(peer)
            .map(mesh_name)
            .ok_or_else(|| Error::failed(format!("{peer} has no address")))
    }

    fn start_bird(&self) -> Result<()> {
        thread::scope(|scope| {
            let start = |node| {
                self.plan
                    .bird
                    .start(node)
                    .and_then(|()| self.plan.bird.start_ipv6(node))
            };
            let work: Vec<_> = self
                .lab
                .nodes()
                .map(|node| scope.spawn(move || start(node)))
                .collect();
            work.into_iter().try_for_each(|work| {
                work.join()
                    .unwrap_or_else(|_| Err(Error::failed("the start of bird panicked")))
            })
        })
    }
}
