//! A node with many pods, routes, rules, members of sets and connections: nothing of it is lost, and it doesn't take long.
//! How long on large nodes: `make bench`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use netdiag::state::ipset::Part;
use netdiag::state::route::TableId;
use netdiag::state::{NodeState, Snapshot};
use netdiag_lab::{Crowd, Run, Sizes, or_skip};

const PROGRAM: &str = env!("CARGO_BIN_EXE_netdiag");

const SIZES: Sizes = Sizes {
    pods: 60,
    routes: 2_000,
    rules: 4_000,
    members: 1_000,
    flows: 5_000,
};

/// What a build without optimization may take on a busy machine; a quadratic loop takes longer.
const BOUND: Duration = Duration::from_secs(20);

fn read(run: Run) -> NodeState {
    let text = run.within(Duration::from_secs(120)).ok().unwrap();
    let mut snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    snapshot.nodes.remove(0)
}

#[test]
fn a_crowded_node_is_read_in_whole_and_in_time() {
    let Some(crowd) = or_skip(Crowd::up(SIZES)) else {
        return;
    };
    let save = ["snapshot", "save", "--json", "--only-node", "--timeout", "1"];
    let started = Instant::now();
    let node = read(crowd.node().run([PROGRAM].iter().chain(&save)));
    let took = started.elapsed();

    pods(&crowd, &node);
    let routes: BTreeSet<String> = node
        .net
        .routes
        .items()
        .iter()
        .filter(|route| route.table == TableId::MAIN)
        .map(|route| route.dst.to_string())
        .collect();
    let made = crowd.routes();
    assert_eq!(made.difference(&routes).next(), None);
    // And that of the node's own link, and what IPv6 has.
    assert!(routes.len() < made.len() + 10, "{}", routes.len());

    rules(&crowd, &node);
    let members: BTreeSet<String> = node
        .net
        .ipsets
        .items()
        .iter()
        .flat_map(|set| &set.elements)
        .map(|element| match &element.parts[..] {
            [Part::Net(net)] => net.addr().to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(members, crowd.members());

    let table = node.net.conntrack.known().unwrap();
    let flows: BTreeSet<(String, u16)> = table
        .entries
        .items()
        .iter()
        .filter_map(|flow| Some((flow.original.src.to_string(), flow.original.sport?)))
        .collect();
    assert_eq!(crowd.flows().difference(&flows).next(), None);
    assert_eq!(table.omitted, 0);
    assert!(took < BOUND, "{took:?}");
}

fn pods(crowd: &Crowd, node: &NodeState) {
    let namespaces = node.namespaces.known().unwrap();
    assert_eq!(namespaces.len(), SIZES.pods);
    for (name, address) in crowd.pods() {
        let pod = namespaces
            .iter()
            .find(|namespace| namespace.names == [name.as_str()])
            .unwrap();
        let addresses = pod.net.addresses.items().iter();
        assert!(
            addresses.map(|own| own.ip.to_string()).any(|own| own == address),
            "{name}"
        );
        let has_default = |route: &netdiag::state::route::Route| route.dst.prefix_len() == 0;
        assert!(pod.net.routes.items().iter().any(has_default), "{name}");
        assert_eq!(pod.net.links.items().len(), 2, "{name}");
        assert!(pod.net.tcp.known().is_some() && pod.host_id.is_some(), "{name}");
        // Without tables there is nothing, and no tool was asked.
        assert!(pod.net.netfilter.items().is_empty(), "{name}");
    }
}

fn rules(crowd: &Crowd, node: &NodeState) {
    let rules: BTreeSet<&str> = node
        .net
        .netfilter
        .known()
        .unwrap()
        .iter()
        .flat_map(|ruleset| &ruleset.tables)
        .flat_map(|table| &table.chains)
        .flat_map(|chain| &chain.rules)
        .map(|rule| {
            assert!(
                rule.statements
                    .iter()
                    .all(netdiag::state::netfilter::Statement::is_understood)
            );
            &*rule.text
        })
        .collect();
    let made = crowd.rules();
    let lines: BTreeSet<&str> = made.lines().collect();
    assert_eq!(lines.len(), SIZES.rules);
    assert_eq!(lines.difference(&rules).next(), None);
    assert_eq!(rules.len(), SIZES.rules);
}
