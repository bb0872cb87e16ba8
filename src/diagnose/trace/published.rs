//! Ports of containers that their host does not open.

use super::Explained;
use super::case::Case;
use crate::diagnose::checks::docker_ports;
use crate::diagnose::finding::Sure;

/// A host was asked for a port that a container of its has, and doesn't publish.
pub(super) fn unpublished(case: &Case, proto: &str, port: u16) -> Option<Explained> {
    let place = case.place;
    let docker = place.node.docker.known().filter(|_| place.namespace.is_none())?;
    let (container, published, why) = docker_ports::unpublished(docker, proto, port)?;
    let who = case.who();
    Some(
        Explained::new(
            "port-not-published",
            case,
            Sure::Likely,
            format!("{} has port {port}, {why}", container.name),
        )
        .shown(
            format!("docker ps on {who}"),
            format!("{}: {}/{proto}, {why}", container.name, published.port),
        )
        .shown(
            format!("ss -ln in {who}"),
            format!("no socket on {proto}/{port} for this address"),
        )
        .step(docker_ports::anew(container, published, port)),
    )
}
