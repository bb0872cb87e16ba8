//! Text without formatting machinery: numbers and addresses written into a buffer that is used again.

/// Decimal digits of each octet with a dot behind them, and how many that are.
const OCTETS: [([u8; 4], u8); 256] = octets();

const fn octets() -> [([u8; 4], u8); 256] {
    let mut table = [([0; 4], 0); 256];
    let mut number = 0u8;
    loop {
        let (hundreds, tens, ones) = (b'0' + number / 100, b'0' + number / 10 % 10, b'0' + number % 10);
        table[number as usize] = match number {
            0..=9 => ([ones, b'.', 0, 0], 2),
            10..=99 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        if number == u8::MAX {
            return table;
        }
        number += 1;
    }
}

/// All numbers of two digits.
const PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    let mut table = [[0; 2]; 100];
    let mut number = 0u8;
    while number < 100 {
        table[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    table
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A colour of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// The way a packet travels: outer headers.
    Outer,
    /// What encapsulates.
    Tunnel,
    /// The packet inside.
    Inner,
    /// What is wrong.
    Bad,
}

/// A text that grows.
#[derive(Debug, Clone, Default)]
pub struct Text {
    bytes: Vec<u8>,
    pub color: bool,
}

impl Text {
    pub fn new(color: bool) -> Self {
        Self {
            bytes: Vec::with_capacity(512),
            color,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    #[expect(
        clippy::inline_always,
        reason = "where the length is known, it is a few moves instead of a call"
    )]
    #[inline(always)]
    pub fn str(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Bytes that are text already.
    #[inline]
    pub fn raw(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }

    /// Blanks.
    #[inline]
    pub fn pad(&mut self, count: usize) {
        if count <= 32 {
            self.most(&[b' '; 32], count);
        } else {
            let length = self.bytes.len().saturating_add(count);
            self.bytes.resize(length, b' ');
        }
    }

    /// The first bytes of a few: all are copied, since a fixed number costs less than a call.
    #[inline]
    fn most<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        let length = self.bytes.len().saturating_add(count);
        self.bytes.extend_from_slice(bytes);
        self.bytes.truncate(length);
    }

    #[inline]
    pub fn paint(&mut self, paint: Paint) {
        if self.color {
            self.str(match paint {
                Paint::Outer => "\x1b[2m",
                Paint::Tunnel => "\x1b[36m",
                Paint::Inner => "\x1b[1m",
                Paint::Bad => "\x1b[31m",
            });
        }
    }

    #[inline]
    pub fn unpaint(&mut self) {
        if self.color {
            self.str("\x1b[0m");
        }
    }

    /// A decimal number.
    #[inline]
    pub fn number(&mut self, number: impl Into<u64>) {
        let mut number = number.into();
        if number < 10 {
            self.bytes.push(b'0' + number.to_le_bytes()[0]);
            return;
        }
        if number < 100_000 {
            let number = usize::try_from(number).unwrap_or(0);
            let ([a, b], [c, d]) = (PAIRS[number / 100 % 100], PAIRS[number % 100]);
            match number {
                0..=99 => self.bytes.extend_from_slice(&[c, d]),
                100..=999 => self.bytes.extend_from_slice(&[b, c, d]),
                1000..=9999 => self.bytes.extend_from_slice(&[a, b, c, d]),
                // Most ports of clients.
                _ => self
                    .bytes
                    .extend_from_slice(&[PAIRS[number / 10_000][1], a, b, c, d]),
            }
            return;
        }
        let mut digits = [0; 20];
        let mut at = digits.len();
        while number >= 100 {
            let pair = PAIRS[usize::try_from(number % 100).unwrap_or(0) % 100];
            number /= 100;
            at -= 2;
            digits[at..at + 2].copy_from_slice(&pair);
        }
        let pair = PAIRS[usize::try_from(number).unwrap_or(0) % 100];
        digits[at - 2..at].copy_from_slice(&pair);
        at -= if number < 10 { 1 } else { 2 };
        self.bytes.extend_from_slice(&digits[at..]);
    }

    /// A decimal number with zeros in front.
    #[inline]
    pub fn zeros<const WIDTH: usize>(&mut self, mut number: u32) {
        let mut digits = [b'0'; WIDTH];
        let (first, pairs) = digits.as_rchunks_mut();
        for pair in pairs.iter_mut().rev() {
            *pair = PAIRS[usize::try_from(number % 100).unwrap_or(0)];
            number /= 100;
        }
        if let [first] = first {
            *first = PAIRS[usize::try_from(number % 100).unwrap_or(0)][1];
        }
        self.bytes.extend_from_slice(&digits);
    }

    /// `0x…` without zeros in front.
    pub fn hex(&mut self, number: u64) {
        self.str("0x");
        self.bare_hex(number);
    }

    fn bare_hex(&mut self, number: u64) {
        let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
        for nth in (0..digits).rev() {
            self.byte(nibble(number >> (4 * nth)));
        }
    }

    /// `0x…` with zeros in front, of 16 bits.
    pub fn hex16(&mut self, number: u16) {
        self.str("0x");
        for byte in number.to_be_bytes() {
            self.hex_byte(byte);
        }
    }

    /// Two digits.
    #[inline]
    pub fn hex_byte(&mut self, byte: u8) {
        self.bytes.extend_from_slice(&hex(byte));
    }

    /// An IPv4 address.
    #[inline]
    pub fn ipv4(&mut self, address: [u8; 4]) {
        let mut text = [0; 16];
        let mut at = 0;
        for octet in address {
            let (digits, count) = OCTETS[usize::from(octet)];
            // The last one is at 12 at most; what is too many is written over.
            if let Some(place) = text.get_mut(at..at + 4) {
                place.copy_from_slice(&digits);
            }
            at += usize::from(count);
        }
        self.most(&text, at - 1);
    }

    /// An IPv6 address (RFC 5952).
    pub fn ipv6(&mut self, address: [u8; 16]) {
        let mut words = [0u16; 8];
        for (word, bytes) in words.iter_mut().zip(address.chunks_exact(2)) {
            *word = u16::from_be_bytes([bytes[0], bytes[1]]);
        }
        let (mut start, mut longest, mut run) = (8, 1, 0);
        for (at, word) in words.iter().enumerate() {
            run = if *word == 0 { run + 1 } else { 0 };
            if run > longest {
                (start, longest) = (at + 1 - run, run);
            }
        }
        if start == 0 && longest == 6 || start == 0 && longest == 5 && words[5] == 0xffff {
            // IPv4 in IPv6, and compatible addresses, end like IPv4.
            self.str(if longest == 5 { "::ffff:" } else { "::" });
            self.ipv4([address[12], address[13], address[14], address[15]]);
            return;
        }
        let mut at = 0;
        while let Some(word) = words.get(at) {
            if at == start {
                self.str("::");
                at += longest;
                continue;
            }
            if at > 0 && at != start + longest {
                self.byte(b':');
            }
            self.bare_hex(u64::from(*word));
            at += 1;
        }
    }

    /// An IP address of either version, by its length.
    pub fn address(&mut self, address: &[u8]) {
        match (address.first_chunk::<4>(), address.first_chunk::<16>()) {
            (_, Some(address)) => self.ipv6(*address),
            (Some(address), None) if address.len() == 4 => self.ipv4(*address),
            _ => self.link(address),
        }
    }

    /// A link address.
    pub fn link(&mut self, address: &[u8]) {
        if let Ok(address) = <[u8; 6]>::try_from(address) {
            let mut text = [b':'; 17];
            for (place, byte) in text.chunks_mut(3).zip(address) {
                if let Some(place) = place.first_chunk_mut() {
                    *place = hex(byte);
                }
            }
            self.bytes.extend_from_slice(&text);
            return;
        }
        for (at, byte) in address.iter().enumerate() {
            if at > 0 {
                self.byte(b':');
            }
            self.hex_byte(*byte);
        }
    }

    /// Bytes of somebody else: printable ASCII as it is, the rest escaped, so that no terminal obeys it.
    pub fn escaped(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                b'\\' => self.str("\\\\"),
                b' '..=b'~' => self.byte(*byte),
                _ => {
                    self.str("\\x");
                    self.hex_byte(*byte);
                }
            }
        }
    }

    /// A string of JSON.
    pub fn json(&mut self, text: &[u8]) {
        self.byte(b'"');
        for part in text.utf8_chunks() {
            for character in part.valid().chars() {
                self.json_character(character);
            }
            if !part.invalid().is_empty() {
                self.json_character(char::REPLACEMENT_CHARACTER);
            }
        }
        self.byte(b'"');
    }

    fn json_character(&mut self, character: char) {
        match character {
            '"' => self.str("\\\""),
            '\\' => self.str("\\\\"),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' => {
                let [_, _, high, low] = u32::from(character).to_be_bytes();
                self.str("\\u");
                self.hex_byte(high);
                self.hex_byte(low);
            }
            _ => {
                let mut bytes = [0; 4];
                self.str(character.encode_utf8(&mut bytes));
            }
        }
    }
}

