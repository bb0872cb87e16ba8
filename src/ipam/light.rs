//! What IPAM wants of long lists, taken from stored texts without reading all the rest of them. What isn't plain is left
//! to those who read whole resources: they say what is wrong with it, too.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;

use super::stock::Owner;
use crate::calico::checks;
use crate::calico::resource::API_VERSION;
use crate::datastore::Entry;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object<'v, S> {
    #[serde(borrow)]
    kind: Cow<'v, str>,
    #[serde(borrow)]
    api_version: Cow<'v, str>,
    #[serde(borrow)]
    metadata: Metadata<'v>,
    spec: S,
}

#[derive(Deserialize)]
struct Metadata<'v> {
    #[serde(borrow)]
    name: Cow<'v, str>,
    #[serde(borrow, default)]
    namespace: Cow<'v, str>,
}

impl<S> Object<'_, S> {
    /// Whether it is of this kind, and what its key says.
    fn is(&self, kind: &str, key: &str) -> bool {
        let Metadata { name, namespace } = &self.metadata;
        let above = key
            .strip_suffix(name.as_ref())
            .and_then(|key| key.strip_suffix('/'));
        let fits = |above: &str| {
            namespace.is_empty()
                || above
                    .strip_suffix(namespace.as_ref())
                    .is_some_and(|key| key.ends_with('/'))
        };
        self.kind == kind && self.api_version == API_VERSION && above.is_some_and(fits)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'v> {
    #[serde(borrow, default)]
    ip_networks: Vec<Cow<'v, str>>,
}

/// Owner and addresses of an endpoint.
pub(super) fn endpoint(entry: &Entry) -> Option<(Owner, Vec<IpAddr>)> {
    let object: Object<'_, Endpoint<'_>> = serde_json::from_slice(&entry.value).ok()?;
    let Metadata { name, namespace } = &object.metadata;
    if namespace.is_empty() || !object.is("WorkloadEndpoint", &entry.key) {
        return None;
    }
    let addresses = object.spec.ip_networks.iter();
    let addresses = addresses.filter_map(|text| Some(checks::net_or_ip(text)?.addr()));
    Some((format!("Workload({namespace}/{name})"), addresses.collect()))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    bgp: Bgp,
    #[serde(rename = "ipv4VXLANTunnelAddr")]
    vxlan_v4: Option<IpAddr>,
    #[serde(rename = "ipv6VXLANTunnelAddr")]
    vxlan_v6: Option<IpAddr>,
    wireguard: Wireguard,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bgp {
    #[serde(rename = "ipv4IPIPTunnelAddr")]
    ipip: Option<IpAddr>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wireguard {
    #[serde(rename = "interfaceIPv4Address")]
    v4: Option<IpAddr>,
    #[serde(rename = "interfaceIPv6Address")]
    v6: Option<IpAddr>,
}

/// Name of a node, and the addresses of its tunnels.
pub(super) fn node(entry: &Entry) -> Option<(String, Vec<IpAddr>)> {
    let object: Object<'_, Node> = serde_json::from_slice(&entry.value).ok()?;
    if !object.is("Node", &entry.key) {
        return None;
    }
    let Node {
        bgp,
        vxlan_v4,
        vxlan_v6,
        wireguard,
    } = object.spec;
    let addresses = [bgp.ipip, vxlan_v4, vxlan_v6, wireguard.v4, wireguard.v6];
    let name = object.metadata.name.into_owned();
    Some((name, addresses.into_iter().flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calico::kind::Kind;
    use crate::calico::stored;
    use crate::ipam::stock::{endpoint_addresses, tunnel_addresses};

    const DUMP: &str = include_str!("../../fixtures/etcd/calicoctl-v3.32.1-dump.txt");

    #[test]
    fn what_is_taken_of_a_text_is_what_the_whole_resource_says() {
        let lines: Vec<&str> = DUMP.lines().collect();
        let (mut nodes, mut endpoints) = (0, 0);
        for pair in lines.chunks(2) {
            let entry = Entry {
                key: pair[0].to_owned(),
                value: pair[1].into(),
                revision: 1,
            };
            let id = pair[0].strip_prefix("/calico/resources/v3/projectcalico.org/");
            let Some((plural, id)) = id.and_then(|path| path.split_once('/')) else {
                continue;
            };
            let whole = |kind| stored::decode(kind, id, pair[1].as_bytes()).unwrap();
            if plural == "nodes" {
                let addresses = tunnel_addresses(&whole(Kind::Node)).collect();
                assert_eq!(node(&entry), Some((id.to_owned(), addresses)), "{id}");
                nodes += 1;
            } else if plural == "workloadendpoints" {
                let addresses = endpoint_addresses(&whole(Kind::WorkloadEndpoint)).collect();
                assert_eq!(
                    endpoint(&entry),
                    Some((format!("Workload({id})"), addresses)),
                    "{id}"
                );
                endpoints += 1;
            } else {
                assert_eq!((node(&entry), endpoint(&entry)), (None, None), "{id}");
            }
        }
        assert!(nodes > 0 && endpoints > 0, "{nodes} nodes, {endpoints} endpoints");
    }

    #[test]
    fn what_its_key_or_its_form_says_otherwise_is_left_to_others() {
        let entry = |key: &str, spec: &str| {
            Entry {
            key: format!("/calico/resources/v3/projectcalico.org/nodes/{key}"),
            value: format!(
                r#"{{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{{"name":"n1"}},"spec":{spec}}}"#
            )
            .into(),
            revision: 1,
        }
        };
        assert!(node(&entry("n1", "{}")).is_some());
        for (key, spec) in [
            ("n2", "{}"),
            ("xn1", "{}"),
            ("n1", r#"{"ipv4VXLANTunnelAddr":"x"}"#),
            ("n1", "["),
        ] {
            assert_eq!(node(&entry(key, spec)), None, "{key} {spec}");
        }
    }
}
