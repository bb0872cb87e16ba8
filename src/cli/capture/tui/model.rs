//! What the terminal shows, without a terminal.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::packet::file::{Packet, Time};
use crate::packet::flow::{Flows, Key};
use crate::packet::show::{Clock, Lines, Names, Shown, Stamp, Text, Zone, hex};
use crate::packet::{Decoder, LinkType, Stack};

/// Packets that are kept to be looked at: the last ones.
const KEPT: usize = 20_000;
/// Bytes of each.
const SNAP: usize = 512;
/// Flows that are listed.
pub(super) const LISTED: usize = 500;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    /// By so many lines.
    Move(isize),
    Open,
    Back,
    Pause,
    Quit,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Flows,
    /// The packets of the flow that was picked.
    Packets(Key),
    /// A packet of it, by its number.
    Layers(Key, u64),
}

/// A packet that can be looked at.
#[derive(Debug)]
struct Kept {
    number: u64,
    key: Option<Key>,
    time: Time,
    link: LinkType,
    wire_len: u32,
    data: Box<[u8]>,
}

/// All that is known, and what of it is shown.
pub(super) struct Model {
    pub(super) flows: Flows,
    kept: VecDeque<Kept>,
    names: Option<Arc<Names>>,
    /// Whose clocks times are shown by.
    zone: Arc<Zone>,
    pub(super) screen: Screen,
    /// The flows that are listed, in the order of the last look.
    pub(super) listed: Vec<Key>,
    picked: Option<Key>,
    /// The packets that are listed, by their numbers, and their lines.
    pub(super) lines: Vec<(u64, String)>,
    picked_packet: usize,
    /// First line of the layers.
    pub(super) scrolled: usize,
    pub(super) paused: bool,
    pub(super) at_end: bool,
}

impl Model {
    pub(super) fn new(names: Option<Arc<Names>>, zone: Arc<Zone>) -> Self {
        Self {
            zone,
            flows: Flows::default(),
            kept: VecDeque::new(),
            names,
            screen: Screen::Flows,
            listed: Vec::new(),
            picked: None,
            lines: Vec::new(),
            picked_packet: 0,
            scrolled: 0,
            paused: false,
            at_end: false,
        }
    }

    pub(super) fn add(&mut self, shown: &Shown) {
        let packet = &shown.packet;
        self.flows.add(shown.number, packet, shown.stack);
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            number: shown.number,
            key: Key::of(packet.data, shown.stack),
            time: packet.time,
            link: packet.link,
            wire_len: packet.wire_len,
            data: packet.data.get(..SNAP).unwrap_or(packet.data).into(),
        });
    }

    pub(super) fn names(&self) -> Option<&Names> {
        self.names.as_deref()
    }

    /// Looks at what there is now, unless its user wants it to stand still.
    pub(super) fn refresh(&mut self) {
        if self.paused {
            return;
        }
        self.listed = self.flows.largest(LISTED).map(|(key, _)| key).collect();
        if self.picked.is_none_or(|picked| !self.listed.contains(&picked)) {
            self.picked = self.listed.first().copied();
        }
        if let Screen::Packets(key) = self.screen {
            self.list(key);
        }
    }

    /// Makes the lines of a flow's packets.
    fn list(&mut self, key: Key) {
        let mut lines = Lines::new(
            Clock::new(Stamp::Clock, false).in_zone(Arc::clone(&self.zone)),
            false,
        );
        lines.names.clone_from(&self.names);
        let (mut stack, mut text) = (Stack::default(), Text::new(false));
        let decoder = Decoder::default();
        let of_flow = self.kept.iter().filter(|kept| kept.key == Some(key));
        self.lines = of_flow
            .map(|kept| {
                text.clear();
                lines.write(&kept.shown(&decoder, &mut stack), &mut text);
                (
                    kept.number,
                    String::from_utf8_lossy(text.bytes().trim_ascii_end()).into_owned(),
                )
            })
            .collect();
        self.picked_packet = self.picked_packet.min(self.lines.len().saturating_sub(1));
    }

    /// A packet as a line of all it says, and its bytes by layer.
    pub(super) fn layers(&self, number: u64) -> Vec<String> {
        let Some(kept) = self.kept.iter().find(|kept| kept.number == number) else {
            return vec!["this packet is not kept any more".to_owned()];
        };
        let (mut stack, mut text) = (Stack::default(), Text::new(false));
        let shown = kept.shown(&Decoder::default(), &mut stack);
        let mut lines = Lines::new(
            Clock::new(Stamp::Date, true).in_zone(Arc::clone(&self.zone)),
            true,
        );
        lines.names.clone_from(&self.names);
        lines.write(&shown, &mut text);
        hex::write(&shown, &mut text);
        String::from_utf8_lossy(text.bytes())
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// The place of what is picked in the list that is shown.
    pub(super) fn place(&self) -> usize {
        match self.screen {
            Screen::Flows => self
                .picked
                .and_then(|picked| self.listed.iter().position(|key| *key == picked))
                .unwrap_or(0),
            Screen::Packets(_) => self.picked_packet,
            Screen::Layers(..) => self.scrolled,
        }
    }

    /// Does what a key says; false to end.
    pub(super) fn press(&mut self, press: Press) -> bool {
        match press {
            Press::Quit => return false,
            Press::Pause => self.paused = !self.paused,
            Press::Move(by) => self.go(by),
            Press::Open => self.open(),
            Press::Back => match self.screen {
                Screen::Flows => return false,
                Screen::Packets(_) => self.screen = Screen::Flows,
                Screen::Layers(key, _) => self.screen = Screen::Packets(key),
            },
        }
        true
    }

    fn go(&mut self, by: isize) {
        let count = match self.screen {
            Screen::Flows => self.listed.len(),
            Screen::Packets(_) => self.lines.len(),
            Screen::Layers(_, number) => self.layers(number).len(),
        };
        let place = self
            .place()
            .saturating_add_signed(by)
            .min(count.saturating_sub(1));
        match self.screen {
            Screen::Flows => self.picked = self.listed.get(place).copied(),
            Screen::Packets(_) => self.picked_packet = place,
            Screen::Layers(..) => self.scrolled = place,
        }
    }

    fn open(&mut self) {
        match (self.screen, self.picked) {
            (Screen::Flows, Some(key)) => {
                self.screen = Screen::Packets(key);
                self.picked_packet = 0;
                self.list(key);
            }
            (Screen::Packets(key), _) => {
                if let Some((number, _)) = self.lines.get(self.picked_packet) {
                    self.screen = Screen::Layers(key, *number);
                    self.scrolled = 0;
                }
            }
            _ => {}
        }
    }
}

impl Kept {
    fn shown<'a>(&'a self, decoder: &Decoder, stack: &'a mut Stack) -> Shown<'a> {
        decoder.decode(&self.data, self.link, self.wire_len, stack);
        Shown {
            number: self.number,
            packet: Packet {
                time: self.time,
                link: self.link,
                interface: 0,
                wire_len: self.wire_len,
                data: &self.data,
                comment: None,
                direction: 0,
            },
            stack,
            interface: None,
        }
    }
}
