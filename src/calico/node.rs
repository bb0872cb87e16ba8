//! What diagnosis needs of a stored Node, typed.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde_json::Value;

use super::address::{self, Family};
use super::as_number::AsNumber;
use super::resource::Resource;

/// A Node as its fields say. Fields netdiag doesn't need are left out; nothing is defaulted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// Sorted by key.
    pub labels: Vec<(String, String)>,
    /// `spec.bgp.asNumber`; `None` when inherited.
    pub as_number: Option<u32>,
    /// `spec.bgp.ipv4Address`.
    pub ipv4: Option<NodeAddress>,
    /// `spec.bgp.ipv6Address`.
    pub ipv6: Option<NodeAddress>,
    /// `spec.bgp.ipv4IPIPTunnelAddr`.
    pub ipip_tunnel_addr: Option<Ipv4Addr>,
    /// `spec.ipv4VXLANTunnelAddr`, `spec.vxlanTunnelMACAddr`.
    pub vxlan_tunnel_addr: Option<Ipv4Addr>,
    pub vxlan_mac: Option<String>,
    /// `spec.bgp.routeReflectorClusterID`.
    pub route_reflector_cluster_id: Option<Ipv4Addr>,
    /// `spec.addresses`: address and type (`CalicoNodeIP`, `InternalIP`, `ExternalIP`, or empty), as written.
    pub addresses: Vec<(String, String)>,
}

/// A node's address and the length of the subnet it says it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeAddress {
    pub ip: IpAddr,
    /// 32 or 128 when the datastore has no length, as Calico reads it.
    pub prefix_len: u8,
}

impl NodeAddress {
    /// The address with its length; host bits are kept.
    pub fn net(self) -> Option<IpNet> {
        IpNet::new(self.ip, self.prefix_len).ok()
    }
}

impl std::fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_len)
    }
}

/// A stored field that doesn't hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Node({node}): {field} is {value}: {why}")]
pub struct FieldError {
    pub node: String,
    /// For example `spec.bgp.ipv4Address`.
    pub field: String,
    /// As stored, JSON.
    pub value: String,
    pub why: String,
}

impl Node {
    /// Reads the fields of a stored Node; those netdiag doesn't know are ignored.
    ///
    /// # Errors
    /// The first field that holds something else than it should.
    pub fn from_resource(resource: &Resource) -> Result<Self, FieldError> {
        let fields = Fields(resource);
        Ok(Self {
            name: resource.name().to_owned(),
            labels: fields.labels()?,
            as_number: fields.read(&["spec", "bgp", "asNumber"], |value| {
                AsNumber::from_json(value)
                    .map(AsNumber::get)
                    .map_err(|error| error.to_string())
            })?,
            ipv4: fields.read(&["spec", "bgp", "ipv4Address"], |value| {
                address(value, Family::V4)
            })?,
            ipv6: fields.read(&["spec", "bgp", "ipv6Address"], |value| {
                address(value, Family::V6)
            })?,
            ipip_tunnel_addr: fields.read(&["spec", "bgp", "ipv4IPIPTunnelAddr"], ipv4)?,
            vxlan_tunnel_addr: fields.read(&["spec", "ipv4VXLANTunnelAddr"], ipv4)?,
            vxlan_mac: resource
                .text(&["spec", "vxlanTunnelMACAddr"])
                .filter(|mac| !mac.is_empty())
                .map(str::to_owned),
            route_reflector_cluster_id: fields.read(&["spec", "bgp", "routeReflectorClusterID"], ipv4)?,
            addresses: fields.addresses()?,
        })
    }
}

struct Fields<'r>(&'r Resource);

