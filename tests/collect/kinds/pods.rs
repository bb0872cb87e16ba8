//! Pods are found, have their names, and lead to the links that they are connected by.

use netdiag::state::{Namespace, NodeState};
use netdiag_lab::kinds::PodSite;

/// Each pod of these, and no other, live or in outputs of commands, is a namespace of the node, and its link's other end is the one that it should be.
pub(super) fn are_found(node: &NodeState, sites: &[&PodSite], live: bool) {
    let namespaces = node.namespaces.known().map_or(&[][..], Vec::as_slice);
    let mut found: Vec<String> = namespaces.iter().map(Namespace::title).collect();
    let mut expected: Vec<String> = sites.iter().map(|site| site.name.clone()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{}: {:?}", node.name, node.namespaces_incomplete);
    for site in sites {
        let pod = of(namespaces, site);
        assert_eq!(pod.names, [site.name.as_str()]);
        if live {
            let path = format!("/run/netns/{}", site.name);
            assert!(pod.paths.contains(&path), "{:?}", pod.paths);
        }
        connected(node, pod, site, live);
    }
}

fn of<'a>(namespaces: &'a [Namespace], site: &PodSite) -> &'a Namespace {
    namespaces
        .iter()
        .find(|namespace| namespace.title() == site.name)
        .unwrap()
}

fn connected(node: &NodeState, pod: &Namespace, site: &PodSite, live: bool) {
    let Some(own) = &site.own_link else {
        assert!(pod.net.links.items().iter().all(|link| link.name == "lo"));
        return;
    };
    let own = pod.net.link_named(own).unwrap();
    let addresses: Vec<String> = pod
        .net
        .addresses
        .items()
        .iter()
        .filter(|address| address.link == own.index)
        .map(|address| address.ip.to_string())
        .collect();
    assert!(addresses.contains(&site.address), "{site:?}: {addresses:?}");
    let lower = own.lower.unwrap();
    let Some(host) = &site.host_link else {
        // The other end is in another pod.
        let there = pod.net.peer(lower.netns.unwrap());
        let other = node
            .namespaces
            .items()
            .iter()
            .find(|other| Some(other.id) == there);
        let far = other.unwrap().net.link(lower.index).unwrap();
        assert_eq!(far.lower.map(|lower| lower.index), Some(own.index));
        return;
    };
    let host = node.net.link_named(host).unwrap();
    // What a macvlan is on does not know of it: outputs of commands don't tell whose link that is.
    if !live && own.kind.as_deref() == Some("macvlan") {
        assert_eq!(lower.index, host.index, "{site:?}");
        return;
    }
    assert_eq!(
        (lower.index, lower.netns),
        (host.index, pod.id_of_host),
        "{site:?}"
    );
    assert_eq!(pod.net.peer(pod.id_of_host.unwrap()), node.net_id, "{site:?}");
    if own.kind.as_deref() == Some("veth") {
        let back = host.lower.unwrap();
        assert_eq!((back.index, back.netns), (own.index, pod.host_id), "{site:?}");
        assert_eq!(node.net.peer(pod.host_id.unwrap()), Some(pod.id), "{site:?}");
    }
}
