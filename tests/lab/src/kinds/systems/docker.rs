//! Docker's networks on one host.

use super::super::{Docker, System};

pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("docker", Docker::default().draft())
            .lost(
                "the published port is not translated",
                "h1",
                "iptables-nft -t nat -F DOCKER",
                "nobody listens on tcp/8080",
            )
            .lost("docker0 is down", "h1", "ip link set docker0 down", "docker0 is down")
            .lost(
                "networks are not isolated",
                "h1",
                "iptables-nft -F DOCKER-ISOLATION-STAGE-1",
                "",
            )
            .lost(
                "nothing is masqueraded",
                "h1",
                "iptables-nft -t nat -F POSTROUTING",
                "172.17.0.2",
            )
            .lost(
                "nothing is forwarded",
                "h1",
                "iptables-nft -F FORWARD",
                "policy DROP of FORWARD",
            )
            .lost(
                "the user's chain drops",
                "h1",
                "iptables-nft -I DOCKER-USER -j DROP",
                "-A DOCKER-USER -j DROP",
            )
            .lost(
                "the published port leads to an address that nobody has",
                "h1",
                "iptables-nft -t nat -F DOCKER
                 iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.9:80
                 iptables-nft -A DOCKER -d 172.17.0.9 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT",
                "nobody answers for 172.17.0.9",
            )
            .lost(
                "the published port is let through to nobody",
                "h1",
                "iptables-nft -F DOCKER",
                "policy DROP of FORWARD",
            )
            .lost(
                "the host does not forward",
                "h1",
                "echo 0 >/proc/sys/net/ipv4/ip_forward",
                "forwarding = 0",
            )
            .lost(
                "a container's link is no port",
                "h1",
                "ip link set \"$(link_of c1)\" nomaster",
                "is in no bridge",
            )
            .lost(
                "a container has lost its default route",
                "h1",
                "ip -n c1 route del default",
                "no route to 192.168.60.100",
            )
            .lost(
                "containers with macvlan may not talk",
                "h1",
                "ip -n mac1 link set eth0 down",
                "eth0",
            ),
    ]
}
