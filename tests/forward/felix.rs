//! Random objects, and the tables that Felix made of them: what the tables do with a packet is what the objects say.
//!
//! `fixtures/felix` says how the tables were recorded. Netfilter's part is the walker's, which the kernel judges.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use netdiag::forward::hooks::{Call, Conn, ConnState, Hooks, Verdict};
use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::{PlaceId, Topology};
use netdiag::intent::documents;
use netdiag::parse::{ipset, iptables};
use netdiag::policy::passage::{Passage, Side};
use netdiag::policy::{Flow, Policies};
use netdiag::state::link::{IfIndex, Link};
use netdiag::state::netfilter::{Dialect, Hook};
use netdiag::state::{Fact, Netns, NodeState, Objects};

const RECORDED: &[u8] = include_bytes!("../../fixtures/felix/cases.zst");

#[derive(Deserialize)]
struct Case {
    seed: u64,
    node: String,
    objects: Vec<Value>,
    /// Source, destination, protocol, and ports or type and code.
    packets: Vec<(IpAddr, IpAddr, u8, u16, u16)>,
    /// What `iptables-save` and `ipset save` printed.
    tables: String,
    ipsets: String,
    /// The host's end of each pod's link.
    links: BTreeMap<String, String>,
}

fn cases() -> Vec<Case> {
    let mut text = String::new();
    zstd::Decoder::new(RECORDED)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The node's links: two of its own, and one a pod.
const UPLINKS: [(&str, &str); 2] = [("eth0", "192.168.0.1"), ("eth1", "192.168.1.1")];

fn node(case: &Case) -> NodeState {
    let names = ["eth0", "eth1"]
        .into_iter()
        .chain(case.links.values().map(String::as_str));
    let links = names.enumerate().map(|(index, name)| Link {
        index: IfIndex(u32::try_from(index).unwrap() + 2),
        name: name.to_owned(),
        ..Link::default()
    });
    let ruleset = iptables::iptables_save(&case.tables, Dialect::IptablesLegacy).unwrap();
    NodeState {
        name: case.node.clone(),
        net: Netns {
            links: Fact::Known(links.collect()),
            addresses: Fact::Known(Vec::new()),
            netfilter: Fact::Known(vec![ruleset]),
            ipsets: Fact::Known(ipset::ipset_save(&case.ipsets).unwrap()),
            ..Netns::default()
        },
        ..NodeState::default()
    }
}

/// Where an address is: the node itself, a pod on it, or beyond a link.
fn side<'a>(case: &'a Case, policies: &'a Policies, ip: IpAddr) -> (Side<'a>, Option<&'a str>) {
    if UPLINKS.iter().any(|(_, own)| ip.to_string() == *own) {
        return (Side::Local, None);
    }
    if let Some(pod) = policies.pod_at(ip).filter(|pod| pod.node == case.node) {
        return (Side::Pod(pod), Some(case.links[&pod.name].as_str()));
    }
    let name = if ip.to_string().starts_with("192.168.1.") {
        "eth1"
    } else {
        "eth0"
    };
    let addresses = ADDRESSES.get_or_init(|| UPLINKS.map(|(_, ip)| [ip.parse().unwrap()]));
    let place = usize::from(name == "eth1");
    (
        Side::Link {
            name,
            addresses: &addresses[place],
        },
        Some(name),
    )
}

static ADDRESSES: std::sync::OnceLock<[[IpAddr; 1]; 2]> = std::sync::OnceLock::new();

