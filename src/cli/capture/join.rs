//! `--join`: two captures of the same traffic, held against each other.

use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::input::recorded::Recorded;
use super::summary::duration;
use super::whole::Hand;
use super::{Context, Error, Outcome, Output};
use crate::output::{document, table, text};
use crate::packet::join::{Join, Joined, Way};
use crate::packet::show::Names;

/// Reads both, and says what each has that the other has not.
pub(super) fn run(
    cx: &mut Context,
    files: &[PathBuf],
    output: Output,
    names: Option<&Names>,
    hand: &mut Hand,
) -> Result<Outcome, Error> {
    let mut join = Join::default();
    for (capture, path) in files.iter().enumerate() {
        read(cx, capture, path, hand, &mut join)?;
    }
    let joined = join.joined().map_err(|error| no_room(&error))?;
    let report = Report {
        joined: &joined,
        files,
        names,
    };
    if output == Output::Json {
        cx.out.write_all(document::json(&report.document()).as_bytes())?;
    } else {
        report.write(cx, output == Output::Wide)?;
    }
    let lost = joined
        .ways
        .iter()
        .any(|way| way.lost().is_some_and(|lost| lost > 0));
    Ok(match (joined.both, lost) {
        (0, _) => Outcome::NotDecidable,
        (_, true) => Outcome::Findings,
        (_, false) => Outcome::Good,
    })
}

fn read(
    cx: &mut Context,
    capture: usize,
    path: &Path,
    hand: &mut Hand,
    join: &mut Join,
) -> Result<(), Error> {
    let mut file = Recorded::open(path, false)?;
    let read = hand.all(&mut file, |shown| {
        join.add(capture, shown.number, &shown.packet, shown.stack)
            .map_err(|error| no_room(&error))?;
        Ok(ControlFlow::Continue(()))
    });
    read.map_err(|failure| file.failed(failure))?;
    join.finish(capture).map_err(|error| no_room(&error))?;
    file.warn(cx)
}

#[cold]
fn no_room(error: &io::Error) -> Error {
    let directory = std::env::temp_dir();
    Error::new(format!(
        "--join: {}: packets can't be sorted in a file there: {error}",
        directory.display()
    ))
    .hint(format!(
        "set TMPDIR to a directory with room for {} bytes a packet of both files, or choose some of them: an expression, \
         --inner or --flow",
        Join::PACKET
    ))
}

struct Report<'a> {
    joined: &'a Joined,
    files: &'a [PathBuf],
    names: Option<&'a Names>,
}

