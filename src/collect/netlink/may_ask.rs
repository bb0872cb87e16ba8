//! Whether a part of the kernel is there, without asking that part: a question would load its module.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::state::{Absence, Fact};

/// Why a part of the kernel isn't asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotAsked {
    absence: Absence,
    why: String,
}

impl NotAsked {
    pub(super) fn into_fact<T>(self) -> Fact<T> {
        Fact::absent_as(self.absence, self.why)
    }
}

/// A function that only this module has, static or not; and what else shows that it is there.
const SYMBOLS: [(&str, &str); 3] = [
    ("nf_tables", "nf_tables_init_net"),
    ("ip_set", "ip_set_net_init"),
    ("nf_conntrack", "nf_conntrack_init_net"),
];

/// Where the kernel tells what it has.
struct Places<'a> {
    modules: &'a Path,
    sys: &'a Path,
    /// `modules.builtin`, wherever it may be.
    builtin: &'a [std::path::PathBuf],
    kallsyms: &'a Path,
    /// Only kernels that load modules have it.
    modprobe: &'a Path,
}

/// Whether a question to this module loads nothing. It is looked up once, not in every namespace: the kernel's symbols
/// are megabytes.
///
/// # Errors
/// Says that the module is not there, or that it can't be known.
pub(super) fn may_ask(module: &'static str) -> Result<(), NotAsked> {
    static ANSWERS: Mutex<BTreeMap<&str, Result<(), NotAsked>>> = Mutex::new(BTreeMap::new());
    // Threads that ask at the same time wait for one answer.
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    answers.entry(module).or_insert_with(|| look(module)).clone()
}

fn look(module: &str) -> Result<(), NotAsked> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let builtin = ["/lib/modules", "/usr/lib/modules"]
        .map(|directory| Path::new(directory).join(release.trim()).join("modules.builtin"));
    Places {
        modules: Path::new("/proc/modules"),
        sys: Path::new("/sys/module"),
        builtin: &builtin,
        kallsyms: Path::new("/proc/kallsyms"),
        modprobe: Path::new("/proc/sys/kernel/modprobe"),
    }
    .may_ask(module)
}

impl Places<'_> {
    fn may_ask(&self, module: &str) -> Result<(), NotAsked> {
        let loaded = fs::read_to_string(self.modules);
        if let Ok(text) = &loaded
            && text.lines().any(|line| line.split(' ').next() == Some(module))
        {
            return Ok(());
        }
        // Loaded modules, and built-in ones with parameters or a version.
        if self.sys.join(module).exists() {
            return Ok(());
        }
        let is_missing = |result: &Result<String, std::io::Error>| matches!(result, Err(error) if error.kind() == ErrorKind::NotFound);
        if is_missing(&loaded)
            && self.sys.exists()
            && !self.modprobe.exists()
            && Path::new("/proc/sys/kernel").exists()
        {
            // A kernel that can't load modules: it has what is built in, and says so when asked.
            return Ok(());
        }
        let file = format!("/{module}.ko");
        let builtin = self.builtin.iter().find_map(|path| fs::read_to_string(path).ok());
        if let Some(text) = &builtin {
            let is_in = text.lines().any(|line| line.replace('-', "_").ends_with(&file));
            if is_in {
                return Ok(());
            }
            if loaded.is_ok() {
                return Err(missing(module));
            }
        }
        match self.symbol(module) {
            Some(true) => Ok(()),
            Some(false) => Err(missing(module)),
            None => Err(NotAsked {
                absence: Absence::Unknown,
                why: format!(
                    "not asked: whether the kernel has {module} can't be seen here, and asking would load it"
                ),
            }),
        }
    }

    /// Whether the kernel has the module's function; none when it hides its symbols.
    fn symbol(&self, module: &str) -> Option<bool> {
        let (_, symbol) = SYMBOLS.iter().find(|(name, _)| *name == module)?;
        let bytes = fs::read(self.kallsyms).ok().filter(|bytes| !bytes.is_empty())?;
        let wanted = symbol.as_bytes();
        Some(bytes.split(|byte| *byte == b'\n').any(|line| {
            let name = line.get(19..).unwrap_or_default();
            name.starts_with(wanted) && matches!(name.get(wanted.len()), None | Some(b'\t' | b'.'))
        }))
    }
}

fn missing(module: &str) -> NotAsked {
    NotAsked {
        absence: Absence::Missing,
        why: format!("the kernel has no {module} loaded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(files: &[(&str, &str)]) -> Result<(), Absence> {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let places = Places {
            modules: &root.join("modules"),
            sys: &root.join("sys"),
            builtin: &[root.join("builtin")],
            kallsyms: &root.join("kallsyms"),
            modprobe: &root.join("modprobe"),
        };
        places.may_ask("nf_tables").map_err(|not| not.absence)
    }

    #[test]
    fn a_module_that_is_not_there_is_never_asked() {
        let (modprobe, other) = (
            ("modprobe", "/sbin/modprobe"),
            ("modules", "nf_tables_x 1 0 - Live 0x0\n"),
        );
        assert_eq!(answer(&[modprobe, ("modules", "x 1\nnf_tables 2 0 -\n")]), Ok(()));
        assert_eq!(answer(&[modprobe, other, ("sys/nf_tables/refcnt", "1")]), Ok(()));
        let builtin = ("builtin", "kernel/net/netfilter/nf_tables.ko\n");
        assert_eq!(answer(&[modprobe, other, builtin]), Ok(()));
        let lacking = ("builtin", "kernel/net/netfilter/nf_tables_x.ko\n");
        assert_eq!(answer(&[modprobe, other, lacking]), Err(Absence::Missing));
        // Without modules.builtin, the symbols decide.
        let symbols = ("kallsyms", "0000000000000000 t nf_tables_init_net\n");
        assert_eq!(answer(&[modprobe, other, symbols]), Ok(()));
        let none = ("kallsyms", "0000000000000000 t nf_tables_init_net_x\n");
        assert_eq!(answer(&[modprobe, other, none]), Err(Absence::Missing));
        assert_eq!(answer(&[modprobe, other]), Err(Absence::Unknown));
        // A kernel without modules can be asked; a hidden /proc/modules proves nothing.
        assert_eq!(answer(&[("sys/kernel/x", "1")]), Ok(()));
        assert_eq!(answer(&[modprobe, ("sys/kernel/x", "1")]), Err(Absence::Unknown));
    }
}