/// What the tables do with a packet on its way through the node: whether it comes through, and the rule that drops it.
fn by_tables(
    topology: &Topology,
    packet: &Packet,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(), String> {
    let place = topology.place(PlaceId(0));
    let hooks = Hooks::new(place.net);
    let index = |name: Option<&str>| {
        name.map(|name| {
            place
                .net
                .links
                .items()
                .iter()
                .find(|link| link.name == name)
                .unwrap()
                .index
        })
    };
    let stations: &[Hook] = match (from, to) {
        (Some(_), None) => &[Hook::Prerouting, Hook::Input],
        (None, Some(_)) => &[Hook::Output, Hook::Postrouting],
        _ => &[Hook::Prerouting, Hook::Forward, Hook::Postrouting],
    };
    let (mut packet, mut conn): (Packet, Option<Conn>) = (packet.clone(), None);
    let mut new = Conn::begun_by(&packet);
    new.state = ConnState::New;
    for hook in stations {
        let call = Call {
            frame: None,
            place,
            hook: *hook,
            in_link: index(from).filter(|_| !matches!(hook, Hook::Output | Hook::Postrouting)),
            out_link: index(to).filter(|_| !matches!(hook, Hook::Prerouting | Hook::Input)),
            physdev: (None, None),
            packet: packet.clone(),
            conn: conn.clone(),
            // Policies are asked for types of ICMP, too, that begin no connection.
            known: vec![new.clone()],
            others: Vec::new(),
            recent: Vec::new(),
            quiet: true,
            counts: false,
        };
        let passed = hooks.call(&call);
        let [passed] = &passed[..] else {
            return Err(format!("{hook:?} has {} results", passed.len()));
        };
        match &passed.verdict {
            Verdict::Accept => {}
            Verdict::Drop(at) | Verdict::Reject(at, _) => {
                let rule = at.rule.map_or("policy", |rule| &rule.text);
                return Err(format!("{hook:?}: {rule}"));
            }
            Verdict::NotDecidable(_) => return Err(format!("{hook:?}: not decidable")),
        }
        (packet, conn) = (passed.packet.clone(), passed.conn.clone());
    }
    Ok(())
}

/// The rule that looks at routes: there are none in a recording.
const RPFILTER: &str = "-m rpfilter";

#[test]
fn the_objects_say_what_felixs_tables_do() {
    let (mut asked, mut denied) = (0, 0);
    let mut wrong = Vec::new();
    for mut case in cases() {
        let lines: Vec<&str> = case
            .tables
            .lines()
            .filter(|line| !line.contains(RPFILTER))
            .collect();
        case.tables = lines.join("\n") + "\n";
        let mut objects = Objects::default();
        for object in &case.objects {
            documents::add(&mut objects, object.clone());
        }
        documents::add(
            &mut objects,
            serde_json::json!({"apiVersion": "projectcalico.org/v3", "kind": "FelixConfiguration",
                "metadata": {"name": "default"}, "spec": {"defaultEndpointToHostAction": "Drop"}}),
        );
        let policies = Policies::new(&objects);
        assert_eq!(policies.unreadable, [""; 0], "seed {}", case.seed);
        let node = node(&case);
        let topology = Topology::new(std::slice::from_ref(&node));
        for (number, (src, dst, protocol, first, second)) in case.packets.iter().copied().enumerate() {
            let transport = match protocol {
                6 => Transport::Tcp {
                    sport: first,
                    dport: second,
                },
                17 => Transport::Udp {
                    sport: first,
                    dport: second,
                },
                132 => Transport::Sctp {
                    sport: first,
                    dport: second,
                },
                _ => Transport::Icmp {
                    kind: first.to_le_bytes()[0],
                    code: second.to_le_bytes()[0],
                    id: 1,
                },
            };
            let (from, in_link) = side(&case, &policies, src);
            let (to, out_link) = side(&case, &policies, dst);
            if in_link.is_none() && out_link.is_none() {
                continue;
            }
            let is_icmp = protocol == 1;
            let flow = Flow {
                src,
                dst,
                protocol,
                ports: (!is_icmp).then_some((first, second)),
                icmp: is_icmp.then_some((first.to_le_bytes()[0], second.to_le_bytes()[0])),
            };
            let passage = Passage {
                node: &case.node,
                from,
                to,
                before: flow,
                flow,
            };
            let decisions = policies.judge(&passage);
            let allowed = decisions.iter().all(|decision| decision.allowed == Some(true));
            let packet = Packet::new(src, dst, transport);
            let tables = by_tables(&topology, &packet, in_link, out_link);
            asked += 1;
            denied += usize::from(!allowed);
            if allowed != tables.is_ok() {
                let said: Vec<String> = decisions
                    .iter()
                    .map(|decision| format!("{} {decision}", decision.endpoint))
                    .collect();
                wrong.push(format!(
                    "seed {} packet {number}: {packet} by {in_link:?} to {out_link:?}\n  objects: {}\n  tables: {tables:?}",
                    case.seed,
                    said.join("; ")
                ));
            }
        }
    }
    let shown = wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {asked} differ:\n{shown}", wrong.len());
    assert!(asked > 5_000, "{asked}");
    assert!((1_000..asked - 1_000).contains(&denied), "{denied} of {asked}");
}
