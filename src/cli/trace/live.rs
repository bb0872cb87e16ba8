//! `trace --live`: real probes beside the walk, and the links on which they were seen.

mod show;
mod verdict;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Ways;
use crate::cli::Error;
use crate::forward::packet::{Packet, Transport};
use crate::forward::topology::{Place, PlaceId, Topology};
use crate::forward::walk::What;
use crate::probe::{Answer, Counters, Course, Door, Moved, Point, Probes, Sighting, Watch};
use crate::state::link::IfIndex;

/// Probes that are sent.
const COUNT: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);
/// Packets that are still on their way when the last answer was waited for.
const AFTER: Duration = Duration::from_millis(100);

/// What happened to real probes.
pub(super) struct Live {
    udp: bool,
    answers: Vec<Answer>,
    spots: Vec<(Spot, Seen)>,
    /// By namespace: what the kernel counted as lost.
    moved: Vec<(String, Moved)>,
    agrees: Agreement,
}

/// A link that the walk says probes or answers pass.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    place: PlaceId,
    link: IfIndex,
    course: Course,
    out: bool,
    title: String,
    name: String,
}

enum Seen {
    /// How many passed, and the first of them.
    Passed(usize, Sighting),
    Nothing,
    NotWatched(String),
}

/// Whether the probes fared as the walk said.
enum Agreement {
    Yes,
    /// How they fared instead.
    No(String),
    /// The walk said nothing that could be wrong.
    Open,
}

impl Live {
    /// Sends probes like the packet from its namespace, and watches the links of all ways.
    pub(super) fn run(
        topology: &Topology,
        packet: &Packet,
        from: PlaceId,
        ways: &Ways,
    ) -> Result<Self, Error> {
        let doors = Doors::open(topology)?;
        let door = doors.of(from).map_err(|why| {
            Error::new(format!("{}: {why}", topology.place(from).title()))
                .hint("--live sends from a namespace of this host: run it where SRC is")
        })?;
        let probes = Probes {
            from: Some(packet.src),
            to: packet.dst,
            transport: transport(packet)?,
            size: usize::try_from(packet.size).unwrap_or(usize::MAX),
            count: COUNT,
            patience: PATIENCE,
        };
        let spots = spots(topology, ways);
        let (watched, points) = points(&spots, &doors);
        let cookie = cookie();
        let places: Vec<PlaceId> = doors.used(&spots, from);
        let before = doors.counters(&places);
        let watch = Watch::begin(&points, probes.transport, cookie);
        let sent = door.inside(|| probes.send(cookie)).map_err(Error::new)?;
        std::thread::sleep(AFTER);
        let seen = watch.end(&sent);
        let after = doors.counters(&places);
        if let Some(Answer::Failed(why)) = sent
            .answers
            .iter()
            .find(|answer| matches!(answer, Answer::Failed(_)))
        {
            return Err(Error::new(format!(
                "{}: a probe can't be sent: {why}",
                topology.place(from).title()
            )));
        }
        let spots: Vec<(Spot, Seen)> = spots
            .into_iter()
            .zip(watched)
            .map(|(spot, watched)| {
                let seen =
                    match watched.and_then(|at| seen.get(at).cloned().unwrap_or_else(|| Ok(Vec::new()))) {
                        Err(why) => Seen::NotWatched(why),
                        Ok(sightings) => passed(&sightings, spot.course),
                    };
                (spot, seen)
            })
            .collect();
        let udp = matches!(probes.transport, crate::probe::Transport::Udp(_));
        let agrees = verdict::agreement(&sent.answers, ways, &spots, udp);
        let moved = places
            .iter()
            .zip(before.iter().zip(&after))
            .flat_map(|(place, (before, after))| {
                let title = topology.place(*place).title();
                after
                    .since(before)
                    .into_iter()
                    .map(move |moved| (title.clone(), moved))
            })
            .collect();
        Ok(Self {
            udp,
            answers: sent.answers,
            spots,
            moved,
            agrees,
        })
    }

    /// Whether the way is open: an answer came to every probe, or, of UDP, every probe to the end of the way.
    pub(super) fn is_open(&self) -> bool {
        let mut there = self
            .spots
            .iter()
            .rev()
            .filter(|(spot, _)| spot.course == Course::There);
        let arrived = matches!(there.next(), Some((_, Seen::Passed(..))));
        self.answers.iter().all(|answer| match answer {
            Answer::Answered(_) => true,
            // Who takes a datagram need not answer it.
            Answer::Nothing => self.udp && arrived,
            Answer::Refused(_) | Answer::Failed(_) => false,
        })
    }
}

/// The namespaces of this host that can be entered.
struct Doors(BTreeMap<PlaceId, Result<Door, String>>);