fn hex(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]
}

fn nibble(value: u64) -> u8 {
    let [low, ..] = (value & 0x0f).to_le_bytes();
    HEX[usize::from(low)]
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn text(write: impl Fn(&mut Text)) -> String {
        let mut text = Text::new(false);
        write(&mut text);
        String::from_utf8(text.bytes).unwrap()
    }

    #[test]
    fn addresses_are_written_as_the_library_writes_them() {
        for address in ["0.0.0.0", "9.10.99.100", "255.254.200.1"] {
            let ip: Ipv4Addr = address.parse().unwrap();
            assert_eq!(text(|text| text.ipv4(ip.octets())), address);
        }
        for address in [
            "::",
            "::1",
            "1::",
            "fd00:10:244::1",
            "2001:db8:0:1::",
            "1:0:0:2:0:0:0:3",
            "1:0:2:3:4:5:6:7",
            "::ffff:10.0.0.1",
            "ff02::1:ff00:1",
            "1:2:3:4:5:6:7:8",
        ] {
            let ip: Ipv6Addr = address.parse().unwrap();
            assert_eq!(text(|text| text.ipv6(ip.octets())), ip.to_string());
        }
    }

    #[test]
    fn numbers() {
        for number in [
            0,
            9,
            10,
            99,
            100,
            101,
            999,
            1000,
            9999,
            10_000,
            65535,
            99_999,
            100_000,
            4_294_967_296,
            u64::MAX,
        ] {
            assert_eq!(text(|text| text.number(number)), number.to_string());
            assert_eq!(text(|text| text.hex(number)), format!("{number:#x}"));
        }
        assert_eq!(text(|text| text.zeros::<6>(42)), "000042");
        assert_eq!(text(|text| text.zeros::<9>(123_456_789)), "123456789");
        assert_eq!(
            text(|text| text.link(&[0, 1, 0x2a, 0xb3, 0xff, 9])),
            "00:01:2a:b3:ff:09"
        );
    }

    #[test]
    fn what_others_wrote_is_escaped() {
        assert_eq!(
            text(|text| text.escaped(b"a\x1b[31m\\\xff")),
            "a\\x1b[31m\\\\\\xff"
        );
        assert_eq!(
            text(|text| text.json("ä\"\n\u{9b}".as_bytes())),
            "\"ä\\\"\\u000a\\u009b\""
        );
    }
}
