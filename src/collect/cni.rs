//! Files of CNI, its IPAM, flannel and Calico. Small ones: a file larger than a megabyte is none of them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::parse;
use crate::parse::host_local::Entry;
use crate::state::cni::{
    CalicoFiles, CniDirectory, CniFile, Flannel, FlannelNetConf, FlannelSubnet, HostLocal,
};
use crate::state::process::{CalicoProcesses, DaemonKind};
use crate::state::{Absence, Fact};

/// Where configurations are: the usual place, k3s, MicroK8s, OpenShift, Multus.
const DIRECTORIES: [&str; 6] = [
    "/etc/cni/net.d",
    "/var/lib/rancher/k3s/agent/etc/cni/net.d",
    "/var/snap/microk8s/current/args/cni-network",
    "/etc/kubernetes/cni/net.d",
    "/run/multus/cni/net.d",
    "/etc/cni/multus/net.d",
];

/// Where `host-local` keeps leases, unless its `dataDir` says otherwise.
const LEASES: &str = "/var/lib/cni/networks";

/// flannel's configuration: in its pod, in k3s.
const NET_CONFS: [&str; 2] = [
    "/etc/kube-flannel/net-conf.json",
    "/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json",
];

const MAX_FILE: u64 = 1 << 20;
/// A directory with more entries is cut: no node has so many pods.
const MAX_ENTRIES: usize = 1 << 16;

/// Everything below one root: `/`, or a test's directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    root: PathBuf,
}

/// Why a file could not be read, and what that means.
fn failed<T>(path: &Path, error: &std::io::Error) -> Fact<T> {
    let absence = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Absence::Missing,
        _ => Absence::Unreadable,
    };
    Fact::absent_as(absence, format!("{}: {error}", path.display()))
}

fn unreadable<T>(path: &Path, why: impl std::fmt::Display) -> Fact<T> {
    Fact::absent_as(Absence::Unreadable, format!("{}: {why}", path.display()))
}

impl Files {
    /// The files of this host.
    pub(super) fn of_host() -> Self {
        Self::below("/")
    }