impl Doors {
    fn open(topology: &Topology) -> Result<Self, Error> {
        let own = Door::own().and_then(|door| door.id()).map_err(Error::new)?;
        let doors = topology
            .places()
            .map(|(id, place)| (id, door(place, own)))
            .collect();
        Ok(Self(doors))
    }

    fn of(&self, place: PlaceId) -> Result<&Door, String> {
        match self.0.get(&place) {
            Some(Ok(door)) => Ok(door),
            Some(Err(why)) => Err(why.clone()),
            None => Err("it was not seen".to_owned()),
        }
    }

    /// The namespaces that links are watched in, and the first one.
    fn used(&self, spots: &[Spot], from: PlaceId) -> Vec<PlaceId> {
        let mut places = vec![from];
        for spot in spots {
            if self.of(spot.place).is_ok() && !places.contains(&spot.place) {
                places.push(spot.place);
            }
        }
        places
    }

    fn counters(&self, places: &[PlaceId]) -> Vec<Counters> {
        let read = |place: &PlaceId| self.of(*place)?.inside(Counters::read);
        places
            .iter()
            .map(|place| read(place).unwrap_or_default())
            .collect()
    }
}

fn door(place: &Place, own: crate::state::netns::NsIdentity) -> Result<Door, String> {
    if place.node.net_id != Some(own) {
        return Err(format!("{} is not this host", place.node.name));
    }
    if place.namespace.is_none() {
        return Door::own();
    }
    let namespaces = place.node.namespaces.items().iter();
    let mut found = namespaces.filter(|namespace| std::ptr::eq(&raw const namespace.net, place.net));
    found
        .next()
        .map_or_else(|| Err("it was not seen".to_owned()), Door::of)
}

fn transport(packet: &Packet) -> Result<crate::probe::Transport, Error> {
    match packet.transport {
        Transport::Icmp { .. } => Ok(crate::probe::Transport::Echo),
        Transport::Tcp { dport, .. } => Ok(crate::probe::Transport::Tcp(dport)),
        Transport::Udp { dport, .. } => Ok(crate::probe::Transport::Udp(dport)),
        Transport::Sctp { .. } | Transport::Other(_) => {
            Err(Error::new(format!("{packet}: it can't be sent")))
        }
    }
}

/// Like no other: from the moment and the process.
fn cookie() -> [u8; 16] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mixed = since.as_nanos() ^ (u128::from(std::process::id()) << 96);
    mixed.to_be_bytes()
}

/// The links of all ways, in the order in which packets pass them.
fn spots(topology: &Topology, ways: &Ways) -> Vec<Spot> {
    let there = ways.iter().map(|(there, _)| (Course::There, there));
    let back = ways
        .iter()
        .flat_map(|(_, back)| back.iter().map(|walked| (Course::Back, walked)));
    let mut spots: Vec<Spot> = Vec::new();
    for (course, walked) in there.chain(back) {
        for step in &walked.state.trail {
            let (Some(link), What::In | What::Out) = (step.link, step.what) else {
                continue;
            };
            let place = topology.place(step.place);
            let name = place
                .net
                .link(link)
                .map(|link| link.name.clone())
                .unwrap_or_default();
            let known = |spot: &Spot| (spot.place, spot.link, spot.course) == (step.place, link, course);
            if !spots.iter().any(known) {
                spots.push(Spot {
                    place: step.place,
                    link,
                    course,
                    out: step.what == What::Out,
                    title: place.title(),
                    name,
                });
            }
        }
    }
    spots
}

/// For each spot, the point where it is watched; and the points.
fn points<'a>(spots: &'a [Spot], doors: &'a Doors) -> (Vec<Result<usize, String>>, Vec<Point<'a>>) {
    let mut places: Vec<(PlaceId, IfIndex)> = Vec::new();
    let mut points = Vec::new();
    let watched = spots
        .iter()
        .map(|spot| {
            let door = doors.of(spot.place)?;
            let known = places.iter().position(|place| *place == (spot.place, spot.link));
            Ok(known.unwrap_or_else(|| {
                places.push((spot.place, spot.link));
                points.push(Point {
                    door,
                    link: &spot.name,
                });
                points.len() - 1
            }))
        })
        .collect();
    (watched, points)
}

fn passed(sightings: &[Sighting], course: Course) -> Seen {
    let mut of_course = sightings.iter().filter(|sighting| {
        sighting.course == course || (course == Course::Back && sighting.course == Course::Error)
    });
    let count = of_course.clone().count();
    of_course
        .next()
        .map_or(Seen::Nothing, |first| Seen::Passed(count, first.clone()))
}
