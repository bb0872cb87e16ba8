//! Which pods' logs `cluster diags` reads: those of Calico, some of each application, on the nodes of interest first.

use std::collections::BTreeMap;

use serde_json::Value;

use super::collection::is_calicos;

/// The container of Calico's pod of a node that has the tools.
pub(super) const CONTAINER: &str = "calico-node";

/// A pod whose logs are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) node: String,
    pub(super) containers: Vec<String>,
    /// A container was started more than once.
    pub(super) restarted: bool,
}

impl Pod {
    /// Where its files are, without their extension.
    pub(super) fn file(&self) -> String {
        format!("nodes/{}/{}/{}", self.node, self.namespace, self.name)
    }

    /// Whether the node's tables can be asked for in it.
    pub(super) fn has_tables(&self) -> bool {
        self.name.starts_with("calico-node-") && self.containers.iter().any(|name| name == CONTAINER)
    }
}

/// The pods of each of Calico's applications, so many of one at most.
pub(super) fn of_calico(pods: &[Value], most: usize, focus: &[&str]) -> Vec<Pod> {
    let mut applications: BTreeMap<(String, String), Vec<Pod>> = BTreeMap::new();
    for value in pods {
        let Some(pod) = read(value) else { continue };
        let key = (pod.namespace.clone(), application(value));
        if is_calicos(&pod.namespace) || is_calicos(&key.1) {
            applications.entry(key).or_default().push(pod);
        }
    }
    let chosen = applications.into_values().flat_map(|mut pods| {
        pods.sort_by_key(|pod| (!focus.contains(&pod.node.as_str()), pod.name.clone()));
        pods.truncate(most);
        pods
    });
    chosen.collect()
}

fn read(pod: &Value) -> Option<Pod> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let names = |list: &Value| -> Vec<String> {
        let items = list.as_array().into_iter().flatten();
        items.filter_map(|container| text(&container["name"])).collect()
    };
    let spec = &pod["spec"];
    Some(Pod {
        namespace: text(&pod["metadata"]["namespace"])?,
        name: text(&pod["metadata"]["name"])?,
        node: text(&spec["nodeName"])?,
        containers: [names(&spec["initContainers"]), names(&spec["containers"])].concat(),
        restarted: pod["status"]["containerStatuses"].as_array().is_some_and(|list| {
            list.iter()
                .any(|status| status["restartCount"].as_u64() > Some(0))
        }),
    })
}

/// What a pod is one of: its owner, without what a Deployment adds to the name of its ReplicaSet.
fn application(pod: &Value) -> String {
    let owner = &pod["metadata"]["ownerReferences"][0];
    let name = owner["name"]
        .as_str()
        .or(pod["metadata"]["labels"]["k8s-app"].as_str());
    let name = name.or(pod["metadata"]["name"].as_str()).unwrap_or_default();
    let hash = pod["metadata"]["labels"]["pod-template-hash"]
        .as_str()
        .unwrap_or("-");
    name.strip_suffix(hash)
        .map_or(name, |name| name.trim_end_matches('-'))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_each_application_some_pods_are_taken_those_of_focus_nodes_first() {
        let pod = |namespace: &str, owner: &str, name: &str, node: &str| {
            json!({"metadata": {"namespace": namespace, "name": name, "ownerReferences": [{"name": owner}],
                "labels": {"pod-template-hash": "5d9f"}},
                "spec": {"nodeName": node, "initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}})
        };
        let mut pods = vec![
            pod("shop", "web", "web-1", "n1"),
            pod("kube-system", "calico-node", "calico-node-x", "n1"),
            pod("kube-system", "kube-dns", "kube-dns-x", "n1"),
            pod("calico-system", "calico-typha-5d9f", "calico-typha-a", "n1"),
        ];
        pods.extend((1..6).map(|at| {
            pod(
                "calico-system",
                "calico-node",
                &format!("calico-node-{at}"),
                &format!("n{at}"),
            )
        }));
        let names = |most: usize, focus: &[&str]| -> Vec<String> {
            of_calico(&pods, most, focus)
                .into_iter()
                .map(|pod| pod.name)
                .collect()
        };
        assert_eq!(
            names(2, &["n4"]),
            [
                "calico-node-4",
                "calico-node-1",
                "calico-typha-a",
                "calico-node-x"
            ]
        );
        assert_eq!(names(9, &[]).len(), 7);
        assert_eq!(of_calico(&pods, 1, &[])[0].containers, ["i", "c"]);
        assert_eq!(application(&pods[3]), "calico-typha");
    }
}
