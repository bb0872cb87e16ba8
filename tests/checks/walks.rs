//! Walks where little is known of what is meant.

use netdiag::state::Fact;
use netdiag_bench::cluster::Flavour;

use crate::made::{found, known, made, pod_ip};

/// Without a datastore, Felix's set says whose pods are meant to reach each other.
#[test]
fn pods_of_calico_are_walked_without_a_datastore() {
    for flavour in [Flavour::CalicoVxlan, Flavour::CalicoBgp, Flavour::CalicoIpip] {
        let mut cluster = made(flavour, 3, 2);
        cluster.objects = Fact::absent("no datastore");
        let healthy = found(&cluster);
        assert!(healthy.is_empty(), "{flavour:?}: {healthy:#?}");
        let to = pod_ip(&cluster.nodes[2], 0);
        known(&mut cluster.nodes[0].net.routes)
            .retain(|route| !(route.dst.prefix_len() > 0 && route.dst.contains(&to)));
        let told = found(&cluster);
        let [finding] = told.as_slice() else {
            panic!("{flavour:?}: {told:#?}");
        };
        assert_eq!((finding.id, finding.node.as_str()), ("no-route", "node0001"));
    }
}
