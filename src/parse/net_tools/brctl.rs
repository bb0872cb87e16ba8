//! `brctl show` (bridge-utils `brctl/brctl_cmd.c`).

use crate::parse::iproute::Names;
use crate::parse::{ParseError, excerpt};
use crate::state::kind::{Bridge, LinkData};
use crate::state::link::Link;

/// One bridge of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownBridge {
    pub name: String,
    /// `8000.aabbccddeeff`
    pub id: String,
    pub stp: bool,
    /// Names of the links that are its ports.
    pub ports: Vec<String>,
}

/// Reads the list of bridges with their ports.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn brctl(text: &str) -> Result<Vec<ShownBridge>, ParseError> {
    let mut bridges: Vec<ShownBridge> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bad = || ParseError::new(index + 1, format!("not a bridge: {:?}", excerpt(line)));
        match words.as_slice() {
            [] | ["bridge", "name", ..] => {}
            // A further port.
            [port] if line.starts_with(char::is_whitespace) => {
                let bridge = bridges.last_mut().ok_or_else(bad)?;
                bridge.ports.push((*port).to_owned());
            }
            [name, id, stp @ ("yes" | "no"), ports @ ..] if ports.len() <= 1 => {
                bridges.push(ShownBridge {
                    name: (*name).to_owned(),
                    id: (*id).to_owned(),
                    stp: *stp == "yes",
                    ports: ports.iter().map(|port| (*port).to_owned()).collect(),
                });
            }
            // `can't get info Operation not supported`, in place of the rest.
            [name, "can't", ..] => bridges.push(ShownBridge {
                name: (*name).to_owned(),
                ..ShownBridge::default()
            }),
            _ => return Err(bad()),
        }
    }
    Ok(bridges)
}

/// Makes bridges and ports of links that were read without their kinds (`ifconfig`, `ip link` without `-d`).
pub fn mark_ports(links: &mut [Link], bridges: &[ShownBridge]) {
    let mut names = Names::of(links);
    for bridge in bridges {
        let index = names.link(&bridge.name);
        for link in links.iter_mut() {
            if link.index == index && link.kind.is_none() {
                link.kind = Some("bridge".to_owned());
                link.data = Some(LinkData::Bridge(Bridge {
                    bridge_id: bridge.id.clone(),
                    stp_state: u32::from(bridge.stp),
                    ..Bridge::default()
                }));
            }
            if link.master.is_none() && bridge.ports.contains(&link.name) {
                link.master = Some(index);
            }
        }
    }
}
