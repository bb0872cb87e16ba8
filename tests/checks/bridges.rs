//! Bridges, Docker's networks, WireGuard, and ways around.

use netdiag::state::cni::FlannelSubnet;
use netdiag::state::conntrack::FlowStatus;
use netdiag::state::docker::{Container, Docker, Endpoint, Ipam, Network, NetworkEndpoint, PublishedPort};
use netdiag::state::kind::{LinkData, Wireguard, WireguardPeer};
use netdiag::state::link::{Address, IfIndex};
use netdiag::state::neighbor::NeighborState;
use netdiag::state::netfilter::Dialect;
use netdiag::state::route::{NextHop, Route, RouteProtocol, RouteType, TableId};
use netdiag::state::{Fact, NodeState, Snapshot};
use netdiag_bench::cluster::Flavour;

use crate::made::{connection, fires, found, known, link, linked, made, pod_ip, rules, tracked};
use crate::services::listening;

#[test]
fn bridges_that_pods_can_not_use_are_told() {
    fires(
        "bridge-without-address",
        &made(Flavour::FlannelHostGw, 2, 2),
        |broken| {
            let bridge = link(&mut broken.nodes[0], "cni0").index;
            known(&mut broken.nodes[0].net.addresses).retain(|address| address.link != bridge);
        },
    );
    let mut asked = made(Flavour::FlannelHostGw, 2, 2);
    let pod = pod_ip(&asked.nodes[0], 0).to_string();
    let itself = connection(
        6,
        (&pod, "10.96.0.80", 80),
        (&pod, &pod),
        FlowStatus(FlowStatus::DST_NAT.0 | FlowStatus::SEEN_REPLY.0),
    );
    tracked(&mut asked.nodes[0], vec![itself.clone()]);
    fires("hairpin-off", &asked, |broken| {
        let node = &mut broken.nodes[0];
        let lost = netdiag::state::conntrack::Flow {
            status: FlowStatus::DST_NAT,
            ..itself.clone()
        };
        tracked(node, vec![lost]);
        for port in known(&mut node.net.links)
            .iter_mut()
            .filter_map(|link| link.port.as_mut())
        {
            port.hairpin = false;
        }
    });
    fires(
        "own-subnet-leaves-node",
        &made(Flavour::FlannelHostGw, 2, 2),
        |broken| {
            let other = broken.nodes[1].net.addresses.items()[1].ip;
            let node = &mut broken.nodes[0];
            let uplink = link(node, "eth0").index;
            node.flannel.subnet = Fact::Known(FlannelSubnet {
                subnet: Some("10.0.0.1/24".parse().unwrap()),
                ..FlannelSubnet::default()
            });
            known(&mut node.net.routes).insert(0, by(uplink, other, "10.0.0.0/24"));
        },
    );
    fires("gateway-unanswered", &made(Flavour::CalicoBgp, 2, 2), |broken| {
        let pods = known(&mut broken.nodes[0].namespaces);
        for entry in known(&mut pods[0].net.neighbors) {
            entry.state = NeighborState::Failed;
            entry.mac = None;
        }
    });
}

fn by(link: IfIndex, gateway: std::net::IpAddr, dst: &str) -> Route {
    Route {
        next_hops: vec![NextHop::by(link, Some(gateway))],
        ..Route::new(
            dst.parse().unwrap(),
            TableId::MAIN,
            RouteType::Unicast,
            RouteProtocol::STATIC,
        )
    }
}

