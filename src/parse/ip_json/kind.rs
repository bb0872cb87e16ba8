//! `linkinfo.info_data` of `ip -d -j link`, one form a kind (iproute2 `ip/iplink_*.c`, `ip/link_*.c`).

use super::tree::Item;
use crate::parse::iproute::{self, Names};
use crate::state::kind::{Bond, Bridge, Geneve, Ipvlan, LinkData, Macvlan, Tun, Tunnel, Vlan, Vrf, Vxlan};
use crate::state::link::IfIndex;
use crate::state::route::TableId;

/// The data of a link of this kind; none for kinds that netdiag keeps nothing of.
pub(super) fn data(kind: &str, data: &Item, names: &mut Names) -> Result<Option<LinkData>, String> {
    Ok(Some(match kind {
        "bridge" => LinkData::Bridge(bridge(data, names)?),
        "vxlan" => LinkData::Vxlan(vxlan(data, names)?),
        "geneve" => LinkData::Geneve(geneve(data)?),
        "ipip" | "sit" | "ip6tnl" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "erspan" | "ip6erspan"
        | "vti" | "vti6" => LinkData::Tunnel(tunnel(data, names)?),
        "tun" => LinkData::Tun(tun(data)?),
        "macvlan" | "macvtap" => LinkData::Macvlan(Macvlan {
            mode: data.text("mode")?.unwrap_or_default(),
        }),
        "ipvlan" | "ipvtap" => LinkData::Ipvlan(Ipvlan {
            mode: data.text("mode")?.unwrap_or_default(),
        }),
        "vlan" => LinkData::Vlan(Vlan {
            id: data.number("id")?.unwrap_or_default(),
            protocol: data.text("protocol")?.unwrap_or_else(|| "802.1Q".to_owned()),
        }),
        "bond" => LinkData::Bond(Bond {
            mode: data.text("mode")?.unwrap_or_default(),
            active: link(data, "active_slave", names)?,
            miimon: data.number("miimon")?.unwrap_or_default(),
        }),
        "vrf" => LinkData::Vrf(Vrf {
            table: TableId(data.number("table")?.unwrap_or_default()),
        }),
        _ => return Ok(None),
    }))
}

fn link(data: &Item, key: &str, names: &mut Names) -> Result<Option<IfIndex>, String> {
    Ok(data.text(key)?.map(|name| names.link(&name)))
}

fn bridge(data: &Item, names: &mut Names) -> Result<Bridge, String> {
    let id = |key| {
        data.text(key)
            .map(|id| id.map(|id| iproute::bridge_id(&id)).unwrap_or_default())
    };
    // A port's number; older releases print its name.
    let root_port = match data.number("root_port") {
        Ok(number) => number.unwrap_or_default(),
        Err(why) => match link(data, "root_port", names)? {
            Some(index) => u16::try_from(index.0).map_err(|_| why)?,
            None => 0,
        },
    };
    Ok(Bridge {
        stp_state: data.number("stp_state")?.unwrap_or_default(),
        priority: data.number("priority")?.unwrap_or_default(),
        bridge_id: id("bridge_id")?,
        root_id: id("root_id")?,
        root_port,
        ageing_time: data.number("ageing_time")?.unwrap_or_default(),
        forward_delay: data.number("forward_delay")?.unwrap_or_default(),
        vlan_filtering: data.flag("vlan_filtering"),
        vlan_protocol: data.text("vlan_protocol")?.unwrap_or_default(),
        vlan_default_pvid: data.number("vlan_default_pvid")?.unwrap_or_default(),
        mcast_snooping: data.flag("mcast_snooping"),
        group_fwd_mask: data.number("group_fwd_mask")?.unwrap_or_default(),
        nf_call_iptables: data.flag("nf_call_iptables"),
        nf_call_ip6tables: data.flag("nf_call_ip6tables"),
        nf_call_arptables: data.flag("nf_call_arptables"),
    })
}

