//! Answers of the Docker Engine API (and `docker inspect`, `docker network inspect`, which print the same objects) →
//! state. Only named fields are taken; a container's environment, command, mounts and other labels stay out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::secrets;
use crate::state::Fact;
use crate::state::docker::{
    Container, Detail, Docker, Endpoint, Info, Ipam, Network, NetworkEndpoint, PublishedPort,
};

/// Labels that name a container's owner.
const LABELS: [&str; 8] = [
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.pod.uid",
    "io.kubernetes.container.name",
    "io.kubernetes.docker.type",
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.swarm.service.name",
];

/// Reads `GET /version`.
///
/// # Errors
/// When it names no version.
pub fn version(value: &Value) -> Result<Docker, String> {
    let version = text(value, "Version");
    if version.is_empty() {
        return Err("the answer names no version: this is not Docker's API".into());
    }
    let components = value.get("Components").and_then(Value::as_array);
    let product = components
        .and_then(|components| components.first())
        .map(|component| text(component, "Name"));
    let platform = value.get("Platform").map(|platform| text(platform, "Name"));
    Ok(Docker {
        version,
        api_version: text(value, "ApiVersion"),
        product: [platform, product]
            .into_iter()
            .flatten()
            .find(|name| !name.is_empty())
            .unwrap_or_default(),
        ..Docker::default()
    })
}

/// Reads `GET /info`.
pub fn info(value: &Value) -> Info {
    Info {
        name: text(value, "Name"),
        storage_driver: text(value, "Driver"),
        root_directory: text(value, "DockerRootDir"),
        live_restore: boolean(value, "LiveRestoreEnabled").unwrap_or_default(),
        ipv4_forwarding: boolean(value, "IPv4Forwarding"),
        bridge_nf_iptables: boolean(value, "BridgeNfIptables"),
        bridge_nf_ip6tables: boolean(value, "BridgeNfIp6tables"),
        swarm: value
            .get("Swarm")
            .map(|swarm| text(swarm, "LocalNodeState"))
            .unwrap_or_default(),
        security_options: texts(value, "SecurityOptions"),
        warnings: texts(value, "Warnings"),
    }
}

/// Reads one network.
///
/// # Errors
/// When it has no id or name.
pub fn network(value: &Value) -> Result<Network, String> {
    let (id, name) = (text(value, "Id"), text(value, "Name"));
    if id.is_empty() || name.is_empty() {
        return Err("a network without id or name".into());
    }
    let ipam = value.get("IPAM").unwrap_or(&Value::Null);
    let configs = ipam.get("Config").and_then(Value::as_array);
    let containers = value.get("Containers").and_then(Value::as_object);
    Ok(Network {
        id,
        name,
        driver: text(value, "Driver"),
        scope: text(value, "Scope"),
        enable_ipv6: boolean(value, "EnableIPv6").unwrap_or_default(),
        internal: boolean(value, "Internal").unwrap_or_default(),
        attachable: boolean(value, "Attachable").unwrap_or_default(),
        ingress: boolean(value, "Ingress").unwrap_or_default(),
        ipam_driver: text(ipam, "Driver"),
        ipam: configs
            .into_iter()
            .flatten()
            .map(|config| Ipam {
                subnet: text(config, "Subnet"),
                gateway: some(text(config, "Gateway")),
                ip_range: some(text(config, "IPRange")),
            })
            .collect(),
        options: named_texts(value, "Options")
            .map(|(name, value)| (name.to_owned(), secrets::cut_value(name, value)))
            .collect(),
        endpoints: containers
            .into_iter()
            .flatten()
            .map(|(id, container)| NetworkEndpoint {
                container: id.clone(),
                name: text(container, "Name"),
                endpoint: text(container, "EndpointID"),
                mac: text(container, "MacAddress"),
                ipv4: text(container, "IPv4Address"),
                ipv6: text(container, "IPv6Address"),
            })
            .collect(),
    })
}

/// Reads the list of networks.
///
/// # Errors
/// When it is no list of networks.
pub fn networks(value: &Value) -> Result<Vec<Network>, String> {
    let networks = value.as_array().ok_or("networks are not a list")?;
    networks.iter().map(network).collect()
}

