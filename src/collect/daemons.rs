//! Which processes are the daemons that make networks.

use crate::state::process::DaemonKind;

/// The daemon that a command line is one of.
pub(super) fn kind(argv: &[&str]) -> Option<DaemonKind> {
    let program = argv.first()?.rsplit('/').next()?;
    let first = argv.get(1).copied().unwrap_or_default();
    Some(match program {
        "calico-felix" => DaemonKind::Felix,
        // From 3.3 on, and as `calico component` from 3.33 on.
        "calico-node" if has_option(argv, "felix") => DaemonKind::Felix,
        "calico-node" if has_option(argv, "confd") => DaemonKind::Confd,
        "calico" => match argv.get(1..3) {
            Some(["component", "felix"]) => DaemonKind::Felix,
            Some(["component", "confd"]) => DaemonKind::Confd,
            Some(["component", "typha"]) => DaemonKind::Typha,
            _ => return None,
        },
        "bird" | "bird6" => DaemonKind::Bird,
        "confd" | "calico-confd" => DaemonKind::Confd,
        "calico-typha" => DaemonKind::Typha,
        "flanneld" | "flannel" => DaemonKind::Flanneld,
        "dockerd" | "dockerd-current" => DaemonKind::Dockerd,
        "docker" if matches!(first, "daemon" | "-d") => DaemonKind::Dockerd,
        "containerd" | "docker-containerd" => DaemonKind::Containerd,
        "crio" => DaemonKind::Crio,
        "kubelet" => DaemonKind::Kubelet,
        "kube-proxy" => DaemonKind::KubeProxy,
        "hyperkube" => match first {
            "kubelet" => DaemonKind::Kubelet,
            "proxy" | "kube-proxy" => DaemonKind::KubeProxy,
            _ => return None,
        },
        "k3s" | "rke2" if matches!(first, "server" | "agent") => DaemonKind::K3s,
        "k3s-server" | "k3s-agent" => DaemonKind::K3s,
        "cilium-agent" => DaemonKind::CiliumAgent,
        "ovs-vswitchd" => DaemonKind::OvsVswitchd,
        "ovsdb-server" => DaemonKind::OvsdbServer,
        "ovn-controller" => DaemonKind::OvnController,
        "zebra" => DaemonKind::Zebra,
        "bgpd" => DaemonKind::Bgpd,
        "ospfd" | "ospf6d" => DaemonKind::Ospfd,
        "ripd" | "ripngd" => DaemonKind::Ripd,
        "weaver" => DaemonKind::Weaver,
        "NetworkManager" => DaemonKind::NetworkManager,
        "systemd-networkd" => DaemonKind::SystemdNetworkd,
        // firewalld is a script of Python.
        _ if argv.iter().take(4).any(|word| word.ends_with("/firewalld")) => DaemonKind::Firewalld,
        "keepalived" => DaemonKind::Keepalived,
        "dnsmasq" => DaemonKind::Dnsmasq,
        "coredns" => DaemonKind::Coredns,
        _ => return None,
    })
}

fn has_option(argv: &[&str], name: &str) -> bool {
    argv.iter()
        .any(|word| word.starts_with('-') && word.trim_start_matches('-') == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_are_known_by_their_command_lines() {
        for (line, expected) in [
            ("/opt/bin/flanneld --ip-masq", Some(DaemonKind::Flanneld)),
            ("calico-felix", Some(DaemonKind::Felix)),
            ("/usr/bin/calico-node -felix", Some(DaemonKind::Felix)),
            ("calico component felix", Some(DaemonKind::Felix)),
            ("calico component typha", Some(DaemonKind::Typha)),
            ("vi -felix", None),
            ("calico-node -confd", Some(DaemonKind::Confd)),
            ("/usr/bin/dockerd -H fd://", Some(DaemonKind::Dockerd)),
            ("docker ps", None),
            ("/hyperkube proxy", Some(DaemonKind::KubeProxy)),
            ("k3s server", Some(DaemonKind::K3s)),
            ("k3s kubectl", None),
            ("/usr/lib/frr/zebra -d", Some(DaemonKind::Zebra)),
            (
                "/usr/bin/python3 -s /usr/sbin/firewalld --nofork",
                Some(DaemonKind::Firewalld),
            ),
            ("vi bird", None),
            ("", None),
        ] {
            let argv: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(kind(&argv), expected, "{line}");
        }
    }
}
