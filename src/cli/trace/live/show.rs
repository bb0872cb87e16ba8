//! Probes for people, and as JSON.

use serde_json::{Value, json};

use super::verdict::lost;
use super::{Agreement, Live, Seen, Spot};
use crate::cli::{Context, Error};
use crate::output::text;
use crate::packet::file::Time;
use crate::probe::{Answer, Course};

impl Live {
    /// The block below the walk.
    pub(in crate::cli::trace) fn write(&self, cx: &mut Context) -> Result<(), Error> {
        let style = cx.style;
        let width = usize::from(style.width);
        let head = format!("live  {}", self.outcome());
        writeln!(
            cx.out,
            "\n{}",
            if self.is_open() {
                style.good(&head)
            } else {
                style.bad(&head)
            }
        )?;
        let wide = |of: fn(&Spot) -> &str| self.spots.iter().map(|(spot, _)| of(spot).chars().count()).max();
        let (titles, names) = (
            wide(|spot| &spot.title).unwrap_or(0),
            wide(|spot| &spot.name).unwrap_or(0),
        );
        let start = self.start();
        let mut last = String::new();
        for (spot, seen) in &self.spots {
            let way = match (spot.course, spot.out) {
                (Course::There, true) => "there out",
                (Course::There, false) => "there in ",
                (_, true) => "back  out",
                (_, false) => "back  in ",
            };
            let lead = format!("  {:titles$}  {:names$}  {way}  ", spot.title, spot.name);
            match seen {
                Seen::Passed(count, first) => {
                    let after = milliseconds(first.time, start);
                    writeln!(
                        cx.out,
                        "{}",
                        style.good(&format!("{lead}seen {count}  after {after}"))
                    )?;
                    // Where address translation or a tunnel made another packet of it.
                    if first.line != last {
                        writeln!(cx.out, "{}", text::wrap(&first.line, width, "      ", "        "))?;
                        last.clone_from(&first.line);
                    }
                }
                Seen::Nothing => writeln!(cx.out, "{}", style.bad(&format!("{lead}not seen")))?,
                Seen::NotWatched(why) => {
                    writeln!(cx.out, "{}", style.faint(&format!("{lead}not watched: {why}")))?;
                }
            }
        }
        for (title, moved) in &self.moved {
            let line = format!("{title}: {} +{}: {}", moved.name, moved.by, moved.meaning);
            writeln!(
                cx.out,
                "{}",
                text::wrap(&line, width, "  counted  ", "           ")
            )?;
        }
        match &self.agrees {
            Agreement::Yes => writeln!(cx.out, "  as the walk says")?,
            Agreement::No(how) => {
                let line = format!("not as the walk says: {how}");
                writeln!(cx.out, "{}", style.warn(&text::wrap(&line, width, "  ", "    ")))?;
            }
            Agreement::Open => {}
        }
        Ok(())
    }

    pub(in crate::cli::trace) fn document(&self) -> Value {
        let start = self.start();
        let answers: Vec<Value> = self.answers.iter().map(answer).collect();
        let links: Vec<Value> = self
            .spots
            .iter()
            .map(|(spot, seen)| {
                let mut link = json!({
                    "at": spot.title,
                    "link": spot.name,
                    "course": if spot.course == Course::There { "there" } else { "back" },
                    "direction": if spot.out { "out" } else { "in" },
                });
                let (key, value) = match seen {
                    Seen::Passed(count, first) => (
                        "seen",
                        json!({"count": count, "afterNanoseconds": first.time.nanos() - start.nanos(), "packet": first.line}),
                    ),
                    Seen::Nothing => ("seen", Value::Null),
                    Seen::NotWatched(why) => ("notWatched", json!(why)),
                };
                link[key] = value;
                link
            })
            .collect();
        let counters: Vec<Value> = self
            .moved
            .iter()
            .map(|(title, moved)| json!({"at": title, "name": moved.name, "by": moved.by}))
            .collect();
        let (agrees, instead) = match &self.agrees {
            Agreement::Yes => (json!(true), Value::Null),
            Agreement::No(how) => (json!(false), json!(how)),
            Agreement::Open => (Value::Null, Value::Null),
        };
        json!({
            "answers": answers,
            "links": links,
            "counters": counters,
            "asTheWalkSays": agrees,
            "instead": instead,
        })
    }

    /// `2 of 3 probes answered, the fastest in 0.1 ms`.
    fn outcome(&self) -> String {
        let times = self.answers.iter().filter_map(|answer| match answer {
            Answer::Answered(time) => Some(*time),
            _ => None,
        });
        let sent = self.answers.len();
        if let Some(fastest) = times.clone().min() {
            let fastest = fastest.as_secs_f64() * 1e3;
            return format!(
                "{} of {sent} probes answered, the fastest in {fastest:.3} ms",
                times.count()
            );
        }
        let refused = self.answers.iter().find_map(|answer| match answer {
            Answer::Refused(why) => Some(why),
            _ => None,
        });
        let lost = lost(&self.spots)
            .map(|(_, how)| format!("; {how}"))
            .unwrap_or_default();
        match refused {
            Some(why) => format!("{sent} probes: {why}{lost}"),
            None => format!("none of {sent} probes answered{lost}"),
        }
    }

    /// When the first probe was seen first.
    fn start(&self) -> Time {
        let times = self.spots.iter().filter_map(|(_, seen)| match seen {
            Seen::Passed(_, first) => Some(first.time),
            _ => None,
        });
        times.min().unwrap_or_default()
    }
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Answered(time) => {
            json!({"answeredAfterNanoseconds": u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)})
        }
        Answer::Refused(why) => json!({"refused": why}),
        Answer::Nothing => json!({"nothing": true}),
        Answer::Failed(why) => json!({"failed": why}),
    }
}

fn milliseconds(time: Time, start: Time) -> String {
    let nanos = time.nanos().saturating_sub(start.nanos());
    format!("{}.{:03} ms", nanos / 1_000_000, nanos % 1_000_000 / 1_000)
}
