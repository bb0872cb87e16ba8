//! `--flows` and `--summary`: flows, and what is wrong with them.

use std::sync::Arc;

use serde::Serialize;

use super::{Context, Error, Outcome, Output};
use crate::diagnose::{Severity, catalogue};
use crate::output::{document, table, text};
use crate::packet::file::Time;
use crate::packet::flow::{Counted, Counts, End, Finding, Flow, Flows, Key, Seen, Via, Vteps};
use crate::packet::show::time::Rfc3339;
use crate::packet::show::{Names, Shown, Text};

/// Flows that are shown when not all are asked for.
const MOST: usize = 20;
/// Packets whose flows are looked for at once.
const TOGETHER: usize = 512;

/// `--flows`: counts the packets of flows.
pub(super) struct Counting {
    pub(super) counts: Counts,
    /// Not added yet.
    waiting: Vec<Counted>,
    form: Form,
}

/// `--summary`: also looks at what is wrong with them.
pub(super) struct Summary {
    flows: Flows,
    /// Not added yet.
    seen: Vec<Seen>,
    form: Form,
    /// Who has which tunnels, where that is known.
    vteps: Option<Arc<Vteps>>,
}

/// How flows are shown.
pub(super) struct Form {
    pub(super) output: Output,
    pub(super) names: Option<Arc<Names>>,
}

/// What of a packet is counted.
#[inline]
pub(super) fn counted(shown: &Shown) -> Counted {
    Counted::of(shown.number, &shown.packet, shown.stack)
}

/// What is seen of a packet.
pub(super) fn seen(shown: &Shown, vteps: Option<&Vteps>) -> Seen {
    Seen::of(shown.number, &shown.packet, shown.stack, vteps)
}

impl Counting {
    pub(super) fn new(form: Form) -> Self {
        Self {
            counts: Counts::default(),
            waiting: Vec::with_capacity(TOGETHER),
            form,
        }
    }

    pub(super) fn take(&mut self, shown: &Shown) {
        self.waiting.push(counted(shown));
        if self.waiting.len() >= TOGETHER {
            self.add_waiting();
        }
    }

    fn add_waiting(&mut self) {
        self.counts.add_all(&self.waiting);
        self.waiting.clear();
    }

    pub(super) fn show(&mut self, cx: &mut Context) -> Result<Outcome, Error> {
        self.add_waiting();
        let flows = std::mem::take(&mut self.counts).into_flows();
        self.form.show(cx, &flows, None)?;
        Ok(Outcome::Good)
    }
}

impl Summary {
    pub(super) fn new(form: Form, vteps: Option<Arc<Vteps>>) -> Self {
        Self {
            flows: Flows::default(),
            seen: Vec::new(),
            form,
            vteps,
        }
    }

    pub(super) const fn vteps(&self) -> Option<&Arc<Vteps>> {
        self.vteps.as_ref()
    }

    pub(super) fn take(&mut self, shown: &Shown) {
        self.seen.push(seen(shown, self.vteps.as_deref()));
        if self.seen.len() >= TOGETHER {
            self.add_seen();
        }
    }

    fn add_seen(&mut self) {
        self.flows.add_all(&mut self.seen);
        self.seen.clear();
    }

    pub(super) fn take_all(&mut self, seen: &mut [Seen]) {
        self.flows.add_all(seen);
    }

    pub(super) fn show(&mut self, cx: &mut Context) -> Result<Outcome, Error> {
        self.add_seen();
        let findings = self.flows.findings();
        self.form.show(cx, &self.flows, Some(&findings))?;
        Ok(if findings.is_empty() {
            Outcome::Good
        } else {
            Outcome::Findings
        })
    }
}

impl Form {
    /// Shows flows; with what is wrong with them, if that was looked for.
    fn show(&self, cx: &mut Context, flows: &Flows, findings: Option<&[Finding]>) -> Result<(), Error> {
        if self.output == Output::Json {
            let json = Json::new(flows, findings.unwrap_or_default(), self.names.as_deref());
            cx.out.write_all(document::json(&json).as_bytes())?;
            return Ok(());
        }
        self.flows(cx, flows)?;
        findings.map_or(Ok(()), |findings| show_findings(cx, findings))
    }

