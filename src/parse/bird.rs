//! BIRD's control protocol, releases 1.x and 2.x (BIRD `nest/cli.c`, `proto/bgp/bgp.c`).
//!
//! A reply is lines of `NNNN-text` (more follow), `NNNN text` (the last of a reply), or a blank and text (the same
//! code as before). `0000` ends well; codes from 8000 are errors.

use std::borrow::Cow;
use std::net::IpAddr;

use super::{ParseError, excerpt};
use crate::state::bird::{BgpSession, Protocol, RouteCounts};

/// Codes of a reply (BIRD `doc/reply_codes`).
const END: u16 = 0;
const GREETING: u16 = 1;
const STATUS_END: u16 = 13;
const STATUS: u16 = 1011;
pub(super) const PROTOCOL: u16 = 1002;
pub(super) const PROTOCOL_DETAILS: u16 = 1006;
pub(super) const PROTOCOL_HEADING: u16 = 2002;
const FIRST_ERROR: u16 = 8000;

/// One line of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Line of the text, from 1.
    pub(super) number: usize,
    pub(super) code: u16,
    /// What follows code and separator; for further lines of a code, what follows the blank.
    pub(super) text: &'a str,
}

/// Whether this line ends a reply: a code followed by a blank, which may have been trimmed on the way. The greeting is
/// such a line too.
pub fn ends_reply(line: &[u8]) -> bool {
    match line.split_at_checked(4) {
        Some((code, rest)) => {
            code.iter().all(u8::is_ascii_digit) && matches!(rest.first(), None | Some(b' ' | b'\r' | b'\n'))
        }
        None => false,
    }
}

/// Splits `1002-text` into its code, the separator and the rest.
fn split_code(line: &str) -> Option<(u16, char, &str)> {
    let (digits, rest) = line.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let code = digits.parse().ok()?;
    let mut chars = rest.chars();
    match chars.next() {
        Some(separator @ (' ' | '-')) => Some((code, separator, chars.as_str())),
        // A closing line whose blank was trimmed on the way.
        None => Some((code, ' ', "")),
        Some(_) => None,
    }
}

/// Splits a reply into lines, and checks that it is whole.
fn lines(reply: &str) -> Result<Vec<Line<'_>>, ParseError> {
    // About as many as there are.
    let mut lines = Vec::with_capacity(reply.len() / 40);
    let mut code = None;
    for (index, text) in reply.lines().enumerate() {
        let number = index + 1;
        if let Some(text) = text.strip_prefix(' ') {
            let Some(code) = code else {
                return Err(ParseError::new(number, "a further line without a first one"));
            };
            lines.push(Line { number, code, text });
        } else if let Some((this, separator, text)) = split_code(text) {
            code = Some(this);
            if this >= FIRST_ERROR {
                return Err(ParseError::new(number, format!("BIRD answers {this:04}: {text}")));
            }
            lines.push(Line {
                number,
                code: this,
                text,
            });
            if separator == ' ' && this != GREETING {
                return Ok(lines);
            }
        } else if !text.is_empty() {
            return Err(ParseError::new(
                number,
                format!("not a reply of BIRD: {:?}", excerpt(text)),
            ));
        }
    }
    Err(ParseError::new(
        reply.lines().count().max(1),
        "the reply ends before its closing 0000 line: BIRD closed the connection half-way",
    ))
}

/// The version in BIRD's greeting (`0001 BIRD 1.6.8 ready.`).
///
/// # Errors
/// When the line is no greeting.
pub fn greeting(line: &str) -> Result<String, ParseError> {
    // Another daemon may have said more before it said something like an end.
    let line = line.lines().next().unwrap_or_default();
    let version = split_code(line)
        .filter(|(code, ..)| *code == GREETING)
        .and_then(|(_, _, text)| text.strip_prefix("BIRD "))
        .and_then(|text| text.split_whitespace().next());
    version.map(str::to_owned).ok_or_else(|| {
        ParseError::new(
            1,
            format!("not BIRD's greeting (0001 BIRD … ready.): {:?}", excerpt(line)),
        )
    })
}

/// What `show status` tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub router_id: Option<IpAddr>,
    /// As printed; empty when missing.
    pub server_time: String,
}

