//! The command `on NODE COMMAND…` inside one node, which runs something on another.
//!
//! A node can't enter its neighbours' namespaces, so this process does it for the one who asks, with the standard
//! streams of the one who asks.

use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    process::Stdio,
    sync::Arc,
    thread,
    time::Duration,
};

use nix::fcntl::OFlag;

use crate::{Error, Lab, Node, Result};

const QUEUE: &str = "/run/lab/on/queue";

/// Asks, and waits for the exit status. The request is a file, for it may be of any length.
const SCRIPT: &str = r#"#!/bin/sh
if [ $# -lt 2 ]; then
    echo "on NODE COMMAND..." >&2
    exit 2
fi
own=/run/lab/on/$$
mkfifo "$own.reply"
trap 'rm -f "$own.reply"' EXIT
trap 'exit 130' INT
printf '%s\0' "$@" >"$own.request"
echo $$ >/run/lab/on/queue
{ read -r status <"$own.reply"; } 2>/dev/null
exit "$status"
"#;

/// Serves the `on` commands of one node while it lives.
#[derive(Debug)]
pub struct OnOtherNodes {
    asked: Arc<Node>,
}

impl OnOtherNodes {
    /// Puts `on` into the PATH of `asked` and serves it; commands get `environment` beside the usual.
    pub fn serve(lab: &Lab, asked: &Node, environment: Vec<(&'static str, String)>) -> Result<Self> {
        asked.write("/run/lab/bin/on", SCRIPT)?;
        asked
            .sh(&format!(
                "chmod +x /run/lab/bin/on; mkdir -p /run/lab/on; mkfifo {QUEUE}"
            ))
            .ok()?;
        // Open for both, so that it does not end when one asker has written.
        let queue = asked.namespaces.open(QUEUE, OFlag::O_RDWR)?;
        let asked = Arc::clone(lab.shared(asked.name()));
        let served = Arc::clone(&asked);
        let nodes = lab.all().clone();
        thread::spawn(move || {
            for line in BufReader::new(queue)
                .lines()
                .map_while(|line| line.ok().filter(|line| !line.is_empty()))
            {
                let (asked, nodes, environment) = (Arc::clone(&served), nodes.clone(), environment.clone());
                thread::spawn(move || {
                    let status = answer(&line, &asked, &nodes, &environment).unwrap_or(127);
                    let reply = asked
                        .namespaces
                        .open(&format!("/run/lab/on/{line}.reply"), OFlag::O_RDWR);
                    reply
                        .and_then(|mut reply| writeln!(reply, "{status}").map_err(Error::io("reply")))
                        .ok();
                });
            }
        });
        Ok(Self { asked })
    }
}

impl Drop for OnOtherNodes {
    fn drop(&mut self) {
        // An empty line ends the service.
        if let Ok(mut queue) = self.asked.namespaces.open(QUEUE, OFlag::O_RDWR) {
            let _ = queue.write_all(b"\n");
        }
    }
}

fn answer(asker: &str, on: &Node, nodes: &[Arc<Node>], environment: &[(&str, String)]) -> Result<i32> {
    let mut request = String::new();
    let path = format!("/run/lab/on/{asker}.request");
    on.namespaces
        .open(&path, OFlag::O_RDONLY)?
        .read_to_string(&mut request)
        .map_err(Error::io(&path))?;
    let mut words = request.split_terminator('\0');
    let name = words.next().unwrap_or_default();
    let stream = |number: u8, write: bool| {
        let path = on.namespaces.outside_path(&format!("/proc/{asker}/fd/{number}"));
        // Standard output may be a file that something is in already.
        File::options().read(!write).append(write).open(path)
    };
    let mut stderr = stream(2, true).map_err(Error::io("standard error"))?;
    let Some(node) = nodes.iter().find(|node| node.name() == name) else {
        let _ = writeln!(stderr, "on: no node {name} here");
        return Ok(2);
    };
    let mut command = node.enter();
    command
        .args(words)
        .envs(environment.iter().map(|(name, value)| (name, value)));
    // A terminal is read by its foreground processes only, and this is none.
    let input = stream(0, false).ok().filter(|input| !input.is_terminal());
    command.stdin(input.map_or_else(Stdio::null, Stdio::from));
    command
        .stdout(stream(1, true).map_err(Error::io("standard output"))?)
        .stderr(stderr);
    let mut child = command.spawn().map_err(Error::io("command"))?;
    let still_asked = on.namespaces.outside_path(&format!("/proc/{asker}"));
    loop {
        if let Some(status) = child.try_wait().map_err(Error::io("command"))? {
            return Ok(status.code().unwrap_or(128 + 9));
        }
        if !still_asked.exists() {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(10));
    }
}
