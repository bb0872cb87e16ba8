//! Open vSwitch's part: what the databases of several nodes ask of each other. A switch is told by hand, port by port, and
//! nobody but its counterparts says what it should have been told.

pub mod meshes;
pub mod segments;
pub mod tunnels;