/// Reads the reply to `show status`.
///
/// # Errors
/// When the reply is cut or is no status.
pub fn status(reply: &str) -> Result<Status, ParseError> {
    let lines = lines(reply)?;
    if lines.last().map(|line| line.code) != Some(STATUS_END) {
        return Err(ParseError::new(lines.len(), "not a reply to `show status`"));
    }
    let after = |prefix: &str| {
        let mut texts = lines
            .iter()
            .filter(|line| line.code == STATUS)
            .map(|line| line.text);
        texts.find_map(|text| text.strip_prefix(prefix)).map(str::trim)
    };
    Ok(Status {
        router_id: after("Router ID is ").and_then(|id| id.parse().ok()),
        server_time: after("Current server time is ").unwrap_or_default().to_owned(),
    })
}

/// The protocols in the reply to `show protocols` or `show protocols all`.
///
/// # Errors
/// When the reply is cut, is an error of BIRD, or holds a line that no known release writes.
pub fn protocols(reply: &str) -> Result<Vec<Protocol>, ParseError> {
    let reply = printable(reply);
    list(lines(&reply)?)
}

/// The protocols in lines whose code is known.
pub(super) fn list<'a>(lines: impl IntoIterator<Item = Line<'a>>) -> Result<Vec<Protocol>, ParseError> {
    let mut protocols: Vec<Protocol> = Vec::new();
    for line in lines {
        match line.code {
            PROTOCOL_HEADING => check_heading(line)?,
            PROTOCOL => protocols.push(row(line)?),
            PROTOCOL_DETAILS => {
                let Some(protocol) = protocols.last_mut() else {
                    return Err(ParseError::new(line.number, "details before the first protocol"));
                };
                detail(protocol, line.text);
            }
            END | GREETING => {}
            other => {
                return Err(ParseError::new(
                    line.number,
                    format!("unexpected code {other:04} in a list of protocols"),
                ));
            }
        }
    }
    Ok(protocols)
}

/// The text without characters that would change a terminal: a peer may have put them into its error message.
pub(super) fn printable(reply: &str) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if reply.contains(harmful) {
        Cow::Owned(reply.replace(harmful, "?"))
    } else {
        Cow::Borrowed(reply)
    }
}

fn check_heading(line: Line) -> Result<(), ParseError> {
    let words: Vec<String> = line.text.split_whitespace().map(str::to_lowercase).collect();
    if words == ["name", "proto", "table", "state", "since", "info"] {
        return Ok(());
    }
    Err(ParseError::new(
        line.number,
        format!("unknown columns: {:?}", excerpt(line.text)),
    ))
}

/// `Mesh_10_0_0_1 BGP      master   start  10:56:59    Idle          BGP Error: Bad peer AS`
fn row(line: Line) -> Result<Protocol, ParseError> {
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let [name, proto, table, state, rest @ ..] = words.as_slice() else {
        return Err(ParseError::new(
            line.number,
            format!("not a row of a protocol: {:?}", excerpt(line.text)),
        ));
    };
    let (since, info) = since(rest);
    let bgp = (*proto == "BGP").then(|| BgpSession {
        // What the details say again, when there are any.
        state: info.split(' ').next().unwrap_or_default().to_owned(),
        ..BgpSession::default()
    });
    Ok(Protocol {
        name: (*name).to_owned(),
        proto: (*proto).to_owned(),
        table: (*table).to_owned(),
        state: (*state).to_owned(),
        since,
        info,
        description: None,
        bgp,
    })
}

/// Splits what follows the state: a time (`10:56:59`, `11:20:18.336`), a date, or both (`timeformat` decides).
fn since(words: &[&str]) -> (String, String) {
    let is_date = |word: &str| word.len() == 10 && word.matches('-').count() == 2;
    let is_time = |word: &str| word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit());
    let taken = match words {
        [date, time, ..] if is_date(date) && is_time(time) => 2,
        [first, ..] if is_date(first) || is_time(first) => 1,
        _ => 0,
    };
    (words[..taken].join(" "), words[taken..].join(" "))
}