#[test]
fn tunnels_with_another_source_or_without_an_address_are_told() {
    fires(
        "tunnel-source-differs",
        &made(Flavour::CalicoIpip, 3, 2),
        |broken| {
            let node = &mut broken.nodes[0];
            let uplink = link(node, "eth0").index;
            let second = "172.16.200.9".parse().unwrap();
            known(&mut node.net.addresses).push(Address::new(uplink, second, 16));
            let segment = "172.16.0.0/16".parse().unwrap();
            for route in known(&mut node.net.routes)
                .iter_mut()
                .filter(|route| route.dst == segment)
            {
                route.prefsrc = Some(second);
            }
        },
    );
    let wireguard = |addressed: bool, mtu: u32| {
        let mut cluster = made(Flavour::CalicoBgp, 3, 2);
        let node = &mut cluster.nodes[0];
        linked(node, 980, "wireguard.cali", "wireguard");
        let data = Wireguard {
            public_key: "AAA=".into(),
            peers: vec![WireguardPeer {
                public_key: "BBB=".into(),
                ..WireguardPeer::default()
            }],
            ..Wireguard::default()
        };
        let own = link(node, "wireguard.cali");
        (own.data, own.mtu) = (Some(LinkData::Wireguard(data)), mtu);
        if addressed {
            let address = Address::new(IfIndex(980), "10.255.0.1".parse().unwrap(), 32);
            known(&mut node.net.addresses).push(address);
        }
        cluster
    };
    fires("wireguard-without-address", &wireguard(true, 1440), |broken| {
        *broken = wireguard(false, 1440);
    });
    fires("wireguard-mtu-too-large", &wireguard(true, 1440), |broken| {
        *broken = wireguard(true, 1480);
    });
}

/// A host with a network of Docker's, and a container that publishes a port there.
fn docker(node: &mut NodeState) {
    linked(node, 970, "docker0", "bridge");
    let address = Address::new(IfIndex(970), "192.168.200.1".parse().unwrap(), 24);
    known(&mut node.net.addresses).push(address);
    let network = Network {
        id: "0123456789abcdef".into(),
        name: "bridge".into(),
        driver: "bridge".into(),
        ipam: vec![Ipam {
            subnet: "192.168.200.0/24".into(),
            ..Ipam::default()
        }],
        options: [("com.docker.network.bridge.name".to_owned(), "docker0".to_owned())].into(),
        endpoints: vec![NetworkEndpoint::default(), NetworkEndpoint::default()],
        ..Network::default()
    };
    let container = Container {
        id: "c0ffee".into(),
        name: "web".into(),
        state: "running".into(),
        networks: [("bridge".to_owned(), Endpoint::default())].into(),
        ports: vec![PublishedPort {
            port: 80,
            protocol: "tcp".into(),
            host_port: Some(8080),
            host_address: None,
        }],
        ..Container::default()
    };
    node.docker = Fact::Known(Docker {
        networks: Fact::Known(vec![network]),
        containers: Fact::Known(vec![container]),
        ..Docker::default()
    });
}

const NAT: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n\
    -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A POSTROUTING -s 192.168.200.0/24 ! -o docker0 -j MASQUERADE\n";

fn with_docker() -> Snapshot {
    let mut cluster = made(Flavour::FlannelHostGw, 2, 2);
    docker(&mut cluster.nodes[0]);
    let text = format!(
        "{NAT}-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.168.200.2:80\nCOMMIT\n"
    );
    rules(&mut cluster.nodes[0], Dialect::IptablesLegacy, &text);
    // docker-proxy.
    known(&mut cluster.nodes[0].net.tcp).push(listening(8080));
    cluster
}

