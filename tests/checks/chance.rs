//! Networks that are broken by chance: where packets are lost, what is printed brings them back.

mod harms;

use std::io::Write as _;
use std::time::Duration;
use std::{env, thread};

use netdiag::diagnose::Finding;
use netdiag::state::{Fact, NodeState, Objects, Snapshot};
use netdiag_lab::kinds::{Network, Probe, System, Way, systems};
use netdiag_lab::{Random, or_skip, ovs, wait_until};

use self::harms::{Harm, chosen};
use crate::broken::{by_vxlan, plain, without_objects};
use crate::made::found;
use crate::mended::{collected, each, traced, typed};

/// How often is asked again: what was broken hides what is broken beside it.
const ROUNDS: usize = 4;

/// Systems, what was done to them when it was found that nothing, or the wrong thing, was printed, and the check that names
/// it; none where nobody says what is meant, so that only trace does.
const KNOWN: [(&str, &str, &str, &str); 21] = [
    (
        "veth pair",
        "host",
        "ip netns exec test-ns2 ip route replace 10.1.1.0/24 via 192.0.2.9 dev veth1 onlink",
        "",
    ),
    ("bridge", "n1", "ip netns exec a ip link set eth0 arp off", ""),
    (
        "static routes over a router",
        "node2",
        "iptables-nft -t raw -I PREROUTING -s 10.244.2.1/24 -j DROP",
        "",
    ),
    ("vxlan over a group", "n1", "ip rule del pref 32766", ""),
    (
        "vxlan over a group",
        "n2",
        "ip route del 192.168.90.0/24; ip route add unreachable 192.168.90.0/24",
        "",
    ),
    (
        "vxlan over a group",
        "n3",
        "ip address del 10.42.0.3/24 dev vx0",
        "",
    ),
    (
        "rip by bird",
        "r",
        "ip route replace 172.30.2.0/24 dev eth2 scope link",
        "",
    ),
    (
        "rip by bird",
        "h2",
        // What h2 remembers of its pod tells which address that had: slow machines come late.
        "sysctl -w net.ipv4.neigh.docker0.delay_first_probe_time=60
         ip netns exec c2 ip address del 172.30.2.2/24 dev eth0",
        "",
    ),
    (
        "docker",
        "ext",
        "ip netns exec mac2 sh -c 'ip address add 192.168.60.202/32 dev eth0; ip address del 192.168.60.202/24 dev eth0'",
        "",
    ),
    (
        "flannel udp",
        "n3",
        "ip netns exec pod1 ip rule add pref 100 to 0.0.0.0/0 prohibit",
        "route-refuses",
    ),
    (
        "flannel host-gw",
        "n2",
        "ip netns exec pod2 ip route replace default dev eth0 scope link",
        "neighbor-unanswered",
    ),
    (
        "flannel vxlan",
        "n3",
        "ip netns exec pod1 ip rule del pref 32766",
        "no-route",
    ),
    (
        "flannel vxlan",
        "n2",
        "nft 'table netdev chance { chain in { type filter hook ingress device \"flannel.1\" priority 0; ether type ip drop; }; }'",
        "rule-drops-packet",
    ),
    ("flannel DirectRouting", "n1", "ip link set eth0 arp off", ""),
    (
        "calico mesh",
        "m2",
        "ip netns exec db ip address del 192.168.71.5/32 dev eth0",
        "",
    ),
    (
        "calico reflector",
        "m3",
        "ip netns exec far sh -c 'ip route del default; ip route add blackhole default'",
        "",
    ),
    (
        "calico vxlan",
        "m1",
        "ip netns exec web ip neigh replace 169.254.1.1 lladdr 02:00:00:00:77:77 dev eth0 nud permanent",
        "frame-for-nobody",
    ),
    (
        "ovs vxlan",
        "h2",
        "ip netns exec c1 sh -c 'ip address add 172.17.2.1/32 dev eth0; ip address del 172.17.2.1/16 dev eth0'",
        "",
    ),
    (
        "ovs vxlan of three",
        "h2",
        "ip netns exec c1 ip route replace 172.17.0.0/16 via 192.0.2.9 dev eth0 onlink",
        "",
    ),
    (
        "kube-proxy nftables",
        "n2",
        "ip route del 192.168.100.0/24; ip route add prohibit 192.168.100.0/24",
        "",
    ),
    (
        "kube-proxy iptables",
        "n2",
        "ip netns exec web2 ip neigh replace 10.244.2.1 lladdr 02:00:00:00:77:77 dev eth0 nud permanent",
        "frame-for-nobody",
    ),
];

/// A network, and its state as it is without harm.
struct Site {
    network: Network,
    objects: Fact<Objects>,
    whole: Vec<NodeState>,
    /// What is found in it then: some of its parts are so on purpose.
    healthy: Vec<Finding>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The shell had an error.
    Refused,
    /// All packets arrive, broken as it is.
    Harmless,
    Mended,
    NotMended,
}

impl Site {
    fn up(system: System) -> Option<Self> {
        let objects: fn(&[NodeState]) -> Fact<Objects> = match system.name {
            "calico vxlan" => by_vxlan,
            name if name.starts_with("calico") && name != "calico natOutgoing" => plain,
            _ => without_objects,
        };
        let network = or_skip(system.whole.up())?;
        network.works().unwrap();
        let whole: Vec<NodeState> = network.lab().nodes().map(collected).collect();
        let mut site = Self {
            objects: objects(&whole),
            network,
            whole,
            healthy: Vec::new(),
        };
        site.healthy = site.found();
        Some(site)
    }

    fn nodes(&self) -> Vec<NodeState> {
        self.network.lab().nodes().map(collected).collect()
    }

