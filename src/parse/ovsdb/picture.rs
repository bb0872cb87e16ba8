//! Tables → the tree of bridges, ports and interfaces.

use std::collections::BTreeMap;

use super::{Atom, Datum, Row, Tables};
use crate::parse::secrets;
use crate::state::Fact;
use crate::state::ovs::{Bridge, Interface, Ovs, Port, Target};

/// Options of tunnels that are numbers of networks, not secrets: `options:key` is a VNI or a GRE key.
const OPEN_OPTIONS: [&str; 3] = ["key", "in_key", "out_key"];

/// Puts rows together: bridges of the one `Open_vSwitch` row with their ports, and so on. Rows that nothing refers to
/// are left out; references to rows that are not there, too.
pub fn picture(tables: &Tables) -> Ovs {
    let rows = |table: &str| -> BTreeMap<String, &Row> {
        let rows = tables.get(table).map_or(&[][..], Vec::as_slice);
        rows.iter()
            .filter_map(|row| Some((text(row, "_uuid")?, row)))
            .collect()
    };
    let (bridges, ports, interfaces) = (rows("Bridge"), rows("Port"), rows("Interface"));
    let (controllers, managers) = (rows("Controller"), rows("Manager"));
    let empty = Row::new();
    let root = tables.get("Open_vSwitch").and_then(|rows| rows.first());
    let row = root.unwrap_or(&empty);
    let mut found: Vec<&Row> = match root {
        Some(row) => resolve(row, "bridges", &bridges),
        // A listing of bridges alone.
        None => bridges.values().copied().collect(),
    };
    found.sort_by_key(|row| text(row, "name"));
    Ovs {
        socket: String::new(),
        ovs_version: text(row, "ovs_version").unwrap_or_default(),
        external_ids: map(row, "external_ids"),
        other_config: map(row, "other_config"),
        next_cfg: integer(row, "next_cfg").unwrap_or_default(),
        cur_cfg: integer(row, "cur_cfg").unwrap_or_default(),
        managers: resolve(row, "manager_options", &managers)
            .into_iter()
            .map(target)
            .collect(),
        bridges: found
            .into_iter()
            .map(|row| bridge(row, &ports, &interfaces, &controllers))
            .collect(),
    }
}

fn bridge(
    row: &Row,
    ports: &BTreeMap<String, &Row>,
    interfaces: &BTreeMap<String, &Row>,
    controllers: &BTreeMap<String, &Row>,
) -> Bridge {
    let mut ports: Vec<Port> = resolve(row, "ports", ports)
        .into_iter()
        .map(|row| port(row, interfaces))
        .collect();
    ports.sort_by(|one, other| one.name.cmp(&other.name));
    Bridge {
        name: text(row, "name").unwrap_or_default(),
        datapath_type: text(row, "datapath_type").unwrap_or_default(),
        datapath_id: text(row, "datapath_id"),
        fail_mode: text(row, "fail_mode"),
        controllers: resolve(row, "controller", controllers)
            .into_iter()
            .map(target)
            .collect(),
        stp_enable: boolean(row, "stp_enable"),
        rstp_enable: boolean(row, "rstp_enable"),
        mcast_snooping_enable: boolean(row, "mcast_snooping_enable"),
        protocols: set(row, "protocols").iter().map(Atom::text).collect(),
        flood_vlans: vlans(row, "flood_vlans"),
        mirrors: set(row, "mirrors").len(),
        external_ids: map(row, "external_ids"),
        other_config: map(row, "other_config"),
        ports,
        flows: Fact::default(),
        fdb: Fact::default(),
        groups: Fact::absent("not asked for"),
    }
}

