//! One node with a lot of everything: pods, routes, rules, sets and connections, by the thousand.

mod rules;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use crate::{Lab, Node, Plan, Result};

/// What loading one of the tables may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Members of one set.
const OF_A_SET: usize = 500;

/// How much of everything the node has.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Pods: network namespaces with a veth pair into the node, an address and routes.
    pub pods: usize,
    /// Routes of the node's main table, those to its pods among them.
    pub routes: usize,
    /// Rules of iptables (the nft back end) as kube-proxy and Calico write them.
    pub rules: usize,
    /// Members of sets of ipset(8).
    pub members: usize,
    /// Tracked connections.
    pub flows: usize,
}

impl Sizes {
    /// A large node: what netdiag promises to read in two seconds.
    pub const LARGE: Self = Self {
        pods: 300,
        routes: 10_000,
        rules: 20_000,
        members: 5_000,
        flows: 50_000,
    };
}

/// A node like that; it goes when this is dropped, or when this process ends, however that comes.
#[derive(Debug)]
pub struct Crowd {
    lab: Lab,
    sizes: Sizes,
}

impl Crowd {
    /// Makes it.
    ///
    /// # Errors
    /// [`crate::Error::Skip`] where labs can't run; otherwise the tool that failed, and its words.
    pub fn up(sizes: Sizes) -> Result<Self> {
        let lab = Plan::new()
            .node("node1", |node| node.forward().sh(&sizes.links()))
            .up()?;
        let crowd = Self { lab, sizes };
        let load = |words: &[&str], input: String| {
            let run = crowd.node().run(words).input(input);
            run.within(PATIENCE).ok().map(drop)
        };
        load(&["ipset", "restore"], sizes.sets())?;
        load(&["iptables-nft-restore"], crowd.rules().save())?;
        // From a file: conntrack(8) counts lines of a stream to 8 KiB only.
        crowd.node().write("/run/lab/flows", &sizes.tracked())?;
        load(&["conntrack", "-R", "/run/lab/flows"], String::new())?;
        Ok(crowd)
    }

    /// The node.
    pub fn node(&self) -> &Node {
        self.lab.node("node1")
    }

    /// Names of the pods, which are those of their namespaces, and their addresses.
    pub fn pods(&self) -> impl Iterator<Item = (String, String)> {
        (0..self.sizes.pods).map(|number| (format!("pod{number}"), pod_address(number)))
    }

    /// The node's end of a pod's link.
    pub fn pod_link(&self, number: usize) -> String {
        rules::pod_link(number)
    }

    /// Destinations of the routes in the main table.
    pub fn routes(&self) -> BTreeSet<String> {
        let pods = (0..self.sizes.pods).map(|number| format!("{}/32", pod_address(number)));
        pods.chain((0..self.sizes.others()).map(block)).collect()
    }

    /// The rules.
    pub fn rules(&self) -> Rules {
        Rules::new(self.sizes)
    }

    /// Members of all sets.
    pub fn members(&self) -> BTreeSet<String> {
        (0..self.sizes.members).map(member).collect()
    }

    /// Source addresses and ports of the tracked connections.
    pub fn flows(&self) -> BTreeSet<(String, u16)> {
        (0..self.sizes.flows).map(flow).collect()
    }
}

pub use rules::Rules;

fn pod_address(number: usize) -> String {
    format!("10.65.{}.{}", number / 250, number % 250 + 1)
}

/// A block of another node.
fn block(number: usize) -> String {
    format!(
        "10.{}.{}.{}/26",
        128 + number / 1024,
        number / 4 % 256,
        number % 4 * 64
    )
}

fn set_name(number: usize) -> String {
    format!("cali40s:set{number:018}")
}

fn member(number: usize) -> String {
    format!(
        "10.{}.{}.{}",
        66 + number / 62_500,
        number / 250 % 250,
        number % 250 + 1
    )
}

fn flow(number: usize) -> (String, u16) {
    let port = u16::try_from(20_000 + number % 10_000).unwrap_or(0);
    (format!("10.67.0.{}", number / 10_000 + 1), port)
}

fn say(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{line}");
}

impl Sizes {
    /// Routes that don't lead to pods of the node.
    fn others(&self) -> usize {
        self.routes.saturating_sub(self.pods)
    }

    /// The script that makes links, pods and routes.
    fn links(&self) -> String {
        let mut host = String::from(
            "ip -batch - <<'END'\nlink add eth0 type veth peer name switch\nlink set switch up\nlink set eth0 up\n",
        );
        // Without a default route the kernel is no proxy for 169.254.1.1.
        say(
            &mut host,
            format_args!(
                "address add 192.168.80.23/24 dev eth0\nroute add default via 192.168.80.1 dev eth0"
            ),
        );
        let mut inside = String::new();
        for number in 0..self.pods {
            let (address, link) = (pod_address(number), rules::pod_link(number));
            say(
                &mut host,
                format_args!(
                    "netns add pod{number}\nlink add {link} type veth peer name eth0 netns pod{number}\n\
                     link set {link} up\nroute add {address}/32 dev {link} scope link"
                ),
            );
            say(
                &mut inside,
                format_args!(
                    "ip -n pod{number} -batch - <<'END'\nlink set lo up\nlink set eth0 up\n\
                     address add {address}/32 dev eth0\nroute add 169.254.1.1 dev eth0 scope link\n\
                     route add default via 169.254.1.1 dev eth0\nEND"
                ),
            );
        }
        for number in 0..self.others() {
            let hop = number % 200 + 24;
            say(
                &mut host,
                format_args!(
                    "route add {} via 192.168.80.{hop} dev eth0 proto bird",
                    block(number)
                ),
            );
        }
        // As Felix sets them: the node answers for the pods' gateway, which is nobody's address.
        let answers = "echo 1 >/proc/sys/net/ipv4/ip_forward\n\
                       for link in /proc/sys/net/ipv4/conf/cali*; do echo 1 >\"$link/proxy_arp\"; done\n\
                       for link in /proc/sys/net/ipv4/neigh/cali*; do echo 0 >\"$link/proxy_delay\"; done";
        format!("{host}END\n{answers}\n{inside}")
    }

    /// How many sets there are.
    fn sets_count(&self) -> usize {
        self.members.div_ceil(OF_A_SET)
    }

    /// What `ipset restore` reads.
    fn sets(&self) -> String {
        let mut text = String::new();
        for set in 0..self.sets_count() {
            say(
                &mut text,
                format_args!("create {} hash:net family inet maxelem 1048576", set_name(set)),
            );
        }
        for number in 0..self.members {
            say(
                &mut text,
                format_args!("add {} {}", set_name(number / OF_A_SET), member(number)),
            );
        }
        text
    }

    /// What `conntrack -R` reads.
    fn tracked(&self) -> String {
        let mut text = String::new();
        for number in 0..self.flows {
            let (source, port) = flow(number);
            let seen = if number % 2 == 0 { " -u SEEN_REPLY" } else { "" };
            say(
                &mut text,
                format_args!("-A -p udp -s {source} -d 10.96.0.10 --sport {port} --dport 53 -t 3600{seen}"),
            );
        }
        text
    }
}