    fn found(&self) -> Vec<Finding> {
        let snapshot = match self.network.objects() {
            Ok(Some(_)) => crate::kube_proxy::state(&self.network),
            _ => Snapshot {
                nodes: self.nodes(),
                objects: self.objects.clone(),
                ..Snapshot::default()
            },
        };
        let mut all = found(&snapshot);
        let same = |one: &Finding, other: &Finding| (one.id, &one.node) == (other.id, &other.node);
        all.retain(|one| !self.healthy.iter().any(|known| same(known, one)));
        all
    }

    /// What can be typed: by check, or where that says nothing, by trace of what is lost.
    fn printed(&self, told: &mut Vec<String>) -> Vec<netdiag::diagnose::Command> {
        let found = self.found();
        told.extend(
            found
                .iter()
                .map(|finding| format!("{}@{}", finding.id, finding.node)),
        );
        let to_type = |command: &netdiag::diagnose::Command| command.node.is_some() && !command.looks;
        let checked = found.into_iter().flat_map(|finding| finding.fix.commands);
        let mut commands: Vec<_> = checked.filter(to_type).collect();
        if commands.is_empty() {
            let traced = traced(self.network.ways(), &self.nodes());
            told.extend(
                traced
                    .iter()
                    .map(|why| format!("{} [{}]", why.finding.title, why.cause)),
            );
            commands.extend(traced.into_iter().flat_map(|why| why.commands).filter(to_type));
        }
        // Several ways are lost for one reason.
        let mut seen = Vec::new();
        commands.retain(|command| {
            let key = (command.node.clone(), command.run.clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
        commands
    }

    /// Breaks it and mends it; with what was told and typed.
    fn tried(&self, harm: &Harm) -> (End, String) {
        if let Err(error) = ovs::sh(self.network.lab().node(&harm.node), &harm.script) {
            return (End::Refused, error.to_string());
        }
        thread::sleep(Duration::from_secs(1));
        let lost = || !self.network.broken().is_empty();
        let is_lost = wait_until("packets lost", Duration::from_secs(5), lost).is_ok();
        let (mut told, mut typed_in) = (Vec::new(), Vec::new());
        if !is_lost {
            let _ = self.printed(&mut told);
            return (End::Harmless, told.join(" | "));
        }
        for _ in 0..ROUNDS {
            let commands = self.printed(&mut told);
            if commands.is_empty() {
                break;
            }
            typed_in.extend(commands.iter().map(|command| command.run.clone()));
            // One that is there already says so: what matters is that packets pass.
            typed_in.extend(typed(&self.network, &commands));
            let works = || self.network.broken().is_empty();
            if wait_until("packets through", Duration::from_secs(10), works).is_ok() {
                break;
            }
        }
        let end = if lost() { End::NotMended } else { End::Mended };
        told.dedup();
        (end, format!("{} <<< {}", typed_in.join(" ; "), told.join(" | ")))
    }
}

fn named(name: &str) -> System {
    systems().into_iter().find(|system| system.name == name).unwrap()
}

#[test]
fn what_chance_has_shown_is_mended_by_what_is_printed() {
    let wrong = each(KNOWN.to_vec(), |(name, node, script, id)| {
        let site = Site::up(named(name))?;
        let harm = Harm {
            node: node.into(),
            script: script.into(),
        };
        let (end, told) = site.tried(&harm);
        let is_named = id.is_empty() || told.contains(&format!("{id}@{node}"));
        (end != End::Mended || !is_named).then(|| format!("{name}: {node}: {script}: {end:?}: {told}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if let Some(cases) = env::var("NETDIAG_CHANCE").ok().and_then(|text| text.parse().ok()) {
        explored(cases);
    }
}

/// Nobody remembers the address: who asks for it is told what the answers lack.
#[test]
fn what_answers_lack_is_told_to_who_asks() {
    let Some(site) = Site::up(named("vxlan over a group")) else {
        return;
    };
    let sh = |node: &str, script: &str| ovs::sh(site.network.lab().node(node), script).unwrap();
    sh(
        "n2",
        "ip route del 192.168.90.0/24; ip route add unreachable 192.168.90.0/24",
    );
    sh("n1", "ip neigh flush dev vx0");
    sh("n3", "ip neigh flush dev vx0");
    let to_n2 = |way: &&Way| way.probe == Probe::Ping("10.42.0.2".into());
    let ways: Vec<_> = site.network.ways().iter().filter(to_n2).cloned().collect();
    let told = traced(&ways, &site.nodes());
    assert_eq!(told.len(), ways.len());
    for why in told {
        let commands: Vec<_> = why.commands.iter().filter(|command| !command.looks).collect();
        assert!(!commands.is_empty(), "{}", why.finding.title);
        assert!(
            commands
                .iter()
                .all(|command| command.node.as_deref() == Some("n2")),
            "{commands:?}"
        );
    }
}

/// `NETDIAG_CHANCE=90 NETDIAG_SEED=1` breaks so many more, and tells how it went: there may be nothing left to tell a fault by.
fn explored(cases: u64) {
    let first = env::var("NETDIAG_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let seeds: Vec<u64> = (first..first + cases).collect();
    let lines = each(seeds, |seed| {
        let mut random = Random::new(seed);
        let all = systems();
        let name = random.pick(&all).name;
        let site = Site::up(named(name))?;
        let harm = chosen(&site.whole, &mut random)?;
        let (end, told) = site.tried(&harm);
        let told = told.replace('\n', " ");
        Some(format!(
            "{end:?} {seed} {name}: {}: {}: {told}",
            harm.node, harm.script
        ))
    });
    std::io::stdout().write_all(lines.join("\n").as_bytes()).unwrap();
}