impl Fields<'_> {
    /// Reads a field; one that is missing, null or an empty text is `None`.
    fn read<T>(
        &self,
        path: &[&str],
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Option<T>, FieldError> {
        match self.0.field(path) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(value) => read(value).map(Some).map_err(|why| FieldError {
                node: self.0.name().to_owned(),
                field: path.join("."),
                value: value.to_string(),
                why,
            }),
        }
    }

    fn labels(&self) -> Result<Vec<(String, String)>, FieldError> {
        let labels = self.read(&["metadata", "labels"], |value| {
            let labels = value.as_object().ok_or("not a map")?;
            let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            labels
                .iter()
                .map(|label| pair(label).ok_or(format!("the value of {} is not a text", label.0)))
                .collect()
        })?;
        Ok(labels.unwrap_or_default())
    }

    fn addresses(&self) -> Result<Vec<(String, String)>, FieldError> {
        let addresses = self.read(&["spec", "addresses"], |value| {
            let items = value.as_array().ok_or("not a list")?;
            let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
            items
                .iter()
                .map(|item| {
                    let address = text(item, "address").ok_or("an item has no address")?;
                    Ok((address, text(item, "type").unwrap_or_default()))
                })
                .collect::<Result<Vec<_>, String>>()
        })?;
        Ok(addresses.unwrap_or_default())
    }
}

fn ipv4(value: &Value) -> Result<Ipv4Addr, String> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "not an IPv4 address".into())
}

/// An address of a node, with or without a length, of this family.
fn address(value: &Value, family: Family) -> Result<NodeAddress, String> {
    let text = value.as_str().ok_or("not a text")?;
    let (ip, length) = address::parse(text).ok_or("not an IP address")?;
    match family.refuses_node(ip) {
        Some(why) => Err(why.into()),
        None => Ok(NodeAddress {
            ip,
            prefix_len: length.unwrap_or_else(|| address::full_length(ip)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(spec: &Value) -> Result<Node, FieldError> {
        let document = json!({
            "apiVersion": "projectcalico.org/v3", "kind": "Node",
            "metadata": {"name": "node1", "labels": {"rack": "r1"}}, "spec": spec,
        });
        Node::from_resource(&Resource::from_value(document).unwrap())
    }

    #[test]
    fn reads_every_field_and_ignores_the_others() {
        let node = node(&json!({
            "bgp": {
                "asNumber": "1.10", "ipv4Address": "10.244.1.1/24", "ipv6Address": "fd80::1",
                "ipv4IPIPTunnelAddr": "192.168.115.128", "routeReflectorClusterID": "244.0.0.1", "new": 1,
            },
            "addresses": [{"address": "10.244.1.1/24", "type": "CalicoNodeIP"}, {"address": "192.0.2.1"}],
            "wireguard": {},
        }))
        .unwrap();
        assert_eq!(node.labels, [("rack".to_owned(), "r1".to_owned())]);
        assert_eq!(node.as_number, Some(65546));
        assert_eq!(
            node.ipv4.map(|address| address.to_string()).as_deref(),
            Some("10.244.1.1/24")
        );
        assert_eq!(
            node.ipv6.map(|address| address.to_string()).as_deref(),
            Some("fd80::1/128")
        );
        assert_eq!(node.ipip_tunnel_addr, Some(Ipv4Addr::new(192, 168, 115, 128)));
        assert_eq!(node.route_reflector_cluster_id, Some(Ipv4Addr::new(244, 0, 0, 1)));
        assert_eq!(node.addresses[1], ("192.0.2.1".to_owned(), String::new()));
    }

    #[test]
    fn a_node_without_spec_has_nothing() {
        let node = node(&Value::Null).unwrap();
        assert_eq!((node.as_number, node.ipv4, node.addresses.len()), (None, None, 0));
    }

    #[test]
    fn a_bad_value_names_its_field() {
        let error = node(&json!({"bgp": {"ipv4Address": "fd80::1/64"}})).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"Node(node1): spec.bgp.ipv4Address is "fd80::1/64": an IPv6 address, must be IPv4"#
        );
        let error = node(&json!({"bgp": {"asNumber": -1}})).unwrap_err();
        assert_eq!(error.field, "spec.bgp.asNumber");
    }

    #[test]
    fn what_calico_would_not_read_as_an_address_of_a_node_is_an_error() {
        for (field, value) in [
            ("ipv4Address", "010.0.0.1/24"),
            ("ipv4Address", "0.0.0.0"),
            ("ipv4Address", "224.0.0.5/24"),
            ("ipv6Address", "::ffff:10.0.0.1/64"),
            ("ipv6Address", "::"),
            ("ipv6Address", "ff02::1/64"),
        ] {
            let error = node(&json!({"bgp": {field: value}})).unwrap_err();
            assert_eq!(error.field, format!("spec.bgp.{field}"), "{value}");
        }
    }
}
