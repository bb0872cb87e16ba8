//! By exec into a pod that runs on each node in its network, such as Calico's own.

mod pod;

use std::collections::BTreeMap;
use std::pin::Pin;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams, AttachedProcess, ListParams};
use kube::{Client, Config};
use tokio::io::AsyncWriteExt;

use pod::Pod;

use super::relay::{Ends, Relay};
use super::remote::{self, MAX_ANSWER, MAX_COMPLAINT, NO_ROOM, NOT_EXECUTABLE, NOT_FOUND, SNAPSHOT, up_to};
use super::{Answer, Failure, Program, Target, the_node};

/// Where Calico's pods are, by manifest and by operator.
pub const NAMESPACES: [&str; 2] = ["kube-system", "calico-system"];
/// The label of Calico's pods.
pub const SELECTOR: &str = "k8s-app=calico-node";
/// The container among several.
const CONTAINER: &str = "calico-node";
/// Bytes on their way into a pod: the pushed program is large.
const BUFFER: usize = 256 << 10;

/// The pods to exec into, by node.
#[derive(Clone)]
pub struct Kube {
    client: Client,
    pods: BTreeMap<String, Place>,
    program: Program,
}

/// A container on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    namespace: String,
    pod: String,
    container: String,
}

impl Kube {
    /// Finds the running pods with a label in these namespaces, by the user's kubeconfig or the pod's own account.
    ///
    /// # Errors
    /// Says what failed with which API server.
    pub async fn connect(namespaces: &[String], selector: &str, program: Program) -> Result<Self, Failure> {
        let config = Config::infer().await.map_err(|error| {
            Failure::new(format!("Kubernetes' configuration: {error}")).hint(CONFIGURATION)
        })?;
        let server = config.cluster_url.to_string();
        let fail = |error: kube::Error| failed(&server, &error);
        let client = Client::try_from(config).map_err(fail)?;
        let mut pods = BTreeMap::new();
        for namespace in namespaces {
            let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let list = api
                .list(&ListParams::default().labels(selector))
                .await
                .map_err(fail)?;
            pods.extend(list.items.iter().filter_map(place));
        }
        if pods.is_empty() {
            let why = format!(
                "{server}: no running pod with {selector} in {}",
                namespaces.join(", ")
            );
            return Err(
                Failure::new(why).hint("name others: --kube-namespace NAMESPACE --kube-selector KEY=VALUE")
            );
        }
        Ok(Self {
            client,
            pods,
            program,
        })
    }

    /// The nodes with such a pod.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.pods.keys().map(String::as_str)
    }

    /// Asks one node.
    pub async fn ask(&self, target: &Target) -> Answer {
        let (process, name) = self.start(target, &SNAPSHOT).await?;
        self.answer(process, &name).await
    }

    /// Runs netdiag with these words on a node; see [`super::Way::run`].
    pub(super) async fn run(
        &self,
        target: &Target,
        words: &[&str],
        relay: &mut Relay<'_>,
        stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<i32, Failure> {
        let (mut process, name) = self.start(target, words).await?;
        let ends = Ends {
            input: process.stdin(),
            output: process.stdout(),
            complaints: process.stderr(),
        };
        let status = process.take_status();
        let (status, said) = relay
            .until(ends, self.program.input(), stop, ended(status))
            .await?;
        match status.as_ref().map(exit_code) {
            Some(Ok(code @ (NO_ROOM | NOT_EXECUTABLE | NOT_FOUND))) => {
                Err(remote::explain(&name, code, &said))
            }
            Some(Ok(code)) => Ok(code),
            Some(Err(why)) => Err(Failure::new(format!("{name}: {why}"))),
            None => Err(cut(&name)),
        }
    }

    /// Starts netdiag with these words in the node's pod; also its name.
    async fn start(&self, target: &Target, words: &[&str]) -> Result<(AttachedProcess, String), Failure> {
        let Some(place) = self.pods.get(&target.node) else {
            return Err(Failure::new("no running pod to exec into is on this node"));
        };
        let name = format!("pod {}/{}", place.namespace, place.pod);
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &place.namespace);
        let parameters = AttachParams::default()
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .container(&place.container)
            .max_stdin_buf_size(BUFFER)
            .max_stdout_buf_size(BUFFER);
        let process = api
            .exec(&place.pod, self.program.words(words), &parameters)
            .await
            .map_err(|error| failed(&name, &error))?;
        Ok((process, name))
    }

    async fn answer(&self, mut process: AttachedProcess, name: &str) -> Answer {
        let mut stdin = process.stdin();
        let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
        let feed = async {
            if let Some(stdin) = &mut stdin {
                // A side that doesn't want it says why by its exit status.
                let _ = stdin.write_all(self.program.input()).await;
                let _ = stdin.flush().await;
            }
        };
        let ((), answer, complaint, status) = tokio::join!(
            feed,
            up_to(stdout, MAX_ANSWER),
            up_to(stderr, MAX_COMPLAINT),
            ended(status)
        );
        // Open till here: its end tells the other side to stop.
        drop(stdin);
        match status.as_ref().map(exit_code) {
            Some(Ok(0)) => the_node(&self.program, &answer, name),
            Some(Ok(code)) => Err(remote::explain(name, code, &String::from_utf8_lossy(&complaint))),
            Some(Err(why)) => Err(Failure::new(format!("{name}: {why}"))),
            None => Err(cut(name)),
        }
    }
}

