//! A node's bridges, made ready for lookups.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{self, Action};
use super::matching::Match;
use super::{LOCAL, port_number};
use crate::state::Fact;
use crate::state::ovs::{self, Ovs};

/// All bridges of a node; patch ports lead from one to another.
#[derive(Debug, Clone)]
pub struct Switch<'a> {
    pub bridges: Vec<Bridge<'a>>,
}

/// One bridge.
#[derive(Debug, Clone)]
pub struct Bridge<'a> {
    pub state: &'a ovs::Bridge,
    /// By number.
    pub ports: BTreeMap<u32, Port<'a>>,
    pub(super) bundles: Vec<Bundle>,
    /// Rules by table, the one with the highest priority first.
    pub(super) tables: BTreeMap<u8, Vec<Rule>>,
    pub(super) groups: BTreeMap<u32, Group>,
}

/// An interface that is part of a bridge.
#[derive(Debug, Clone)]
pub struct Port<'a> {
    pub interface: &'a ovs::Interface,
    pub(super) bundle: usize,
}

/// What is configured as one port: several interfaces are a bond.
#[derive(Debug, Clone)]
pub(super) struct Bundle {
    pub(super) name: String,
    pub(super) mode: VlanMode,
    /// Of access ports, and the native one.
    pub(super) vlan: u16,
    /// The native VLAN is in the trunk then, and frames without a tag are in no other.
    native: bool,
    /// None: all.
    pub(super) trunks: Option<BTreeSet<u16>>,
    pub(super) protected: bool,
    /// Why it forwards nothing (spanning tree).
    pub(super) blocked: Option<String>,
    /// The member that sends.
    pub(super) sender: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VlanMode {
    Access,
    Trunk,
    NativeTagged,
    NativeUntagged,
    Tunnel,
}

/// A rule of a table.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) priority: u32,
    /// As printed, without cookie, counters and timers.
    pub(super) text: String,
    pub(super) matches: Match,
    pub(super) actions: Vec<Action>,
}

/// A group of buckets.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) kind: GroupKind,
    pub(super) buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupKind {
    All,
    Select,
    FastFailover,
}

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) weight: u32,
    /// Alive as long as this port is.
    pub(super) watch: Option<u32>,
    pub(super) actions: Vec<Action>,
}

impl<'a> Switch<'a> {
    pub fn new(ovs: &'a Ovs) -> Self {
        Self {
            bridges: ovs.bridges.iter().map(Bridge::new).collect(),
        }
    }

    /// The port at the other end of a patch cable.
    pub fn peer(&self, interface: &ovs::Interface) -> Option<(usize, u32)> {
        let name = interface.options.get("peer")?;
        self.bridges.iter().enumerate().find_map(|(index, bridge)| {
            let (number, far) = bridge
                .ports
                .iter()
                .find(|(_, port)| port.interface.name == *name)?;
            let back = far.interface.options.get("peer");
            (far.interface.kind == "patch" && back == Some(&interface.name)).then_some((index, *number))
        })
    }
}

impl<'a> Bridge<'a> {
    fn new(state: &'a ovs::Bridge) -> Self {
        let mut bridge = Self {
            state,
            ports: BTreeMap::new(),
            bundles: Vec::new(),
            tables: BTreeMap::new(),
            groups: BTreeMap::new(),
        };
        for port in &state.ports {
            bridge.add(port);
        }
        let names: BTreeMap<&str, u32> = bridge
            .ports
            .iter()
            .map(|(number, port)| (port.interface.name.as_str(), *number))
            .collect();
        let by_name = |name: &str| names.get(name).copied();
        for flow in state.flows.items() {
            let rule = Rule {
                priority: flow.priority,
                text: rule_text(flow),
                matches: Match::new(&flow.matches, &by_name),
                actions: flow
                    .actions
                    .iter()
                    .map(|text| action::action(text, &by_name))
                    .collect(),
            };
            bridge.tables.entry(flow.table).or_default().push(rule);
        }
        for rules in bridge.tables.values_mut() {
            rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        }
        for group in state.groups.items() {
            if let Some((id, group)) = compiled(group, &by_name) {
                bridge.groups.insert(id, group);
            }
        }
        bridge
    }

    /// Takes the interfaces that the switch could add.
    fn add(&mut self, port: &'a ovs::Port) {
        let members: Vec<(u32, &ovs::Interface)> = port
            .interfaces
            .iter()
            .filter_map(|interface| {
                let number = if interface.name == self.state.name {
                    Some(LOCAL)
                } else {
                    u32::try_from(interface.ofport?).ok()
                };
                Some((number.filter(|number| *number != 0)?, interface))
            })
            .collect();
        let Some(sender) = sender(port, &members) else {
            return;
        };
        let bundle = self.bundles.len();
        for (number, interface) in members {
            self.ports.insert(number, Port { interface, bundle });
        }
        self.bundles.push(Bundle::new(port, sender));
    }

