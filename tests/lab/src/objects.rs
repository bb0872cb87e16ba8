//! What Calico has written into the datastore of the story.

use crate::{Etcd, HOSTS, Result, Store};

/// The pool that all blocks are from.
pub(crate) const POOL: &str = "192.168.0.0/16";

const RESOURCES: &str = "/calico/resources/v3/projectcalico.org";
const SINCE: &str = "2020-05-04T08:15:00Z";

/// Writes all of it; the nodes' addresses are those of the leftover bridges, unless it is healthy.
pub(crate) fn write(etcd: &Etcd, healthy: bool, calico_version: &str, bgp_configuration: bool) -> Result<()> {
    match etcd.store() {
        Store::V3 => write_v3(etcd, calico_version, bgp_configuration)?,
        Store::V2 => write_v2(etcd)?,
    }
    HOSTS.iter().try_for_each(|host| {
        write_node(
            etcd,
            host.name,
            if healthy { host.address } else { host.leftover },
        )
    })
}

/// Writes one node's address, a /24.
pub(crate) fn write_node(etcd: &Etcd, name: &str, address: &str) -> Result<()> {
    match etcd.store() {
        Store::V3 => {
            let spec = format!(
                r#"{{"bgp":{{"ipv4Address":"{address}/24"}},"orchRefs":[{{"nodeName":"{name}","orchestrator":"k8s"}}]}}"#
            );
            etcd.put(
                &format!("{RESOURCES}/nodes/{name}"),
                &resource("Node", name, &spec),
            )
        }
        Store::V2 => {
            let network = address.rsplit_once('.').map_or(address, |(network, _)| network);
            etcd.put(&format!("/calico/bgp/v1/host/{name}/ip_addr_v4"), address)?;
            etcd.put(
                &format!("/calico/bgp/v1/host/{name}/network_v4"),
                &format!("{network}.0/24"),
            )?;
            etcd.put(&format!("/calico/v1/host/{name}/bird_ip"), address)
        }
    }
}

/// Takes one node away (etcd v3 only).
pub(crate) fn remove_node(etcd: &Etcd, name: &str) -> Result<()> {
    etcd.delete(&format!("{RESOURCES}/nodes/{name}"))
}

fn write_v3(etcd: &Etcd, calico_version: &str, bgp_configuration: bool) -> Result<()> {
    let version = match calico_version {
        "" => String::new(),
        version => format!(r#","calicoVersion":"{version}""#),
    };
    let information = format!(
        r#"{{"clusterGUID":"2f7d3f0d9a5c4f0b8f5a6f0f7c1d2e3b","clusterType":"k8s,bgp"{version},"datastoreReady":true}}"#
    );
    let pool = format!(
        r#"{{"cidr":"{POOL}","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()"}}"#
    );
    let mut objects = vec![
        (
            "clusterinformations",
            "ClusterInformation",
            "default",
            information.as_str(),
        ),
        ("ippools", "IPPool", "default-ipv4-ippool", pool.as_str()),
    ];
    if bgp_configuration {
        let spec = r#"{"logSeverityScreen":"Info","nodeToNodeMeshEnabled":true,"asNumber":64512}"#;
        objects.push(("bgpconfigurations", "BGPConfiguration", "default", spec));
    }
    objects.into_iter().try_for_each(|(plural, kind, name, spec)| {
        etcd.put(
            &format!("{RESOURCES}/{plural}/{name}"),
            &resource(kind, name, spec),
        )
    })
}

fn write_v2(etcd: &Etcd) -> Result<()> {
    let pool = format!(
        r#"{{"cidr":"{POOL}","ipip":"","ipip_mode":"","masquerade":true,"ipam":true,"disabled":false}}"#
    );
    for (key, value) in [
        ("/calico/v1/Ready", "true"),
        ("/calico/v1/ipam/v4/pool/192.168.0.0-16", &pool),
        ("/calico/bgp/v1/global/as_num", "64512"),
        ("/calico/bgp/v1/global/node_mesh", r#"{"enabled":true}"#),
        ("/calico/bgp/v1/global/loglevel", "info"),
    ] {
        etcd.put(key, value)?;
    }
    for host in HOSTS {
        let name = host.name;
        let references = format!(r#"[{{"orchestrator":"k8s","nodeName":"{name}"}}]"#);
        etcd.put(&format!("/calico/v1/host/{name}/metadata"), "{}")?;
        etcd.put(&format!("/calico/v1/host/{name}/orchestrator_refs"), &references)?;
    }
    Ok(())
}

/// A resource, its fields in the order that Calico writes them in.
fn resource(kind: &str, name: &str, spec: &str) -> String {
    let uid = uid(kind, name);
    format!(
        r#"{{"kind":"{kind}","apiVersion":"projectcalico.org/v3","metadata":{{"name":"{name}","uid":"{uid}","creationTimestamp":"{SINCE}"}},"spec":{spec}}}"#
    )
}

/// Looks random, and is the same every time.
fn uid(kind: &str, name: &str) -> String {
    let hash = kind
        .bytes()
        .chain(name.bytes())
        .fold(0x6c62_272e_07bb_0142_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let (high, low) = (hash >> 32, hash & 0xffff_ffff);
    format!(
        "{high:08x}-{:04x}-4{:03x}-9{:03x}-{:04x}{high:08x}",
        low >> 16,
        low & 0xfff,
        high & 0xfff,
        low & 0xffff
    )
}
