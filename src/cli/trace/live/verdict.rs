//! How probes fared, beside what the walk says.

use super::{Agreement, Seen, Spot};
use crate::cli::trace::{Walked, Ways, end_text};
use crate::forward::walk::End;
use crate::probe::{Answer, Course};

/// The course on which packets got lost, and between which links.
pub(super) fn lost(spots: &[(Spot, Seen)]) -> Option<(Course, String)> {
    [(Course::There, "probes"), (Course::Back, "answers")]
        .into_iter()
        .find_map(|(course, what)| {
            let of_course: Vec<_> = spots.iter().filter(|(spot, _)| spot.course == course).collect();
            let missing = |seen: &Seen| matches!(seen, Seen::Nothing);
            let at = of_course.iter().position(|(_, seen)| missing(seen))?;
            let name = |spot: &Spot| format!("{} {}", spot.title, spot.name);
            let next = of_course.get(at).map(|(spot, _)| name(spot))?;
            let mut seen = of_course.get(..at)?.iter().rev();
            let last = seen.find(|(_, seen)| matches!(seen, Seen::Passed(..)));
            let how = match last {
                Some((spot, _)) => format!("{what} got lost between {} and {next}", name(spot)),
                None => format!("{what} were not seen on {next}"),
            };
            Some((course, how))
        })
}

/// Holds the walk against what happened.
pub(super) fn agreement(answers: &[Answer], ways: &Ways, spots: &[(Spot, Seen)], udp: bool) -> Agreement {
    let all = || {
        ways.iter()
            .flat_map(|(there, back)| std::iter::once(there).chain(back))
    };
    if all().any(|walked| matches!(walked.end, End::NotDecidable(_))) {
        return Agreement::Open;
    }
    let arrives =
        |walked: &Walked| matches!(walked.end, End::Delivered | End::Answered(_) | End::Heard { .. });
    let open = ways
        .iter()
        .filter(|(there, back)| arrives(there) && back.iter().all(arrives))
        .count();
    if open > 0 && open < ways.len() {
        // Chance decides which way is taken.
        return Agreement::Open;
    }
    let answered = answers
        .iter()
        .filter(|answer| matches!(answer, Answer::Answered(_)))
        .count();
    if open > 0 {
        let silent = udp && answers.iter().all(|answer| *answer == Answer::Nothing);
        return match lost(spots) {
            _ if answered == answers.len() => Agreement::Yes,
            // Who takes a datagram need not answer it.
            None | Some((Course::Back, _)) if silent => Agreement::Yes,
            Some((_, how)) => Agreement::No(how),
            None => Agreement::No("probes were seen on every link, and yet not answered".to_owned()),
        };
    }
    if answered == 0 {
        return lost(spots).map_or(Agreement::Yes, |(_, how)| Agreement::No(how));
    }
    let (word, why) = all()
        .find(|walked| !arrives(walked))
        .map_or(("dropped", String::new()), |walked| end_text(&walked.end));
    let sent = answers.len();
    Agreement::No(format!(
        "{answered} of {sent} probes were answered, not {word} ({why})"
    ))
}
