//! Programs of the classic packet filter (McCanne and Jacobson, 1993), and a machine that runs them.

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    pub code: u16,
    /// Instructions to jump over when a comparison holds.
    pub yes: u8,
    /// Or doesn't.
    pub no: u8,
    /// A constant, an offset or a length.
    pub k: u32,
}

impl Instruction {
    /// From `code jt jf k`, decimal.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace();
        Some(Self {
            code: numbers.next()?.parse().ok()?,
            yes: numbers.next()?.parse().ok()?,
            no: numbers.next()?.parse().ok()?,
            k: numbers.next()?.parse().ok()?,
        })
    }

    /// The same, but of packets that it takes so many bytes at most are kept (`BPF_RET | BPF_K`).
    #[must_use]
    pub fn with_snap(self, snap: u32) -> Self {
        Self {
            k: if self.code == RETURN {
                self.k.min(snap)
            } else {
                self.k
            },
            ..self
        }
    }
}

/// A program that ends: jumps only lead on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

/// Parts of a code.
const CLASS: u16 = 0x07;
const SIZE: u16 = 0x18;
const MODE: u16 = 0xe0;
const OPERATION: u16 = 0xf0;
/// Of a constant.
const RETURN: u16 = 0x06;
/// The operand is X, not the constant.
const OF_X: u16 = 0x08;

impl Program {
    /// None for an empty program.
    pub fn new(instructions: Vec<Instruction>) -> Option<Self> {
        (!instructions.is_empty()).then_some(Self(instructions))
    }

    /// Runs it on a packet in two parts, of `wire_len` bytes; false also when it reads past the end.
    pub fn run(&self, data: &[&[u8]; 2], wire_len: u32) -> bool {
        Machine {
            data,
            wire_len,
            a: 0,
            x: 0,
            memory: [0; 16],
        }
        .run(&self.0)
        .is_some_and(|bytes| bytes != 0)
    }
}

struct Machine<'a> {
    data: &'a [&'a [u8]; 2],
    wire_len: u32,
    a: u32,
    x: u32,
    memory: [u32; 16],
}

impl Machine<'_> {
    fn run(mut self, program: &[Instruction]) -> Option<u32> {
        let mut at = 0usize;
        loop {
            let now = *program.get(at)?;
            at += 1;
            match now.code & CLASS {
                0 => self.a = self.load(now)?,
                1 => {
                    self.x = match now.code & MODE {
                        // Four times the low four bits of a byte: the length of an IPv4 header.
                        0xa0 => (self.bytes(now.k, 1)? & 0x0f) * 4,
                        _ => self.load(now)?,
                    }
                }
                2 => *self.memory.get_mut(now.k as usize)? = self.a,
                3 => *self.memory.get_mut(now.k as usize)? = self.x,
                4 => self.a = self.arithmetic(now)?,
                5 => at = at.checked_add(self.jump(now)? as usize)?,
                6 => return Some(if now.code & SIZE == 0x10 { self.a } else { now.k }),
                _ => match now.code & 0xf8 {
                    0 => self.x = self.a,
                    _ => self.a = self.x,
                },
            }
        }
    }

    fn load(&self, now: Instruction) -> Option<u32> {
        let size = match now.code & SIZE {
            0x00 => 4,
            0x08 => 2,
            _ => 1,
        };
        match now.code & MODE {
            0x00 => Some(now.k),
            0x20 => self.bytes(now.k, size),
            0x40 => self.bytes(self.x.checked_add(now.k)?, size),
            0x60 => self.memory.get(now.k as usize).copied(),
            _ => Some(self.wire_len),
        }
    }

    /// A number of the packet, big end first.
    fn bytes(&self, at: u32, size: usize) -> Option<u32> {
        let [first, second] = *self.data;
        let at = at as usize;
        let number = |bytes: &[u8]| bytes.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        if let Some(bytes) = first.get(at..at.checked_add(size)?) {
            return Some(number(bytes));
        }
        if let Some(at) = at.checked_sub(first.len()) {
            return second.get(at..at.checked_add(size)?).map(number);
        }
        // Across the seam.
        (at..at + size).try_fold(0u32, |sum, at| {
            let byte = first
                .get(at)
                .or_else(|| second.get(at.checked_sub(first.len())?))?;
            Some(sum << 8 | u32::from(*byte))
        })
    }

    fn arithmetic(&self, now: Instruction) -> Option<u32> {
        let operand = if now.code & OF_X == 0 { now.k } else { self.x };
        Some(match now.code & OPERATION {
            0x00 => self.a.wrapping_add(operand),
            0x10 => self.a.wrapping_sub(operand),
            0x20 => self.a.wrapping_mul(operand),
            0x30 => self.a.checked_div(operand)?,
            0x40 => self.a | operand,
            0x50 => self.a & operand,
            0x60 => self.a.checked_shl(operand).unwrap_or(0),
            0x70 => self.a.checked_shr(operand).unwrap_or(0),
            0x80 => self.a.wrapping_neg(),
            0x90 => self.a.checked_rem(operand)?,
            0xa0 => self.a ^ operand,
            _ => return None,
        })
    }

    /// Instructions to jump over.
    fn jump(&self, now: Instruction) -> Option<u32> {
        let operand = if now.code & OF_X == 0 { now.k } else { self.x };
        let holds = match now.code & OPERATION {
            0x00 => return Some(now.k),
            0x10 => self.a == operand,
            0x20 => self.a > operand,
            0x30 => self.a >= operand,
            0x40 => self.a & operand != 0,
            _ => return None,
        };
        Some(u32::from(if holds { now.yes } else { now.no }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(lines: &[&str]) -> Program {
        Program::new(
            lines
                .iter()
                .filter_map(|line| Instruction::from_text(line))
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn loads_comparisons_and_returns() {
        // ldh [12]; jeq #0x800, 0, 1; ret #1; ret #0
        let ip = program(&["40 0 0 12", "21 0 1 2048", "6 0 0 1", "6 0 0 0"]);
        let mut frame = vec![0; 14];
        frame[12] = 8;
        assert!(ip.run(&[&frame, &[]], 14));
        assert!(!ip.run(&[&frame[..13], &[]], 14));
        assert!(ip.run(&[&frame[..13], &frame[13..]], 14));
    }

    #[test]
    fn a_program_without_end_is_refused_at_its_end() {
        assert!(!program(&["0 0 0 1"]).run(&[&[], &[]], 0));
        assert!(!program(&["5 0 0 4294967295", "6 0 0 1"]).run(&[&[], &[]], 0));
        assert!(Program::new(Vec::new()).is_none());
    }
}
