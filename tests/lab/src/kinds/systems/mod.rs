//! Every system that runs on any kernel, whole and with one thing wrong in many ways.

mod bridges;
mod cables;
mod calico;
mod docker;
mod flannel;
mod kube;
mod rip;
mod routes;
mod switches;
mod vxlan;

use super::{Broken, System};

/// All of them.
pub fn systems() -> Vec<System> {
    [
        cables::systems(),
        bridges::systems(),
        docker::systems(),
        flannel::systems(),
        routes::systems(),
        rip::systems(),
        switches::systems(),
        vxlan::systems(),
        kube::systems(),
        calico::systems(),
    ]
    .concat()
}

/// Of each system, the first few broken states.
pub fn broken(of_each: usize) -> Vec<Broken> {
    let few = |system: System| system.broken.into_iter().take(of_each);
    systems().into_iter().flat_map(few).collect()
}