#[test]
fn what_docker_keeps_closed_is_told() {
    fires("published-port-closed", &with_docker(), |broken| {
        known(&mut broken.nodes[0].net.tcp).clear();
        known(&mut broken.nodes[0].net.netfilter).remove(0);
        rules(
            &mut broken.nodes[0],
            Dialect::IptablesLegacy,
            &format!("{NAT}COMMIT\n"),
        );
    });
    fires("published-port-without-proxy", &with_docker(), |broken| {
        known(&mut broken.nodes[0].net.tcp).clear();
    });
    fires("port-not-published", &with_docker(), |broken| {
        let host = broken.nodes[0]
            .net
            .addresses
            .items()
            .iter()
            .find(|own| !own.ip.is_loopback());
        let host = host.unwrap().ip.to_string();
        let asked = connection(6, ("10.9.9.9", &host, 9000), (&host, "10.9.9.9"), FlowStatus(0));
        tracked(&mut broken.nodes[0], vec![asked]);
        let containers = &mut known(&mut broken.nodes[0].docker).containers;
        known(containers)[0].ports.push(PublishedPort {
            port: 9000,
            protocol: "tcp".into(),
            host_port: None,
            host_address: None,
        });
    });
    let kept = |packets: u32| {
        let mut cluster = with_docker();
        let networks = &mut known(&mut cluster.nodes[0].docker).networks;
        known(networks)[0]
            .options
            .insert("com.docker.network.bridge.enable_icc".into(), "false".into());
        let text = format!(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             [{packets}:1000] -A FORWARD -i docker0 -o docker0 -j DROP\nCOMMIT\n"
        );
        rules(&mut cluster.nodes[0], Dialect::IptablesLegacy, &text);
        cluster
    };
    fires("containers-kept-apart", &kept(0), |broken| *broken = kept(40));
    let raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -d 192.168.200.2/32 ! -i docker0 -j DROP\nCOMMIT\n";
    let mut healthy = with_docker();
    rules(&mut healthy.nodes[0], Dialect::IptablesLegacy, raw);
    fires("docker-drops-direct-access", &healthy, |broken| {
        let docker_host = broken.nodes[0].net.addresses.items()[1].ip;
        let node = &mut broken.nodes[1];
        let uplink = link(node, "eth0").index;
        known(&mut node.net.routes).push(by(uplink, docker_host, "192.168.200.0/24"));
    });
}

/// Docker's rules for its network, but for what is published.
const FILTER: &str = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n\
    :DOCKER-ISOLATION-STAGE-1 - [0:0]\n:DOCKER-ISOLATION-STAGE-2 - [0:0]\n-A FORWARD -s 10.0.0.0/8 -j ACCEPT\n-A FORWARD -d 10.0.0.0/8 -j ACCEPT\n\
    -A FORWARD -j DOCKER-ISOLATION-STAGE-1\n-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
    -A FORWARD -o docker0 -j DOCKER\n-A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n-A FORWARD -i docker0 -o docker0 -j ACCEPT\n\
    -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2\n\
    -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP\n";

#[test]
fn rules_that_docker_would_have_written_are_told() {
    let published =
        "-A DOCKER -d 192.168.200.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT\n";
    let state = |more: &str| {
        let mut cluster = with_docker();
        let containers = &mut known(&mut cluster.nodes[0].docker).containers;
        let endpoints = known(containers)[0].networks.values_mut();
        endpoints.for_each(|endpoint| endpoint.address = "192.168.200.2".parse().ok());
        rules(
            &mut cluster.nodes[0],
            Dialect::IptablesLegacy,
            &format!("{FILTER}{more}COMMIT\n"),
        );
        cluster
    };
    fires("docker-rules-differ", &state(published), |broken| {
        *broken = state("")
    });
    // Whoever lets all in, on purpose, lets this in as well.
    let wide = "-A DOCKER -d 192.168.200.0/24 -j ACCEPT\n";
    assert_eq!(found(&state(wide)), []);
}

/// Rules of each release for docker0, where port 80 of .2 is published, and for br-shop; before each jump, the pods'.
const LAYOUTS: [(&str, &str); 4] = [
    (
        "20.10",
        "-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A FORWARD -o br-shop -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br-shop -j DOCKER
-A FORWARD -i br-shop ! -o br-shop -j ACCEPT
-A FORWARD -i br-shop -o br-shop -j ACCEPT
-A DOCKER -d 192.168.200.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -i br-shop ! -o br-shop -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -o br-shop -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN",
    ),
    (
        "28.0, with ipset",
        "-A FORWARD -j DOCKER-USER
-A FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER
-A FORWARD -i docker0 -j ACCEPT
-A FORWARD -i br-shop -j ACCEPT
-A DOCKER -d 192.168.200.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER ! -i br-shop -o br-shop -j DROP
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -i br-shop ! -o br-shop -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -o br-shop -j DROP",
    ),
    (
        "28, with DOCKER-FORWARD",
        "-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 192.168.200.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER ! -i br-shop -o br-shop -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-BRIDGE -o br-shop -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-CT -o br-shop -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-FORWARD -i br-shop -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -i br-shop ! -o br-shop -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -o br-shop -j DROP",
    ),
    (
        "29, without stages, and with those of an older one left over",
        "-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 192.168.200.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER ! -i br-shop -o br-shop -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-BRIDGE -o br-shop -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-CT -o br-shop -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-INTERNAL
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
-A DOCKER-FORWARD -i br-shop -j ACCEPT",
    ),
];