    pub(super) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn real(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// What `read` makes of a file.
    pub(super) fn read<T, E: std::fmt::Display>(
        &self,
        path: &Path,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Fact<T> {
        let real = self.real(path);
        let metadata = match std::fs::metadata(&real) {
            Ok(metadata) => metadata,
            Err(error) => return failed(path, &error),
        };
        // Neither a pipe, whose reader waits, nor something endless.
        if !metadata.is_file() {
            return unreadable(path, "not a file");
        }
        if metadata.len() > MAX_FILE {
            return unreadable(path, format!("larger than {} MiB", MAX_FILE >> 20));
        }
        match std::fs::read(&real) {
            Ok(bytes) => match read(&String::from_utf8_lossy(&bytes)) {
                Ok(found) => Fact::Known(found),
                Err(why) => unreadable(path, why),
            },
            Err(error) => failed(path, &error),
        }
    }

    /// The names in a directory, sorted.
    pub(super) fn names(&self, path: &Path) -> Result<Vec<String>, std::io::Error> {
        let entries = std::fs::read_dir(self.real(path))?;
        let mut names: Vec<String> = entries
            .flatten()
            .take(MAX_ENTRIES)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The directories with CNI configurations: the known ones, and those that a runtime or kubelet names.
    pub(super) fn cni(&self, named: impl IntoIterator<Item = String>) -> Fact<Vec<CniDirectory>> {
        let known = DIRECTORIES.iter().map(|path| (*path).to_owned());
        let paths: Vec<PathBuf> = named
            .into_iter()
            .filter(|path| path.starts_with('/'))
            .chain(known)
            .map(PathBuf::from)
            .collect();
        let mut found = Vec::new();
        let mut seen = Vec::new();
        let mut unread = None;
        for path in paths {
            match self.names(&path) {
                Ok(names) => {
                    let real = self.real(&path).canonicalize().unwrap_or_else(|_| path.clone());
                    if !seen.contains(&real) {
                        seen.push(real);
                        found.push(self.directory(&path, &names));
                    }
                }
                Err(error) => {
                    let fact = failed(&path, &error);
                    if fact.absence() == Some(Absence::Unreadable) {
                        unread = unread.or(Some(fact));
                    }
                }
            }
        }
        match unread {
            _ if !found.is_empty() => Fact::Known(found),
            Some(fact) => fact,
            None => Fact::absent_as(
                Absence::Missing,
                format!(
                    "no directory of CNI configurations; tried {}",
                    DIRECTORIES.join(", ")
                ),
            ),
        }
    }

    fn directory(&self, path: &Path, names: &[String]) -> CniDirectory {
        let files = names.iter().filter(|name| {
            let extension = Path::new(name)
                .extension()
                .and_then(|extension| extension.to_str());
            matches!(extension, Some("conf" | "conflist" | "json"))
        });
        CniDirectory {
            path: path.display().to_string(),
            files: files
                .map(|name| {
                    let path = path.join(name);
                    CniFile {
                        network: self.read(&path, parse::cni::network),
                        path: path.display().to_string(),
                    }
                })
                .collect(),
        }
    }

    /// Leases of `host-local`, of all networks: below the usual directory, and below those that configurations name.
    pub(super) fn host_local(&self, cni: &Fact<Vec<CniDirectory>>) -> Fact<Vec<HostLocal>> {
        let mut roots = vec![PathBuf::from(LEASES)];
        let files = cni.items().iter().flat_map(|directory| &directory.files);
        let networks = files.filter_map(|file| file.network.known());
        for plugin in networks.flat_map(|network| &network.plugins) {
            for plugin in std::iter::once(plugin).chain(&plugin.delegates) {
                let named = plugin.ipam.as_ref().and_then(|ipam| ipam.data_dir.as_ref());
                if let Some(path) = named.map(PathBuf::from).filter(|path| path.is_absolute())
                    && !roots.contains(&path)
                {
                    roots.push(path);
                }
            }
        }
        let mut found = Vec::new();
        let mut failure = None;
        for root in roots {
            match self.names(&root) {
                Ok(networks) => found.extend(networks.into_iter().filter_map(|network| {
                    let directory = root.join(&network);
                    self.real(&directory)
                        .is_dir()
                        .then(|| self.leases(network, &directory))
                })),
                Err(error) => {
                    let fact = failed(&root, &error);
                    if failure.is_none() || fact.absence() == Some(Absence::Unreadable) {
                        failure = Some(fact);
                    }
                }
            }
        }
        match failure {
            Some(failure) if found.is_empty() => failure,
            _ => Fact::Known(found),
        }
    }

    fn leases(&self, network: String, directory: &Path) -> HostLocal {
        let mut found = HostLocal {
            network,
            directory: directory.display().to_string(),
            ..HostLocal::default()
        };
        let names = match self.names(directory) {
            Ok(names) => names,
            Err(error) => {
                found.leases = failed(directory, &error);
                return found;
            }
        };
        let mut leases = Vec::new();
        for name in names {
            let text = self.read(&directory.join(&name), |text| Ok::<_, String>(text.to_owned()));
            match text
                .known()
                .and_then(|text| parse::host_local::entry(&name, text))
            {
                Some(Entry::Lease(lease)) => leases.push(lease),
                Some(Entry::LastReserved(range, address)) => {
                    found.last_reserved.insert(range, address);
                }
                None => {}
            }
        }
        leases.sort_by_key(|lease| lease.address);
        found.leases = Fact::Known(leases);
        found
    }

    pub(super) fn flannel(&self, processes: Option<&CalicoProcesses>) -> Flannel {
        Flannel {
            subnet: self.subnet_env(),
            net_conf: self.net_conf(processes),
        }
    }

    fn subnet_env(&self) -> Fact<FlannelSubnet> {
        self.read(Path::new("/run/flannel/subnet.env"), parse::flannel::subnet_env)
    }

    /// flanneld's own file is in its container.
    fn net_conf(&self, processes: Option<&CalicoProcesses>) -> Fact<FlannelNetConf> {
        let daemon = processes.and_then(|processes| processes.daemon_of(DaemonKind::Flanneld));
        let named = daemon.and_then(|daemon| {
            ["--net-config-path", "-net-config-path"]
                .iter()
                .find_map(|option| daemon.argument(option))
        });
        let inside = daemon.map(|daemon| {
            let path = named.unwrap_or(NET_CONFS[0]);
            format!("/proc/{}/root{path}", daemon.pid)
        });
        let mut failure = None;
        for path in inside.into_iter().chain(NET_CONFS.map(str::to_owned)) {
            let found = self.read(Path::new(&path), parse::flannel::net_conf);
            if found.absence() == Some(Absence::Unreadable) {
                return found;
            }
            if let Fact::Known(found) = found {
                return Fact::Known(FlannelNetConf { path, ..found });
            }
            failure.get_or_insert(found);
        }
        failure.unwrap_or_default()
    }

    pub(super) fn calico(&self) -> CalicoFiles {
        let text = |text: &str| match text.trim() {
            "" => Err("the file is empty"),
            text => Ok(text.to_owned()),
        };
        CalicoFiles {
            nodename: self.read(Path::new("/var/lib/calico/nodename"), text),
            mtu: self.read(Path::new("/var/lib/calico/mtu"), |text| {
                text.trim().parse::<u32>()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = Files::below(root.path());
        (root, files)
    }

    #[test]
    fn the_first_configuration_by_name_that_can_be_used_wins() {
        let (_root, files) = host(&[
            (
                "/etc/cni/net.d/20-bridge.conf",
                r#"{"name": "b", "type": "bridge"}"#,
            ),
            (
                "/etc/cni/net.d/10-calico.conflist",
                r#"{"name": "c", "plugins": [{"type": "calico"}]}"#,
            ),
            ("/etc/cni/net.d/05-broken.conf", "{"),
            ("/etc/cni/net.d/calico-kubeconfig", "token: hunter2"),
        ]);
        let cni = files.cni([]);
        let [directory] = cni.items() else {
            panic!("{cni:?}")
        };
        assert_eq!(directory.files.len(), 3);
        assert_eq!(directory.files[0].network.absence(), Some(Absence::Unreadable));
        assert_eq!(
            directory.first().unwrap().path,
            "/etc/cni/net.d/10-calico.conflist"
        );
        assert!(!serde_json::to_string(&cni).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_directory_that_a_runtime_names_is_read_once_and_an_empty_one_is_known() {
        let (root, files) = host(&[("/opt/net.d/a.conf", r#"{"name": "a", "type": "x"}"#)]);
        fs::create_dir_all(root.path().join("etc/cni/net.d")).unwrap();
        let cni = files.cni(["/opt/net.d", "/opt/net.d", "relative"].map(str::to_owned));
        let paths: Vec<&str> = cni
            .items()
            .iter()
            .map(|directory| directory.path.as_str())
            .collect();
        assert_eq!(paths, ["/opt/net.d", "/etc/cni/net.d"]);
        assert!(cni.items()[1].files.is_empty() && cni.items()[1].first().is_none());
    }

    #[test]
    fn leases_are_read_of_every_network_and_of_named_directories() {
        let (_root, files) = host(&[
            ("/var/lib/cni/networks/cbr0/10.22.0.5", "c0ffee\r\neth0"),
            ("/var/lib/cni/networks/cbr0/last_reserved_ip.0", "10.22.0.5"),
            ("/var/lib/cni/networks/cbr0/lock", ""),
            ("/run/leases/b/fd00::5", "cafe\r\neth0"),
            (
                "/etc/cni/net.d/a.conf",
                r#"{"name": "b", "type": "bridge", "ipam": {"type": "host-local", "dataDir": "/run/leases"}}"#,
            ),
        ]);
        let leases = files.host_local(&files.cni([]));
        let [cbr0, b] = leases.items() else {
            panic!("{leases:?}")
        };
        assert_eq!(cbr0.leases.items()[0].container, "c0ffee");
        assert_eq!(cbr0.last_reserved["0"].to_string(), "10.22.0.5");
        assert_eq!(b.leases.items()[0].address.to_string(), "fd00::5");
    }

    #[test]
    fn what_is_not_there_is_missing_and_what_is_wrong_is_unreadable() {
        let (_root, files) = host(&[]);
        assert_eq!(files.cni([]).absence(), Some(Absence::Missing));
        assert_eq!(
            files.host_local(&Fact::default()).absence(),
            Some(Absence::Missing)
        );
        let flannel = files.flannel(None);
        assert_eq!(flannel.subnet.absence(), Some(Absence::Missing));
        assert_eq!(flannel.net_conf.absence(), Some(Absence::Missing));
        assert_eq!(files.calico().mtu.absence(), Some(Absence::Missing));
        let (root, files) = host(&[("/run/flannel/subnet.env", "x"), ("/var/lib/calico/mtu", "big")]);
        fs::create_dir_all(root.path().join("etc/kube-flannel/net-conf.json")).unwrap();
        for absence in [
            files.flannel(None).subnet.absence(),
            files.flannel(None).net_conf.absence(),
            files.calico().mtu.absence(),
        ] {
            assert_eq!(absence, Some(Absence::Unreadable));
        }
    }

    #[test]
    fn a_huge_file_and_a_pipe_are_not_read() {
        let (root, files) = host(&[("/var/lib/calico/nodename", &"n".repeat(2 << 20))]);
        assert!(
            files
                .calico()
                .nodename
                .why()
                .unwrap()
                .contains("larger than 1 MiB")
        );
        let pipe = root.path().join("var/lib/calico/mtu");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(files.calico().mtu.why().unwrap().contains("not a file"));
    }
}
