//! Policies that are written otherwise than they are meant: never reached, at the wrong place, or too wide.

use crate::diagnose::finding::{Finding, Sure};
use crate::diagnose::world::World;
use crate::policy::decide::Stage;
use crate::policy::flow::{Direction, Flow};
use crate::policy::model::{Mode, Policy, PolicyName};
use crate::policy::rule::{Action, Entity, Ports, Rule};
use crate::policy::{Endpoint, Policies};

pub(super) fn find(world: &World, found: &mut Vec<Finding>) {
    let Some(policies) = world.policies() else { return };
    for policy in policies.all() {
        found.extend(unreached(policy));
        found.extend(after_translation(policies, policy));
    }
    found.extend(dns_refused(policies));
}

/// Whether a rule is for every packet, of both families.
pub(super) fn is_for_all(rule: &Rule) -> bool {
    let open = |entity: &Entity| *entity == Entity::default();
    rule.ip_version.is_none()
        && rule.protocol.is_none()
        && rule.not_protocol.is_none()
        && rule.icmp.is_none()
        && rule.not_icmp.is_none()
        && rule.unknown.is_none()
        && open(&rule.source)
        && open(&rule.destination)
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Allow => "Allow",
        Action::Deny => "Deny",
        Action::Pass => "Pass",
        Action::Log => "Log",
    }
}

/// A rule of Calico's behind one that decides about everything. What does the same does no harm.
fn unreached(policy: &Policy) -> Option<Finding> {
    if matches!(policy.name, PolicyName::Kubernetes(..)) {
        return None;
    }
    for (direction, way) in [(Direction::Ingress, "ingress"), (Direction::Egress, "egress")] {
        let rules = policy.rules(direction).unwrap_or_default();
        let Some(at) = rules
            .iter()
            .position(|rule| is_for_all(rule) && rule.action != Action::Log)
        else {
            continue;
        };
        let (Some(decides), behind) = (rules.get(at), rules.iter().skip(at + 1)) else {
            continue;
        };
        let Some(never) = behind
            .into_iter()
            .find(|rule| ![decides.action, Action::Log].contains(&rule.action))
        else {
            continue;
        };
        return Some(
            Finding::of(
                "policy-rule-unreached",
                "",
                format!(
                    "{}: {way} rule {} ({}) is never asked, rule {} decides about every packet",
                    policy.name,
                    never.number,
                    word(never.action),
                    decides.number
                ),
            )
            .about(policy.name.to_string())
            .shown(
                policy.name.to_string(),
                format!(
                    "{way} rule {}: {} everything",
                    decides.number,
                    word(decides.action)
                ),
            )
            .shown(
                policy.name.to_string(),
                format!("{way} rule {}: {}", never.number, word(never.action)),
            )
            .step(format!(
                "put rule {} in front of rule {}",
                never.number, decides.number
            )),
        );
    }
    None
}

fn names_port(entity: &Entity, port: u16) -> bool {
    entity
        .ports
        .iter()
        .any(|ports| matches!(ports, Ports::Range(from, to) if (*from..=*to).contains(&port)))
}

/// A host's policy names a NodePort, and sees packets when that is translated already.
fn after_translation(policies: &Policies, policy: &Policy) -> Option<Finding> {
    if !matches!(policy.mode, Mode::Normal | Mode::ApplyOnForward)
        || !matches!(policy.name, PolicyName::Global(_))
    {
        return None;
    }
    let host = policies.hosts.iter().find(|host| is_for(policy, host))?;
    let opened: Vec<(String, u16)> = policies
        .services
        .all
        .iter()
        .flat_map(|service| {
            let name = format!("{}/{}", service.metadata.namespace(), service.metadata.name);
            service
                .spec
                .ports
                .iter()
                .filter_map(move |port| Some((name.clone(), port.node_port?)))
        })
        .collect();
    let rules = policy.rules(Direction::Ingress)?;
    let (rule, (service, port)) =
        rules
            .iter()
            .filter(|rule| rule.action == Action::Deny)
            .find_map(|rule| {
                let named = opened
                    .iter()
                    .find(|(_, port)| names_port(&rule.destination, *port))?;
                Some((rule, named))
            })?;
    let PolicyName::Global(name) = &policy.name else {
        return None;
    };
    let mut finding = Finding::of(
        "policy-after-translation",
        &host.node,
        format!("{} denies NodePort {port} of service {service}, and never sees it: the port is translated before", policy.name),
    )
    .about(policy.name.to_string())
    .sure(Sure::Likely)
    .shown(policy.name.to_string(), format!("ingress rule {}: Deny, destination port {port}; preDNAT is not true", rule.number))
    .shown(format!("Service({service})"), format!("nodePort {port}"))
    .step("a policy with preDNAT has ingress rules only, and is for host endpoints")
    .set("GlobalNetworkPolicy", name, "preDNAT", true);
    if let Some(manifest) = &mut finding.fix.manifest {
        manifest.fields.push(("applyOnForward", true.into()));
    }
    Some(finding)
}

fn is_for(policy: &Policy, endpoint: &Endpoint) -> bool {
    policy
        .selector
        .as_ref()
        .is_none_or(|selector| selector.matches(&endpoint.labels))
}

/// The cluster's DNS servers may not be asked: a deny for all that is for them as well.
fn dns_refused(policies: &Policies) -> Option<Finding> {
    let service = policies.services.all.iter().find(|service| {
        service.metadata.namespace() == "kube-system"
            && ["kube-dns", "coredns"].contains(&service.metadata.name.as_str())
    })?;
    let backends = policies
        .services
        .backends(service.metadata.namespace(), &service.metadata.name);
    let (server, port) = backends.iter().find_map(|backend| {
        let port = backend.ports.iter().find(|port| port.name != "metrics")?.port?;
        Some((policies.pod_at(backend.ip)?, port))
    })?;
    let dst = server.ips.iter().find(|ip| ip.is_ipv4())?;
    let client = policies.pods.iter().find(|pod| {
        !pod.name.starts_with("kube-system/") && pod.ips.iter().any(|ip| ip.is_ipv4() && ip != dst)
    })?;
    let src = client.ips.iter().find(|ip| ip.is_ipv4())?;
    let flow = Flow {
        src: *src,
        dst: *dst,
        protocol: 17,
        ports: Some((40_000, port)),
        icmp: None,
    };
    let decision = policies.decide(server, Direction::Ingress, Stage::Normal, &flow);
    decision.is_denied().then(|| {
        let by = decision.policy().map_or_else(|| "what its policies leave open".to_owned(), ToString::to_string);
        Finding::of(
            "policy-shuts-dns",
            &server.node,
            format!("nobody may ask {} for names: {by} denies UDP port {port}", server.title()),
        )
        .about(by.clone())
        .shown("policies", decision.to_string())
        .step(format!("except the system's namespaces from {by} (namespaceSelector: kubernetes.io/metadata.name not in {{'kube-system', 'calico-system'}}), or allow UDP and TCP port {port} to k8s-app=kube-dns"))
    })
}
