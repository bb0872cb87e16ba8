//! Docker's networks on one host.

use super::super::{Docker, System};
use crate::kinds::macvlan;

pub(super) fn systems() -> Vec<System> {
    vec![
        System::new("docker", Docker::default().draft())
            .state(
                "a container without a network is to reach others",
                "h1",
                "network mode none",
                Docker::default().draft().pings("h1/none1", "172.17.0.3"),
            )
            .state(
                "a port is not published",
                "h1",
                "nobody listens on tcp/8080",
                Docker {
                    published: false,
                    ..Docker::default()
                }
                .draft()
                .connects("ext", "192.168.60.11", 8080),
            )
            .state(
                "a container of another network is asked",
                "h1",
                "docker network connect",
                Docker::default().draft().pings("h1/c3", "172.17.0.2"),
            )
            .state(
                "the host asks its own container with macvlan",
                "h1",
                "a macvlan reaches everybody on the wire but its own host",
                Docker::default().draft().pings("h1/mac1", "192.168.60.11"),
            )
            .state(
                "nothing is published for those who share the container's namespace",
                "h1",
                "nobody listens on tcp/81",
                Docker::default().draft().connects("h1/c2", "172.17.0.2", 81),
            )
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
        System::new("macvlan", macvlan())
            .lost(
                "a container's link is private",
                "h1",
                "ip -n m1 link set eth0 type macvlan mode private",
                "in mode private",
            )
            .lost(
                "the links want a switch that sends back",
                "h1",
                "for pod in m1 m2; do ip -n $pod link set eth0 type macvlan mode vepa; done",
                "in mode vepa",
            )
            .lost("the host's link is down", "h1", "ip link set eth0 down", "eth0")
            .lost(
                "a container is in another segment",
                "h1",
                "ip -n m2 address flush dev eth0; ip -n m2 address add 192.168.61.202/24 dev eth0",
                "nobody answers for 192.168.60.202",
            )
            .lost(
                "a container's link is down",
                "h1",
                "ip -n m2 link set eth0 down",
                "gets no farther than h1/m2: link eth0 is down",
            )
            .lost(
                "a container has a longer netmask",
                "h1",
                "ip -n m1 address flush dev eth0; ip -n m1 address add 192.168.60.201/32 dev eth0",
                "no route to",
            ),
    ]
}
