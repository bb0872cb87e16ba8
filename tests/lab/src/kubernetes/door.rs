//! A port of a node that leads to the API server, which listens on the machine's own loopback.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsRawFd,
    thread,
};

use nix::sys::socket::{self, shutdown};

use crate::{Error, Node, Result};

/// The port of 127.0.0.1 in the node.
const PORT: u16 = 6443;

/// Connections of one node to the API server; dropped, no new ones come.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

impl Door {
    /// Opens it: what connects to the URL in the node is connected to this port of the machine's loopback.
    pub(crate) fn open(node: &Node, port: u16) -> Result<(Self, String)> {
        let listener = node
            .in_network(|| TcpListener::bind(("127.0.0.1", PORT)))?
            .map_err(Error::io(format!("{}: port {PORT}", node.name())))?;
        let taken = listener.try_clone().map_err(Error::io("a port"))?;
        thread::spawn(move || {
            for inside in taken.incoming().map_while(io::Result::ok) {
                if let Ok(outside) = TcpStream::connect(("127.0.0.1", port)) {
                    join(inside, outside);
                }
            }
        });
        Ok((Self { listener }, format!("https://127.0.0.1:{PORT}")))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Who waits for connections wakes up, and ends.
        let _ = shutdown(self.listener.as_raw_fd(), socket::Shutdown::Both);
    }
}

fn join(inside: TcpStream, outside: TcpStream) {
    let (Ok(from), Ok(to)) = (inside.try_clone(), outside.try_clone()) else {
        return;
    };
    for (mut from, mut to) in [(from, outside), (to, inside)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
