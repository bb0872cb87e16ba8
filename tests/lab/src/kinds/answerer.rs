//! A program in a pod that takes connections and sends datagrams back.

use std::{
    io,
    net::{TcpListener, UdpSocket},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nix::sys::{
    socket::{setsockopt, sockopt},
    time::TimeVal,
};

use crate::{Error, Node, Result};

/// It runs until it is dropped.
#[derive(Debug)]
pub(super) struct Answerer {
    ended: Arc<AtomicBool>,
}

impl Answerer {
    /// Serves the port, by TCP and UDP.
    pub(super) fn start(node: &Node, pod: &str, port: u16) -> Result<Self> {
        let bind = || -> io::Result<(TcpListener, UdpSocket)> {
            Ok((
                TcpListener::bind(("0.0.0.0", port))?,
                UdpSocket::bind(("0.0.0.0", port))?,
            ))
        };
        let (tcp, udp) = node
            .namespaces
            .in_named_network(pod, bind)?
            .map_err(Error::io(format!("{pod}: port {port}")))?;
        for socket in [tcp.as_fd(), udp.as_fd()] {
            setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::new(0, 200_000))
                .map_err(|errno| Error::io("a socket")(errno.into()))?;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let (one, other) = (Arc::clone(&ended), Arc::clone(&ended));
        thread::spawn(move || {
            while !one.load(Ordering::Relaxed) {
                drop(tcp.accept());
            }
        });
        thread::spawn(move || {
            let mut bytes = [0; 2048];
            while !other.load(Ordering::Relaxed) {
                if let Ok((length, from)) = udp.recv_from(&mut bytes) {
                    let _ = udp.send_to(bytes.get(..length).unwrap_or_default(), from);
                }
            }
        });
        Ok(Self { ended })
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}
