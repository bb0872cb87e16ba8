//! Files of NetworkManager and systemd-networkd.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

use super::cni::Files;
use crate::parse::managers::{network_file, unmanaged};
use crate::state::managers::{LinkManagers, NetworkFile, Unmanaged};
use crate::state::{Absence, Fact};

/// NetworkManager.conf(5).
const MAIN: &str = "/etc/NetworkManager/NetworkManager.conf";
const PARTS: [&str; 3] = [
    "/usr/lib/NetworkManager/conf.d",
    "/run/NetworkManager/conf.d",
    "/etc/NetworkManager/conf.d",
];

/// systemd.network(5): of files of one name, that of the later directory here counts.
const NETWORKS: [&str; 4] = [
    "/usr/lib/systemd/network",
    "/usr/local/lib/systemd/network",
    "/run/systemd/network",
    "/etc/systemd/network",
];

impl Files {
    /// What both managers are told.
    pub(super) fn managers(&self) -> LinkManagers {
        LinkManagers {
            network_manager: self.network_manager(),
            networkd: self.networkd(),
        }
    }

    fn network_manager(&self) -> Fact<Vec<Unmanaged>> {
        let of_parts = PARTS.iter().flat_map(|directory| self.paths(directory, ".conf"));
        let mut there = false;
        let mut found = Vec::new();
        for path in std::iter::once(PathBuf::from(MAIN)).chain(of_parts) {
            match self.read(&path, |text| Ok::<_, Infallible>(unmanaged(text))) {
                Fact::Known(devices) => {
                    there = true;
                    if !devices.is_empty() {
                        found.push(Unmanaged {
                            path: path.display().to_string(),
                            devices,
                        });
                    }
                }
                Fact::Absent {
                    absence: Absence::Missing,
                    ..
                } => {}
                // A file that can't be read may be the one that says it.
                Fact::Absent { why, absence } => return Fact::Absent { why, absence },
            }
        }
        if there {
            Fact::Known(found)
        } else {
            Fact::absent_as(Absence::Missing, format!("{MAIN}: no such file"))
        }
    }

    fn networkd(&self) -> Fact<Vec<NetworkFile>> {
        let mut by_name: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in NETWORKS
            .iter()
            .flat_map(|directory| self.paths(directory, ".network"))
        {
            if let Some(name) = path.file_name() {
                by_name.insert(name.to_string_lossy().into_owned(), path);
            }
        }
        let mut found = Vec::new();
        for path in by_name.into_values() {
            let name = path.display().to_string();
            match self.read(&path, |text| Ok::<_, Infallible>(network_file(&name, text))) {
                Fact::Known(file) => found.push(file),
                Fact::Absent { why, absence } => return Fact::Absent { why, absence },
            }
        }
        if found.is_empty() {
            return Fact::absent_as(Absence::Missing, "no .network file");
        }
        Fact::Known(found)
    }

    /// The files of a directory with this ending, by name.
    fn paths(&self, directory: &str, ending: &str) -> Vec<PathBuf> {
        let names = self.names(Path::new(directory)).unwrap_or_default();
        let names = names.into_iter().filter(|name| name.ends_with(ending));
        names.map(|name| Path::new(directory).join(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_both_managers_are_read_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let files = Files::below(root.path());
        assert_eq!(files.managers().network_manager.absence(), Some(Absence::Missing));
        write(MAIN, "[main]\nplugins=keyfile\n");
        write(
            "/etc/NetworkManager/conf.d/calico.conf",
            "[keyfile]\nunmanaged-devices=interface-name:cali*\n",
        );
        write("/usr/lib/systemd/network/80-pods.network", "[Match]\nName=ve-*\n");
        write("/usr/lib/systemd/network/10-all.network", "[Match]\nName=*\n");
        write("/etc/systemd/network/10-all.network", "[Match]\nName=en*\n");
        let managers = files.managers();
        assert_eq!(managers.network_manager.items().len(), 1);
        let names: Vec<&str> = managers
            .networkd
            .items()
            .iter()
            .map(|file| file.names[0].as_str())
            .collect();
        assert_eq!(names, ["en*", "ve-*"]);
    }
}
