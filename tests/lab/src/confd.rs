//! What confd and Felix make of Calico's objects: BIRD's configuration of a node, and its VXLAN link, neighbors, FDB and
//! routes. Written from confd's `client.go` and `bgp_processor.go` and Felix's `vxlan_mgr.go`, and from nothing of
//! netdiag's, which is held against it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::{Bird, Node, Result, bird};

/// One session of a node as confd configures it.
struct Peer {
    kind: &'static str,
    address: String,
    number: u64,
    password: Option<String>,
    passive: bool,
    client: bool,
    /// The kernel chooses the address that it speaks from.
    any_source: bool,
}

struct Family {
    v6: bool,
    own: String,
    block: String,
}

fn of_kind<'o>(objects: &'o [Value], kind: &str) -> impl Iterator<Item = &'o Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn node<'o>(objects: &'o [Value], name: &str) -> Option<&'o Value> {
    of_kind(objects, "Node").find(|node| node["metadata"]["name"] == name)
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn address(node: &Value, v6: bool) -> Option<String> {
    let field = if v6 { "ipv6Address" } else { "ipv4Address" };
    let text = node["spec"]["bgp"][field].as_str()?;
    Some(text.split('/').next().unwrap_or(text).to_owned())
}

fn global_number(objects: &[Value]) -> u64 {
    let configuration = of_kind(objects, "BGPConfiguration").find(|object| name(object) == "default");
    configuration
        .and_then(|object| object["spec"]["asNumber"].as_u64())
        .unwrap_or(64_512)
}

fn number(objects: &[Value], node: &Value) -> u64 {
    node["spec"]["bgp"]["asNumber"]
        .as_u64()
        .unwrap_or_else(|| global_number(objects))
}

fn cluster_id(node: &Value) -> &str {
    node["spec"]["bgp"]["routeReflectorClusterID"]
        .as_str()
        .unwrap_or_default()
}

/// `all()`, `has(x)` and `x == 'y'` are all that tests need.
fn selects(selector: &str, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    if let Some(label) = selector.strip_prefix("has(") {
        return !labels[label.trim_end_matches(')')].is_null();
    }
    match selector.split_once(" == ") {
        Some((label, value)) => labels[label] == value.trim_matches('\''),
        None => selector == "all()",
    }
}

fn is_for(peer: &Value, node: &Value) -> bool {
    let spec = &peer["spec"];
    match (spec["node"].as_str(), spec["nodeSelector"].as_str()) {
        (Some(own), _) => own == name(node),
        (None, Some(selector)) => selects(selector, node),
        (None, None) => true,
    }
}

/// All sessions of a node in one family, by the peer's address: an explicit one counts more than one that follows from
/// another's, and a global one more than a node's own.
fn peers(objects: &[Value], own: &Value, own_address: &str, v6: bool) -> Vec<Peer> {
    let mut peers: BTreeMap<(bool, String), Peer> = BTreeMap::new();
    let own_number = number(objects, own);
    let mut add = |kind, address: String, of: u64, spec: &Value, rr: &str, at_node: bool| {
        if address == own_address {
            return;
        }
        let client = of == own_number && !cluster_id(own).is_empty() && rr != cluster_id(own);
        let passive = match kind {
            "Mesh" => address.as_str() > own_address,
            "Global" => at_node && address.as_str() > own_address,
            _ => false,
        };
        // A peer of the mesh that an object names as well gets a protocol of each.
        peers.entry((kind == "Mesh", address.clone())).or_insert(Peer {
            kind,
            address,
            number: of,
            password: spec["password"]["secretKeyRef"]["key"]
                .as_str()
                .map(str::to_owned),
            passive,
            client,
            any_source: spec["sourceAddress"] == "None",
        });
    };
    let is_global = |peer: &Value| peer["spec"]["node"].is_null() && peer["spec"]["nodeSelector"].is_null();
    for global in [true, false] {
        let of_pass = of_kind(objects, "BGPPeer").filter(|peer| is_global(peer) == global);
        for peer in of_pass.filter(|peer| is_for(peer, own)) {
            let spec = &peer["spec"];
            let kind = if global { "Global" } else { "Node" };
            if let Some(selector) = spec["peerSelector"].as_str() {
                for other in of_kind(objects, "Node").filter(|other| selects(selector, other)) {
                    if let Some(address) = address(other, v6) {
                        add(
                            kind,
                            address,
                            number(objects, other),
                            spec,
                            cluster_id(other),
                            false,
                        );
                    }
                }
            } else if let Some(ip) = spec["peerIP"].as_str().filter(|ip| ip.contains(':') == v6) {
                let at_node = of_kind(objects, "Node").any(|node| address(node, v6).as_deref() == Some(ip));
                let number = spec["asNumber"].as_u64().unwrap_or_default();
                add(kind, ip.to_owned(), number, spec, "", at_node);
            }
        }
    }
    let reversed = of_kind(objects, "BGPPeer").filter(|peer| peer["spec"]["reversePeering"] != "Manual");
    for peer in reversed {
        let spec = &peer["spec"];
        let is_peer = match (spec["peerSelector"].as_str(), spec["peerIP"].as_str()) {
            (Some(selector), _) => selects(selector, own),
            (None, Some(ip)) => {
                let of = spec["asNumber"]
                    .as_u64()
                    .unwrap_or_else(|| global_number(objects));
                ip == own_address && of == own_number
            }
            _ => false,
        };
        for other in of_kind(objects, "Node").filter(|other| is_peer && is_for(peer, other)) {
            if let Some(address) = address(other, v6) {
                add(
                    "Node",
                    address,
                    number(objects, other),
                    spec,
                    cluster_id(other),
                    false,
                );
            }
        }
    }
    let mesh = of_kind(objects, "BGPConfiguration")
        .find(|object| name(object) == "default")
        .and_then(|object| object["spec"]["nodeToNodeMeshEnabled"].as_bool())
        .unwrap_or(true);
    if mesh && cluster_id(own).is_empty() {
        for other in of_kind(objects, "Node").filter(|other| cluster_id(other).is_empty()) {
            if let Some(address) = address(other, v6) {
                add("Mesh", address, number(objects, other), &Value::Null, "", true);
            }
        }
    }
    peers.into_values().collect()
}

/// BIRD's configuration of a node with these blocks (IPv6 with BIRD 2 only); none where the node has no object.
pub fn bird_config(objects: &[Value], own: &str, blocks: [&str; 2], bird: Bird) -> Option<String> {
    let node = node(objects, own)?;
    let families: Vec<Family> = [(false, blocks[0]), (true, blocks[1])]
        .into_iter()
        .filter(|(v6, block)| !block.is_empty() && (!v6 || bird == Bird::V2))
        .filter_map(|(v6, block)| {
            Some(Family {
                v6,
                own: address(node, v6)?,
                block: block.to_owned(),
            })
        })
        .collect();
    let router_id = address(node, false)?;
    let mut text =
        format!("router id {router_id};\ngraceful restart wait 2;\nprotocol device {{ scan time 1; }}\n");
    for family in &families {
        text += &of_family(objects, node, family, bird);
    }
    Some(text)
}

fn of_family(objects: &[Value], node: &Value, family: &Family, bird: Bird) -> String {
    let Family { v6, own, block } = family;
    let six = if *v6 { "6" } else { "4" };
    let channel = |words: &str| match bird {
        Bird::V1 => words.to_owned(),
        Bird::V2 => format!("ipv{} {{ {words} }};", if *v6 { 6 } else { 4 }),
    };
    let mut export = String::new();
    let mut program = String::new();
    let mut tunnel = String::new();
    let mut has_pool = false;
    for pool in of_kind(objects, "IPPool") {
        let cidr = pool["spec"]["cidr"].as_str().unwrap_or_default();
        if cidr.contains(':') != *v6 {
            continue;
        }
        // Pools of tests are wider than blocks by whole groups.
        has_pool |= block.starts_with(cidr.split(".0.0/").next().unwrap_or(cidr)) || *v6;
        let exported = pool["spec"]["disableBGPExport"] != true;
        let verdict = if exported { "accept" } else { "reject" };
        let _ = writeln!(export, "  if ( net ~ {cidr} ) then {verdict};");
        let of_felix = pool["spec"]["vxlanMode"]
            .as_str()
            .is_some_and(|mode| mode != "Never");
        if of_felix {
            // Blackholes are BIRD's all the same.
            let _ = writeln!(
                program,
                "  if ( net ~ {cidr} && dest != RTD_BLACKHOLE ) then reject;"
            );
        }
    }
    // As the template `bird_ipam.cfg` has it; Calico's own BIRD then gives the route `krt_tunnel`, Debian's can't.
    for pool in of_kind(objects, "IPPool").filter(|_| !v6) {
        let cidr = pool["spec"]["cidr"].as_str().unwrap_or_default();
        let outside = match pool["spec"]["ipipMode"].as_str() {
            Some("Always") => String::new(),
            Some("CrossSubnet") => {
                let net = own.rsplit_once('.').map_or("", |(net, _)| net);
                format!(" && ! ( bgp_next_hop ~ {net}.0/24 )")
            }
            _ => continue,
        };
        let is_tunneled = format!("net ~ {cidr} && source = RTS_BGP{outside}");
        let _ = writeln!(program, "  if ( {is_tunneled} ) then reject;");
        let _ = writeln!(tunnel, "  if ( {is_tunneled} ) then accept;");
    }
    let own_block = if has_pool {
        format!("route {block} blackhole;")
    } else {
        String::new()
    };
    let mut text = format!(
        r#"
filter calico_export{six} {{
  if ( net = {block} ) then {{ {own_is} }}
  if ( net ~ {block} ) then reject;
{export}  reject;
}}
filter calico_kernel{six} {{
  if ( source = RTS_DEVICE ) then reject;
{program}  accept;
}}
filter calico_tunnel{six} {{
{tunnel}  reject;
}}
protocol kernel kernel{six} {{ learn; persist; scan time 1; graceful restart; merge paths on; {kernel} }}
protocol direct direct{six} {{ interface -"cali*", "*"; {direct} }}
protocol static static{six} {{ {statics} {own_block} }}
template bgp bgp{six} {{
  local as {number};
  multihop;
  hold time 9;
  connect delay time 1;
  connect retry time 2;
  error wait time 1,3;
  graceful restart;
  {routes}
}}
"#,
        own_is = if export.contains("reject") {
            "reject;"
        } else {
            "accept;"
        },
        kernel = channel(&format!("import all; export filter calico_kernel{six};")),
        direct = channel(""),
        statics = channel(""),
        number = number(objects, node),
        routes = channel(&format!(
            "gateway recursive; add paths on; import all; export filter calico_export{six};"
        )),
    );
    for peer in peers(objects, node, own, *v6) {
        let _ = write!(
            text,
            "protocol bgp {}_{} from bgp{six} {{\n  neighbor {} as {};\n",
            peer.kind,
            peer.address.replace(['.', ':'], "_"),
            peer.address,
            peer.number
        );
        if !peer.any_source {
            let _ = writeln!(text, "  source address {own};");
        }
        if let Some(password) = &peer.password {
            let _ = writeln!(text, "  password \"{password}\";");
        }
        if peer.passive {
            text += "  passive on;\n";
        }
        if peer.client {
            let _ = writeln!(text, "  rr client;\n  rr cluster id {};", cluster_id(node));
        }
        text += "}\n";
    }
    text
}

/// Routes that Calico's BIRD would put into the kernel by way of `tunl0`, with their next hops: what the node's own BIRD
/// lets through the filter that decides it.
pub fn tunneled(node: &Node) -> Result<Vec<(String, String)>> {
    let lines = bird::ask(node, "show route primary filter calico_tunnel4 all")?;
    let mut routes = Vec::new();
    let mut dst = None;
    for line in &lines {
        // A code and a mark in front of what it says, or a blank where both are as before.
        let has_code = line.as_bytes().first().is_some_and(u8::is_ascii_digit);
        let text = if has_code {
            line.get(5..)
        } else {
            line.strip_prefix(' ')
        };
        let text = text.unwrap_or(line);
        let first = text.split_whitespace().next().unwrap_or_default();
        if !text.starts_with([' ', '\t']) && first.contains('/') {
            dst = Some(first.to_owned());
        } else if first == "BGP.next_hop:"
            && let (Some(dst), Some(hop)) = (dst.take(), text.split_whitespace().nth(1))
        {
            routes.push((dst, hop.to_owned()));
        }
    }
    Ok(routes)
}

/// Whether two nodes are in one subnet, by the first one's: of /24s.
fn same_subnet(one: &str, other: &str) -> bool {
    let net = |ip: &str| ip.rsplit_once('.').map(|(net, _)| net.to_owned());
    net(one) == net(other)
}

/// A script that makes a node's VXLAN link, neighbors, FDB, routes and sets as Felix does; `blocks`: nodes and their blocks.
pub fn felix_script(objects: &[Value], own: &str, blocks: &[(&str, &str)]) -> String {
    const LINK: &str = "vxlan.calico";
    let setting = |field: &str, default: u64| {
        let felix = of_kind(objects, "FelixConfiguration").find(|object| name(object) == "default");
        felix
            .and_then(|felix| felix["spec"][field].as_u64())
            .unwrap_or(default)
    };
    let mode = of_kind(objects, "IPPool")
        .filter_map(|pool| pool["spec"]["vxlanMode"].as_str())
        .find(|mode| *mode != "Never");
    let own_node = node(objects, own);
    let own_address = own_node.and_then(|node| address(node, false));
    let mut text = format!("ip link del {LINK} 2>/dev/null || true\nip route flush proto 80\n");
    let mut hosts = Vec::new();
    if let (Some(mode), Some(own_node), Some(own_address)) = (mode, own_node, own_address) {
        let tunnel = |node: &Value| {
            let text = |field: &str| node["spec"][field].as_str().unwrap_or_default().to_owned();
            (text("ipv4VXLANTunnelAddr"), text("vxlanTunnelMACAddr"))
        };
        let (inside, mac) = tunnel(own_node);
        let (port, vni, mtu) = (
            setting("vxlanPort", 4789),
            setting("vxlanVNI", 4096),
            setting("vxlanMTU", 1450),
        );
        let _ = writeln!(
            text,
            "ip link add {LINK} address {mac} mtu {mtu} type vxlan id {vni} dstport {port} local {own_address} dev eth0 nolearning\n\
             ip address add {inside}/32 dev {LINK}\nip link set {LINK} up"
        );
        for (name, block) in blocks.iter().filter(|(name, _)| *name != own) {
            let Some(other) = node(objects, name) else {
                continue;
            };
            let Some(outer) = address(other, false) else {
                continue;
            };
            let (inside, mac) = tunnel(other);
            // Those of all nodes, whether routes lead there or not.
            let _ = writeln!(
                text,
                "ip neigh replace {inside} lladdr {mac} dev {LINK} nud permanent\n\
                 bridge fdb replace {mac} dev {LINK} dst {outer} self permanent"
            );
            let _ = if mode == "CrossSubnet" && same_subnet(&own_address, &outer) {
                writeln!(text, "ip route replace {block} via {outer} dev eth0 proto 80")
            } else {
                writeln!(
                    text,
                    "ip route replace {block} via {inside} dev {LINK} onlink proto 80"
                )
            };
            hosts.push(outer);
        }
    }
    text + &sets(objects, &hosts)
}

/// Felix's sets: of pools (`masq_mgr.go`), and of hosts that VXLAN is taken from (`vxlan_mgr.go`).
fn sets(objects: &[Value], hosts: &[String]) -> String {
    const VXLAN: &str = "cali40all-vxlan-net";
    let mut text = String::new();
    let mut set = |name: &str, v6: bool, members: Vec<&str>| {
        let family = if v6 { "inet6" } else { "inet" };
        let _ = writeln!(
            text,
            "ipset create {name} hash:net family {family} -exist\nipset flush {name}"
        );
        for member in members {
            let _ = writeln!(text, "ipset add {name} {member}");
        }
    };
    for (v6, prefix) in [(false, "cali40"), (true, "cali60")] {
        let pools = |masqueraded: bool| -> Vec<&str> {
            let pools = of_kind(objects, "IPPool").map(|pool| &pool["spec"]);
            pools
                .filter(|spec| !masqueraded || spec["natOutgoing"] == true)
                .filter_map(|spec| spec["cidr"].as_str())
                .filter(|cidr| cidr.contains(':') == v6)
                .collect()
        };
        set(&format!("{prefix}all-ipam-pools"), v6, pools(false));
        set(&format!("{prefix}masq-ipam-pools"), v6, pools(true));
    }
    if hosts.is_empty() {
        let _ = writeln!(text, "ipset destroy {VXLAN} 2>/dev/null || true");
    } else {
        set(VXLAN, false, hosts.iter().map(String::as_str).collect());
    }
    text
}
