//! Packets walked over the tables of networks of every kind, whole and broken, against packets that are really sent.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use netdiag::forward::packet::{Packet, Transport};
use netdiag::forward::topology::Topology;
use netdiag::forward::walk::{End, Outcome, Walker};
use netdiag::state::NodeState;
use netdiag_lab::kinds::{Broken, Draft, Network, Probe, Way, systems};
use netdiag_lab::{Node, guest, or_skip, record};

/// The node as netdiag's program, run inside, saves it.
pub(crate) fn collected(node: &Node) -> NodeState {
    collected_to(node, None)
}

/// The same, and kept in a file.
fn collected_to(node: &Node, file: Option<&Path>) -> NodeState {
    let text = node
        .run([env!("CARGO_BIN_EXE_netdiag"), "snapshot", "save", "--json"])
        .within(Duration::from_secs(60))
        .ok()
        .unwrap();
    if let Some(file) = file {
        std::fs::write(file, &text).unwrap();
    }
    let mut snapshot = netdiag::parse::snapshot::snapshot(&mut text.as_bytes()).unwrap();
    snapshot.nodes.remove(0)
}

/// Every way that the network is made for, and every pod to every other one.
fn ways(network: &Network) -> Vec<Way> {
    let mut ways = network.ways().to_vec();
    for from in network.pods() {
        for to in network.pods() {
            if from == to || to.address.is_empty() {
                continue;
            }
            let way = Way {
                node: from.node.clone(),
                pod: Some(from.name.clone()),
                probe: Probe::Ping(to.address.clone()),
                answered: true,
            };
            if !ways
                .iter()
                .any(|known| known.node == way.node && known.pod == way.pod && known.probe == way.probe)
            {
                ways.push(way);
            }
        }
    }
    ways
}

/// A probe as netdiag is asked about it.
struct Asked<'p> {
    to: &'p str,
    size: u32,
    df: bool,
    proto: Proto,
}

enum Proto {
    Icmp,
    Tcp(u16),
    Udp(u16),
}

fn asked(probe: &Probe) -> Asked<'_> {
    let (to, size, df, proto) = match probe {
        Probe::Ping(to) => (to, 84, true, Proto::Icmp),
        Probe::Sized { to, size, df } => (to, *size, *df, Proto::Icmp),
        Probe::Tcp(to, port) | Probe::TcpAlways(to, port) => (to, 60, true, Proto::Tcp(*port)),
        Probe::Udp(to, port) => (to, 84, true, Proto::Udp(*port)),
    };
    Asked { to, size, df, proto }
}

/// What netdiag says of a way: whether it is open, or none when that can't be decided; and its words.
fn told(walker: &Walker, way: &Way) -> (Option<bool>, String) {
    let title = match &way.pod {
        Some(pod) => format!("{}/{pod}", way.node),
        None => way.node.clone(),
    };
    let place = walker.topology.places().find(|(_, place)| place.title() == title);
    let Some((from, _)) = place else {
        return (None, format!("{title} was not seen"));
    };
    let Asked { to, size, df, proto } = asked(&way.probe);
    let dst: IpAddr = to.parse().unwrap();
    let sport = Probe::SOURCE;
    let transport = match proto {
        Proto::Icmp => Transport::echo(dst.is_ipv6(), 1),
        Proto::Tcp(dport) => Transport::Tcp { sport, dport },
        Proto::Udp(dport) => Transport::Udp { sport, dport },
    };
    let Some(packet) = walker.packet(from, dst, transport) else {
        return (Some(false), "no source address".into());
    };
    let packet = Packet { size, df, ..packet };
    let mut said = String::new();
    let mut open = Some(true);
    for (there, back) in walker.there_and_back(packet, from) {
        for outcome in std::iter::once(&there).chain(&back) {
            said += &words(walker, outcome);
            match outcome.end {
                End::Delivered => {}
                End::NotDecidable(_) => open = open.filter(|open| !open),
                _ => open = Some(false),
            }
        }
    }
    (open, said)
}

fn words(walker: &Walker, outcome: &Outcome) -> String {
    let mut text = String::new();
    for step in &outcome.state.trail {
        let place = walker.topology.place(step.place).title();
        writeln!(text, "    {place}: {:?} {}", step.what, step.text).unwrap();
    }
    format!(
        "{text}    {:?} at {}\n",
        outcome.end,
        walker.topology.place(outcome.place).title()
    )
}

/// How many networks are up at once: they wait, most of the time.
const AT_ONCE: usize = 4;

/// A network in one state.
pub(super) struct State {
    pub(super) name: String,
    draft: Draft,
    /// Whether all its ways must be as they are meant.
    whole: bool,
    /// Words of the cause.
    says: &'static str,
}

impl State {
    pub(super) fn whole(name: &str, draft: Draft) -> Self {
        Self {
            name: name.to_owned(),
            draft,
            whole: true,
            says: "",
        }
    }

    pub(super) fn broken(of: &str, broken: Broken) -> Self {
        Self {
            name: format!("{of}: {} on {}", broken.what, broken.node),
            draft: broken.draft,
            whole: false,
            says: broken.says,
        }
    }
}

