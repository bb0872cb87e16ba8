//! Filters in tcpdump's language (pcap-filter(7)): compiled by libpcap, run here.
//!
//! The program is run by an interpreter of our own: it knows the length on the wire of packets that were cut, and may be
//! used by several threads.

mod program;

pub use program::{Instruction, Program};

use super::link_type::LinkType;

/// Why a filter can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libpcap's words.
    #[error("{0}")]
    Expression(String),
    #[error("filters need libpcap, and this netdiag was built without it (feature capture)")]
    NotBuilt,
}

/// An expression, compiled for each link type when it is first met.
#[derive(Debug, Clone)]
pub struct Filter {
    expression: String,
    programs: Vec<(LinkType, Program)>,
}

impl Filter {
    /// Compiles for Ethernet at once, so that a wrong expression is told before any packet.
    pub fn new(expression: &str) -> Result<Self, Error> {
        let mut filter = Self {
            expression: expression.to_owned(),
            programs: Vec::new(),
        };
        // What is right only for another link type is told when packets of it come.
        filter.program(LinkType::ETHERNET)?;
        Ok(filter)
    }

    /// Whether a packet passes.
    pub fn passes(&mut self, link: LinkType, data: &[&[u8]; 2], wire_len: u32) -> Result<bool, Error> {
        Ok(self.program(link)?.run(data, wire_len))
    }

    fn program(&mut self, link: LinkType) -> Result<&Program, Error> {
        let known = self.programs.iter().position(|(known, _)| *known == link);
        let at = known.unwrap_or(self.programs.len());
        if known.is_none() {
            self.programs.push((link, compile(&self.expression, link)?));
        }
        self.programs
            .get(at)
            .map(|(_, program)| program)
            .ok_or(Error::NotBuilt)
    }
}

/// By libpcap, on a handle of no capture.
#[cfg(feature = "capture")]
fn compile(expression: &str, link: LinkType) -> Result<Program, Error> {
    let wrong = |error: pcap::Error| match error {
        pcap::Error::PcapError(text) => Error::Expression(text),
        error => Error::Expression(error.to_string()),
    };
    let handle = pcap::Capture::dead(pcap::Linktype(i32::from(dlt(link)))).map_err(wrong)?;
    let program = handle.compile(expression, true).map_err(wrong)?;
    instructions(&program)
        .and_then(Program::new)
        .ok_or_else(|| Error::Expression("libpcap made a program that can't be read".to_owned()))
}

/// What libpcap compiled. The crate keeps the fields to itself, and shows them as text.
#[cfg(feature = "capture")]
pub(crate) fn instructions(program: &pcap::BpfProgram) -> Option<Vec<Instruction>> {
    let instructions = program.get_instructions().iter();
    instructions
        .map(|instruction| Instruction::from_text(&instruction.to_string()))
        .collect()
}

#[cfg(not(feature = "capture"))]
fn compile(_: &str, _: LinkType) -> Result<Program, Error> {
    Err(Error::NotBuilt)
}

/// libpcap's number of a link type: RAW is another one there.
#[cfg(feature = "capture")]
const fn dlt(link: LinkType) -> u16 {
    match link {
        LinkType::RAW => 12,
        LinkType(other) => other,
    }
}

#[cfg(test)]
#[cfg(feature = "capture")]
mod tests {
    use super::*;
    use netdiag_bench::build;

    fn passes(expression: &str, frame: &[u8]) -> bool {
        let mut filter = Filter::new(expression).unwrap();
        let length = u32::try_from(frame.len()).unwrap();
        filter.passes(LinkType::ETHERNET, &[frame, &[]], length).unwrap()
    }

    #[test]
    fn tcpdump_language() {
        let packet = build::tcp4([10, 0, 0, 1], [10, 0, 0, 2], (40000, 80), 1, 2, b"x");
        let frame = build::ethernet(1, 2, 0x0800, &packet);
        for yes in [
            "tcp",
            "host 10.0.0.1",
            "tcp[tcpflags] & tcp-syn != 0",
            "dst port 80 and net 10.0.0.0/8",
            "len < 100",
            "",
        ] {
            assert!(passes(yes, &frame), "{yes}");
        }
        for no in ["udp", "host 10.0.0.3", "src port 80", "greater 100", "arp or ip6"] {
            assert!(!passes(no, &frame), "{no}");
        }
    }

    #[test]
    fn a_packet_in_two_parts_is_one() {
        let packet = build::tcp4([10, 0, 0, 1], [10, 0, 0, 2], (40000, 80), 1, 2, b"x");
        let frame = build::ethernet(1, 2, 0x0800, &packet);
        for cut in 0..=frame.len() {
            let (a, b) = frame.split_at(cut);
            let mut filter = Filter::new("src 10.0.0.1 and tcp dst port 80").unwrap();
            assert!(filter.passes(LinkType::ETHERNET, &[a, b], 55).unwrap(), "{cut}");
        }
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_libpcap() {
        let error = Filter::new("host and").unwrap_err().to_string();
        assert!(error.contains("syntax error"), "{error}");
    }
}
