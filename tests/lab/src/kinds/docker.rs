//! Docker on one host, without its daemon: the links and rules that dockerd 20.10 makes.

use super::{
    Draft, Iptables, PodSite,
    attach::{PodBridge, on_bridge},
};
use crate::{NodePlan, Plan};

/// A host `h1` with docker0 (containers `c1`, `c2`), a network of a user's (`c3`), a container without a network
/// (`none1`), one with macvlan (`mac1`); port 8080 of the host is port 80 of `c1`. Outside there is `ext`, with a
/// macvlan container `mac2`.
#[derive(Debug, Clone)]
pub struct Docker {
    pub iptables: Iptables,
    /// Whether 8080 is published.
    pub published: bool,
    /// Whether what leaves the host has the host's address.
    pub masquerade: bool,
    /// The policy of FORWARD, which Docker sets to DROP.
    pub forward_policy: &'static str,
}

impl Default for Docker {
    fn default() -> Self {
        Self {
            iptables: Iptables::Nft,
            published: true,
            masquerade: true,
            forward_policy: "DROP",
        }
    }
}

/// The link of the user's network: `br-` and the first digits of its number.
const USERS: &str = "br-5f0c7e2a91d4";

impl Docker {
    /// The network.
    pub fn draft(&self) -> Draft {
        let docker0 = PodBridge::new("docker0", "172.17.0.1/16");
        let users = PodBridge::new(USERS, "172.18.0.1/16");
        let c1 = on_bridge("h1", "c1", "172.17.0.2");
        let c2 = on_bridge("h1", "c2", "172.17.0.3");
        let c3 = on_bridge("h1", "c3", "172.18.0.2");
        let plan = Plan::new()
            .segment("lan", "")
            .node("h1", |mut node| {
                node = node.link("eth0", "lan", "192.168.60.11/24").forward();
                node = users.on(docker0.on(node));
                node = docker0.connect(node, &c1, "02:42:ac:11:00:02");
                node = docker0.connect(node, &c2, "02:42:ac:11:00:03");
                node = users.connect(node, &c3, "02:42:ac:12:00:02");
                node = node
                    .ip("netns add none1")
                    .in_pod("none1", &["link set lo up".to_owned()]);
                node = on_top(node, "mac1", "192.168.60.201/24");
                node.sh(&self.iptables.restore(&self.rules()))
            })
            .node("ext", |node| {
                on_top(
                    node.link("eth0", "lan", "192.168.60.100/24"),
                    "mac2",
                    "192.168.60.202/24",
                )
            });
        let none = PodSite {
            node: "h1".into(),
            name: "none1".into(),
            address: String::new(),
            own_link: None,
            host_link: None,
        };
        let mut draft = Draft::new(plan)
            .pods([c1, c2, c3, none])
            .pods([
                on_eth0("h1", "mac1", "192.168.60.201"),
                on_eth0("ext", "mac2", "192.168.60.202"),
            ])
            .listens("h1", "c1", 80)
            .pings("h1/c1", "172.17.0.3")
            .pings("h1/mac1", "192.168.60.202")
            // Isolation of networks from each other; a macvlan reaches all but the link it is on.
            .never_pings("h1/c3", "172.17.0.2")
            .never_pings("h1/mac1", "192.168.60.11");
        if self.masquerade {
            draft = draft.pings("h1/c1", "192.168.60.100");
        }
        if self.published {
            draft = draft
                .connects("ext", "192.168.60.11", 8080)
                .connects("h1", "192.168.60.11", 8080);
        }
        draft
    }

    fn rules(&self) -> String {
        let publish = |rules: &'static str| if self.published { rules } else { "" };
        let masquerade = if self.masquerade {
            format!(
                "-A POSTROUTING -s 172.18.0.0/16 ! -o {USERS} -j MASQUERADE\n\
                 -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
            )
        } else {
            String::new()
        };
        format!(
            "*filter
:FORWARD {policy} [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o {USERS} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o {USERS} -j DOCKER
-A FORWARD -i {USERS} ! -o {USERS} -j ACCEPT
-A FORWARD -i {USERS} -o {USERS} -j ACCEPT
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
{accept}-A DOCKER-ISOLATION-STAGE-1 -i {USERS} ! -o {USERS} -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o {USERS} -j DROP
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
{masquerade}{hairpin}-A DOCKER -i {USERS} -j RETURN
-A DOCKER -i docker0 -j RETURN
{translate}COMMIT
",
            policy = self.forward_policy,
            accept = publish(
                "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT\n"
            ),
            hairpin = publish(
                "-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE\n"
            ),
            translate = publish(
                "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n"
            ),
        )
    }
}

/// Containers `m1` and `m2` of `h1` with macvlan on its eth0, and `ext` beside the host.
pub fn macvlan() -> Draft {
    let plan = Plan::new()
        .segment("lan", "")
        .node("h1", |node| {
            let node = on_top(
                node.link("eth0", "lan", "192.168.60.11/24"),
                "m1",
                "192.168.60.201/24",
            );
            on_top(node, "m2", "192.168.60.202/24")
        })
        .node("ext", |node| node.link("eth0", "lan", "192.168.60.100/24"));
    Draft::new(plan)
        .pods([
            on_eth0("h1", "m1", "192.168.60.201"),
            on_eth0("h1", "m2", "192.168.60.202"),
        ])
        .pings("h1/m1", "192.168.60.202")
        .pings("h1/m1", "192.168.60.100")
        .pings("ext", "192.168.60.202")
        .never_pings("h1/m1", "192.168.60.11")
}

/// A container with a link of its own on top of the node's eth0.
fn on_top(node: NodePlan, name: &str, address: &str) -> NodePlan {
    node.ip(&format!("netns add {name}"))
        .ip(&format!(
            "link add link eth0 name {name} type macvlan mode bridge"
        ))
        .ip(&format!("link set {name} netns {name} name eth0"))
        .in_pod(
            name,
            &[
                "link set lo up".to_owned(),
                "link set eth0 up".into(),
                format!("address add {address} brd + dev eth0"),
            ],
        )
}

fn on_eth0(node: &str, name: &str, address: &str) -> PodSite {
    PodSite {
        node: node.into(),
        name: name.into(),
        address: address.into(),
        own_link: Some("eth0".into()),
        host_link: Some("eth0".into()),
    }
}
