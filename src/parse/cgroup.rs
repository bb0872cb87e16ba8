//! Control groups of a process (`/proc/PID/cgroup`): which container it is in, of which pod.

use crate::state::namespace::Container;

/// A container, and the UID of its pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    pub container: Option<Container>,
    pub pod_uid: Option<String>,
}

/// Reads all lines, `HIERARCHY:CONTROLLERS:PATH`, and takes the first that names a container.
pub fn cgroup(text: &str) -> Membership {
    let mut found = Membership::default();
    for line in text.lines() {
        let path = line.splitn(3, ':').nth(2).unwrap_or_default();
        let mut parent = "";
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if let Some(uid) = pod_uid(part) {
                found.pod_uid = Some(uid);
            }
            if let Some(container) = container(part, parent, found.pod_uid.is_some()) {
                found.container = Some(container);
            }
            parent = part;
        }
        if found.container.is_some() {
            break;
        }
    }
    found
}

/// `pod<UID>` or `kubepods-burstable-pod<UID>.slice`, there with `_` in place of `-`.
fn pod_uid(part: &str) -> Option<String> {
    let uid = match part.strip_suffix(".slice") {
        Some(slice) if slice.starts_with("kubepods") => slice.split("-pod").nth(1)?,
        _ => part.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    // Pods of files have the hash of their file for a UID.
    let plausible = uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    plausible.then_some(uid)
}

/// `docker-<ID>.scope`, `cri-containerd-<ID>.scope`, `crio-<ID>`, `libpod-<ID>.scope`, or `<ID>` alone.
fn container(part: &str, parent: &str, in_pod: bool) -> Option<Container> {
    if let Some(name) = part.strip_prefix("lxc.payload.").or_else(|| {
        (parent == "lxc")
            .then_some(part)
            .filter(|part| part.strip_suffix(".slice").is_none())
    }) {
        return Some(Container {
            id: name.to_owned(),
            runtime: Some("lxc".to_owned()),
            name: Some(name.to_owned()),
        });
    }
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    // containerd on systemd: `kubepods-…:cri-containerd:<ID>`.
    let bare = bare.rsplit(':').next().unwrap_or(bare);
    let (prefix, id) = bare.rsplit_once('-').unwrap_or(("", bare));
    if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let prefix = if part.contains(":cri-containerd:") {
        "cri-containerd"
    } else {
        prefix
    };
    let runtime = match (prefix, parent) {
        ("docker", _) | (_, "docker") => Some("docker"),
        ("cri-containerd" | "nerdctl", _) => Some("containerd"),
        ("crio", _) => Some("cri-o"),
        ("libpod", _) | (_, "libpod_parent") => Some("podman"),
        // The runtime of a pod on cgroupfs isn't told.
        ("", _) if in_pod => None,
        ("", _) => Some("containerd"),
        // `crio-conmon-<ID>` and `libpod-conmon-<ID>` watch from outside.
        _ => return None,
    };
    Some(Container {
        id: id.to_owned(),
        runtime: runtime.map(str::to_owned),
        name: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "d7a3c2f1-90b5-4c1e-8a7e-2f6e0a1b2c3d";

    fn read(path: &str) -> (Option<String>, Option<String>, bool) {
        let text = format!("12:pids:/init.scope\n0::{path}\n");
        let found = cgroup(&text);
        let (id, runtime) = found
            .container
            .map(|container| (container.id, container.runtime))
            .unzip();
        assert!(id.is_none_or(|id| id == ID || id == "web"));
        (runtime.clone().flatten(), found.pod_uid, runtime.is_some())
    }

    #[test]
    fn every_runtime_is_known_by_its_paths() {
        let uid = Some(UID.to_owned());
        let under = UID.replace('-', "_");
        let name = |runtime: &str| Some(runtime.to_owned());
        for (path, runtime, pod) in [
            (format!("/docker/{ID}"), name("docker"), None),
            (format!("/system.slice/docker-{ID}.scope"), name("docker"), None),
            (format!("/kubepods/burstable/pod{UID}/{ID}"), None, uid.clone()),
            (
                format!(
                    "/../../kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{under}.slice/cri-containerd-{ID}.scope"
                ),
                name("containerd"),
                uid.clone(),
            ),
            (
                format!("/kubepods.slice/kubepods-pod{under}.slice/crio-{ID}.scope"),
                name("cri-o"),
                uid.clone(),
            ),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-burstable-pod{under}.slice:cri-containerd:{ID}"
                ),
                name("containerd"),
                None,
            ),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                name("podman"),
                None,
            ),
            (format!("/default/{ID}"), name("containerd"), None),
            ("/lxc/web".to_owned(), name("lxc"), None),
            ("/lxc.payload.web/init".to_owned(), name("lxc"), None),
        ] {
            assert_eq!(read(&path), (runtime, pod, true), "{path}");
        }
        for path in [
            "/",
            "/system.slice/ssh.service",
            "/user.slice/user-1000.slice",
            "/kubepods/podinfo",
        ] {
            assert_eq!(read(path), (None, None, false), "{path}");
        }
        assert!(!read(&format!("/machine.slice/libpod-conmon-{ID}.scope")).2);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", path in "(/|pod|docker-|kubepods|\\.slice|-pod|:|[0-9a-f]{64}|lxc){0,12}") {
            let _ = cgroup(&text);
            let _ = cgroup(&format!("0::{path}"));
        }
    }
}