/// A host with two networks, and with these rules of FORWARD.
fn laid_out(rules_of_docker: &str) -> Snapshot {
    let mut cluster = with_docker();
    let node = &mut cluster.nodes[0];
    linked(node, 971, "br-shop", "bridge");
    let address = Address::new(IfIndex(971), "192.168.201.1".parse().unwrap(), 24);
    known(&mut node.net.addresses).push(address);
    let docker = known(&mut node.docker);
    let endpoints = known(&mut docker.containers)[0].networks.values_mut();
    endpoints.for_each(|endpoint| endpoint.address = "192.168.200.2".parse().ok());
    let networks = known(&mut docker.networks);
    let mut shop = networks[0].clone();
    (shop.id, shop.name) = ("fedcba98765432".into(), "shop".into());
    shop.ipam[0].subnet = "192.168.201.0/24".into();
    shop.options = [("com.docker.network.bridge.name".to_owned(), "br-shop".to_owned())].into();
    networks.push(shop);
    let chains: Vec<&str> = rules_of_docker
        .split_whitespace()
        .filter(|word| word.starts_with("DOCKER"))
        .chain(["DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"])
        .collect();
    let chains: std::collections::BTreeSet<&str> = chains.into_iter().collect();
    let chains = chains
        .into_iter()
        .fold(String::new(), |text, chain| format!("{text}:{chain} - [0:0]\n"));
    let pods = "-A FORWARD -s 10.0.0.0/8 -j ACCEPT\n-A FORWARD -d 10.0.0.0/8 -j ACCEPT";
    let text = format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{chains}{pods}\n{rules_of_docker}\nCOMMIT\n"
    );
    rules(node, Dialect::IptablesLegacy, &text);
    cluster
}

#[test]
fn each_release_of_docker_has_its_rules_in_other_chains() {
    for (release, rules) in LAYOUTS {
        assert_eq!(found(&laid_out(rules)), [], "{release}");
        let flushed: Vec<&str> = rules
            .lines()
            .filter(|rule| !rule.starts_with("-A DOCKER -d "))
            .collect();
        let findings = found(&laid_out(&flushed.join("\n")));
        let [finding] = findings.as_slice() else {
            panic!("{release}: {findings:#?}")
        };
        assert_eq!(finding.id, "docker-rules-differ", "{release}");
        let commands = finding.fix.commands.iter().map(|command| command.run.as_str());
        let accept = "iptables-legacy -t filter -I DOCKER -d 192.168.200.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT";
        assert_eq!(commands.collect::<Vec<_>>(), [accept], "{release}");
    }
}

/// Where a port is published by one address of the host, it stays so.
#[test]
fn a_port_that_is_translated_to_nobody_keeps_its_address() {
    let (_, rules_of_docker) = LAYOUTS[0];
    let state = |to: &str| {
        let mut cluster = laid_out(rules_of_docker);
        let node = &mut cluster.nodes[0];
        let port = &mut known(&mut known(&mut node.docker).containers)[0].ports[0];
        port.host_address = "127.0.0.1".parse().ok();
        let nat = format!(
            "{NAT}-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination {to}:80\nCOMMIT\n"
        );
        // Its own of before goes.
        let legacy = known(&mut node.net.netfilter).iter_mut();
        let legacy = legacy.filter(|ruleset| ruleset.dialect == Dialect::IptablesLegacy);
        legacy.for_each(|ruleset| ruleset.tables.retain(|table| &*table.name != "nat"));
        rules(node, Dialect::IptablesLegacy, &nat);
        cluster
    };
    assert_eq!(found(&state("192.168.200.2")), []);
    let findings = found(&state("192.168.200.9"));
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}")
    };
    let added = &finding.fix.commands[1].run;
    assert!(
        added.ends_with("-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.168.200.2:80"),
        "{added}"
    );
}
