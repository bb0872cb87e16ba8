//! The kernel itself: release, modules, identities, and its log.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::modules::modules;
use super::read;
use crate::parse;
use crate::state::kernel::{Kernel, KernelMessage};
use crate::state::{Absence, Fact};

/// How many lines of the log are kept, and how many are looked at.
const KEPT: usize = 200;
const LOOKED_AT: usize = 200_000;

/// Release, modules, identities.
pub(super) fn kernel() -> Fact<Kernel> {
    let text =
        |path: &str| -> Fact<String> { read(Path::new(path)).map(|text| text.trim().to_owned()).into() };
    let uname = match nix::sys::utsname::uname() {
        Ok(uname) => uname,
        Err(error) => return Fact::absent(format!("uname: {error}")),
    };
    Fact::Known(Kernel {
        release: uname.release().to_string_lossy().into_owned(),
        machine: uname.machine().to_string_lossy().into_owned(),
        modules: sorted(&modules().loaded),
        builtin: sorted(&modules().builtin),
        boot_id: text("/proc/sys/kernel/random/boot_id"),
        machine_id: text("/etc/machine-id"),
        hostname: uname.nodename().to_string_lossy().into_owned(),
        uptime: text("/proc/uptime").known().map_or_else(
            || Fact::absent("/proc/uptime can't be read"),
            |text| {
                text.split('.')
                    .next()
                    .unwrap_or_default()
                    .parse::<u64>()
                    .map_err(|error| format!("/proc/uptime: {error}"))
                    .into()
            },
        ),
    })
}

fn sorted(names: &Fact<std::collections::BTreeSet<String>>) -> Fact<Vec<String>> {
    match names {
        Fact::Known(names) => Fact::Known(names.iter().cloned().collect()),
        Fact::Absent { why, absence } => Fact::absent_as(*absence, why),
    }
}

/// The lines of the whole machine's log that say something about networks: the latest ones, equal ones as one.
pub(super) fn log() -> Fact<Vec<KernelMessage>> {
    let path = "/dev/kmsg";
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => {
            let absence = if error.kind() == ErrorKind::NotFound {
                Absence::Missing
            } else {
                Absence::Unreadable
            };
            return Fact::absent_as(absence, format!("{path}: {error}: run as root"));
        }
    };
    let mut kept: Vec<KernelMessage> = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    for _ in 0..LOOKED_AT {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(&buffer[..length]);
                if let Some(message) = parse::kmsg::record(&text) {
                    keep(&mut kept, message);
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => break,
                // The record was overwritten: the next read goes on behind it.
                ErrorKind::BrokenPipe | ErrorKind::Interrupted => {}
                ErrorKind::PermissionDenied => {
                    return Fact::absent_as(Absence::Unreadable, format!("{path}: {error}: run as root"));
                }
                _ => return Fact::absent_as(Absence::Unreadable, format!("{path}: {error}")),
            },
        }
    }
    Fact::Known(kept)
}

/// Adds a line; one that is there already moves to the end, with its times.
fn keep(kept: &mut Vec<KernelMessage>, mut message: KernelMessage) {
    if let Some(at) = kept.iter().rposition(|old| old.text == message.text) {
        message.times = kept.remove(at).times.saturating_add(1);
    } else if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::kernel::KernelTopic;

    #[test]
    fn equal_lines_are_one_and_the_oldest_go() {
        let message = |at, text: &str| KernelMessage {
            at,
            times: 1,
            level: 4,
            topic: KernelTopic::Link,
            text: text.to_owned(),
        };
        let mut kept = Vec::new();
        for at in 0..3 {
            keep(&mut kept, message(at, "same"));
        }
        assert_eq!((kept.len(), kept[0].times, kept[0].at), (1, 3, 2));
        for at in 0..300 {
            keep(&mut kept, message(at, &at.to_string()));
        }
        assert_eq!((kept.len(), kept[KEPT - 1].at), (KEPT, 299));
    }

    #[test]
    fn the_kernel_has_a_release() {
        let kernel = kernel();
        let kernel = kernel.known().unwrap();
        assert!(!kernel.release.is_empty());
        assert!(kernel.boot_id.known().is_some());
    }
}
