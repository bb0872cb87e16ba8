//! Each harm beside its healthy twin.

use serde_json::{Value, json};

use super::*;
use crate::state::Fact;

fn resource(kind: &str, name: &str, spec: impl Into<Value>) -> Resource {
    let body = json!({
        "apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec.into(),
    });
    Resource::from_value(body).unwrap()
}

fn objects(resources: &[Resource]) -> Objects {
    Objects {
        resources: resources
            .iter()
            .map(|resource| Value::Object(resource.body.clone()))
            .collect(),
        ..Objects::default()
    }
}

fn write(resource: &Resource) -> Changed<'_> {
    Changed {
        kind: resource.kind,
        id: resource.id(),
        after: Some(resource),
    }
}

fn delete(resource: &Resource) -> Changed<'_> {
    Changed {
        after: None,
        ..write(resource)
    }
}

fn node(name: &str, address: &str) -> Resource {
    resource("Node", name, json!({"bgp": {"ipv4Address": address}}))
}

fn pool(name: &str, cidr: &str) -> Resource {
    resource("IPPool", name, json!({ "cidr": cidr }))
}

fn harms_of(before: &[Resource], changed: &[Changed<'_>]) -> Vec<String> {
    harms(&objects(before), changed, &Host::default())
}

#[test]
fn a_pool_with_addresses_of_nodes_or_services_is_told() {
    let settings = resource(
        "BGPConfiguration",
        "default",
        json!({"serviceClusterIPs": [{"cidr": "10.96.0.0/12"}]}),
    );
    let before = [node("n1", "10.0.0.1/24"), settings];
    for (cidr, said) in [
        ("10.0.0.0/16", Some("has the address 10.0.0.1 of node n1")),
        (
            "10.97.0.0/16",
            Some("overlaps with the addresses of services, 10.96.0.0/12"),
        ),
        ("10.200.0.0/16", None),
    ] {
        let new = pool("p", cidr);
        let found = harms_of(&before, &[write(&new)]);
        assert_eq!(found.len(), usize::from(said.is_some()), "{cidr}: {found:?}");
        assert!(said.is_none_or(|said| found[0].contains(said)), "{found:?}");
    }
    // One that is there already is not this change's fault.
    let new = pool("p", "10.0.0.0/16");
    assert_eq!(
        harms_of(&[node("n1", "10.0.0.1/24"), new.clone()], &[write(&new)]),
        [""; 0]
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"clusterIP": "10.200.0.9", "clusterIPs": ["10.200.0.9"]}});
    let mut with_services = objects(&[]);
    with_services.kubernetes = Fact::Known(vec![service]);
    let new = pool("p", "10.200.0.0/16");
    let found = harms(&with_services, &[write(&new)], &Host::default());
    assert!(found[0].contains("10.200.0.9 of service shop/web"), "{found:?}");
}

#[test]
fn the_last_enabled_pool_is_told_whichever_way_it_goes() {
    let (one, two) = (pool("one", "10.1.0.0/16"), pool("two", "10.2.0.0/16"));
    let both = [one.clone(), two.clone()];
    assert_eq!(harms_of(&both, &[delete(&one)]), [""; 0]);
    let found = harms_of(&both, &[delete(&one), delete(&two)]);
    assert!(found[0].contains("no pool is enabled any more"), "{found:?}");
    let mut off = one.clone();
    off.set(&["spec", "disabled"], Some(true.into()));
    assert_eq!(harms_of(std::slice::from_ref(&one), &[write(&off)]).len(), 1);
    assert_eq!(harms_of(std::slice::from_ref(&off), &[delete(&off)]), [""; 0]);
}