/// One line of what `all` adds. Lines that netdiag has no use for are passed over.
fn detail(protocol: &mut Protocol, line: &str) {
    // There are many such lines, and two of three are counters and filters: the first letter passes them over. BIRD
    // writes ASCII around the colon.
    let line = line.trim_ascii_start();
    if !line.starts_with(['D', 'B', 'N', 'L', 'S', 'H', 'K', 'E', 'C', 'R']) {
        return;
    }
    let Some((key, value)) = line.split_once(':') else {
        return;
    };
    let value = value.trim_ascii();
    let text = || Some(value.to_owned());
    if key == "Description" {
        protocol.description = text();
        return;
    }
    if key == "BGP state" {
        value.clone_into(&mut protocol.bgp.get_or_insert_default().state);
        return;
    }
    if protocol.proto != "BGP" {
        return;
    }
    let session = protocol.bgp.get_or_insert_default();
    match key {
        "Neighbor address" => {
            let (address, link) = value.split_once('%').unwrap_or((value, ""));
            session.neighbor_address = address.parse().ok();
            session.neighbor_link = (!link.is_empty()).then(|| link.to_owned());
        }
        "Neighbor port" => session.neighbor_port = value.parse().ok(),
        "Neighbor AS" => session.neighbor_as = value.parse().ok(),
        "Local AS" => session.local_as = value.parse().ok(),
        "Neighbor ID" => session.neighbor_id = value.parse().ok(),
        "Source address" => session.source_address = value.parse().ok(),
        "Session" => session.session = text(),
        "Hold timer" => session.hold_timer = text(),
        "Keepalive timer" => session.keepalive_timer = text(),
        "Error wait" => session.error_wait = text(),
        "Start delay" | "Connect delay" => session.connect_delay = text(),
        "Last error" => session.last_error = text(),
        "Routes" => add_routes(&mut session.routes, value),
        _ => {}
    }
}