impl Report<'_> {
    fn file(&self, capture: usize) -> String {
        self.files
            .get(capture)
            .map_or_else(String::new, |path| path.display().to_string())
    }

    fn clocks(&self) -> String {
        let (Some(ahead), joined) = (self.joined.ahead, self.joined) else {
            return "no packet is in both: another place, another time, or addresses that are translated \
                    between them"
                .to_owned();
        };
        let (fast, slow) = if ahead < 0 { (0, 1) } else { (1, 0) };
        let (fast, slow) = (self.file(fast), self.file(slow));
        let by = duration(ahead.saturating_abs());
        match joined.give_or_take {
            Some(range) => format!(
                "clocks: {fast} is {by} ahead of {slow}, give or take {}: from packets both ways",
                duration(range)
            ),
            None => format!(
                "clocks: {fast} is {by} ahead of {slow} if the quickest packet needed no time: none went both ways"
            ),
        }
    }

    fn end(&self, address: IpAddr) -> String {
        match self.names.and_then(|names| names.get(address)) {
            Some(name) => format!("{address}({name})"),
            None => address.to_string(),
        }
    }

    fn write(&self, cx: &mut Context, all: bool) -> Result<(), Error> {
        let (joined, style) = (self.joined, cx.style);
        let count = |number: u64, noun| text::count(usize::try_from(number).unwrap_or(usize::MAX), noun);
        for (capture, packets) in joined.packets.into_iter().enumerate() {
            let outside = joined.outside.get(capture).copied().unwrap_or(0);
            write!(cx.out, "{}: {}", self.file(capture), count(packets, "packet"))?;
            if outside > 0 {
                write!(cx.out, ", {outside} of them while the other did not capture")?;
            }
            writeln!(cx.out)?;
        }
        writeln!(cx.out, "in both: {}", count(joined.both, "packet"))?;
        writeln!(
            cx.out,
            "{}",
            text::wrap(&self.clocks(), usize::from(style.width), "", "  ")
        )?;
        let mut ways: Vec<&Way> = joined.ways.iter().collect();
        ways.sort_by_key(|way| std::cmp::Reverse(way.lost().unwrap_or(0)));
        let most = if all { ways.len() } else { MOST };
        let rows: Vec<Vec<String>> = ways.iter().take(most).map(|way| self.row(way)).collect();
        if !rows.is_empty() {
            let headings = ["FROM", "TO", "FIRST AT", "ARRIVED", "LOST", "DELAY"];
            write!(cx.out, "\n{}", table::columns(&headings, &rows, 2, None))?;
        }
        if ways.len() > most {
            writeln!(cx.out, "{} more: -o wide shows all", ways.len() - most)?;
        }
        let lost: u64 = ways.iter().filter_map(|way| way.lost()).sum();
        if lost == 0 && joined.both > 0 {
            writeln!(cx.out, "\n{}", style.good("All that left arrived."))?;
        }
        if lost > 0 {
            let head = format!("{} left and never arrived.", count(lost, "packet"));
            writeln!(cx.out, "\n{}", style.bad(&head))?;
        }
        for way in ways
            .iter()
            .filter(|way| way.lost().is_some_and(|lost| lost > 0))
            .take(most)
        {
            let first = way.first.unwrap_or(0);
            let numbers: Vec<String> = way
                .named
                .get(first)
                .into_iter()
                .flatten()
                .map(u64::to_string)
                .collect();
            let more = if way.lost().unwrap_or(0) > numbers.len() as u64 {
                ", …"
            } else {
                ""
            };
            let line = format!(
                "{} to {}: number {}{more} of {}",
                self.end(way.from),
                self.end(way.to),
                numbers.join(", "),
                self.file(first)
            );
            writeln!(
                cx.out,
                "{}",
                text::wrap(&line, usize::from(style.width), "  ", "    ")
            )?;
        }
        Ok(())
    }

    fn row(&self, way: &Way) -> Vec<String> {
        let lost = match (way.lost(), way.only) {
            (Some(lost), _) => lost.to_string(),
            (None, [a, b]) => format!("{a} or {b}?"),
        };
        let delay = way.delay.map_or_else(
            || "-".to_owned(),
            |[least, median, most]| {
                format!("{} / {} / {}", duration(least), duration(median), duration(most))
            },
        );
        vec![
            self.end(way.from),
            self.end(way.to),
            way.first.map_or_else(|| "?".to_owned(), |first| self.file(first)),
            way.arrived.to_string(),
            lost,
            delay,
        ]
    }

    fn document(&self) -> Document {
        let joined = self.joined;
        Document {
            netdiag_capture_join: 1,
            files: [self.file(0), self.file(1)],
            packets: joined.packets,
            without_ip: joined.others,
            both: joined.both,
            outside: joined.outside,
            ahead_nanoseconds: joined.ahead,
            give_or_take_nanoseconds: joined.give_or_take,
            ways: joined.ways.iter().map(|way| self.way(way)).collect(),
        }
    }

    fn way(&self, way: &Way) -> DocumentWay {
        let name = |address| self.names.and_then(|names| names.get(address)).map(str::to_owned);
        DocumentWay {
            from: way.from,
            from_name: name(way.from),
            to: way.to,
            to_name: name(way.to),
            first_at: way.first,
            arrived: way.arrived,
            only: way.only,
            lost: way.lost(),
            numbers: way.named.clone(),
            delay_nanoseconds: way.delay,
        }
    }
}

/// Rows that are shown when not all are asked for.
const MOST: usize = 20;

/// Both captures, as JSON shows them. Lists of two are of the first file and of the second.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// Version of this format.
    netdiag_capture_join: u32,
    files: [String; 2],
    packets: [u64; 2],
    without_ip: [u64; 2],
    both: u64,
    /// Packets of a time when the other did not capture.
    outside: [u64; 2],
    /// Of the second clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead_nanoseconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    give_or_take_nanoseconds: Option<i64>,
    ways: Vec<DocumentWay>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DocumentWay {
    from: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_name: Option<String>,
    to: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_name: Option<String>,
    /// Index of the file that has these packets first.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_at: Option<usize>,
    arrived: u64,
    /// Packets that only one of them has.
    only: [u64; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    /// Of the first of those, in their files.
    numbers: [Vec<u64>; 2],
    /// Least, median, most.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_nanoseconds: Option<[i64; 3]>,
}
