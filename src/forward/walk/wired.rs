//! Which frames crossed a cable that was not seen.

/// Such a frame is with all that cables like that lead to, and crosses none again. A bit for each packet around the
/// innermost one, the outermost first: what a tunnel carries has crossed what it crossed before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wired(u32);

impl Wired {
    /// The outermost frame crosses; whether it had before.
    pub(super) fn set(&mut self) -> bool {
        let before = self.is_set();
        self.0 |= 1;
        before
    }

    pub(super) fn is_set(self) -> bool {
        self.0 & 1 != 0
    }

    /// A frame anew.
    pub(super) fn clear(&mut self) {
        self.0 &= !1;
    }

    /// Another packet around it.
    pub(super) fn pack(&mut self) {
        self.0 <<= 1;
    }

    /// The packet around it is taken off.
    pub(super) fn unpack(&mut self) {
        self.0 >>= 1;
    }
}
