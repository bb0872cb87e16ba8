//! Which parts the kernel has. Some requests make the kernel load a module; netdiag asks only where it is there already.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use super::read;
use crate::state::{Absence, Fact};

/// The kernel's parts, as far as they can be told.
#[derive(Debug, Clone)]
pub(super) struct Modules {
    /// `/proc/modules`; absent, as a missing one, where the kernel can't load any.
    pub(super) loaded: Fact<BTreeSet<String>>,
    /// Those of `modules.builtin` that networks are made of.
    pub(super) builtin: Fact<BTreeSet<String>>,
}

/// What is there. It is looked up once.
pub(super) fn modules() -> &'static Modules {
    static MODULES: OnceLock<Modules> = OnceLock::new();
    MODULES.get_or_init(|| Modules {
        loaded: loaded(),
        builtin: builtin(),
    })
}

impl Modules {
    /// Whether a request that needs this module loads nothing.
    pub(super) fn has(&self, name: &str) -> bool {
        self.loaded.absence() == Some(Absence::Missing)
            || self.loaded.known().is_some_and(|names| names.contains(name))
            || self.builtin.known().is_some_and(|names| names.contains(name))
            // Parts with parameters have a directory here even when they are built in.
            || Path::new("/sys/module").join(name).exists()
    }

    /// The first that is not there.
    pub(super) fn lacking<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().copied().find(|name| !self.has(name))
    }
}

fn loaded() -> Fact<BTreeSet<String>> {
    let path = Path::new("/proc/modules");
    if !path.exists() {
        let why = "/proc/modules: not there: this kernel loads no modules";
        return Fact::absent_as(Absence::Missing, why);
    }
    read(path)
        .map(|text| {
            text.lines()
                .filter_map(|line| line.split(' ').next())
                .map(str::to_owned)
                .collect()
        })
        .into()
}

/// `kernel/net/netfilter/nf_conntrack.ko`, one a line; names have `_` where files may have `-`.
fn builtin() -> Fact<BTreeSet<String>> {
    let Ok(release) = read(Path::new("/proc/sys/kernel/osrelease")) else {
        return Fact::absent("/proc/sys/kernel/osrelease can't be read");
    };
    let path = format!("/lib/modules/{}/modules.builtin", release.trim());
    read(Path::new(&path))
        .map(|text| {
            text.lines()
                .filter(|line| line.starts_with("kernel/net/") || line.starts_with("kernel/drivers/net/"))
                .filter_map(|line| line.rsplit('/').next()?.split('.').next())
                .map(|name| name.replace('-', "_"))
                .collect()
        })
        .into()
}