fn port(row: &Row, interfaces: &BTreeMap<String, &Row>) -> Port {
    let mut interfaces: Vec<Interface> = resolve(row, "interfaces", interfaces)
        .into_iter()
        .map(interface)
        .collect();
    interfaces.sort_by(|one, other| one.name.cmp(&other.name));
    Port {
        name: text(row, "name").unwrap_or_default(),
        tag: vlans(row, "tag").first().copied(),
        trunks: vlans(row, "trunks"),
        vlan_mode: text(row, "vlan_mode"),
        bond_mode: text(row, "bond_mode"),
        lacp: text(row, "lacp"),
        bond_active_member: text(row, "bond_active_slave"),
        bond_updelay: integer(row, "bond_updelay").unwrap_or_default(),
        bond_downdelay: integer(row, "bond_downdelay").unwrap_or_default(),
        protected: boolean(row, "protected"),
        stp_state: map(row, "rstp_status")
            .remove("rstp_port_state")
            .or_else(|| map(row, "status").remove("stp_state")),
        fake_bridge: boolean(row, "fake_bridge"),
        external_ids: map(row, "external_ids"),
        other_config: map(row, "other_config"),
        interfaces,
    }
}

fn interface(row: &Row) -> Interface {
    Interface {
        name: text(row, "name").unwrap_or_default(),
        kind: text(row, "type").unwrap_or_default(),
        options: pairs(row, "options")
            .map(|(name, value)| {
                let value = open_value(&name, value);
                (name, value)
            })
            .collect(),
        ofport: integer(row, "ofport"),
        ofport_request: integer(row, "ofport_request"),
        ifindex: integer(row, "ifindex"),
        admin_state: text(row, "admin_state"),
        link_state: text(row, "link_state"),
        error: text(row, "error").map(|error| secrets::cut(&error)),
        mac: text(row, "mac"),
        mac_in_use: text(row, "mac_in_use"),
        mtu: integer(row, "mtu"),
        mtu_request: integer(row, "mtu_request"),
        statistics: match row.get("statistics") {
            Some(Datum::Map(pairs)) => pairs
                .iter()
                .filter_map(|(name, value)| match value {
                    Atom::Integer(number) => Some((name.text(), *number)),
                    _ => None,
                })
                .collect(),
            _ => BTreeMap::new(),
        },
        status: map(row, "status"),
        bfd_status: map(row, "bfd_status"),
        external_ids: map(row, "external_ids"),
        other_config: map(row, "other_config"),
    }
}

/// The value of a tunnel's option as it may be stored.
pub(super) fn open_value(name: &str, value: String) -> String {
    if OPEN_OPTIONS.contains(&name) {
        value
    } else {
        secrets::cut_value(name, &value)
    }
}

fn target(row: &Row) -> Target {
    Target {
        target: secrets::cut(&text(row, "target").unwrap_or_default()),
        is_connected: boolean(row, "is_connected"),
        connection_mode: text(row, "connection_mode"),
        role: text(row, "role"),
        status: map(row, "status"),
    }
}

/// The rows that a column refers to.
fn resolve<'a>(row: &Row, column: &str, rows: &BTreeMap<String, &'a Row>) -> Vec<&'a Row> {
    set(row, column)
        .iter()
        .filter_map(|atom| rows.get(&atom.text()).copied())
        .collect()
}

fn set<'a>(row: &'a Row, column: &str) -> &'a [Atom] {
    match row.get(column) {
        Some(Datum::Set(atoms)) => atoms,
        _ => &[],
    }
}

/// The one value of a column; an empty text counts as none.
fn text(row: &Row, column: &str) -> Option<String> {
    let text = set(row, column).first()?.text();
    (!text.is_empty()).then_some(text)
}

fn integer(row: &Row, column: &str) -> Option<i64> {
    match set(row, column).first()? {
        Atom::Integer(number) => Some(*number),
        _ => None,
    }
}

fn boolean(row: &Row, column: &str) -> bool {
    matches!(set(row, column).first(), Some(Atom::Boolean(true)))
}

fn vlans(row: &Row, column: &str) -> Vec<u16> {
    set(row, column)
        .iter()
        .filter_map(|atom| match atom {
            Atom::Integer(number) => u16::try_from(*number).ok(),
            _ => None,
        })
        .collect()
}

fn pairs(row: &Row, column: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = match row.get(column) {
        Some(Datum::Map(pairs)) => pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().map(|(name, value)| (name.text(), value.text()))
}

/// A map of texts, secrets cut.
fn map(row: &Row, column: &str) -> BTreeMap<String, String> {
    pairs(row, column)
        .map(|(name, value)| {
            let value = secrets::cut_value(&name, &value);
            (name, value)
        })
        .collect()
}
