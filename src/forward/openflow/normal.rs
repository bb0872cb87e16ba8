//! `NORMAL`: a bridge that learns addresses, with VLANs (`xlate_normal`).

use super::bridge::{Bundle, VlanMode};
use super::field::{TAGGED, Word, to_mac};
use super::translate::{Learned, Run};

/// Addresses of protocols between bridges, which none passes on (`eth_addr_is_reserved`).
const fn is_reserved(mac: u128) -> bool {
    // 802.1D's, and those of EAPS, Extreme's and Cisco's protocols.
    mac & !0xf == 0x0180_c200_0000
        || (mac & !0xff == 0x00e0_2b00_0000 && matches!(mac & 0xff, 0x00 | 0x04 | 0x06))
        || mac & !0xff == 0x0100_0c00_0000
        || matches!(mac, 0x0100_0ccc_cccc | 0x0100_0ccc_cccd | 0x0100_0ccd_cdcd)
}

impl Run<'_, '_> {
    /// Sends the frame as its VLAN and what was learned say.
    pub(super) fn normal(&mut self) {
        let bridge = self.bridge();
        let in_port = self.in_port();
        let Some((at, input)) = bridge.bundle(in_port) else {
            let why = format!("{in_port} is no port of {}", bridge.state.name);
            return self.lost(why);
        };
        let input = input.clone();
        let tci = self.key.get(Word::TCI);
        let tag = if tci & TAGGED == 0 { 0 } else { vid(tci) };
        let Some(vlan) = ingress(&input, tag) else {
            let why = match input.mode {
                VlanMode::Access => format!(
                    "{} of {} is an access port of VLAN {}: it takes no frames tagged for VLAN {tag}",
                    input.name, bridge.state.name, input.vlan
                ),
                _ => format!(
                    "{} of {} is a trunk without VLAN {tag}",
                    input.name, bridge.state.name
                ),
            };
            return self.lost(why);
        };
        if input.mode == VlanMode::Tunnel {
            return self.not_understood(format!("VLAN mode dot1q-tunnel of {}", input.name));
        }
        let (src, dst) = (self.key.get(Word::ETH_SRC), self.key.get(Word::ETH_DST));
        let forwards = bridge.state.other_config.get("forward-bpdu").map(String::as_str) == Some("true");
        if is_reserved(dst) && !forwards {
            return self.lost(format!("{} is an address that no bridge passes on", to_mac(dst)));
        }
        let group = dst >> 40 & 1 == 1;
        if bridge.state.mcast_snooping_enable
            && group
            && dst != 0xffff_ffff_ffff
            && matches!(self.key.get(Word::ETH_TYPE), 0x0800 | 0x86dd)
        {
            return self.not_understood("multicast snooping: its groups are not known".to_owned());
        }
        if src >> 40 & 1 == 0 && !bridge.state.flood_vlans.contains(&vlan) {
            self.learn(vlan, src, in_port);
        }
        let known = (!group).then(|| self.whereabouts(vlan, dst)).flatten();
        if let Some(port) = known
            && let Some((out, bundle)) = bridge.bundle(port)
        {
            if out == at {
                let name = &input.name;
                let why = format!("{} was learned on {name}, which it came from", to_mac(dst));
                return self.lost(why);
            }
            let name = &bridge.state.name;
            self.note(format!("{name}: {} is behind {}", to_mac(dst), bundle.name));
            return self.out_by(&bundle.clone(), vlan);
        }
        let (others, aside): (Vec<_>, Vec<_>) = bridge
            .bundles
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != at)
            .map(|(_, bundle)| bundle.clone())
            .partition(|bundle| includes(bundle, vlan));
        let vlan_text = match vlan {
            0 => "without a VLAN".to_owned(),
            vlan => format!("in VLAN {vlan}"),
        };
        if !aside.is_empty() {
            let names: Vec<String> = aside.iter().map(placed).collect();
            let name = &bridge.state.name;
            self.aside(format!(
                "nobody has {} among the ports of {name} that take a frame {vlan_text}; others: {}",
                to_mac(dst),
                names.join(", ")
            ));
        }
        if others.is_empty() {
            let why = format!("{} has no other port for a frame {vlan_text}", bridge.state.name);
            return self.lost(why);
        }
        let before = self.effects();
        for bundle in others {
            self.out_by(&bundle, vlan);
        }
        let copies = self.effects() - before;
        if copies > 1 {
            let name = &bridge.state.name;
            self.note(format!(
                "{name} knows no port for {}: to all {copies}",
                to_mac(dst)
            ));
        }
    }

    /// Out by a bundle, with the tag that frames of this VLAN have there.
    fn out_by(&mut self, bundle: &Bundle, vlan: u16) {
        if bundle.mode == VlanMode::Tunnel {
            return self.not_understood(format!("VLAN mode dot1q-tunnel of {}", bundle.name));
        }
        let before = self.key.get(Word::TCI);
        let untagged = match bundle.mode {
            VlanMode::Access => true,
            VlanMode::NativeUntagged => vlan == bundle.vlan,
            _ => false,
        };
        // A priority without a VLAN is kept.
        let tci = match before & 0xe000 | u128::from(vlan) {
            tci if untagged || tci == 0 => 0,
            tci => TAGGED | tci,
        };
        self.key.set(Word::TCI, tci);
        self.output(bundle.sender, false);
        self.key.set(Word::TCI, before);
    }

    fn whereabouts(&self, vlan: u16, mac: u128) -> Option<u32> {
        let bridge = self.bridge();
        let of_this = |learned: &&Learned| {
            learned.bridge == self.bridge_index() && learned.vlan == vlan && learned.mac == to_mac(mac)
        };
        let fresh = self.all_learned().rev().find(of_this).map(|learned| learned.port);
        fresh.or_else(|| bridge.learned(vlan, &to_mac(mac).to_string()))
    }
}

/// `veth1 (VLAN 10)`.
fn placed(bundle: &Bundle) -> String {
    match (bundle.mode, &bundle.trunks) {
        (VlanMode::Access | VlanMode::Tunnel, _) => format!("{} (VLAN {})", bundle.name, bundle.vlan),
        (_, Some(trunks)) => {
            let trunks: Vec<String> = trunks.iter().map(u16::to_string).collect();
            format!("{} (VLANs {})", bundle.name, trunks.join(" "))
        }
        (_, None) => format!("{} (not without a VLAN)", bundle.name),
    }
}

const fn vid(tci: u128) -> u16 {
    (tci & 0xfff) as u16
}

/// The VLAN that a frame with this tag (0: none) is in; none when the port doesn't take it.
fn ingress(bundle: &Bundle, tag: u16) -> Option<u16> {
    match bundle.mode {
        VlanMode::Access => (tag == 0).then_some(bundle.vlan),
        VlanMode::NativeTagged | VlanMode::NativeUntagged if tag == 0 => Some(bundle.vlan),
        VlanMode::Tunnel => Some(bundle.vlan),
        _ => bundle.trunks(tag).then_some(tag),
    }
}

fn includes(bundle: &Bundle, vlan: u16) -> bool {
    match bundle.mode {
        VlanMode::Access | VlanMode::Tunnel => bundle.vlan == vlan,
        _ => bundle.trunks(vlan),
    }
}