/// Runs a command in a container, and gives back so many bytes of what it writes.
///
/// # Errors
/// It could not be started, or ended with an error: says which, and what the command said.
pub async fn output(
    client: &Client,
    [namespace, pod, container]: [&str; 3],
    words: &[&str],
    most: u64,
) -> Result<Vec<u8>, Failure> {
    let name = words.first().copied().unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let parameters = AttachParams::default()
        .stdin(false)
        .stdout(true)
        .stderr(true)
        .container(container)
        .max_stdout_buf_size(BUFFER);
    let mut process = api
        .exec(pod, words.iter().copied(), &parameters)
        .await
        .map_err(|error| failed(name, &error))?;
    let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
    let (output, complaint, status) =
        tokio::join!(up_to(stdout, most), up_to(stderr, MAX_COMPLAINT), ended(status));
    let said = String::from_utf8_lossy(&complaint);
    match status.as_ref().map(exit_code) {
        Some(Ok(0)) => Ok(output),
        Some(Ok(code)) => Err(remote::with(format!("{name} ended with {code}"), &said)),
        Some(Err(why)) => Err(Failure::new(format!("{name}: {why}"))),
        None => Err(Failure::new(format!(
            "{name}: the connection ended before it did"
        ))),
    }
}

/// How a command ended, once it did.
async fn ended(status: Option<impl Future<Output = Option<Status>>>) -> Option<Status> {
    match status {
        Some(status) => status.await,
        None => None,
    }
}

fn cut(name: &str) -> Failure {
    Failure::new(format!("{name}: the connection ended before netdiag did"))
}

const CONFIGURATION: &str = "set KUBECONFIG, or run where kubectl works";

fn failed(what: &str, error: &kube::Error) -> Failure {
    let failure = Failure::new(format!("{what}: {error}"));
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            failure.hint("needs the rights to list pods and to create pods/exec there")
        }
        kube::Error::Api(status) if status.code == 401 => failure.hint(CONFIGURATION),
        _ => failure,
    }
}

/// Where a pod runs, if it does.
fn place(pod: &Pod) -> Option<(String, Place)> {
    let spec = &pod.spec;
    let running = pod.status.phase.as_deref() == Some("Running");
    let leaving = pod.metadata.deletion_timestamp.is_some();
    if !running || leaving {
        return None;
    }
    let calico = spec
        .containers
        .iter()
        .find(|container| container.name == CONTAINER);
    let container = calico.or(spec.containers.first())?;
    let place = Place {
        namespace: pod.metadata.namespace.clone()?,
        pod: pod.metadata.name.clone()?,
        container: container.name.clone(),
    };
    Some((spec.node_name.clone()?, place))
}

/// How a command in a pod ended, as Kubernetes wraps it.
fn exit_code(status: &Status) -> Result<i32, String> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status
        .details
        .as_ref()
        .and_then(|details| details.causes.as_ref());
    let code = causes
        .into_iter()
        .flatten()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .and_then(|cause| cause.message.as_ref()?.parse().ok());
    code.ok_or_else(|| status.message.clone().unwrap_or_else(|| "exec failed".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(change: impl FnOnce(&mut Value)) -> Option<(String, Place)> {
        let mut pod = json!({
            "metadata": {"name": "calico-node-x7x", "namespace": "calico-system"},
            "spec": {"nodeName": "node1", "containers": [{"name": "sidecar"}, {"name": "calico-node"}]},
            "status": {"phase": "Running"},
        });
        change(&mut pod);
        place(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn a_running_pod_stands_for_its_node() {
        let (node, place) = pod(|_| {}).unwrap();
        assert_eq!(node, "node1");
        assert_eq!(
            [&*place.namespace, &*place.pod, &*place.container],
            ["calico-system", "calico-node-x7x", "calico-node"]
        );
        let (_, other) = pod(|pod| pod["spec"]["containers"] = json!([{"name": "agent"}])).unwrap();
        assert_eq!(other.container, "agent");
    }

    #[test]
    fn pods_that_do_not_run_stand_for_nothing() {
        assert_eq!(pod(|pod| pod["status"]["phase"] = "Pending".into()), None);
        assert_eq!(pod(|pod| pod["spec"]["nodeName"] = Value::Null), None);
        assert_eq!(
            pod(|pod| pod["metadata"]["deletionTimestamp"] = "2026-11-21T10:00:00Z".into()),
            None
        );
    }

    #[test]
    fn the_exit_status_is_unwrapped() {
        let code = |status: Value| exit_code(&serde_json::from_value(status).unwrap());
        assert_eq!(code(json!({"status": "Success"})), Ok(0));
        let causes = json!([{"reason": "ExitCode", "message": "127"}]);
        assert_eq!(
            code(json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}})),
            Ok(127)
        );
        assert_eq!(
            code(json!({"status": "Failure", "message": "container not found"})),
            Err("container not found".to_owned())
        );
    }

    #[test]
    fn a_pod_is_given_words_and_no_line_for_a_login_shell() {
        let words = Program::Pushed(b"x".as_slice().into()).words(&SNAPSHOT);
        assert_eq!(words[..2], ["sh", "-c"]);
        assert!(words[2].starts_with("umask 077; d=$(mktemp -d"), "{}", words[2]);
        assert_eq!(words.len(), 3);
    }
}
