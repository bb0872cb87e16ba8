//! Looks for namespaces: by the names that people and runtimes give them, and by the processes in them.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::procfs::{self, identity};
use crate::state::Namespace;
use crate::state::namespace::Inhabitant;
use crate::state::netns::NsIdentity;

/// Where namespaces have names: ip-netns(8) and most runtimes, Docker, and the rootless ones of users.
const DIRECTORIES: [&str; 4] = [
    "/run/netns",
    "/var/run/netns",
    "/run/docker/netns",
    "/var/run/docker/netns",
];
const OF_USERS: &str = "/run/user";

/// How many processes of a namespace are named.
const INHABITANTS: usize = 8;

/// The namespace that netdiag is in.
pub(super) struct Own {
    pub(super) id: NsIdentity,
    pub(super) file: Option<File>,
}

/// A namespace that is there, whoever it belongs to.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) id: NsIdentity,
    paths: Vec<PathBuf>,
    /// The lowest numbers of those in it.
    pids: Vec<u32>,
    process_count: u32,
    /// Whether one of them is in a PID namespace below netdiag's.
    nested: bool,
}

/// What the search gave.
pub(super) struct Search {
    pub(super) own: Option<Own>,
    pub(super) found: Vec<Found>,
    /// The namespace of process 1, where it is another one than netdiag's.
    first: Option<NsIdentity>,
    /// Why there may be more.
    pub(super) problem: Option<String>,
}

/// The namespace of this thread.
pub(super) fn own() -> Result<Own, String> {
    let path = "/proc/thread-self/ns/net";
    let metadata = fs::metadata(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(Own {
        id: identity(&metadata),
        file: File::open(path).ok(),
    })
}

impl Search {
    pub(super) fn everywhere() -> Self {
        let own = match own() {
            Ok(own) => own,
            Err(why) => {
                return Self {
                    own: None,
                    found: Vec::new(),
                    first: None,
                    problem: Some(why),
                };
            }
        };
        let first = fs::metadata("/proc/1/ns/net")
            .ok()
            .map(|metadata| identity(&metadata))
            .filter(|first| *first != own.id);
        let mut by_id: HashMap<NsIdentity, Found> = HashMap::new();
        let mut problem = None;
        named(own.id, &mut by_id, &mut problem);
        inhabited(own.id, &mut by_id, &mut problem);
        // In the order of their numbers, so that every run tells the same.
        let found: BTreeMap<NsIdentity, Found> = by_id.into_iter().collect();
        Self {
            own: Some(own),
            found: found.into_values().collect(),
            first,
            problem,
        }
    }
}

impl Found {
    fn new(id: NsIdentity) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    /// Whether it is the node's, by the rule of [`super`].
    pub(super) fn belongs(&self, search: &Search, linked: bool) -> bool {
        if search.first.is_some() {
            return linked && search.first != Some(self.id);
        }
        linked || !self.paths.is_empty() || (self.process_count > 0 && !self.nested)
    }

    /// The namespace itself; none when it is gone, or another one has its place.
    pub(super) fn open(&self) -> Result<Option<File>, String> {
        let processes = self
            .pids
            .iter()
            .map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")));
        let mut why = None;
        for path in self.paths.iter().cloned().chain(processes) {
            match File::open(&path).and_then(|file| Ok((file.metadata()?, file))) {
                Ok((metadata, file)) if identity(&metadata) == self.id => return Ok(Some(file)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => why = Some(format!("{}: {error}", path.display())),
            }
        }
        why.map_or(Ok(None), Err)
    }

    /// What is known of it from outside.
    pub(super) fn namespace(&self) -> Namespace {
        let mut names: Vec<String> = self
            .paths
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        names.sort_unstable();
        names.dedup();
        Namespace {
            id: self.id,
            names,
            paths: self.paths.iter().map(|path| path.display().to_string()).collect(),
            processes: self
                .pids
                .iter()
                .map(|pid| Inhabitant {
                    pid: *pid,
                    command: procfs::comm(*pid),
                })
                .filter(|process| !process.command.is_empty())
                .collect(),
            process_count: self.process_count,
            ..Namespace::default()
        }
    }
}

fn named(own: NsIdentity, found: &mut HashMap<NsIdentity, Found>, problem: &mut Option<String>) {
    let mut directories: Vec<PathBuf> = Vec::new();
    let users = fs::read_dir(OF_USERS).into_iter().flatten().flatten();
    for directory in DIRECTORIES
        .iter()
        .map(PathBuf::from)
        .chain(users.map(|user| user.path().join("netns")))
    {
        // /var/run is a link to /run nearly everywhere: one directory, one look.
        let real = directory.canonicalize().unwrap_or(directory);
        if !directories.contains(&real) {
            directories.push(real);
        }
    }
    for directory in directories {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                problem.get_or_insert_with(|| format!("{}: {error}: run as root", directory.display()));
                continue;
            }
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort_unstable();
        for path in paths {
            // A name that is left over is a file like others: it isn't in nsfs.
            let Ok(id) = fs::metadata(&path).map(|metadata| identity(&metadata)) else {
                continue;
            };
            if id.device == own.device && id != own {
                found.entry(id).or_insert_with(|| Found::new(id)).paths.push(path);
            }
        }
    }
}

fn inhabited(own: NsIdentity, found: &mut HashMap<NsIdentity, Found>, problem: &mut Option<String>) {
    let own_pids = pid_namespace(Path::new("/proc/self"));
    let mut hidden = 0_u32;
    for pid in procfs::pids() {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let id = match fs::metadata(process.join("ns/net")) {
            Ok(metadata) => identity(&metadata),
            Err(error) => {
                hidden += u32::from(error.kind() == ErrorKind::PermissionDenied);
                continue;
            }
        };
        if id == own {
            continue;
        }
        let space = found.entry(id).or_insert_with(|| Found::new(id));
        space.process_count += 1;
        space.nested |= pid_namespace(&process) != own_pids;
        if space.pids.len() < INHABITANTS {
            space.pids.push(pid);
        }
    }
    // In some containers even root may not look at their first process: that one alone tells nothing.
    if hidden > u32::from(nix::unistd::geteuid().is_root()) {
        problem.get_or_insert_with(|| {
            format!("the namespaces of {hidden} processes can't be seen: run as root (CAP_SYS_PTRACE)")
        });
    }
}

fn pid_namespace(process: &Path) -> Option<NsIdentity> {
    Some(identity(&fs::metadata(process.join("ns/pid")).ok()?))
}
