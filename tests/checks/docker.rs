//! Rules of a real dockerd beside its own networks and ports: whole, broken, and mended by what is printed.

use std::thread;
use std::time::Duration;

use netdiag::diagnose::Finding;
use netdiag::diagnose::trace::{Scene, explain};
use netdiag::forward::packet::Transport;
use netdiag::forward::topology::Topology;
use netdiag::forward::walk::Walker;
use netdiag::state::{Fact, Snapshot};
use netdiag_lab::docker::{docker, restart, start};
use netdiag_lab::{Error, Group, Lab, Plan, Result, or_skip, ovs, wait_until};

use crate::made::found;
use crate::mended::collected;

const RULES: &str = "docker-rules-differ";

/// A host with Docker, and one beside it.
struct Host {
    lab: Lab,
    /// The address of `web`, which publishes a port, of `near`, in its network, and of those in other networks.
    web: String,
    near: String,
    far: String,
    safe: String,
}

/// The ways that are open; all are tried at once.
fn open<const N: usize>(ways: [(&'static str, impl Fn() -> bool + Send); N]) -> Vec<&'static str> {
    thread::scope(|scope| {
        let tried = ways.map(|(what, is_open)| (what, scope.spawn(is_open)));
        let open = tried
            .into_iter()
            .filter_map(|(what, is_open)| is_open.join().unwrap().then_some(what));
        open.collect()
    })
}

/// Whether a connection to the host comes about; busybox's nc in a container, bash elsewhere.
fn connects(host: &Host, from: &str, to: &str, port: u16) -> bool {
    if from == "h1" || from == "ext" {
        let connect = format!("timeout 2 bash -c '</dev/tcp/{to}/{port}'");
        return ovs::sh(host.lab.node(from), &connect).is_ok();
    }
    let connect = format!("/bin/busybox nc -w 2 {to} {port} </dev/null");
    docker(
        host.lab.node("h1"),
        &["exec", from, "/bin/busybox", "sh", "-c", &connect],
    )
    .is_ok()
}

fn run(lab: &Lab, name: &str, network: &str, more: &[&str]) -> Result<()> {
    let mut words = vec!["run", "-d", "--name", name, "--network", network];
    words.extend(more);
    let serve = "while :; do /bin/busybox nc -l -p 80 </dev/null; done";
    words.extend(["box", "/bin/busybox", "sh", "-c", serve]);
    let ran = docker(lab.node("h1"), &words);
    ran.map(drop)
        .map_err(|error| Error::Skip(format!("no container runs here: {error}")))
}

impl Host {
    fn up(group: &Group) -> Result<Self> {
        let lab = Plan::new()
            .segment("lan", "")
            .node("h1", |node| {
                node.link("eth0", "lan", "192.168.70.11/24")
                    .route("default via 192.168.70.12")
            })
            .node("ext", |node| node.link("eth0", "lan", "192.168.70.12/24"))
            .up()?;
        start(lab.node("h1"), group)?;
        docker(
            lab.node("h1"),
            &["network", "create", "--subnet=172.30.0.0/24", "shop"],
        )?;
        docker(lab.node("h1"), &["network", "create", "--internal", "vault"])?;
        docker(lab.node("h1"), &["network", "create", "empty"])?;
        run(&lab, "web", "shop", &["-p", "8080:80"])?;
        run(&lab, "near", "shop", &[])?;
        run(&lab, "far", "bridge", &[])?;
        run(&lab, "safe", "vault", &[])?;
        let address = |name: &str| {
            let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
            let text = docker(lab.node("h1"), &["inspect", "-f", format, name])?;
            Ok::<String, Error>(text.trim().to_owned())
        };
        let (web, near, far, safe) = (
            address("web")?,
            address("near")?,
            address("far")?,
            address("safe")?,
        );
        Ok(Self {
            lab,
            web,
            near,
            far,
            safe,
        })
    }

    fn pings(&self, from: &str, to: &str) -> bool {
        let ping = ["exec", from, "/bin/busybox", "ping", "-c1", "-W1", to];
        docker(self.lab.node("h1"), &ping).is_ok()
    }

    /// Ways from one network into another one that are open.
    fn leaks(&self) -> Vec<&'static str> {
        let ways = [
            ("from another network", "far", &self.web),
            ("into another network", "web", &self.far),
            ("into an internal network", "web", &self.safe),
        ];
        open(ways.map(|(what, from, to)| (what, move || self.pings(from, to))))
    }

    fn publishes(&self) -> bool {
        let connect = "timeout 2 bash -c '</dev/tcp/192.168.70.11/8080'";
        ovs::sh(self.lab.node("ext"), connect).is_ok()
    }

    /// What doesn't go as it must.
    fn wrong(&self) -> Vec<&'static str> {
        let ways = ["the published port", "out", "in the network"];
        let goes = open(ways.map(|what| {
            let goes = move || match what {
                "out" => self.pings("web", "192.168.70.12"),
                "in the network" => self.pings("web", &self.near),
                _ => self.publishes(),
            };
            (what, goes)
        }));
        let lost = ways.into_iter().filter(|what| !goes.contains(what));
        lost.chain(self.leaks()).collect()
    }

    fn found(&self) -> Vec<Finding> {
        found(&Snapshot {
            nodes: vec![collected(self.lab.node("h1"))],
            objects: Fact::absent("no datastore"),
            ..Snapshot::default()
        })
    }
}

/// What is taken away, and what doesn't go then.
const TAKEN: [(&str, &str); 11] = [
    ("iptables -F DOCKER", "the published port"),
    ("iptables -F FORWARD", "out"),
    ("iptables -F", "the published port"),
    (
        "iptables -F DOCKER-ISOLATION-STAGE-1; iptables -D FORWARD -i BRIDGE ! -o BRIDGE -j ACCEPT",
        "from another network",
    ),
    ("iptables -F DOCKER-ISOLATION-STAGE-1", "from another network"),
    ("iptables -F DOCKER-ISOLATION-STAGE-2", "from another network"),
    (
        "iptables -D FORWARD -j DOCKER-ISOLATION-STAGE-1",
        "from another network",
    ),
    ("iptables -D FORWARD -i BRIDGE ! -o BRIDGE -j ACCEPT", "out"),
    (
        "iptables -D FORWARD -o BRIDGE -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "out",
    ),
    (
        "iptables -t nat -F DOCKER; iptables -t nat -A DOCKER ! -i BRIDGE -p tcp --dport 8080 -j DNAT --to-destination 172.30.0.99:80",
        "the published port",
    ),
    // A rule that drops some of what passes from one network to the other is not what keeps them apart.
    (
        "iptables -I DOCKER-USER -s 203.0.113.9/32 -j DROP; iptables -F DOCKER-ISOLATION-STAGE-2; \
         iptables -D FORWARD -i BRIDGE ! -o BRIDGE -j ACCEPT",
        "out",
    ),
];

#[test]
fn rules_of_docker_that_were_taken_away_are_told_and_come_back() {
    let group = Group::new("checks-docker");
    let Some(host) = or_skip(Host::up(&group)) else {
        return;
    };
    assert_eq!(host.wrong(), [""; 0]);
    assert_eq!(host.found(), []);
    let node = host.lab.node("h1");
    let id = docker(node, &["network", "ls", "-q", "-f", "name=shop"]).unwrap();
    let bridge = format!("br-{}", id.trim());
    asked_directly(&host, &bridge);
    for (script, lost) in TAKEN {
        ovs::sh(node, &script.replace("BRIDGE", &bridge)).unwrap();
        let wrong = host.wrong();
        let rules = ovs::sh(node, "iptables -S").unwrap();
        assert!(wrong.contains(&lost), "{script}: {wrong:?}: {rules}");
        let findings = host.found();
        assert!(
            findings.iter().any(|finding| finding.id == RULES),
            "{script}: {findings:#?}"
        );
        let leaks = host.leaks();
        for finding in findings.iter().filter(|finding| finding.id == RULES) {
            for command in &finding.fix.commands {
                ovs::sh(node, &command.run)
                    .unwrap_or_else(|error| panic!("{script}: {}: {error}", command.run));
                // Nothing opens on the way, either.
                let more: Vec<&str> = host.leaks();
                assert!(
                    more.iter().all(|leak| leaks.contains(leak)),
                    "{script}: {}: {more:?}",
                    command.run
                );
            }
        }
        assert_eq!(host.wrong(), [""; 0], "{script}: {findings:#?}");
        assert_eq!(host.found(), [], "{script}");
    }
    // Without the chains that keep networks apart, only Docker brings the rest back.
    let gone =
        "iptables -F FORWARD; iptables -F DOCKER-ISOLATION-STAGE-1; iptables -X DOCKER-ISOLATION-STAGE-1";
    ovs::sh(node, gone).unwrap();
    let findings = host.found();
    let rules = findings.iter().find(|finding| finding.id == RULES).unwrap();
    let commands = rules.fix.commands.iter().map(|command| command.run.as_str());
    assert_eq!(commands.collect::<Vec<_>>(), ["systemctl restart docker"]);
}

/// A host beside has a route to containers. Docker lets what is published pass by it, from release 28 on only where it is
/// told to: by a rule that this one's doesn't write.
fn asked_directly(host: &Host, bridge: &str) {
    let [node, ext] = ["h1", "ext"].map(|name| host.lab.node(name));
    let found = || {
        found(&Snapshot {
            nodes: vec![collected(node), collected(ext)],
            objects: Fact::absent("no datastore"),
            ..Snapshot::default()
        })
    };
    ovs::sh(ext, "ip route add 172.30.0.0/24 via 192.168.70.11").unwrap();
    let passes = || connects(host, "ext", &host.web, 80);
    assert!(passes());
    assert_eq!(found(), []);
    let rule = format!("PREROUTING -d {}/32 ! -i {bridge} -j DROP", host.web);
    ovs::sh(node, &format!("iptables -t raw -A {rule}")).unwrap();
    assert!(!passes());
    let findings = found();
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(
        (finding.id, finding.node.as_str()),
        ("docker-drops-direct-access", "h1")
    );
    for command in &finding.fix.commands {
        ovs::sh(node, &command.run).unwrap();
    }
    assert!(passes(), "{finding:#?}");
    assert_eq!(found(), []);
    ovs::sh(ext, "ip route del 172.30.0.0/24").unwrap();
}

/// Ends what listens on a port of the host.
fn end_proxy(host: &Host, port: u16) {
    let own = format!(
        "for pid in /proc/[0-9]*; do tr '\\0' ' ' <$pid/cmdline | grep -q '[d]ocker-proxy.*-host-port {port} ' && kill ${{pid#/proc/}}; done; sleep 0.3"
    );
    ovs::sh(host.lab.node("h1"), &own).unwrap();
}

#[test]
fn ports_that_open_for_some_only_are_told() {
    let group = Group::new("checks-docker-ports");
    let Some(host) = or_skip(Host::up(&group)) else {
        return;
    };
    let node = host.lab.node("h1");
    assert_eq!(host.found(), []);
    // By the host's address from the container's own network, and by the host itself.
    let proxied = || {
        [
            connects(&host, "near", "192.168.70.11", 8080),
            connects(&host, "h1", "127.0.0.1", 8080),
        ]
    };
    assert_eq!(proxied(), [true, true]);
    end_proxy(&host, 8080);
    assert_eq!(proxied(), [false, false]);
    assert!(host.publishes());
    let findings = host.found();
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(finding.id, "published-port-without-proxy");
    for command in &finding.fix.commands {
        let words: Vec<&str> = command.run.split(' ').skip(1).collect();
        docker(node, &words).unwrap();
    }
    assert_eq!(proxied(), [true, true]);
    assert_eq!(host.found(), []);

    // One that is only exposed, and one that is published for the host alone.
    run(&host.lab, "shy", "shop", &["--expose", "9000"]).unwrap();
    run(&host.lab, "own", "shop", &["-p", "127.0.0.1:9100:80"]).unwrap();
    assert_eq!(host.found(), []);
    for (port, container) in [(9000, "shy"), (9100, "own")] {
        // Refused at once, nothing stays of it: trace says why. Where a firewall drops, clients try again.
        assert!(!connects(&host, "ext", "192.168.70.11", port));
        assert_eq!(host.found(), []);
        assert_eq!(traced(&host, port), "port-not-published");
        let drops = format!("INPUT -p tcp -d 192.168.70.11 --dport {port} -j DROP");
        ovs::sh(node, &format!("iptables -I {drops}")).unwrap();
        let wait = format!("timeout 20 bash -c '</dev/tcp/192.168.70.11/{port}' >/dev/null 2>&1 & sleep 0.3");
        ovs::sh(host.lab.node("ext"), &wait).unwrap();
        let findings = found(&Snapshot {
            nodes: ["h1", "ext"].map(|name| collected(host.lab.node(name))).into(),
            objects: Fact::absent("no datastore"),
            ..Snapshot::default()
        });
        let of = findings.iter().find(|finding| finding.id == "port-not-published");
        assert_eq!(
            of.map(|finding| finding.subject.as_str()),
            Some(container),
            "{findings:#?}"
        );
        ovs::sh(node, &format!("iptables -D {drops}")).unwrap();
        docker(node, &["rm", "-f", container]).unwrap();
        let publish = if port == 9000 { "9000:80" } else { "9100:80" };
        run(&host.lab, container, "shop", &["-p", publish]).unwrap();
        // Its server starts after it.
        wait_until("an open port", Duration::from_secs(10), || {
            connects(&host, "ext", "192.168.70.11", port)
        })
        .unwrap();
        assert_eq!(host.found(), []);
    }
}

/// Containers of a network that keeps them apart ask each other; then a firewall writes its own rules anew, where no program
/// of Docker's listens on ports.
#[test]
fn what_docker_keeps_apart_or_closed_is_told_and_opens() {
    let group = Group::new("checks-docker-closed");
    let Some(host) = or_skip(Host::up(&group)) else {
        return;
    };
    let node = host.lab.node("h1");
    let quiet = |options: &[&str]| {
        docker(node, &[&["network", "create"], options, &["quiet"]].concat()).unwrap();
        run(&host.lab, "one", "quiet", &[]).unwrap();
        run(&host.lab, "two", "quiet", &[]).unwrap();
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        docker(node, &["inspect", "-f", format, "two"])
            .unwrap()
            .trim()
            .to_owned()
    };
    let two = quiet(&["-o", "com.docker.network.bridge.enable_icc=false"]);
    assert_eq!(host.found(), []);
    let ping = format!("/bin/busybox ping -c12 -W1 -i 0.1 {two}");
    docker(node, &["exec", "one", "/bin/busybox", "sh", "-c", &ping]).unwrap_err();
    let findings = host.found();
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(
        (finding.id, finding.subject.as_str()),
        ("containers-kept-apart", "quiet")
    );
    assert!(finding.fix.steps[0].starts_with("make quiet anew without that option"));
    docker(node, &["rm", "-f", "one", "two"]).unwrap();
    docker(node, &["network", "rm", "quiet"]).unwrap();
    let two = quiet(&[]);
    assert!(host.pings("one", &two));
    assert_eq!(host.found(), []);
    docker(node, &["rm", "-f", "one", "two"]).unwrap();

    for flushed in [
        "iptables -P FORWARD ACCEPT; iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X",
        "iptables -t nat -F DOCKER",
    ] {
        end_proxy(&host, 8080);
        ovs::sh(node, flushed).unwrap();
        assert!(!host.publishes(), "{flushed}");
        let findings = host.found();
        let [finding] = findings.as_slice() else {
            panic!("{flushed}: {findings:#?}");
        };
        assert_eq!(finding.id, "published-port-closed", "{flushed}: {finding:#?}");
        let [command] = finding.fix.commands.as_slice() else {
            panic!("{finding:#?}");
        };
        assert_eq!(command.run, "systemctl restart docker");
        restart(node, &group, &["web", "near", "far", "safe"]).unwrap();
        wait_until("the published port", Duration::from_secs(20), || host.publishes()).unwrap();
        assert_eq!(host.found(), [], "{flushed}");
    }
}

/// What trace says of a connection from beside to the host's port.
fn traced(host: &Host, dport: u16) -> &'static str {
    let nodes = ["ext", "h1"].map(|name| collected(host.lab.node(name)));
    let topology = Topology::new(&nodes);
    let walker = Walker::new(&topology);
    let (from, _) = topology
        .places()
        .find(|(_, place)| place.title() == "ext")
        .unwrap();
    let transport = Transport::Tcp { sport: 40_000, dport };
    let packet = walker
        .packet(from, "192.168.70.11".parse().unwrap(), transport)
        .unwrap();
    let (there, _) = walker.there_and_back(packet, from).into_iter().next().unwrap();
    let scene = Scene {
        topology: &topology,
        cluster: None,
        findings: &[],
    };
    explain(scene, &there, None).unwrap().finding.id
}
