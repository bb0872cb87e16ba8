//! Policies that can't do what they were written for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::json;

use crate::diagnose::finding::{Finding, Manifest, Sure};
use crate::diagnose::world::World;
use crate::policy::decide::Stage;
use crate::policy::flow::{Direction, Flow};
use crate::policy::model::PolicyName;
use crate::policy::{Endpoint, Policies};

/// Pods that are asked about: those of one policy are alike.
pub(super) const ASKED: usize = 2_000;

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Some(policies) = world.policies() else { return };
    nobody(policies, found);
    dns(policies, found);
    bare_hosts(world, policies, found);
    profiles(world, found);
}

/// Rules whose peers nobody is.
fn nobody(policies: &Policies, found: &mut Vec<Finding>) {
    for policy in policies.all() {
        for direction in [Direction::Ingress, Direction::Egress] {
            for line in policies.selects_nobody(&policy.name, direction) {
                found.push(
                    Finding::of("policy-selects-nobody", "", line.clone())
                        .about(policy.name.to_string())
                        .sure(Sure::Likely)
                        .shown(policy.name.to_string(), line)
                        .step("correct the selector, or label the namespace or the pods"),
                );
            }
        }
    }
}

/// Pods that may not ask for names.
fn dns(policies: &Policies, found: &mut Vec<Finding>) {
    let service = policies.services.all.iter().find(|service| {
        service.metadata.namespace() == "kube-system"
            && ["kube-dns", "coredns"].contains(&service.metadata.name.as_str())
    });
    let Some(service) = service else { return };
    let backends = policies
        .services
        .backends(service.metadata.namespace(), &service.metadata.name);
    let port = |backend: &crate::policy::service::Backend| {
        backend
            .ports
            .iter()
            .find(|port| port.name != "metrics")
            .and_then(|port| port.port)
            .unwrap_or(53)
    };
    let Some((dns, port)) = backends
        .iter()
        .find(|backend| backend.ip.is_ipv4())
        .map(|backend| (backend.ip, port(backend)))
    else {
        return;
    };
    let mut told: BTreeSet<String> = BTreeSet::new();
    for pod in policies.pods.iter().take(ASKED) {
        let Some(src) = pod.ips.iter().find(|ip| ip.is_ipv4() && **ip != dns) else {
            continue;
        };
        let flow = flow(*src, dns, port);
        let decision = policies.decide(pod, Direction::Egress, Stage::Normal, &flow);
        let Some(policy) = decision.policy().filter(|_| decision.is_denied()) else {
            continue;
        };
        if !told.insert(policy.to_string()) {
            continue;
        }
        found.push(
            Finding::of(
                "policy-denies-dns",
                &pod.node,
                format!(
                    "{} may not ask for names: {policy} denies UDP port {port}",
                    pod.title()
                ),
            )
            .about(policy.to_string())
            .sure(Sure::Likely)
            .shown("policies", decision.to_string())
            .step(allow(policy)),
        );
    }
}

fn flow(src: IpAddr, dst: IpAddr, port: u16) -> Flow {
    Flow {
        src,
        dst,
        protocol: 17,
        ports: Some((40_000, port)),
        icmp: None,
    }
}

fn allow(policy: &PolicyName) -> String {
    format!(
        "add an egress rule to {policy}, in front of its others: UDP and TCP port 53 to pods with k8s-app=kube-dns in namespace kube-system (and to NodeLocal DNS, 169.254.20.10, where there is one)"
    )
}

/// HostEndpoints that cut their host off.
fn bare_hosts(world: &World, policies: &Policies, found: &mut Vec<Finding>) {
    for host in &policies.hosts {
        let Some(own) = host_ip(world, host) else { continue };
        let Some(peer) = world
            .cluster
            .ok()
            .and_then(|cluster| cluster.nodes.iter().find(|node| node.name != host.node)?.ipv4)
        else {
            continue;
        };
        // kubelet's port, which no failsafe opens.
        let flow = Flow {
            src: peer.ip,
            dst: own,
            protocol: 6,
            ports: Some((40_000, 10_250)),
            icmp: None,
        };
        let decision = policies.decide(host, Direction::Ingress, Stage::Normal, &flow);
        let silent = matches!(decision.cause, crate::policy::Cause::NoProfile(_));
        if !decision.is_denied() || !silent {
            continue;
        }
        found.push(
            Finding::of("host-endpoint-without-policy", &host.node, format!("{} denies all to and from {} but the failsafe ports: it has no policy and no profile that allows", host.title(), host.node))
                .about(format!("HostEndpoint({})", host.name))
                .shown(format!("HostEndpoint({})", host.name), decision.to_string())
                .step("write a GlobalNetworkPolicy that selects it and allows what the node needs (BGP 179, etcd, kubelet 10250, IPIP or VXLAN), before anything else")
                .step(format!("or take the endpoint away: netdiag delete hostendpoint {}", host.name)),
        );
    }
}

fn host_ip(world: &World, host: &Endpoint) -> Option<IpAddr> {
    host.ips
        .iter()
        .find(|ip| ip.is_ipv4())
        .copied()
        .or_else(|| Some(world.object(&host.node)?.ipv4?.ip))
}

/// Endpoints whose profile isn't there: Felix drops what no policy allows.
fn profiles(world: &World, found: &mut Vec<Finding>) {
    let Ok(cluster) = world.cluster else { return };
    if !cluster.knows(crate::calico::resource::Kind::Profile) {
        return;
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for workload in &cluster.workloads {
        // Namespaces and service accounts become profiles where Kubernetes is the datastore.
        let missing = workload.profiles.iter().find(|profile| {
            !profile.starts_with("kns.")
                && !profile.starts_with("ksa.")
                && !cluster.profiles.contains(profile)
                && !profile.starts_with("projectcalico-default")
        });
        let Some(profile) = missing.filter(|profile| told.insert(profile)) else {
            continue;
        };
        let mut finding = Finding::of(
            "profile-missing",
            &workload.node,
            format!(
                "{} refers to profile {profile}, which is not there",
                workload.title
            ),
        )
        .about(format!("Profile({profile})"))
        .shown(
            format!("WorkloadEndpoint of {}", workload.title),
            format!("spec.profiles has {profile}"),
        )
        .shown(
            "Profiles",
            format!("{} of them, none is {profile}", cluster.profiles.len()),
        )
        .step(format!(
            "make Profile({profile}): with these rules, endpoints that have it reach each other and all else"
        ));
        finding.fix.manifest = Some(Manifest {
            kind: "Profile",
            name: profile.clone(),
            // As Docker's plugin for Calico makes one with a network (libnetwork-plugin, `CreateNetwork`).
            fields: vec![
                ("labelsToApply", json!({profile: ""})),
                (
                    "ingress",
                    json!([{"action": "Allow", "source": {"selector": format!("{profile} == ''")}}]),
                ),
                ("egress", json!([{"action": "Allow"}])),
            ],
        });
        found.push(finding);
    }
}
