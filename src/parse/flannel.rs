//! flannel's files: `subnet.env` (`pkg/subnet/subnet.go`, WriteSubnetFile) and `net-conf.json` (`pkg/subnet/config.go`).

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{ParseError, excerpt, secrets};
use crate::state::cni::{FlannelLease, FlannelNetConf, FlannelNetwork, FlannelSubnet};

/// Reads `subnet.env`.
///
/// # Errors
/// Names the first line whose value is none.
pub fn subnet_env(text: &str) -> Result<FlannelSubnet, ParseError> {
    let mut found = FlannelSubnet::default();
    for (index, line) in text.lines().enumerate() {
        let Some((name, value)) = line.trim().split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        let wrong = || ParseError::new(index + 1, format!("not a value: {:?}", excerpt(line)));
        let nets = || -> Result<Vec<IpNet>, ParseError> {
            let nets = value.split(',').filter(|net| !net.trim().is_empty());
            nets.map(|net| net.trim().parse().map_err(|_| wrong())).collect()
        };
        match name.trim() {
            "FLANNEL_NETWORK" => found.networks = nets()?,
            "FLANNEL_SUBNET" => found.subnet = nets()?.first().copied(),
            "FLANNEL_IPV6_NETWORK" => found.ipv6_networks = nets()?,
            "FLANNEL_IPV6_SUBNET" => found.ipv6_subnet = nets()?.first().copied(),
            "FLANNEL_MTU" => found.mtu = Some(value.parse().map_err(|_| wrong())?),
            "FLANNEL_IPMASQ" => found.ip_masq = Some(value.parse().map_err(|_| wrong())?),
            _ => {}
        }
    }
    if found == FlannelSubnet::default() {
        return Err(ParseError::new(1, "no settings of flannel"));
    }
    Ok(found)
}

/// Reads `net-conf.json`.
///
/// # Errors
/// Where the text stops being flannel's configuration.
pub fn net_conf(text: &str) -> Result<FlannelNetConf, String> {
    let mut value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    secrets::cut_json(&mut value);
    let Value::Object(fields) = value else {
        return Err("not flannel's configuration: no object".into());
    };
    let net = |name: &str| -> Result<Option<IpNet>, String> {
        match field(&fields, name).and_then(Value::as_str) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| format!("{name}: not a network: {:?}", excerpt(text))),
        }
    };
    let flag = |name: &str| field(&fields, name).and_then(Value::as_bool);
    let empty = Map::new();
    let backend = field(&fields, "Backend")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let number = |name: &str| field(backend, name).and_then(Value::as_u64);
    Ok(FlannelNetConf {
        path: String::new(),
        network: net("Network")?,
        ipv6_network: net("IPv6Network")?,
        // Unless said, IPv4 alone.
        enable_ipv4: flag("EnableIPv4").unwrap_or(true),
        enable_ipv6: flag("EnableIPv6").unwrap_or(false),
        subnet_len: field(&fields, "SubnetLen").and_then(Value::as_u64),
        backend: field(backend, "Type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        vni: number("VNI"),
        port: number("Port"),
        direct_routing: field(backend, "DirectRouting").and_then(Value::as_bool),
        other: backend
            .iter()
            .filter(|(name, _)| {
                let known = ["Type", "VNI", "Port", "DirectRouting"];
                !known.iter().any(|other| other.eq_ignore_ascii_case(name))
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    })
}

/// What flannel keeps in etcd, as keys and values: `config`, and `subnets/10.5.54.0-24` for each node
/// (`pkg/subnet/etcd/registry.go`).
pub fn network<'e>(entries: impl IntoIterator<Item = (&'e str, &'e str)>) -> FlannelNetwork {
    let mut found = FlannelNetwork::default();
    for (key, value) in entries {
        match key.rsplit_once('/') {
            Some((_, "config")) => found.net_conf = net_conf(value).into(),
            Some((before, subnet)) if before.ends_with("/subnets") => match lease(subnet, value) {
                Ok(lease) => found.leases.push(lease),
                Err(why) => found.unreadable.push((key.to_owned(), why)),
            },
            _ => {}
        }
    }
    found.leases.sort_by_key(|lease| lease.subnet);
    found
}

/// One lease. With IPv6 the key is `10.5.54.0-24&fd00:1:0:5::-64`.
fn lease(key: &str, value: &str) -> Result<FlannelLease, String> {
    let subnet = |text: &str| -> Result<IpNet, String> {
        let (ip, length) = text.rsplit_once('-').unwrap_or((text, ""));
        format!("{ip}/{length}")
            .parse()
            .map_err(|_| format!("not a subnet: {:?}", excerpt(text)))
    };
    let (v4, v6) = match key.split_once('&') {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (key, None),
    };
    let value: Value = serde_json::from_str(value).map_err(|error| format!("not JSON: {error}"))?;
    let fields = value.as_object().ok_or("not a lease: no object")?;
    let text = |name: &str| field(fields, name).and_then(Value::as_str);
    let ip = |name: &str| -> Result<Option<IpAddr>, String> {
        text(name)
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse()
                    .map_err(|_| format!("{name}: not an address: {:?}", excerpt(text)))
            })
            .transpose()
    };
    let data = field(fields, "BackendData").and_then(Value::as_object);
    let of_data = |name: &str| data.and_then(|data| field(data, name));
    Ok(FlannelLease {
        subnet: subnet(v4)?,
        ipv6_subnet: v6.map(subnet).transpose()?,
        public_ip: ip("PublicIP")?,
        public_ipv6: ip("PublicIPv6")?,
        backend: text("BackendType").unwrap_or_default().to_owned(),
        vni: of_data("VNI").and_then(Value::as_u64),
        vtep_mac: of_data("VtepMAC").and_then(Value::as_str).map(str::to_lowercase),
    })
}

