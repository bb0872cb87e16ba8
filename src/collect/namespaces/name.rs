//! Whose namespaces they are: containers by their control groups, pods by what kubelet and the runtimes leave in files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::read;
use crate::parse::cgroup::{Membership, cgroup};
use crate::state::Namespace;
use crate::state::namespace::PodName;

/// kubelet's directory of logs: `NAMESPACE_NAME_UID` for each pod.
const PODS: &str = "/var/log/pods";

/// Fills in containers and pods.
pub(super) fn all(namespaces: &mut [Namespace]) {
    let mut pods: Option<HashMap<String, PodName>> = None;
    for namespace in namespaces {
        let Some(member) = member(namespace) else { continue };
        let mut named = Named::default();
        if let Some(container) = &member.container {
            named = Named::of(&container.id);
        }
        let uid = member.pod_uid.or_else(|| named.pod.uid.clone());
        namespace.pod = uid.as_ref().map_or_else(
            || named.pod.name.is_some().then(|| named.pod.clone()),
            |uid| {
                let pods = pods.get_or_insert_with(pods_by_uid);
                Some(pods.get(uid).cloned().unwrap_or_else(|| PodName {
                    uid: Some(uid.clone()),
                    namespace: named.pod.namespace.clone(),
                    name: named.pod.name.clone(),
                }))
            },
        );
        namespace.container = member.container.map(|mut container| {
            container.name = container.name.or(named.name);
            container
        });
    }
}

/// The container of the first process that is in one.
fn member(namespace: &Namespace) -> Option<Membership> {
    namespace.processes.iter().find_map(|process| {
        let text = read(Path::new(&format!("/proc/{}/cgroup", process.pid))).ok()?;
        let member = cgroup(&text);
        (member.container.is_some() || member.pod_uid.is_some()).then_some(member)
    })
}

fn pods_by_uid() -> HashMap<String, PodName> {
    fs::read_dir(PODS)
        .into_iter()
        .flatten()
        .filter_map(|entry| pod_of_directory(entry.ok()?.file_name().to_str()?))
        .filter_map(|pod| Some((pod.uid.clone()?, pod)))
        .collect()
}

/// None of the three may have an underscore.
fn pod_of_directory(directory: &str) -> Option<PodName> {
    let mut parts = directory.split('_').map(str::to_owned);
    let (namespace, name, uid) = (parts.next()?, parts.next()?, parts.next()?);
    Some(PodName {
        namespace: Some(namespace),
        name: Some(name),
        uid: Some(uid),
    })
}

/// How a runtime calls a container, and its pod.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    name: Option<String>,
    pod: PodName,
}

impl Named {
    /// Looks into the files of the runtimes.
    fn of(id: &str) -> Self {
        let files = [
            format!("/var/lib/docker/containers/{id}/config.v2.json"),
            format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json"),
            format!("/run/containerd/io.containerd.runtime.v2.task/default/{id}/config.json"),
            format!("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json"),
            format!("/run/containers/storage/overlay-containers/{id}/userdata/config.json"),
        ];
        files
            .iter()
            .find_map(|file| read(Path::new(file)).ok())
            .and_then(|text| serde_json::from_str(&text).ok())
            .map_or_else(Self::default, |document: Value| Self::from_file(&document))
    }

    /// Labels of Docker, or annotations of containerd and CRI-O.
    fn from_file(document: &Value) -> Self {
        let labels = &document["Config"]["Labels"];
        let annotations = &document["annotations"];
        let first = |keys: &[&str]| {
            keys.iter().find_map(|key| {
                let value = labels.get(*key).or_else(|| annotations.get(*key));
                Some(value?.as_str()?.to_owned())
            })
        };
        let docker = document["Name"]
            .as_str()
            .map(|name| name.trim_start_matches('/').to_owned());
        Self {
            name: docker.or_else(|| {
                first(&[
                    "io.kubernetes.cri.container-name",
                    "io.kubernetes.container.name",
                    "nerdctl/name",
                    "io.kubernetes.cri-o.Name",
                ])
            }),
            pod: PodName {
                namespace: first(&[
                    "io.kubernetes.cri.sandbox-namespace",
                    "io.kubernetes.pod.namespace",
                ]),
                name: first(&["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]),
                uid: first(&["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"]),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_directory_of_logs_names_a_pod() {
        let pod = pod_of_directory("kube-system_coredns-5d78c9869d-abcde_d7a3c2f1").unwrap();
        assert_eq!(pod.to_string(), "kube-system/coredns-5d78c9869d-abcde");
        assert_eq!(pod.uid.as_deref(), Some("d7a3c2f1"));
        assert_eq!(pod_of_directory("lost+found"), None);
    }

    #[test]
    fn files_of_runtimes_name_containers_and_pods() {
        let docker = Named::from_file(&json!({"Name": "/web", "Config": {"Labels": null}}));
        assert_eq!(
            (docker.name.as_deref(), docker.pod),
            (Some("web"), PodName::default())
        );
        let containerd = Named::from_file(&json!({"annotations": {
            "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "shop",
            "io.kubernetes.cri.sandbox-uid": "77"}}));
        assert_eq!(containerd.pod.to_string(), "shop/web");
        assert_eq!(containerd.pod.uid.as_deref(), Some("77"));
    }
}