#[test]
fn a_host_endpoint_that_cuts_its_node_off_is_told() {
    let hep = |profiles: Value| {
        resource(
            "HostEndpoint",
            "n1-eth0",
            json!({"node": "n1", "interfaceName": "*", "profiles": profiles}),
        )
    };
    let nodes = [node("n1", "10.0.0.1/24"), node("n2", "10.0.0.2/24")];
    let bare = hep(json!([]));
    // Felix keeps these ports open.
    assert_eq!(harms_of(&nodes, &[write(&bare)]), [""; 0]);
    let closed = resource(
        "FelixConfiguration",
        "default",
        json!({"failsafeInboundHostPorts": [], "failsafeOutboundHostPorts": []}),
    );
    let before = [nodes[0].clone(), nodes[1].clone(), closed.clone()];
    let found = harms_of(&before, &[write(&bare)]);
    assert_eq!(found.len(), 1, "{found:?}");
    for word in [
        "ssh (TCP 22, to the node)",
        "etcd (TCP 2379, from the node)",
        "BGP (TCP 179",
    ] {
        assert!(found[0].contains(word), "{found:?}");
    }
    // With a profile that allows everything, nothing is lost; nor where it was lost before.
    let open = hep(json!(["projectcalico-default-allow"]));
    assert_eq!(harms_of(&before, &[write(&open)]), [""; 0]);
    let there = [nodes[0].clone(), nodes[1].clone(), closed.clone(), bare.clone()];
    assert_eq!(harms_of(&there, &[write(&bare)]), [""; 0]);
    // A policy that allows ssh leaves the rest.
    let policy = resource(
        "GlobalNetworkPolicy",
        "ssh",
        json!({"selector": "all()", "types": ["Ingress"], "ingress": [{"action": "Allow", "protocol": "TCP",
            "destination": {"ports": [22]}}]}),
    );
    let before = [nodes[0].clone(), nodes[1].clone(), closed, policy];
    let found = harms_of(&before, &[write(&bare)]);
    assert!(!found[0].contains("ssh") && found[0].contains("BGP"), "{found:?}");
}

/// Two nodes with endpoints that a policy opens, and no failsafe ports.
fn guarded() -> Vec<Resource> {
    let endpoint = |name: &str| {
        let mut endpoint = resource(
            "HostEndpoint",
            &format!("{name}-eth0"),
            json!({"node": name, "interfaceName": "*"}),
        );
        endpoint.set(&["metadata", "labels", "host"], Some("yes".into()));
        endpoint
    };
    let open = json!([{"action": "Allow"}]);
    vec![
        node("n1", "10.0.0.1/24"),
        node("n2", "10.0.0.2/24"),
        endpoint("n1"),
        endpoint("n2"),
        resource(
            "FelixConfiguration",
            "default",
            json!({"failsafeInboundHostPorts": [], "failsafeOutboundHostPorts": []}),
        ),
        resource(
            "GlobalNetworkPolicy",
            "open",
            json!({"selector": "has(host)", "order": 100, "types": ["Ingress", "Egress"], "ingress": open, "egress": open}),
        ),
    ]
}

#[test]
fn a_policy_that_cuts_nodes_with_host_endpoints_off_is_told() {
    let before = guarded();
    let deny = |selector: &str, port: u16| {
        resource(
            "GlobalNetworkPolicy",
            "deny",
            json!({"selector": selector, "order": 1, "types": ["Ingress"],
                "ingress": [{"action": "Deny", "protocol": "TCP", "destination": {"ports": [port]}}]}),
        )
    };
    let found = harms_of(&before, &[write(&deny("has(host)", 22))]);
    assert_eq!(found.len(), 1, "{found:?}");
    for words in [
        "GlobalNetworkPolicy deny: nodes n1, n2 would be cut off from ssh (TCP 22, to the node):",
        "deny",
    ] {
        assert!(found[0].contains(words), "{found:?}");
    }
    assert!(!found[0].contains("BGP"), "{found:?}");
    // For nobody, or of a port that no node needs: no harm.
    assert_eq!(harms_of(&before, &[write(&deny("has(other)", 22))]), [""; 0]);
    assert_eq!(harms_of(&before, &[write(&deny("has(host)", 8080))]), [""; 0]);
    // Felix keeps the port open where its failsafe ports are as they are by default.
    let failsafe: Vec<Resource> = before
        .iter()
        .filter(|resource| resource.kind != Kind::FelixConfiguration)
        .cloned()
        .collect();
    assert_eq!(harms_of(&failsafe, &[write(&deny("has(host)", 22))]), [""; 0]);
}