/// 0 where it is inherited or automatic.
fn ttl(data: &Item) -> Result<u8, String> {
    let read = |text: &str| match text {
        "inherit" | "auto" => Some(0),
        _ => iproute::number(text),
    };
    Ok(data.read("ttl", "a TTL", read)?.unwrap_or_default())
}

/// 1 where it is inherited, as the kernel has it.
fn tos(data: &Item) -> Result<u8, String> {
    let read = |text: &str| match text {
        "inherit" => Some(1),
        _ => iproute::number(text),
    };
    Ok(data.read("tos", "a TOS", read)?.unwrap_or_default())
}

fn vxlan(data: &Item, names: &mut Names) -> Result<Vxlan, String> {
    let external = data.flag("external");
    let ports = data.object("port_range")?;
    let port = |key| match &ports {
        Some(ports) => ports.number(key).map(Option::unwrap_or_default),
        None => Ok(0),
    };
    Ok(Vxlan {
        vni: data.number("id")?.filter(|_| !external),
        port: data.number("port")?.unwrap_or_default(),
        local: data.ip_of(&["local", "local6"])?,
        remote: data.ip_of(&["remote", "group", "remote6", "group6"])?,
        link: link(data, "link", names)?,
        ttl: ttl(data)?,
        tos: tos(data)?,
        ageing: data.number("ageing")?.unwrap_or_default(),
        // Newer releases leave out what holds anyway.
        learning: data.flag_or("learning", true),
        proxy: data.flag("proxy"),
        rsc: data.flag("rsc"),
        l2miss: data.flag("l2miss"),
        l3miss: data.flag("l3miss"),
        external,
        udp_csum: data.flag_or("udp_csum", true),
        udp_zero_csum6_tx: data.flag("udp_zero_csum6_tx"),
        udp_zero_csum6_rx: data.flag("udp_zero_csum6_rx"),
        gbp: data.flag("gbp"),
        no_local_bypass: !data.flag_or("localbypass", true),
        source_ports: (port("low")?, port("high")?),
    })
}

fn geneve(data: &Item) -> Result<Geneve, String> {
    let external = data.flag("external");
    Ok(Geneve {
        vni: data.number("id")?.filter(|_| !external),
        remote: data.ip_of(&["remote", "remote6"])?,
        port: data.number("port")?.unwrap_or_default(),
        ttl: ttl(data)?,
        tos: tos(data)?,
        external,
        udp_csum: data.flag("udp_csum"),
    })
}

fn tunnel(data: &Item, names: &mut Names) -> Result<Tunnel, String> {
    // Keys are written as IPv4 addresses, whatever they mean.
    let key = |name| {
        data.read(name, "a key", |text| match text.parse::<std::net::Ipv4Addr>() {
            Ok(dotted) => Some(u32::from(dotted)),
            Err(_) => iproute::number(text),
        })
    };
    Ok(Tunnel {
        local: data.ip_of(&["local", "local6"])?,
        remote: data.ip_of(&["remote", "remote6"])?,
        link: link(data, "link", names)?,
        ttl: ttl(data)?,
        tos: tos(data)?,
        pmtudisc: data.flag("pmtudisc"),
        ikey: key("ikey")?,
        okey: key("okey")?,
        icsum: data.flag("icsum"),
        ocsum: data.flag("ocsum"),
        iseq: data.flag("iseq"),
        oseq: data.flag("oseq"),
        external: data.flag("external"),
    })
}

fn tun(data: &Item) -> Result<Tun, String> {
    // Users and groups that this host has names for are printed by name; what number that is, is not known here.
    let id = |key| {
        data.read(key, "an owner", |text| Some(iproute::number(text)))
            .map(Option::flatten)
    };
    Ok(Tun {
        mode: data.text("type")?.unwrap_or_default(),
        pi: data.flag("pi"),
        vnet_hdr: data.flag("vnet_hdr"),
        multi_queue: data.flag("multi_queue"),
        persist: data.flag("persist"),
        owner: id("user")?,
        group: id("group")?,
    })
}