/// Reads the list of containers (`GET /containers/json`), without what only an inspection gives.
///
/// # Errors
/// When it is no list of containers.
pub fn containers(value: &Value) -> Result<Vec<Container>, String> {
    let containers = value.as_array().ok_or("containers are not a list")?;
    let mut containers: Vec<Container> = containers
        .iter()
        .map(|value| {
            let id = some(text(value, "Id")).ok_or("a container without id")?;
            Ok(Container {
                id,
                name: texts(value, "Names")
                    .first()
                    .map(|name| name.trim_start_matches('/').to_owned())
                    .unwrap_or_default(),
                image: secrets::cut(&text(value, "Image")),
                state: text(value, "State"),
                network_mode: text(value.get("HostConfig").unwrap_or(&Value::Null), "NetworkMode"),
                networks: endpoints(value),
                ports: listed_ports(value),
                labels: labels(value),
                detail: Fact::default(),
            })
        })
        .collect::<Result<_, String>>()?;
    containers.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(containers)
}

/// Reads one container's inspection (`GET /containers/ID/json`): the whole of it, with its detail.
///
/// # Errors
/// When it has no id.
pub fn container(value: &Value) -> Result<Container, String> {
    let id = some(text(value, "Id")).ok_or("a container without id")?;
    let null = Value::Null;
    let part = |name: &str| value.get(name).unwrap_or(&null);
    let (state, config, host, network) = (
        part("State"),
        part("Config"),
        part("HostConfig"),
        part("NetworkSettings"),
    );
    Ok(Container {
        id,
        name: text(value, "Name").trim_start_matches('/').to_owned(),
        image: secrets::cut(&text(config, "Image")),
        state: text(state, "Status"),
        network_mode: text(host, "NetworkMode"),
        networks: endpoints(value),
        ports: inspected_ports(network),
        labels: labels(config),
        detail: Fact::Known(Detail {
            pid: number(state, "Pid").filter(|pid| *pid > 0),
            hostname: text(config, "Hostname"),
            sandbox_id: text(network, "SandboxID"),
            sandbox_key: text(network, "SandboxKey"),
            dns: texts(host, "Dns"),
            extra_hosts: texts(host, "ExtraHosts"),
            privileged: boolean(host, "Privileged").unwrap_or_default(),
            restart_count: number(value, "RestartCount").unwrap_or_default(),
            error: secrets::cut(&text(state, "Error")),
        }),
    })
}

fn endpoints(container: &Value) -> BTreeMap<String, Endpoint> {
    let networks = container
        .get("NetworkSettings")
        .and_then(|settings| settings.get("Networks")?.as_object());
    networks
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), endpoint(value)))
        .collect()
}

fn endpoint(value: &Value) -> Endpoint {
    Endpoint {
        network_id: text(value, "NetworkID"),
        endpoint_id: text(value, "EndpointID"),
        mac: text(value, "MacAddress"),
        gateway: address(value, "Gateway"),
        address: address(value, "IPAddress"),
        prefix_len: number(value, "IPPrefixLen").unwrap_or_default(),
        ipv6_gateway: address(value, "IPv6Gateway"),
        ipv6_address: address(value, "GlobalIPv6Address"),
        ipv6_prefix_len: number(value, "GlobalIPv6PrefixLen").unwrap_or_default(),
        aliases: texts(value, "Aliases"),
    }
}

/// `"Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]`
fn listed_ports(container: &Value) -> Vec<PublishedPort> {
    let ports = container.get("Ports").and_then(Value::as_array);
    let mut ports: Vec<PublishedPort> = ports
        .into_iter()
        .flatten()
        .filter_map(|port| {
            Some(PublishedPort {
                port: number(port, "PrivatePort")?,
                protocol: text(port, "Type"),
                host_port: number(port, "PublicPort").filter(|port| *port > 0),
                host_address: address(port, "IP"),
            })
        })
        .collect();
    ports.sort();
    ports
}

/// `"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "81/udp": null}`
fn inspected_ports(network: &Value) -> Vec<PublishedPort> {
    let ports = network.get("Ports").and_then(Value::as_object);
    let mut found = Vec::new();
    for (name, hosts) in ports.into_iter().flatten() {
        let (port, protocol) = name.split_once('/').unwrap_or((name, "tcp"));
        let Ok(port) = port.parse() else { continue };
        let exposed = PublishedPort {
            port,
            protocol: protocol.to_owned(),
            ..PublishedPort::default()
        };
        match hosts.as_array().filter(|hosts| !hosts.is_empty()) {
            None => found.push(exposed),
            Some(hosts) => found.extend(hosts.iter().map(|host| PublishedPort {
                host_port: text(host, "HostPort").parse().ok().filter(|port| *port > 0),
                host_address: address(host, "HostIp"),
                ..exposed.clone()
            })),
        }
    }
    found.sort();
    found
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    named_texts(value, "Labels")
        .filter(|(name, _)| LABELS.contains(name))
        .map(|(name, value)| (name.to_owned(), secrets::cut(value)))
        .collect()
}