#[test]
fn whatever_opened_a_host_endpoint_is_missed_when_it_goes() {
    let before = guarded();
    let policy = before.last().unwrap();
    let found = harms_of(&before, &[delete(policy)]);
    assert!(
        found[0].starts_with("GlobalNetworkPolicy open: nodes n1, n2 would be cut off from ssh (TCP 22"),
        "{found:?}"
    );
    // The rule's set of networks, and a label that the policy asks for.
    let mut by_set = guarded();
    let allow = json!([{"action": "Allow", "source": {"selector": "role == 'all'"}}]);
    by_set.last_mut().unwrap().set(&["spec", "ingress"], Some(allow));
    let mut set = resource("GlobalNetworkSet", "all", json!({"nets": ["0.0.0.0/0"]}));
    set.set(&["metadata", "labels", "role"], Some("all".into()));
    by_set.push(set.clone());
    let mut smaller = set.clone();
    smaller.set(&["spec", "nets"], Some(json!(["192.0.2.0/24"])));
    assert_eq!(harms_of(&by_set, &[write(&set)]), [""; 0]);
    let found = harms_of(&by_set, &[write(&smaller)]);
    assert!(
        found[0].starts_with("GlobalNetworkSet all: nodes n1, n2"),
        "{found:?}"
    );
    let mut unlabelled = before[2].clone();
    unlabelled.set(&["metadata", "labels"], None);
    let found = harms_of(&before, &[write(&unlabelled)]);
    assert!(
        found[0].starts_with("HostEndpoint n1-eth0: node n1 would be cut off"),
        "{found:?}"
    );
    // Felix's failsafe ports, where nothing else opens them.
    let bare: Vec<Resource> = guarded().into_iter().take(4).collect();
    let closed = &before[4];
    let found = harms_of(&bare, &[write(closed)]);
    assert!(
        found[0].starts_with("FelixConfiguration default: nodes n1, n2"),
        "{found:?}"
    );
}

#[test]
fn only_what_decides_a_question_is_asked_for() {
    let of = |changed: &[Changed]| Needs::of(changed);
    let new = pool("p", "10.0.0.0/16");
    let needs = of(&[write(&new)]);
    assert_eq!(
        needs.kinds,
        [Kind::Node, Kind::BgpConfiguration, Kind::IpPool]
            .into_iter()
            .collect()
    );
    assert!(needs.services && needs.workloads == Workloads::None);
    assert!(!of(&[delete(&new)]).services);
    let settings = resource("BGPConfiguration", "default", json!({}));
    assert!(of(&[write(&settings)]).is_empty());
    let policy = |spec: Value| {
        let mut policy = resource("NetworkPolicy", "np", spec);
        policy.set_namespace("shop");
        policy
    };
    let own = policy(json!({"ingress": [{"action": "Allow", "source": {"selector": "has(a)"}}]}));
    assert_eq!(
        of(&[write(&own)]).workloads,
        Workloads::Of(["shop".to_owned()].into())
    );
    assert!(of(&[delete(&own)]).is_empty());
    let others =
        policy(json!({"egress": [{"action": "Allow", "destination": {"namespaceSelector": "all()"}}]}));
    assert_eq!(of(&[write(&own), write(&others)]).workloads, Workloads::All);
    let global = resource("GlobalNetworkPolicy", "g", json!({"selector": "all()"}));
    assert_eq!(of(&[write(&global)]).workloads, Workloads::All);
    let mut needs = of(&[delete(&global)]);
    assert_eq!(needs.workloads, Workloads::None);
    // Whether there are HostEndpoints is asked first.
    assert!(needs.hosts && needs.kinds.is_empty() && !needs.is_empty());
    needs.add_hosts();
    assert!(needs.kinds.contains(&Kind::HostEndpoint) && !needs.kinds.contains(&Kind::IpPool));
}