    fn flows(&self, cx: &mut Context, flows: &Flows) -> Result<(), Error> {
        let style = cx.style;
        let number = flows.len();
        let most = if self.output == Output::Wide { number } else { MOST };
        let took = match (flows.first, flows.last) {
            (Some(first), Some(last)) => duration(last.nanos().saturating_sub(first.nanos())),
            _ => "0 s".to_owned(),
        };
        let head = format!(
            "{}, {} bytes in {took}: {}, {} without IP",
            number_of(flows.packets, "packet"),
            flows.bytes,
            text::count(number, "flow"),
            number_of(flows.others, "packet")
        );
        writeln!(cx.out, "{}", style.strong(&head))?;
        if flows.untold > 0 {
            let line = format!(
                "{} of more flows are not told apart",
                number_of(flows.untold, "packet")
            );
            writeln!(cx.out, "{}", style.warn(&line))?;
        }
        let shown = flows.largest(most);
        let rows: Vec<Vec<String>> = shown
            .map(|(key, flow)| row(&key, flow, self.names.as_deref()))
            .collect();
        if !rows.is_empty() {
            write!(cx.out, "\n{}", table::columns(&HEADINGS, &rows, 2, None))?;
        }
        if number > most {
            let line = format!("{} more: -o wide shows all", text::count(number - most, "flow"));
            writeln!(cx.out, "{}", style.faint(&line))?;
        }
        Ok(())
    }
}

fn show_findings(cx: &mut Context, findings: &[Finding]) -> Result<(), Error> {
    let style = cx.style;
    writeln!(cx.out)?;
    if findings.is_empty() {
        writeln!(cx.out, "{}", style.good("No findings."))?;
        return Ok(());
    }
    let head = format!("{}.", text::count(findings.len(), "finding"));
    writeln!(cx.out, "{}", style.bad(&head))?;
    for finding in findings {
        let place = match finding.number {
            0 => format!(" ({})", number_of(finding.packets, "packet")),
            number => format!(
                " ({}, first is number {number})",
                number_of(finding.packets, "packet")
            ),
        };
        let severity = severity(finding);
        let head = format!("{} {}: ", finding.code, severity.name());
        let line = text::wrap(
            &format!("{}{place}", finding.text),
            usize::from(style.width),
            &head,
            "    ",
        );
        let line = match severity {
            Severity::Error => style.bad(&line),
            Severity::Warning => style.warn(&line),
        };
        writeln!(cx.out, "{line}")?;
    }
    Ok(())
}

