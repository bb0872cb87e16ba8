//! What every command shares: exit status, environment and files, for `netdiag --help` and the manual page.

use std::fmt::Write as _;

/// A heading, and what stands below it: a term and its meaning each.
pub type Section = (&'static str, &'static [(&'static str, &'static str)]);

/// The sections, in the order in which they are shown.
pub const SECTIONS: [Section; 3] = [
    (
        "EXIT STATUS",
        &[
            ("0", "Healthy, or done."),
            ("1", "Error: usage, input and output, datastore."),
            ("2", "Findings, or a peer is down."),
            ("3", "Not decidable: something that decides could not be seen."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "DATASTORE_TYPE",
                "etcdv3 (what endpoints mean if this is not set), etcdv2 or kubernetes. This and the variables of etcd \
                 and Kubernetes may have the prefix CALICO_, and are not looked at when there is a configuration \
                 file.",
            ),
            ("ETCD_ENDPOINTS", "Where etcd is: http://HOST:PORT,…"),
            (
                "ETCD_AUTHORITY, ETCD_SCHEME",
                "HOST:PORT and http or https, as old releases of Calico have it.",
            ),
            ("ETCD_USERNAME, ETCD_PASSWORD", "Whom to log in as."),
            (
                "ETCD_CA_CERT_FILE, ETCD_CERT_FILE, ETCD_KEY_FILE",
                "For TLS: whom to trust, and what to show.",
            ),
            (
                "KUBECONFIG",
                "For Kubernetes: where its API server is, and whom to log in as (default: ~/.kube/config, or the \
                 account of the pod that netdiag runs in).",
            ),
            (
                "K8S_API_ENDPOINT, K8S_API_TOKEN, K8S_CA_FILE, K8S_CERT_FILE, K8S_KEY_FILE",
                "The same, one by one: these count before the kubeconfig.",
            ),
            (
                "CALICO_API_GROUP",
                "For Kubernetes: where Calico's objects are, crd.projectcalico.org/v1 or projectcalico.org/v3 (default: \
                 the one that the cluster has).",
            ),
            (
                "NODENAME",
                "The name of this node, when no calico-node runs here that has it in its environment.",
            ),
            ("NO_COLOR", "Set: no colour. The option --color decides first."),
            (
                "CLICOLOR_FORCE",
                "Set, and not 0: colour, also into a file or a pipe.",
            ),
            (
                "COLUMNS",
                "How wide the output is (default: the terminal, else 80).",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "/etc/calico/calicoctl.cfg",
                "Where the datastore is, when --config names no other file: v3 CalicoAPIConfig or v1 \
                 calicoApiConfig.",
            ),
            (
                "/var/lib/calico/nodename",
                "The name of this node, as calico-node stored it at its first start.",
            ),
            (
                "/var/run/calico/bird.ctl, /var/run/bird/bird.ctl, /run/bird.ctl",
                "BIRD's control socket, where --bird-socket names no other; bird6.ctl for IPv6.",
            ),
        ],
    ),
];

/// The sections as plain text: a term a line, its meaning below it.
pub(super) fn text() -> String {
    let mut text = String::new();
    for (heading, entries) in SECTIONS {
        let _ = writeln!(text, "{heading}:");
        for (term, meaning) in entries {
            if term.len() == 1 {
                let _ = writeln!(text, "  {term}  {meaning}");
            } else {
                let _ = writeln!(text, "  {term}\n          {meaning}");
            }
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}
