//! Policy rules (ip-rule(8); rtnetlink(7): RTM_GETRULE; `include/uapi/linux/fib_rules.h`).

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::link::is_default;
use super::route::{RouteProtocol, TableId};

/// What a rule does with what it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RuleAction {
    Lookup(TableId),
    /// To the table of the VRF that the packet's link belongs to.
    L3mdev,
    /// Goes on with the rule of this priority; dropped from the walk while that one doesn't exist (`unresolved`).
    Goto(u32),
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
    /// A number that netdiag doesn't know.
    Other(u8),
}

/// One rule. A packet is selected when all that is given here holds, or, with `invert`, when it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    pub v6: bool,
    /// Rules are tried in this order.
    pub priority: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub invert: bool,
    /// None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<IpNet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<IpNet>,
    /// By name: the link need not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iif: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oif: Option<String>,
    /// Value and mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fwmark: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tos: u8,
    /// IPPROTO_*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipproto: Option<u8>,
    /// First and last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sport: Option<(u16, u16)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dport: Option<(u16, u16)>,
    /// First and last user id of the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tun_id: Option<u64>,
    pub action: RuleAction,
    /// A route of this prefix length or shorter is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_prefix_len: Option<u32>,
    /// A route out of a link of this group is passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_group: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<RouteProtocol>,
}

impl PolicyRule {
    /// What ip-rule(8) adds it by, without `ip rule add`; none for what few rules have.
    pub fn words(&self) -> Option<String> {
        let rare = self.uid.is_some()
            || self.tun_id.is_some()
            || self.suppress_prefix_len.is_some()
            || self.suppress_group.is_some()
            || self.sport.is_some()
            || self.dport.is_some()
            || self.ipproto.is_some();
        if rare {
            return None;
        }
        let action = match self.action {
            RuleAction::Lookup(table) => format!("lookup {table}"),
            RuleAction::Goto(priority) => format!("goto {priority}"),
            RuleAction::Blackhole => "blackhole".to_owned(),
            RuleAction::Unreachable => "unreachable".to_owned(),
            RuleAction::Prohibit => "prohibit".to_owned(),
            RuleAction::L3mdev | RuleAction::Nop | RuleAction::Other(_) => return None,
        };
        let net = |net: Option<IpNet>| net.map(|net| net.to_string());
        let mark = self.fwmark.map(|(value, mask)| format!("{value:#x}/{mask:#x}"));
        let tos = Some(self.tos)
            .filter(|tos| *tos != 0)
            .map(|tos| format!("{tos:#x}"));
        let selectors = [
            ("from", net(self.src)),
            ("to", net(self.dst)),
            ("iif", self.iif.clone()),
            ("oif", self.oif.clone()),
            ("fwmark", mark),
            ("tos", tos),
        ];
        let mut words = vec![format!("pref {}", self.priority)];
        words.extend(self.invert.then(|| "not".to_owned()));
        words.extend(
            selectors
                .into_iter()
                .filter_map(|(word, value)| Some(format!("{word} {}", value?))),
        );
        words.push(action);
        Some(words.join(" "))
    }
}