/// What came out of a network.
#[derive(Default)]
struct Compared {
    ways: usize,
    /// Ways that stayed open: by what netdiag reads itself, and by outputs of commands.
    undecided: [usize; 2],
    wrong: Vec<String>,
}

/// Where the outputs of commands are kept, if they are asked for.
fn kept(state: &State) -> Option<PathBuf> {
    let folder = std::env::var_os("NETDIAG_KEEP")?;
    Some(Path::new(&folder).join(state.name.replace(' ', "-").replace([':', '/', '\''], "")))
}

/// Asks netdiag and the network for every way.
fn compare(state: &State, network: &Network) -> Compared {
    let ways = ways(network);
    // Twice: the first packets fill the tables of neighbors and bridges.
    let probe = || -> Vec<bool> {
        thread::scope(|scope| {
            let probes: Vec<_> = ways
                .iter()
                .map(|way| scope.spawn(|| network.answers(way).unwrap()))
                .collect();
            probes.into_iter().map(|probe| probe.join().unwrap()).collect()
        })
    };
    probe();
    let seen = probe();
    let folder = tempfile::tempdir().unwrap();
    let [live, outputs] = ["live", "outputs"].map(|name| folder.path().join(name));
    std::fs::create_dir(&live).unwrap();
    let nodes: Vec<NodeState> = network
        .lab()
        .nodes()
        .map(|node| collected_to(node, Some(&live.join(format!("{}.json", node.name())))))
        .collect();
    let mut sources = vec![("live", live, nodes)];
    // A guest has not all tools, and what isn't printed isn't known.
    if !guest::inside() {
        record(network.lab(), &outputs).unwrap();
        if let Some(kept) = kept(state) {
            std::fs::create_dir_all(&kept).unwrap();
            let copied = std::process::Command::new("cp")
                .arg("-r")
                .arg(&outputs)
                .arg(kept)
                .status();
            assert!(copied.unwrap().success());
        }
        let snapshot = netdiag::collect::bundle::read(&outputs).unwrap();
        sources.push(("outputs", outputs, snapshot.nodes));
    }
    let objects = network.objects().unwrap().map(|text| {
        let path = folder.path().join("objects.yaml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let mut compared = Compared {
        ways: ways.len(),
        ..Compared::default()
    };
    for (at, (source, path, nodes)) in sources.into_iter().enumerate() {
        let what = format!("{} ({source})", state.name);
        let topology = Topology::new(&nodes);
        let walker = Walker::new(&topology);
        for (way, answered) in ways.iter().zip(&seen) {
            let (open, said) = told(&walker, way);
            match open {
                Some(open) if open == *answered => {}
                Some(open) => compared.wrong.push(format!(
                    "{what}: {way:?}\n  netdiag: {open}, the network: {answered}\n{said}"
                )),
                None => {
                    compared.undecided[at] += 1;
                    if std::env::var_os("NETDIAG_UNDECIDED").is_some() {
                        compared.wrong.push(format!(
                            "{what}: {way:?}\n  not decided, the network: {answered}\n{said}"
                        ));
                    }
                }
            }
        }
        if !state.whole {
            let pairs: Vec<(&Way, bool)> = ways.iter().zip(seen.iter().copied()).collect();
            compared
                .wrong
                .extend(explained(state, &what, &pairs, &path, objects.as_deref()));
        } else if let Some(objects) = &objects {
            let wrong = ways.iter().filter_map(|way| agreed(&what, way, &path, objects));
            compared.wrong.extend(wrong);
        }
    }
    compared
}

/// What netdiag's program says of a way.
fn traced(way: &Way, path: &Path, objects: Option<&Path>) -> (Option<i32>, String) {
    let from = way
        .pod
        .as_ref()
        .map_or_else(|| way.node.clone(), |pod| format!("{}/{pod}", way.node));
    let Asked { to, size, proto, .. } = asked(&way.probe);
    let proto = match proto {
        Proto::Icmp => "icmp".to_owned(),
        Proto::Tcp(port) => format!("tcp/{port}"),
        Proto::Udp(port) => format!("udp/{port}"),
    };
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_netdiag"));
    command
        .args(["trace", &from, to, &proto, "--size", &size.to_string()])
        .arg("--snapshot")
        .arg(path);
    if let Some(objects) = objects {
        command.arg("--objects").arg(objects);
    }
    let output = command.env_clear().env("COLUMNS", "400").output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code(), format!("{out}{err}"))
}

/// What is wrong with what netdiag says of a way of a whole network with its objects beside: where packets go through,
/// nothing differs.
fn agreed(what: &str, way: &Way, path: &Path, objects: &Path) -> Option<String> {
    let (code, said) = traced(way, path, Some(objects));
    let right = if way.answered {
        code == Some(0)
    } else {
        code == Some(2)
    };
    (!right).then(|| format!("{what}: {way:?} with the objects: {code:?}\n{said}"))
}

/// What is wrong with what netdiag's program says of a broken network's ways: they must be lost for the right reason.
fn explained(
    state: &State,
    what: &str,
    ways: &[(&Way, bool)],
    path: &Path,
    objects: Option<&Path>,
) -> Option<String> {
    if ways.iter().all(|(way, seen)| way.answered == *seen) {
        // A bond with one port down still works.
        return (!state.says.is_empty()).then(|| format!("{what}: all ways are as they are meant"));
    }
    let lost = ways.iter().filter(|(way, seen)| way.answered && !seen);
    let mut said = String::new();
    for (way, _) in lost.take(4) {
        let (code, text) = traced(way, path, objects);
        writeln!(said, "{code:?}\n{text}").unwrap();
        if code == Some(2) && !state.says.is_empty() && text.contains(state.says) {
            return None;
        }
    }
    if state.says.is_empty() && std::env::var_os("NETDIAG_SAYS").is_none() {
        return None;
    }
    Some(format!("{what}: it is not said that {:?}:\n{said}", state.says))
}

/// Seconds between one comparison and the next, where the one before found something wrong.
const PAUSES: [u64; 3] = [2, 8, 20];

/// Compares until nothing is wrong, or is still wrong when the daemons had time to finish and probes to get through:
/// a probe that a busy machine answers too late is no oracle. What netdiag has wrong is wrong every time.
fn settled(state: &State, network: &Network) -> Compared {
    let mut compared = compare(state, network);
    for pause in PAUSES {
        if compared.wrong.is_empty() {
            break;
        }
        #[expect(clippy::print_stdout, reason = "says which networks were not quiet")]
        {
            println!("{}: compared again:\n{}", state.name, compared.wrong.join("\n"));
        }
        thread::sleep(Duration::from_secs(pause));
        compared = compare(state, network);
    }
    compared
}

/// One state of a network, compared; none when labs can't be.
fn one(state: &State) -> Option<Compared> {
    let begun = Instant::now();
    let network = or_skip(state.draft.clone().up())?;
    if state.whole
        && let Err(error) = network.works()
    {
        return Some(Compared {
            wrong: vec![format!("{}: {error}", state.name)],
            ..Compared::default()
        });
    }
    let compared = settled(state, &network);
    // Seen with --nocapture: which one takes long, and what is wrong before the last one is done.
    #[expect(clippy::print_stdout, reason = "a test that takes minutes")]
    {
        let [live, outputs] = compared.undecided;
        let wrong = compared.wrong.join("\n");
        println!(
            "{:.1?}: {}: {} ways, not decidable {live} {outputs}\n{wrong}",
            begun.elapsed(),
            state.name,
            compared.ways
        );
    }
    Some(compared)
}

/// Compares all these networks, so many at a time; of a hundred ways, at most `undecidable` may stay open.
pub(super) fn all(states: Vec<State>, at_once: usize, undecidable: usize) {
    let queue = Mutex::new(states.into_iter());
    let next = || queue.lock().unwrap().next();
    let work = || -> Vec<Compared> {
        let states = std::iter::from_fn(next);
        states.map_while(|state| one(&state)).collect()
    };
    let results = thread::scope(|scope| {
        // Long ways take room where nothing is optimised.
        let big = || thread::Builder::new().stack_size(64 << 20);
        let workers: Vec<_> = (0..at_once)
            .map(|_| big().spawn_scoped(scope, work).unwrap())
            .collect();
        let results = workers.into_iter().map(|worker| worker.join().unwrap());
        results.flatten().collect::<Vec<_>>()
    });
    let mut total = Compared::default();
    for mut compared in results {
        total.ways += compared.ways;
        for (sum, part) in total.undecided.iter_mut().zip(compared.undecided) {
            *sum += part;
        }
        total.wrong.append(&mut compared.wrong);
    }
    assert!(
        total.wrong.is_empty(),
        "{} of {} wrong:\n{}",
        total.wrong.len(),
        total.ways,
        total.wrong.join("\n")
    );
    for undecided in total.undecided {
        assert!(
            undecided * 100 <= total.ways * undecidable,
            "{:?} of {} ways were not decidable",
            total.undecided,
            total.ways
        );
    }
}

/// `NETDIAG_LAB`: only networks with one of these words in their name.
fn chosen(states: Vec<State>) -> Vec<State> {
    let Ok(words) = std::env::var("NETDIAG_LAB") else {
        return states;
    };
    let is_meant = |state: &State| words.split(',').any(|word| state.name.contains(word));
    states.into_iter().filter(is_meant).collect()
}

#[test]
fn whole_networks_are_walked_as_packets_go() {
    let states = systems();
    let states = states
        .into_iter()
        .map(|system| State::whole(system.name, system.whole))
        .collect();
    all(chosen(states), AT_ONCE, 1);
}

#[test]
fn broken_networks_are_walked_as_packets_go() {
    let states = systems().into_iter().flat_map(|system| {
        let broken = system.broken.into_iter();
        broken.map(move |broken| State::broken(system.name, broken))
    });
    all(chosen(states.collect()), AT_ONCE, 5);
}
