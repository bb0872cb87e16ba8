//! What decoding finds: a fixed stack of layers, each with the bytes it has, and where and why it ended.

/// Layers of one packet at most; what comes deeper is not decoded.
pub const MOST: usize = 16;

/// A kind of header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// IEEE 802.3, Ethernet II.
    Ethernet,
    /// Linux cooked capture, version 1.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// BSD loopback.
    Null,
    /// IEEE 802.1Q, 802.1ad.
    Vlan,
    Mpls,
    /// The control word between MPLS and a frame, RFC 4385.
    ControlWord,
    Pppoe,
    Ppp,
    Arp,
    Ipv4,
    Ipv6,
    /// An extension header of IPv6.
    Ipv6Ext,
    /// Authentication header, RFC 4302.
    Ah,
    /// Encrypted payload, RFC 4303.
    Esp,
    Icmp,
    Icmpv6,
    Igmp,
    Tcp,
    Udp,
    Sctp,
    Gre,
    Erspan,
    /// VXLAN; OTV is the same header with an overlay number in the reserved bytes.
    Vxlan,
    VxlanGpe,
    Geneve,
    /// flannel's UDP backend: no header at all, an IP packet follows.
    FlannelUdp,
    WireGuard,
    Bgp,
    Dns,
    Dhcp,
}

impl Kind {
    /// The name in JSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Sll => "sll",
            Self::Sll2 => "sll2",
            Self::Null => "null",
            Self::Vlan => "vlan",
            Self::Mpls => "mpls",
            Self::ControlWord => "control-word",
            Self::Pppoe => "pppoe",
            Self::Ppp => "ppp",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Ext => "ipv6-extension",
            Self::Ah => "ah",
            Self::Esp => "esp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Igmp => "igmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlan-gpe",
            Self::Geneve => "geneve",
            Self::FlannelUdp => "flannel-udp",
            Self::WireGuard => "wireguard",
            Self::Bgp => "bgp",
            Self::Dns => "dns",
            Self::Dhcp => "dhcp",
        }
    }

    /// Whether it has the addresses of IP.
    pub const fn is_ip(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

/// One header: where it starts and how many of its bytes were captured.
///
/// `offset + len` never exceeds the captured length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    pub kind: Kind,
    /// 0 for the outermost packet, one more with each encapsulation.
    pub level: u8,
    /// Part of the packet that an ICMP error quotes, not of the one that travels.
    pub quoted: bool,
    /// Fewer bytes were there than the header needs.
    pub cut: bool,
    /// First byte, from the start of the frame.
    pub offset: u32,
    /// Bytes of the header that were captured.
    pub len: u32,
    /// Bytes of header and payload on the wire, as the innermost length field that speaks of them says.
    pub total: u32,
}

impl Layer {
    const NONE: Self = Self {
        kind: Kind::Ethernet,
        level: 0,
        quoted: false,
        cut: false,
        offset: 0,
        len: 0,
        total: 0,
    };

    /// The first byte after the header, from the start of the frame.
    #[inline]
    pub const fn end(&self) -> usize {
        (self.offset as usize).saturating_add(self.len as usize)
    }

    /// Bytes on the wire after the header.
    pub const fn payload_len(&self) -> u32 {
        self.total.saturating_sub(self.len)
    }

    /// The captured bytes of the header.
    #[inline]
    pub fn header<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.offset as usize..self.end()).unwrap_or(&[])
    }

    /// The captured bytes of header and payload.
    #[inline]
    pub fn whole<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = self.offset as usize;
        let end = start.saturating_add(self.total as usize).min(frame.len());
        frame.get(start..end).unwrap_or(&[])
    }

    /// The captured bytes after the header.
    #[inline]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        self.whole(frame).get(self.len as usize..).unwrap_or(&[])
    }
}

/// Why decoding ended before the packet did. As wide as all else that `wire::Next` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Why {
    /// The capture kept fewer bytes than the header needs.
    Captured,
    /// The packet around it is too short for the header.
    Enclosed,
    /// A length in the header can't be.
    Length,
    /// Another version of the protocol than the known ones.
    Version,
    /// More layers than are decoded.
    Depth,
}

impl Why {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Captured => "cut by the capture",
            Self::Enclosed => "longer than the packet around it",
            Self::Length => "its length can't be",
            Self::Version => "version not known",
            Self::Depth => "too many layers",
        }
    }
}

/// Where decoding ended, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The layer that could not be read.
    pub kind: Kind,
    /// Its first byte, from the start of the frame.
    pub offset: u32,
    /// Bytes that it needs, as far as known.
    pub needed: u32,
    /// Bytes that there were.
    pub had: u32,
    pub why: Why,
}

/// The layers of one packet, outermost first. Used again for the next packet, so that none is allocated.
#[derive(Debug, Clone)]
pub struct Stack {
    layers: [Layer; MOST],
    count: usize,
    /// Layers before what an ICMP error quotes.
    travelling: usize,
    /// Of these, the first one of the packet inside all encapsulations.
    innermost: usize,
    stop: Option<Stop>,
}

impl Default for Stack {
    fn default() -> Self {
        Self {
            layers: [Layer::NONE; MOST],
            count: 0,
            travelling: 0,
            innermost: 0,
            stop: None,
        }
    }
}

impl Stack {
    /// Forgets the packet before.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.travelling = 0;
        self.innermost = 0;
        self.stop = None;
    }

    /// Adds a layer, which is the first of a packet `inside` those before or not; false when there is no room for it.
    #[inline]
    pub(super) fn push(&mut self, layer: Layer, inside: bool) -> bool {
        let Some(free) = self.layers.get_mut(self.count) else {
            return false;
        };
        *free = layer;
        self.count += 1;
        if !layer.quoted {
            if inside {
                self.innermost = self.travelling;
            }
            self.travelling = self.count;
        }
        true
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Says where decoding ended; the first to say so is right.
    pub(super) fn end(&mut self, stop: Stop) {
        self.stop.get_or_insert(stop);
    }

    #[inline]
    pub fn layers(&self) -> &[Layer] {
        self.layers.get(..self.count).unwrap_or(&self.layers)
    }

    pub const fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// The layers that travel: without what an ICMP error quotes.
    #[inline]
    pub fn travelling(&self) -> &[Layer] {
        self.layers.get(..self.travelling).unwrap_or(&[])
    }

    /// The layers that an ICMP error quotes.
    pub fn quoted(&self) -> &[Layer] {
        self.layers.get(self.travelling..self.count).unwrap_or(&[])
    }

    /// The layers of the packet inside all encapsulations.
    #[inline]
    pub fn innermost(&self) -> &[Layer] {
        self.layers.get(self.innermost..self.travelling).unwrap_or(&[])
    }

    /// The layers of one level of encapsulation; 0 is the outermost.
    pub fn level(&self, level: u8) -> &[Layer] {
        let all = self.travelling();
        let start = all.partition_point(|layer| layer.level < level);
        let end = all.partition_point(|layer| layer.level <= level);
        all.get(start..end).unwrap_or(&[])
    }
}
