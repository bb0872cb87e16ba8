//! Random numbers that a seed brings back (xorshift64*, Vigna 2016).

use std::fmt::Display;

pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero, and near seeds are to differ from the start.
        let mut rng = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            rng.next();
        }
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From `low` to `high`, both in.
    pub(super) fn from(&mut self, low: u32, high: u32) -> u32 {
        low + u32::try_from((self.next() >> 33) % (u64::from(high - low) + 1)).unwrap()
    }

    /// One in `times`.
    pub(super) fn one_in(&mut self, times: u32) -> bool {
        self.from(1, times) == 1
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.from(0, u32::try_from(items.len() - 1).unwrap()) as usize]
    }

    pub(super) fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = u32::try_from(items.len().checked_sub(1)?).unwrap();
        items.get(self.from(0, last) as usize)
    }

    /// `on` or `off`.
    pub(super) fn on_off(&mut self) -> &'static str {
        self.pick(&["on", "off"])
    }

    /// A word and its value, or nothing, as often.
    pub(super) fn maybe(&mut self, word: &str, value: impl FnOnce(&mut Self) -> String) -> String {
        if self.one_in(2) {
            return String::new();
        }
        format!(" {word} {}", value(self))
    }

    /// One of these words, or nothing.
    pub(super) fn word(&mut self, words: &[&str]) -> String {
        if self.one_in(2) {
            return String::new();
        }
        format!(" {}", self.pick(words))
    }

    pub(super) fn number(&mut self, low: u32, high: u32) -> String {
        self.from(low, high).to_string()
    }

    /// A unicast Ethernet address.
    pub(super) fn mac(&mut self) -> String {
        let mut octet = || self.from(0, 255);
        let (one, two, three) = (octet(), octet(), octet());
        format!("02:00:{one:02x}:{two:02x}:00:{three:02x}")
    }

    /// A host of one of four small networks.
    pub(super) fn v4(&mut self) -> String {
        format!("10.0.{}.{}", self.from(0, 3), self.from(1, 254))
    }

    pub(super) fn v6(&mut self) -> String {
        format!("2001:db8:0:{}::{:x}", self.from(0, 3), self.from(1, 0xffff))
    }

    pub(super) fn ip(&mut self, v6: bool) -> String {
        if v6 { self.v6() } else { self.v4() }
    }

    /// A prefix without bits of a host, as `ip route` wants it.
    pub(super) fn prefix(&mut self, v6: bool) -> String {
        if v6 {
            let length = [48, 56, 64, 96, 128][self.from(0, 4) as usize];
            let (a, b) = (self.from(0, 40) << 8, self.from(0, 3));
            return match length {
                48 => format!("2001:db8:{a:x}::/48"),
                56 => format!("2001:db8:{b:x}:{a:x}::/56"),
                64 => format!("2001:db8:{b:x}:{a:x}::/64"),
                96 => format!("2001:db8:{b:x}:{a:x}:{b:x}:{a:x}::/96"),
                _ => format!("2001:db8:{b:x}:{a:x}::{b:x}/128"),
            };
        }
        let (a, b) = (self.from(16, 31), self.from(0, 255));
        match self.from(0, 4) {
            0 => format!("{}.0.0.0/8", self.from(11, 99)),
            1 => format!("172.{a}.0.0/16"),
            2 => format!("172.{a}.{b}.0/24"),
            3 => format!("172.{a}.{b}.{}/30", self.from(0, 63) * 4),
            _ => format!("172.{a}.{b}.{}", self.from(0, 255)),
        }
    }

    /// One of these, by name.
    pub(super) fn name(&mut self, names: &[impl Display]) -> String {
        self.one_of(names)
            .map_or_else(|| "lo".to_owned(), ToString::to_string)
    }
}