fn named_texts<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fields = value.get(name).and_then(Value::as_object);
    fields
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let items = value.get(name).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| Some(secrets::cut(item.as_str()?)))
        .collect()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn boolean(value: &Value, name: &str) -> Option<bool> {
    value.get(name)?.as_bool()
}

fn number<T: TryFrom<u64>>(value: &Value, name: &str) -> Option<T> {
    T::try_from(value.get(name)?.as_u64()?).ok()
}

fn address(value: &Value, name: &str) -> Option<IpAddr> {
    value.get(name)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Shaped as the API's reference has it (v1.41, ContainerInspect), with secrets where users put them.
    fn inspection() -> Value {
        json!({
            "Id": "c0ffee", "Name": "/web", "RestartCount": 2, "Args": ["--password=hunter2"], "Path": "/bin/web",
            "State": {"Status": "running", "Pid": 4711, "Error": ""},
            "Config": {
                "Hostname": "web", "Image": "nginx", "Env": ["DB_PASSWORD=hunter2"], "Cmd": ["web", "--token", "hunter2"],
                "Labels": {"io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop",
                    "traefik.auth": "admin:hunter2", "com.docker.compose.project": "shop"},
            },
            "HostConfig": {"NetworkMode": "shop_default", "Dns": ["10.0.0.53"], "Privileged": false, "Binds": ["/hunter2:/x"]},
            "NetworkSettings": {
                "SandboxID": "5a", "SandboxKey": "/var/run/docker/netns/5a",
                "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}], "81/udp": null},
                "Networks": {"shop_default": {"NetworkID": "n1", "EndpointID": "e1", "MacAddress": "02:42:ac:12:00:02",
                    "Gateway": "172.18.0.1", "IPAddress": "172.18.0.2", "IPPrefixLen": 16, "GlobalIPv6Address": "",
                    "Aliases": ["web"]}},
            },
        })
    }

    #[test]
    fn an_inspection_gives_namespace_addresses_and_ports_and_no_secret() {
        let container = container(&inspection()).unwrap();
        let detail = container.detail.known().unwrap();
        assert_eq!((container.name.as_str(), detail.pid), ("web", Some(4711)));
        assert_eq!(detail.sandbox_key, "/var/run/docker/netns/5a");
        assert_eq!(container.pod(), Some(("shop", "web-1")));
        let endpoint = &container.networks["shop_default"];
        assert_eq!(endpoint.address, Some("172.18.0.2".parse().unwrap()));
        assert_eq!((endpoint.prefix_len, endpoint.ipv6_address), (16, None));
        let ports: Vec<_> = container
            .ports
            .iter()
            .map(|port| (port.port, port.host_port))
            .collect();
        assert_eq!(ports, [(80, Some(8080)), (80, Some(8080)), (81, None)]);
        assert!(!serde_json::to_string(&container).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_network_has_its_addresses_endpoints_and_bridge() {
        let value = json!({
            "Id": "0123456789abcdef", "Name": "shop", "Driver": "bridge", "Scope": "local", "EnableIPv6": false,
            "IPAM": {"Driver": "default", "Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]},
            "Containers": {"c0ffee": {"Name": "web", "EndpointID": "e1", "MacAddress": "02:42:ac:12:00:02",
                "IPv4Address": "172.18.0.2/16", "IPv6Address": ""}},
            "Options": {"com.docker.network.driver.mtu": "1400", "vendor.password": "hunter2"},
        });
        let mut network = network(&value).unwrap();
        assert_eq!(network.bridge_name().unwrap(), "br-0123456789ab");
        assert_eq!(network.ipam[0].gateway.as_deref(), Some("172.18.0.1"));
        assert_eq!(network.endpoints[0].ipv4, "172.18.0.2/16");
        assert!(!serde_json::to_string(&network).unwrap().contains("hunter2"));
        network
            .options
            .insert("com.docker.network.bridge.name".into(), "docker0".into());
        assert_eq!(network.bridge_name().unwrap(), "docker0");
    }

    #[test]
    fn what_is_not_dockers_is_refused() {
        assert!(version(&json!({"kubernetes": 1})).is_err());
        assert!(networks(&json!({"message": "no"})).is_err());
        assert!(containers(&json!([{"Name": "x"}])).is_err());
        let podman =
            json!({"Version": "4.3.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]});
        assert_eq!(version(&podman).unwrap().product, "Podman Engine");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let names =
            "(Id|Name|Names|Ports|NetworkSettings|Networks|IPAM|Config|State|Pid|Containers|Labels|80/tcp|x)";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((names, inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in any_json()) {
            let _ = (version(&value), info(&value), networks(&value), network(&value));
            let _ = (containers(&value), container(&value));
        }
    }
}
