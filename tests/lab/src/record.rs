//! The state of a lab as outputs of plain commands: a folder a node, a folder a pod within, a file a command.
//!
//! Pods are looked at less closely than nodes are, as people do it: addresses, routes, neighbors and sockets only.

use std::{path::Path, thread, time::Duration};

use crate::{Error, Lab, Node, Result, bird, ovs};

/// `keep FILE COMMAND…`: what a command prints; without any output there is no file.
const KEEP: &str = r#"
keep() { file=$1; shift; "$@" >"$file" 2>/dev/null </dev/null || true; [ -s "$file" ] || rm -f "$file"; }
cd "$1"
"#;

const OF_NODE: &str = r#"
keep link.json ip -d -j link
keep addr.json ip -d -j addr
keep route.json ip -d -j route show table all
keep route.txt ip route
keep route6.json ip -6 -d -j route show table all
keep rule.json ip -j rule
keep nexthop.json ip -j nexthop
keep neigh.json ip -j neigh
keep neigh-proxy.json ip -j neigh show proxy
keep fdb.json bridge -j fdb
keep bridge-link.json bridge -j -d link
keep iptables-save.txt iptables-save -c
# To ask for the older tables makes them.
! grep -q . /proc/net/ip_tables_names 2>/dev/null || keep iptables-legacy-save.txt iptables-legacy-save -c
keep nft.json nft -j list ruleset
keep nft.txt nft list ruleset
keep ipset.txt ipset save
keep ss.txt ss -Htanup
keep conntrack.txt conntrack -L -o extended
sysctl -a 2>/dev/null | grep -E '^net\.(bridge|ipv[46]\.(ip_forward|ip_local_port_range|fib_multipath|conf\..*\.(accept_local|arp_|forwarding|proxy_arp|disable_ipv6|route_localnet|rp_filter|send_redirects|src_valid_mark)))' \
    >sysctl.txt || true
for path in /run/netns/*; do
    [ -e "$path" ] || continue
    pod=${path##*/}
    mkdir -p "$pod"
    keep "$pod/addr.json" ip -n "$pod" -d -j addr
    keep "$pod/route.json" ip -n "$pod" -d -j route show table all
    keep "$pod/neigh.json" ip -n "$pod" -j neigh
    keep "$pod/ss.txt" ip netns exec "$pod" ss -Htanu
done
"#;

/// Its tools say on standard error what is wrong, and that is kept.
const OF_SWITCH: &str = r#"
told() { file=$1; shift; "$@" >"$file" 2>&1 </dev/null || true; }
told ovs-vsctl-show.txt ovs-vsctl --timeout=2 show
for table in Open_vSwitch Bridge Port Interface; do
    keep "ovs-$table.json" ovs-vsctl --timeout=2 -f json list "$table"
done
for path in /run/openvswitch/*.mgmt; do
    [ -e "$path" ] || continue
    bridge=${path##*/}
    bridge=${bridge%.mgmt}
    told "ofctl-$bridge.txt" ovs-ofctl --timeout=2 dump-flows "$bridge"
    told "groups-$bridge.txt" ovs-ofctl --timeout=2 -O OpenFlow15 dump-groups "$bridge"
    told "fdb-$bridge.txt" ovs-appctl --timeout=2 fdb/show "$bridge"
done
"#;

/// Writes the state of every node into a folder of its name below `directory`.
///
/// # Errors
/// When a node has no shell or the folder can't be made.
pub fn record(lab: &Lab, directory: &Path) -> Result<()> {
    thread::scope(|scope| {
        let nodes: Vec<_> = lab
            .nodes()
            .map(|node| scope.spawn(move || one(node, &directory.join(node.name()))))
            .collect();
        nodes.into_iter().try_for_each(|node| {
            node.join()
                .unwrap_or_else(|_| Err(Error::failed("a thread that records panicked")))
        })
    })
}

fn one(node: &Node, folder: &Path) -> Result<()> {
    let said = folder.display().to_string();
    std::fs::create_dir_all(folder).map_err(Error::io(&said))?;
    let mut script = format!("{KEEP}{OF_NODE}");
    if node.daemon(ovs::SERVER).is_some() || node.daemon(ovs::SWITCH).is_some() || has_database(node) {
        script = format!("{}\n{script}{OF_SWITCH}", ovs::path()?);
    }
    node.run(["sh", "-uc", &script, "sh", &said])
        .within(Duration::from_secs(120))
        .ok()?;
    for (question, file) in [
        ("show protocols all", "raw-protocols-all.txt"),
        ("show protocols", "raw-protocols.txt"),
    ] {
        if let Ok(lines) = bird::ask(node, question) {
            let path = folder.join(file);
            let text = format!("0001 BIRD ready.\n{}\n", lines.join("\n"));
            std::fs::write(&path, text).map_err(Error::io(path.display().to_string()))?;
        }
    }
    if let Ok(text) = node.read(bird::CONFIG) {
        let path = folder.join("bird.cfg");
        std::fs::write(&path, text).map_err(Error::io(path.display().to_string()))?;
    }
    Ok(())
}

/// Whether Open vSwitch ran here, though its daemons may be gone.
fn has_database(node: &Node) -> bool {
    node.read("/run/openvswitch/conf.db").is_ok()
}
