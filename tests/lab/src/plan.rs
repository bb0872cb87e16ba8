//! What a lab shall look like, said in a few lines, and its bring-up.
//!
//! ```no_run
//! # fn main() -> netdiag_lab::Result<()> {
//! use netdiag_lab::{Plan, PodPlan};
//!
//! let lab = Plan::new()
//!     .segment("lan", "192.168.80.254/24")
//!     .node("node1", |node| {
//!         node.link("eth0", "lan", "192.168.80.23/24")
//!             .route("default via 192.168.80.254")
//!             .bridge("docker0", "172.17.0.1/16")
//!             .pod(PodPlan::calico("web", "192.168.115.135"))
//!     })
//!     .node("node2", |node| node.link("eth0", "lan", "192.168.80.24/24"))
//!     .up()?;
//! assert!(lab.node("node1").run(["ping", "-c1", "192.168.80.24"]).output()?.status.success());
//! # Ok(())
//! # }
//! ```

use std::{fmt::Write, thread};

use crate::{Error, Lab, Node, Result, lab::FABRIC, spawn};

/// A lab that is not up yet.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing exists before `up`"]
pub struct Plan {
    segments: Vec<(String, String)>,
    nodes: Vec<NodePlan>,
}

/// A node that is not up yet; what is said first is made first.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct NodePlan {
    name: String,
    cables: Vec<(String, String)>,
    steps: Vec<Step>,
}

/// What is done in a node to set it up.
#[derive(Debug, Clone)]
enum Step {
    /// a line for `ip`; neighbouring ones go in one batch
    Ip(String),
    /// lines for the shell
    Shell(String),
}

/// A pod that is not up yet.
#[derive(Debug, Clone)]
#[must_use]
pub struct PodPlan {
    name: String,
    address: String,
    link: Option<String>,
    prefix_len: u8,
}

impl Plan {
    /// An empty lab.
    pub fn new() -> Self {
        Self::default()
    }

    /// A physical segment: a switch that can have an address itself, a gateway that routes nowhere (or "").
    pub fn segment(mut self, name: &str, address: &str) -> Self {
        self.segments.push((name.into(), address.into()));
        self
    }

    /// A node and what it has.
    pub fn node(mut self, name: &str, describe: impl FnOnce(NodePlan) -> NodePlan) -> Self {
        self.nodes.push(describe(NodePlan {
            name: name.into(),
            ..NodePlan::default()
        }));
        self
    }

    /// Brings it up.
    pub fn up(self) -> Result<Lab> {
        spawn::check_machine()?;
        let starting: Vec<_> = std::iter::once(FABRIC)
            .chain(self.nodes.iter().map(|node| node.name.as_str()))
            .map(|name| Ok((name, spawn::start(name)?)))
            .collect::<Result<_>>()?;
        let mut nodes = Vec::new();
        // Read every answer before giving up: each of them is then either running or reaped.
        let mut wrong = None;
        for (name, starting) in starting {
            match starting.ready() {
                Ok(namespaces) => nodes.push(Node::new(name, namespaces)),
                Err(error) => wrong = Some(error),
            }
        }
        if let Some(error) = wrong {
            return Err(error);
        }
        let lab = Lab::new(nodes);
        self.lay_cables(&lab)?;
        thread::scope(|scope| {
            let work: Vec<_> = self
                .nodes
                .iter()
                .map(|plan| {
                    let node = lab.node(&plan.name);
                    scope.spawn(|| {
                        spawn::feed(
                            shell(node),
                            &format!("{}: its network", plan.name),
                            &plan.script(),
                        )
                    })
                })
                .collect();
            work.into_iter().try_for_each(|work| {
                work.join()
                    .unwrap_or_else(|_| Err(Error::failed("bring-up of a node panicked")))
                    .map(drop)
            })
        })?;
        Ok(lab)
    }

    /// Makes the segments' bridges in the fabric, and a cable from them to every link of every node.
    fn lay_cables(&self, lab: &Lab) -> Result<()> {
        let mut lines = String::from("link set lo up\n");
        for (name, address) in &self.segments {
            say(
                &mut lines,
                format_args!("link add {name} type bridge stp_state 0 forward_delay 0"),
            );
            say(&mut lines, format_args!("link set {name} up"));
            if !address.is_empty() {
                say(&mut lines, format_args!("address add {address} dev {name}"));
            }
        }
        for plan in &self.nodes {
            let pid = lab.node(&plan.name).pid();
            for (link, segment) in &plan.cables {
                let port = Lab::port(&plan.name, link);
                say(
                    &mut lines,
                    format_args!("link add {port} type veth peer name {link} netns {pid}"),
                );
                say(&mut lines, format_args!("link set {port} master {segment} up"));
            }
        }
        // Only the network namespace is entered: processes of the other nodes have no number in the fabric's own.
        let mut ip = std::process::Command::new("nsenter");
        ip.args([
            "-t",
            &lab.fabric().pid().to_string(),
            "-n",
            "--",
            "ip",
            "-batch",
            "-",
        ]);
        spawn::feed(ip, "cables", &lines).map(drop)
    }
}