fn number_of(number: u64, noun: &str) -> String {
    text::count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

/// What a finding is, by its page.
fn severity(finding: &Finding) -> Severity {
    catalogue::find(finding.code).map_or(Severity::Error, |check| check.severity)
}

/// `0.5 ms`.
pub(super) fn duration(nanoseconds: i64) -> String {
    match nanoseconds {
        ..=999_999 => format!("{} us", nanoseconds / 1000),
        1_000_000..=999_999_999 => format!("{}.{} ms", nanoseconds / 1_000_000, nanoseconds / 100_000 % 10),
        _ => format!(
            "{}.{} s",
            nanoseconds / 1_000_000_000,
            nanoseconds / 100_000_000 % 10
        ),
    }
}

/// What a row says.
pub(super) const HEADINGS: [&str; 8] = ["VIA", "PROTO", "FROM", "TO", "PACKETS", "BYTES", "RTT", ""];

/// `10.244.1.2.40000 and 10.244.2.2.80`.
pub(super) fn ends(key: &Key, names: Option<&Names>) -> String {
    format!("{} and {}", end(key, key.a, names), end(key, key.b, names))
}

fn end(key: &Key, end: End, names: Option<&Names>) -> String {
    let name = names.and_then(|names| names.get(end.address));
    let name = name.map_or_else(String::new, |name| format!("({name})"));
    match (key.kind.name(), end.port) {
        ("tcp" | "udp" | "sctp", port) => format!("{}.{port}{name}", end.address),
        _ => format!("{}{name}", end.address),
    }
}

/// Who spoke first is FROM.
pub(super) fn row(key: &Key, flow: &Flow, names: Option<&Names>) -> Vec<String> {
    let back = flow.opener() == 1;
    let (from, to) = if back { (key.b, key.a) } else { (key.a, key.b) };
    let [there, here] = flow.ways.map(|way| way.packets);
    let (there, here) = if back { (here, there) } else { (there, here) };
    let mut notes = Vec::new();
    if flow.is_one_way() {
        notes.push("one way".to_owned());
    }
    if flow.retransmitted() > 0 {
        notes.push(format!("{} sent again", flow.retransmitted()));
    }
    vec![
        key.via.map_or_else(|| "-".to_owned(), Via::text),
        key.kind.name().to_owned(),
        end(key, from, names),
        end(key, to, names),
        format!("{there}/{here}"),
        flow.bytes().to_string(),
        flow.rtt().map_or_else(|| "-".to_owned(), duration),
        notes.join(", "),
    ]
}

/// The summary, as JSON shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    /// Version of this format.
    netdiag_capture: u32,
    packets: u64,
    bytes: u64,
    /// Of flows that were too many to be told apart.
    untold: u64,
    without_ip: u64,
    flows: Vec<JsonFlow>,
    findings: Vec<JsonFinding>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonFlow {
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
    /// VNI, or the key of GRE.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    protocol: &'static str,
    from: JsonEnd,
    to: JsonEnd,
    first: String,
    last: String,
    one_way: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_nanoseconds: Option<i64>,
    retransmitted: u64,
}

#[derive(Debug, Serialize)]
struct JsonEnd {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    port: u16,
    /// Sent from here.
    packets: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct JsonFinding {
    code: &'static str,
    severity: &'static str,
    text: String,
    packets: u64,
    first: u64,
}

impl Json {
    fn new(flows: &Flows, findings: &[Finding], names: Option<&Names>) -> Self {
        Self {
            netdiag_capture: 1,
            packets: flows.packets,
            bytes: flows.bytes,
            untold: flows.untold,
            without_ip: flows.others,
            flows: flows
                .sorted()
                .map(|(key, flow)| JsonFlow::new(&key, flow, names))
                .collect(),
            findings: findings
                .iter()
                .map(|finding| JsonFinding {
                    code: finding.code,
                    severity: severity(finding).name(),
                    text: finding.text.clone(),
                    packets: finding.packets,
                    first: finding.number,
                })
                .collect(),
        }
    }
}

impl JsonFlow {
    fn new(key: &Key, flow: &Flow, names: Option<&Names>) -> Self {
        let end = |end: End, way: usize| {
            let way = flow.ways.get(way).copied().unwrap_or_default();
            JsonEnd {
                address: end.address.to_string(),
                name: names.and_then(|names| names.get(end.address)).map(str::to_owned),
                port: end.port,
                packets: u64::from(way.packets),
                bytes: way.bytes,
            }
        };
        let ends = [end(key.a, 0), end(key.b, 1)];
        let [from, to] = if flow.opener() == 1 {
            let [a, b] = ends;
            [b, a]
        } else {
            ends
        };
        Self {
            via: key.via.map(|via| via.kind.name()),
            number: key.via.and_then(|via| via.number),
            protocol: key.kind.name(),
            from,
            to,
            first: rfc3339(flow.first()),
            last: rfc3339(flow.last()),
            one_way: flow.is_one_way(),
            rtt_nanoseconds: flow.rtt(),
            retransmitted: flow.retransmitted(),
        }
    }
}

fn rfc3339(at: Time) -> String {
    let mut text = Text::new(false);
    Rfc3339::default().write(at, &mut text);
    String::from_utf8_lossy(text.bytes()).into_owned()
}
