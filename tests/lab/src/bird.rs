//! BIRD, started as Calico starts it, and its control protocol.

use std::{
    io::{BufRead, BufReader, Write},
    time::Duration,
};

use crate::{Daemon, Error, Node, Result, daemons, wait_for};

/// Which BIRD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bird {
    /// 1.6.8, the one in Calico's image; IPv6 is another daemon
    V1,
    /// 2.0, one daemon for both
    V2,
}

/// One BGP protocol as BIRD shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// the protocol's name, `Mesh_192_168_80_24`
    pub name: String,
    /// its state: `up`, `start`, `down`
    pub state: String,
    /// the rest of the line: `Established`, `Connect`, `Active Socket: …`
    pub info: String,
}

/// Where Calico has the configuration.
pub const CONFIG: &str = "/etc/calico/confd/config/bird.cfg";
/// Where Calico has the control socket, by its real name (`/var/run` is a link).
pub const SOCKET: &str = "/run/calico/bird.ctl";
/// Where Calico's supervisor logs.
pub const LOG: &str = "/var/log/calico/bird/current";

const CONFIG6: &str = "/etc/calico/confd/config/bird6.cfg";
const SOCKET6: &str = "/run/calico/bird6.ctl";
const LOG6: &str = "/var/log/calico/bird6/current";

/// A start takes a moment, and longer where many networks come up at once.
const START: Duration = Duration::from_secs(20);

impl Bird {
    fn package(self) -> &'static str {
        match self {
            Self::V1 => "bird",
            Self::V2 => "bird2",
        }
    }

    /// Starts it in `node` with the configuration that is there, and waits until it answers.
    pub fn start(self, node: &Node) -> Result<()> {
        self.launch(node, "bird", CONFIG, LOG)?;
        wait_for(&format!("{}: bird answers", node.name()), START, || {
            ask(node, "show status").ok()
        })
        .map(drop)
        .map_err(|error| Error::failed(format!("{error}\n{}", node.read(LOG).unwrap_or_default())))
    }

    /// Starts the daemon for IPv6, without any peer; BIRD 2 needs none.
    pub fn start_ipv6(self, node: &Node) -> Result<()> {
        if self == Self::V2 {
            return Ok(());
        }
        let config = "router id 0.0.0.1;\nprotocol device device1 { scan time 2; }\n";
        node.write(CONFIG6, config)?;
        self.launch(node, "bird6", CONFIG6, LOG6)?;
        wait_for(&format!("{}: bird6 answers", node.name()), START, || {
            node.connect(SOCKET6).ok()
        })
        .map(drop)
    }

    fn launch(self, node: &Node, name: &str, config: &str, log: &str) -> Result<()> {
        let program = daemons::path(self.package(), &format!("usr/sbin/{name}"))?;
        let arguments = [
            "-R",
            "-s",
            &format!("/var/run/calico/{name}.ctl"),
            "-d",
            "-c",
            config,
        ];
        let daemon = Daemon {
            program,
            called: name.into(),
            arguments: arguments.map(str::to_owned).into(),
            environment: Vec::new(),
            log: log.into(),
        };
        node.start(name, &daemon)
    }
}

/// Asks BIRD in `node` one thing and gives the lines of its answer, codes included; its greeting is left out.
pub fn ask(node: &Node, question: &str) -> Result<Vec<String>> {
    let what = |part: &str| Error::io(format!("{}: bird: {part}", node.name()));
    let mut socket = node.connect(SOCKET)?;
    socket
        .set_read_timeout(Some(Duration::from_secs(3)))
        .map_err(what("timeout"))?;
    let mut lines = BufReader::new(socket.try_clone().map_err(what("socket"))?).lines();
    let mut answer = || {
        let mut said = Vec::new();
        loop {
            let line = lines
                .next()
                .ok_or_else(|| Error::failed("bird closed its socket"))?;
            let line = line.map_err(what("answer"))?;
            let code = line.get(..4).and_then(|code| code.parse::<u16>().ok());
            let last = code.is_some() && line.as_bytes().get(4) != Some(&b'-');
            said.push(line);
            match code {
                // Codes below 1000 and from 8000 on end an answer.
                Some(0..1000 | 8000..) if last => return Ok(said),
                _ => {}
            }
        }
    };
    answer()?;
    socket
        .write_all(format!("{question}\n").as_bytes())
        .map_err(what("question"))?;
    answer()
}

/// The BGP sessions as BIRD in `node` shows them.
pub fn sessions(node: &Node) -> Result<Vec<Session>> {
    Ok(ask(node, "show protocols")?
        .iter()
        .filter_map(|line| session(line))
        .collect())
}

fn session(line: &str) -> Option<Session> {
    // The first row carries the code, later ones begin with a blank.
    let row = line.strip_prefix("1002-").or_else(|| line.strip_prefix(' '))?;
    let mut words = row.split_whitespace();
    let (name, protocol, _table, state, _since) = (
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
    );
    let info = words.collect::<Vec<_>>().join(" ");
    (protocol == "BGP").then(|| Session {
        name: name.into(),
        state: state.into(),
        info,
    })
}

#[cfg(test)]
mod tests {
    use super::session;

    #[test]
    fn a_session_is_read_from_a_row_and_other_protocols_are_left_out() {
        let row =
            session(" Mesh_10_244_2_1 BGP  master   start  10:56:59    Active   Socket: Connection closed");
        assert_eq!(row.unwrap().info, "Active Socket: Connection closed");
        assert_eq!(
            session("1002-Mesh_1 BGP --- up 10:00:00.123 Established")
                .unwrap()
                .state,
            "up"
        );
        assert_eq!(session("1002-kernel1  Kernel   master   up     10:56:57"), None);
    }
}