/// `1 imported, 2 exported, 1 preferred`; BIRD 2 has one such line a channel, and may add `3 filtered`.
fn add_routes(routes: &mut RouteCounts, value: &str) {
    for part in value.split(',') {
        let Some((count, what)) = part.trim().split_once(' ') else {
            continue;
        };
        let count = count.parse().unwrap_or(0);
        match what {
            "imported" => routes.imported += count,
            "exported" => routes.exported += count,
            "preferred" => routes.preferred += count,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    const BIRD1: &str = include_str!("../../fixtures/bird/1.6.8-protocols-all.txt");
    const BIRD2: &str = include_str!("../../fixtures/bird/2.0.12-protocols-all.txt");

    fn session<'a>(protocols: &'a [Protocol], name: &str) -> (&'a Protocol, &'a BgpSession) {
        let protocol = protocols.iter().find(|protocol| protocol.name == name).unwrap();
        (protocol, protocol.bgp.as_ref().unwrap())
    }

    #[test]
    fn sessions_of_bird_1_are_read_with_their_details() {
        let protocols = protocols(BIRD1).unwrap();
        assert_eq!(protocols.len(), 6);
        let (protocol, bgp) = session(&protocols, "Mesh_127_0_0_1");
        assert_eq!(protocol.state, "start");
        assert_eq!(protocol.info, "Idle BGP Error: Bad BGP identifier");
        assert_eq!(bgp.state, "Idle");
        assert_eq!(bgp.neighbor_address, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(bgp.neighbor_as, Some(64512));
        assert_eq!(bgp.last_error.as_deref(), Some("BGP Error: Bad BGP identifier"));
        let (down, bgp) = session(&protocols, "Node_10_0_0_8");
        assert_eq!(
            (down.state.as_str(), down.info.as_str(), bgp.state.as_str()),
            ("down", "", "Down")
        );
        let direct = protocols
            .iter()
            .find(|protocol| protocol.name == "direct1")
            .unwrap();
        assert_eq!(direct.bgp, None);
    }

    #[test]
    fn sessions_of_bird_2_are_read_with_their_details() {
        let protocols = protocols(BIRD2).unwrap();
        let (protocol, bgp) = session(&protocols, "Mesh_fd00__2");
        assert_eq!(protocol.info, "Active Socket: Network is unreachable");
        assert!(protocol.since.contains(':'), "{}", protocol.since);
        assert_eq!(bgp.neighbor_address, Some("fd00::2".parse().unwrap()));
        assert_eq!(bgp.local_as, Some(64512));
        assert!(bgp.connect_delay.is_some());
    }

    #[test]
    fn a_session_without_details_has_the_state_of_its_row() {
        let reply = "2002-name proto table state since info\n\
            1002-Mesh_1 BGP master start 10:00:00 Active Socket: Connection refused\n\
            \x20Mesh_2 BGP master up 10:00:00 Established\n\x20Mesh_3 BGP master down 10:00:00\n0000 \n";
        let protocols = protocols(reply).unwrap();
        let state = |name| session(&protocols, name).1.state.as_str();
        assert_eq!(
            [state("Mesh_1"), state("Mesh_2"), state("Mesh_3")],
            ["Active", "Established", ""]
        );
    }

    #[test]
    fn the_router_id_is_in_the_status() {
        for text in [
            include_str!("../../fixtures/bird/1.6.8-status.txt"),
            include_str!("../../fixtures/bird/2.0.12-status.txt"),
        ] {
            let status = status(text).unwrap();
            assert_eq!(status.router_id, Some("10.0.0.1".parse().unwrap()));
            assert!(status.server_time.starts_with("20"), "{status:?}");
        }
    }

    #[test]
    fn route_counts_are_summed_over_channels() {
        let reply = "2002-Name Proto Table State Since Info\n1002-Mesh_1 BGP --- up 11:20:20.222 Established\n\
            1006-  BGP state:          Established\n   Channel ipv4\n     Routes: 3 imported, 1 filtered, 2 exported, 1 preferred\n\
            \x20  Channel ipv6\n     Routes: 4 imported, 5 exported, 0 preferred\n0000 \n";
        let protocols = protocols(reply).unwrap();
        let expected = RouteCounts {
            imported: 7,
            exported: 7,
            preferred: 1,
        };
        assert_eq!(session(&protocols, "Mesh_1").1.routes, expected);
    }

    #[test]
    fn a_date_and_a_time_are_both_taken_as_since() {
        let words = |text: &'static str| text.split_whitespace().collect::<Vec<_>>();
        let (when, info) = since(&words("2026-11-21 10:56:59 Active Socket: Connection refused"));
        assert_eq!(when, "2026-11-21 10:56:59");
        assert_eq!(info, "Active Socket: Connection refused");
        assert_eq!(since(&words("2026-11-20")), ("2026-11-20".into(), String::new()));
        assert_eq!(since(&words("10:56:59 Connect")).1, "Connect");
    }

    #[test]
    fn what_a_peer_wrote_can_not_steer_the_terminal() {
        let reply = "1002-Mesh_1 BGP master start 10:00:00 Idle Received: \u{1b}[2J\u{7}bye\n0000 \n";
        assert_eq!(protocols(reply).unwrap()[0].info, "Idle Received: ?[2J?bye");
    }

    #[test]
    fn a_cut_reply_is_an_error_that_says_so() {
        let cut = &BIRD1[..BIRD1.len() / 2];
        let error = protocols(cut).unwrap_err();
        assert!(error.why.contains("half-way"), "{error}");
        assert!(protocols("").unwrap_err().why.contains("half-way"));
    }

    #[test]
    fn errors_of_bird_and_foreign_text_are_named_with_their_line() {
        assert_eq!(
            protocols("0001 BIRD 1.6.8 ready.\n9001 syntax error\n").unwrap_err(),
            ParseError::new(2, "BIRD answers 9001: syntax error")
        );
        assert_eq!(
            protocols("2002-name proto table state since info\nHTTP/1.1 400 Bad Request\n").unwrap_err(),
            ParseError::new(2, "not a reply of BIRD: \"HTTP/1.1 400 Bad Request\"")
        );
        assert_eq!(
            protocols("1002-kernel1 Kernel\n0000 \n").unwrap_err(),
            ParseError::new(1, "not a row of a protocol: \"kernel1 Kernel\"")
        );
    }

    #[test]
    fn every_recorded_bgp_error_is_read_whole() {
        for recorded in [
            include_str!("../../fixtures/bird/bgp-errors-1.6.8.txt"),
            include_str!("../../fixtures/bird/bgp-errors-2.0.12.txt"),
        ] {
            for line in recorded.lines() {
                let [_, state, info] = line.splitn(3, " | ").collect::<Vec<_>>()[..] else {
                    panic!("{line}");
                };
                let reply = format!("1002-Mesh_1 BGP master {state} 10:00:00 {info}\n0000 \n");
                let protocols = protocols(&reply).unwrap();
                let (bgp_state, error) = protocols[0].info.split_once(' ').unwrap();
                assert!(["Idle", "Active", "Close"].contains(&bgp_state), "{line}");
                assert!(error.starts_with("Received: "), "{line}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", code in "(0000|1002|1006|2002|0001|9001)[- ]", tail in "[ -~\\n]{0,300}") {
            let _ = protocols(&text);
            let _ = protocols(&format!("{code}{tail}"));
            let _ = status(&format!("{code}{tail}"));
            let _ = greeting(&text);
        }
    }
}