/// A field by its name, as Go's decoder finds it: upper and lower case are the same.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let mut fields = fields.iter();
        fields.find_map(|(other, value)| other.eq_ignore_ascii_case(name).then_some(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_families_mtu_and_masquerading_are_read() {
        let text = "FLANNEL_NETWORK=10.1.0.0/16,10.2.0.0/16\nFLANNEL_SUBNET=10.1.5.1/24\n\
            FLANNEL_IPV6_NETWORK=fd00:1::/48\nFLANNEL_IPV6_SUBNET=fd00:1:0:5::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";
        let found = subnet_env(text).unwrap();
        assert_eq!(found.networks.len(), 2);
        assert_eq!(found.subnet.unwrap().to_string(), "10.1.5.1/24");
        assert_eq!(found.ipv6_subnet.unwrap().to_string(), "fd00:1:0:5::1/64");
        assert_eq!((found.mtu, found.ip_masq), (Some(1450), Some(true)));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = subnet_env("FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_MTU=big\n").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(subnet_env("").is_err());
    }

    #[test]
    fn the_backend_is_read_and_its_secret_is_not() {
        let text = r#"{"Network": "10.1.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00::/48", "SubnetLen": 24,
            "Backend": {"type": "vxlan", "VNI": 4096, "Port": 4789, "DirectRouting": true, "PSK": "hunter2", "GBP": true}}"#;
        let conf = net_conf(text).unwrap();
        assert_eq!(
            (conf.backend.as_str(), conf.vni, conf.port),
            ("vxlan", Some(4096), Some(4789))
        );
        assert_eq!(conf.direct_routing, Some(true));
        assert!(conf.enable_ipv4 && conf.enable_ipv6);
        assert_eq!(conf.other["GBP"], true);
        assert!(!serde_json::to_string(&conf).unwrap().contains("hunter2"));
        assert!(net_conf(r#"{"Network": "10.1"}"#).is_err());
    }

    #[test]
    fn leases_are_read_from_etcds_keys() {
        let lease = r#"{"PublicIP":"192.168.90.12","PublicIPv6":null,"BackendType":"vxlan",
            "BackendData":{"VNI":1,"VtepMAC":"FE:9f:8f:c3:81:42"}}"#;
        let found = network([
            (
                "/coreos.com/network/config",
                r#"{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}"#,
            ),
            ("/coreos.com/network/subnets/10.5.57.0-24", lease),
            ("/coreos.com/network/subnets/10.5.54.0-24&fd00:5:0:36::-64", lease),
            ("/coreos.com/network/subnets/10.5.54.0", lease),
            ("/coreos.com/network/subnets/10.5.58.0-24", "[]"),
        ]);
        assert_eq!(found.net_conf.known().unwrap().backend, "vxlan");
        let subnets: Vec<String> = found
            .leases
            .iter()
            .map(|lease| lease.subnet.to_string())
            .collect();
        assert_eq!(subnets, ["10.5.54.0/24", "10.5.57.0/24"]);
        let first = &found.leases[0];
        assert_eq!(first.ipv6_subnet.unwrap().to_string(), "fd00:5:0:36::/64");
        assert_eq!(first.public_ip.unwrap().to_string(), "192.168.90.12");
        assert_eq!(first.vtep_mac.as_deref(), Some("fe:9f:8f:c3:81:42"));
        assert_eq!(found.unreadable.len(), 2);
    }

    proptest! {
        #[test]
        fn no_lease_makes_it_panic(key in "[0-9a-f.:&-]{0,30}", value in "\\PC{0,80}", json in "(\\{|\\}|,|:|\"PublicIP\"|\"VNI\"|1){0,20}") {
            let keys = [format!("/x/subnets/{key}"), "/x/config".to_owned()];
            for value in [&value, &json] {
                let _ = network(keys.iter().map(|key| (key.as_str(), value.as_str())));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", like in "(FLANNEL_NETWORK|FLANNEL_MTU|=|,|/|1|\n){0,30}", json in "(\\{|\\}|,|:|\"Backend\"|\"Type\"|1){0,20}") {
            let _ = (subnet_env(&text), subnet_env(&like), net_conf(&text), net_conf(&json));
        }
    }
}