    /// A port's name.
    pub fn name(&self, number: u32) -> String {
        self.ports
            .get(&number)
            .map_or_else(|| format!("port {number}"), |port| port.interface.name.clone())
    }

    pub(super) fn bundle(&self, number: u32) -> Option<(usize, &Bundle)> {
        let at = self.ports.get(&number)?.bundle;
        Some((at, self.bundles.get(at)?))
    }

    /// The port that a row of the database of learned addresses names.
    pub(super) fn learned(&self, vlan: u16, mac: &str) -> Option<u32> {
        let entries = self.state.fdb.items();
        let entry = entries
            .iter()
            .find(|entry| entry.vlan == vlan && entry.mac == mac)?;
        let by_name = |name: &str| {
            let mut ports = self.ports.iter();
            ports
                .find(|(_, port)| port.interface.name == name)
                .map(|(number, _)| *number)
        };
        port_number(&entry.port, &by_name)
    }

    /// Why it does nothing; none when it works, or when that isn't known.
    pub const fn flows(&self) -> &'a Fact<Vec<ovs::Flow>> {
        &self.state.flows
    }
}

/// The member of a bond that sends: the active one, else the first that is up.
fn sender(port: &ovs::Port, members: &[(u32, &ovs::Interface)]) -> Option<u32> {
    let active = port.bond_active_member.as_ref().and_then(|mac| {
        members
            .iter()
            .find(|(_, interface)| interface.mac_in_use.as_ref() == Some(mac))
    });
    let up = || {
        members
            .iter()
            .find(|(_, interface)| interface.link_state.as_deref() != Some("down"))
    };
    let (number, _) = active.or_else(up).or_else(|| members.first())?;
    Some(*number)
}

impl Bundle {
    /// `port_configure` of `vswitchd/bridge.c`, `bundle_set` of `ofproto/ofproto-dpif.c`.
    fn new(port: &ovs::Port, sender: u32) -> Self {
        let mode = match port.vlan_mode.as_deref() {
            Some("access") => VlanMode::Access,
            Some("native-tagged") => VlanMode::NativeTagged,
            Some("native-untagged") => VlanMode::NativeUntagged,
            Some("dot1q-tunnel") => VlanMode::Tunnel,
            None if port.tag.is_some() => VlanMode::Access,
            _ => VlanMode::Trunk,
        };
        let vlan = port.tag.unwrap_or(0);
        let native = matches!(mode, VlanMode::NativeTagged | VlanMode::NativeUntagged) && vlan != 0;
        let trunks = (!port.trunks.is_empty()).then(|| port.trunks.iter().copied().collect());
        let state = port.stp_state.as_deref();
        let forwards = state.is_none_or(|state| state.eq_ignore_ascii_case("forwarding"));
        Self {
            name: port.name.clone(),
            mode,
            vlan,
            native,
            trunks,
            protected: port.protected,
            blocked: (!forwards).then(|| state.unwrap_or_default().to_lowercase()),
            sender,
        }
    }

    pub(super) fn trunks(&self, vlan: u16) -> bool {
        if self.native && (vlan == 0 || vlan == self.vlan) {
            return vlan != 0;
        }
        self.trunks.as_ref().is_none_or(|trunks| trunks.contains(&vlan))
    }
}

/// `table=1, priority=100,ip,nw_dst=10.0.0.0/8 actions=output:2`.
fn rule_text(flow: &ovs::Flow) -> String {
    let mut words = vec![format!("priority={}", flow.priority)];
    words.extend(flow.matches.iter().map(|(name, value)| {
        if value.is_empty() {
            name.clone()
        } else {
            format!("{name}={value}")
        }
    }));
    let (words, actions) = (words.join(","), flow.actions.join(","));
    format!("table={}, {words} actions={actions}", flow.table)
}

fn compiled(group: &ovs::Group, port: &impl Fn(&str) -> Option<u32>) -> Option<(u32, Group)> {
    let kind = match group.kind.as_str() {
        "all" | "indirect" => GroupKind::All,
        "select" => GroupKind::Select,
        "ff" | "fast_failover" => GroupKind::FastFailover,
        _ => return None,
    };
    let buckets = group
        .buckets
        .iter()
        .map(|bucket| Bucket {
            weight: bucket.weight,
            watch: bucket
                .watch_port
                .as_deref()
                .and_then(|text| port_number(text, port)),
            actions: bucket
                .actions
                .iter()
                .map(|text| action::action(text, port))
                .collect(),
        })
        .collect();
    Some((group.id, Group { kind, buckets }))
}
