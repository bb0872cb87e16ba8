//! The way of a packet as a picture: boxes in turn, and what joins them. Drawn as text, SVG or DOT.

mod dot;
mod svg;
mod text;

pub use dot::dot;
pub use svg::svg;
pub use text::text;

/// Ways beside each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// The answer, in one line.
    pub title: String,
    pub ways: Vec<Way>,
}

/// One way: a box after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    pub title: String,
    pub mark: Mark,
    pub stops: Vec<Stop>,
}

/// A box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stop {
    /// In the box's upper edge, on the left: what it is called.
    pub name: String,
    /// On the right: its address.
    pub aside: String,
    pub mark: Mark,
    /// A container or pod, not a host.
    pub inner: bool,
    pub lines: Vec<Line>,
    /// How the packet gets on from here; none at the end.
    pub arrow: Option<Arrow>,
}

/// A line in a box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// `route`, `nat`, …
    pub label: String,
    pub text: String,
    pub mark: Mark,
}

/// What joins a box with the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrow {
    /// Links and what else is known of the cable.
    pub text: String,
    /// Not seen, but taken for granted.
    pub assumed: bool,
}

/// How something is to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mark {
    #[default]
    Plain,
    Good,
    Bad,
    /// Not decided, or assumed.
    Unsure,
}