fn shell(node: &Node) -> std::process::Command {
    let mut enter = node.enter();
    enter.args(["sh", "-eu", "-s"]);
    enter
}

fn say(lines: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(lines, "{line}");
}

impl NodePlan {
    /// A link with a cable to a segment; `address` may be empty.
    pub fn link(mut self, link: &str, segment: &str, address: &str) -> Self {
        self.cables.push((link.into(), segment.into()));
        self = self.ip(&format!("link set {link} up"));
        if address.is_empty() {
            self
        } else {
            self.ip(&format!("address add {address} dev {link}"))
        }
    }

    /// A bridge with an address.
    pub fn bridge(self, name: &str, address: &str) -> Self {
        self.ip(&format!("link add {name} type bridge forward_delay 0"))
            .ip(&format!("link set {name} up"))
            .ip(&format!("address add {address} dev {name}"))
    }

    /// A route, as `ip route add` takes it.
    pub fn route(self, route: &str) -> Self {
        self.ip(&format!("route add {route}"))
    }

    /// Any line for `ip`.
    pub fn ip(mut self, line: &str) -> Self {
        self.steps.push(Step::Ip(line.into()));
        self
    }

    /// Lets it forward packets between its links.
    pub fn forward(self) -> Self {
        self.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
            .sh("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
    }

    /// Any lines for the shell.
    pub fn sh(mut self, lines: &str) -> Self {
        self.steps.push(Step::Shell(lines.into()));
        self
    }

    /// A pod.
    pub fn pod(mut self, pod: PodPlan) -> Self {
        let PodPlan {
            name,
            address,
            link,
            prefix_len,
        } = pod;
        let link = link.unwrap_or_else(|| cali_name(&self.name, &name));
        for line in [
            format!("netns add {name}"),
            format!("link add {link} type veth peer name eth0 netns {name}"),
            format!("link set {link} address ee:ee:ee:ee:ee:ee up"),
            format!("route add {address}/32 dev {link} scope link"),
        ] {
            self = self.ip(&line);
        }
        let in_pod = [
            "link set lo up".to_owned(),
            "link set eth0 up".to_owned(),
            format!("address add {address}/{prefix_len} dev eth0"),
            "route add 169.254.1.1 dev eth0 scope link".to_owned(),
            "route add default via 169.254.1.1 dev eth0".to_owned(),
        ];
        // As Felix sets it: answer at once for every address that the node has a route to.
        self.sh(&format!("echo 1 >/proc/sys/net/ipv4/conf/{link}/proxy_arp"))
            .sh(&format!("echo 0 >/proc/sys/net/ipv4/neigh/{link}/proxy_delay"))
            .in_pod(&name, &in_pod)
    }

    /// Lines for `ip` in the namespace of a pod.
    pub fn in_pod(self, pod: &str, lines: &[String]) -> Self {
        self.sh(&format!(
            "ip -n {pod} -batch - <<'END'\n{}\nEND",
            lines.join("\n")
        ))
    }

    /// The script that sets the node up.
    fn script(&self) -> String {
        let mut script = String::from("ip -batch - <<'END'\nlink set lo up\n");
        let mut in_batch = true;
        for step in &self.steps {
            match (step, in_batch) {
                (Step::Ip(_), false) => script.push_str("ip -batch - <<'END'\n"),
                (Step::Shell(_), true) => script.push_str("END\n"),
                _ => {}
            }
            let (Step::Ip(lines) | Step::Shell(lines)) = step;
            say(&mut script, format_args!("{lines}"));
            in_batch = matches!(step, Step::Ip(_));
        }
        if in_batch {
            script.push_str("END\n");
        }
        script
    }
}

impl PodPlan {
    /// A pod connected as Calico does it: a veth pair without a bridge, proxy ARP for 169.254.1.1, a /32 route.
    pub fn calico(name: &str, address: &str) -> Self {
        Self {
            name: name.into(),
            address: address.into(),
            link: None,
            prefix_len: 32,
        }
    }

    /// The length of its address: Calico's are /32; with another one, the pod asks for its neighbours itself.
    pub fn prefix_len(mut self, prefix_len: u8) -> Self {
        self.prefix_len = prefix_len;
        self
    }

    /// The name of its link on the node (else one is made up, `cali` and eleven hexadecimal digits).
    pub fn link(mut self, link: &str) -> Self {
        self.link = Some(link.into());
        self
    }
}

/// `cali` and eleven digits that only depend on the names.
pub(crate) fn cali_name(node: &str, pod: &str) -> String {
    format!("cali{}", hashed(11, node, pod))
}

/// So many hexadecimal digits (at most eleven) that only depend on the names.
pub(crate) fn hashed(digits: usize, node: &str, pod: &str) -> String {
    let hash = node
        .bytes()
        .chain([b'.'])
        .chain(pod.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let text = format!("{:011x}", hash >> 20);
    text.get(..digits).unwrap_or(&text).to_owned()
}
