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

/// The arguments, blanks between, without the values of options that hold secrets, and without passwords in URLs.
pub(super) fn command(argv: &[&str]) -> String {
    let mut words = Vec::with_capacity(argv.len());
    let mut cut_next = false;
    for word in argv {
        if std::mem::take(&mut cut_next) && !word.starts_with('-') {
            words.push(CUT.to_owned());
            continue;
        }
        match word.split_once('=') {
            Some((option, _)) if is_secret(option) => words.push(format!("{option}={CUT}")),
            None if word.starts_with('-') && is_secret(word) => {
                cut_next = true;
                words.push((*word).to_owned());
            }
            _ => words.push(without_password(word)),
        }
    }
    words.join(" ")
}

const CUT: &str = "…";

/// Options that name a file with a secret in it hold none themselves.
fn is_secret(option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    let of_file = ["file", "path", "dir", "name"]
        .iter()
        .any(|end| option.ends_with(end));
    !of_file
        && [
            "password",
            "passwd",
            "token",
            "secret",
            "credential",
            "apikey",
            "api-key",
            "psk",
        ]
        .iter()
        .any(|part| option.contains(part))
}

/// `https://user:password@host` → `https://user:…@host`.
fn without_password(word: &str) -> String {
    let Some((before, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
    {
        Some((user, password)) => {
            word.replacen(&format!("://{user}:{password}@"), &format!("://{user}:{CUT}@"), 1)
        }
        None => format!("{before}://{rest}"),
    }
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

    #[test]
    fn secrets_are_cut_from_command_lines() {
        let cut = |line: &str| command(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(
            cut("flanneld --etcd-password=abc --etcd-username=u -etcd-keyfile=/k --token abc -v"),
            "flanneld --etcd-password=… --etcd-username=u -etcd-keyfile=/k --token … -v"
        );
        assert_eq!(
            cut("x --token-file=/t --kube=https://u:p@h:1/"),
            "x --token-file=/t --kube=https://u:…@h:1/"
        );
        assert_eq!(cut("bird -s /run/bird.ctl"), "bird -s /run/bird.ctl");
    }
}