#[test]
fn an_address_that_no_link_of_this_node_has_is_told() {
    let host = Host {
        node: "n1".into(),
        addresses: vec!["10.0.0.1".parse().unwrap()],
    };
    let found =
        |before: &[Resource], node: &Resource, host: &Host| harms(&objects(before), &[write(node)], host);
    assert_eq!(found(&[], &node("n1", "10.0.0.1/24"), &host), [""; 0]);
    assert_eq!(found(&[], &node("n2", "10.0.0.2/24"), &host), [""; 0]);
    let wrong = node("n1", "10.244.1.1/24");
    let said = found(&[], &wrong, &host);
    assert!(
        said[0].contains("10.244.1.1 is on no link of this node"),
        "{said:?}"
    );
    assert_eq!(
        found(std::slice::from_ref(&wrong), &wrong, &host),
        [""; 0],
        "it is so already"
    );
    assert_eq!(
        found(
            &[],
            &wrong,
            &Host {
                addresses: Vec::new(),
                ..host
            }
        ),
        [""; 0]
    );
}

#[test]
fn what_selects_nobody_is_remarked_where_there_is_somebody() {
    let mut endpoint = resource(
        "HostEndpoint",
        "h1",
        json!({"node": "n1", "interfaceName": "eth0", "expectedIPs": ["10.0.0.1"]}),
    );
    endpoint.set(&["metadata", "labels", "role"], Some("frontend".into()));
    let mut labelled = node("n1", "10.0.0.1/24");
    labelled.set(&["metadata", "labels", "rack"], Some("r1".into()));
    let before = objects(&[labelled, node("n2", "10.0.0.2/24"), endpoint.clone()]);
    let said = |resource: &Resource| remarks(&before, &[write(resource)]);
    let policy = |selector: &str, source: &str| {
        resource(
            "GlobalNetworkPolicy",
            "p",
            json!({"selector": selector, "types": ["Ingress"],
                "ingress": [{"action": "Allow", "source": {"selector": source}}]}),
        )
    };
    assert_eq!(said(&policy("role == 'frontend'", "has(role)")), [""; 0]);
    let found = said(&policy("role == 'frontent'", "has(role)"));
    assert!(
        found[0].contains("nobody has role=frontent; did you mean role=frontend?"),
        "{found:?}"
    );
    let found = said(&policy("has(role)", "rle == 'frontend'"));
    assert!(found[0].contains("did you mean role=frontend?"), "{found:?}");
    let peer = |selector: &str| {
        resource(
            "BGPPeer",
            "b",
            json!({"nodeSelector": selector, "peerIP": "1.1.1.1"}),
        )
    };
    assert_eq!(said(&peer("rack == 'r1'")), [""; 0]);
    assert!(said(&peer("rack == 'r2'"))[0].contains("spec.nodeSelector selects no node"));
    assert_eq!(said(&endpoint), [""; 0]);
    endpoint.set(&["spec", "expectedIPs"], Some(json!(["10.0.0.2"])));
    assert!(said(&endpoint)[0].contains("node n1 isn't known to have 10.0.0.2, but node n2 has"));
    endpoint.set(&["spec", "node"], Some("n9".into()));
    assert!(said(&endpoint)[0].contains("there is no node n9"));
    // In an empty cluster, nobody is there to be selected yet.
    assert_eq!(
        remarks(&objects(&[]), &[write(&policy("has(x)", "has(y)"))]),
        [""; 0]
    );
}
