//! Container runtimes over CRI, gRPC on a socket. Only calls that list and show.

mod messages;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::unix::{self, Deadline, Failure};
use crate::parse;
use crate::parse::secrets;
use crate::state::cri::{CniDirectories, Condition, Container, Cri, Sandbox, SandboxDetail};
use crate::state::{Absence, Fact};
use messages as proto;

/// Where runtimes listen: containerd, CRI-O, k3s, cri-dockerd, MicroK8s, k0s.
const SOCKETS: [&str; 6] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
    "/run/k0s/containerd.sock",
];

/// An answer larger than this is no list of pods.
const MAX_ANSWER: usize = 64 << 20;

/// Reads the runtime of this host, if there is one.
pub(super) async fn cri(timeout: Duration) -> Fact<Cri> {
    from(&unix::distinct(SOCKETS.map(PathBuf::from)), timeout).await
}

pub(super) async fn from(sockets: &[PathBuf], timeout: Duration) -> Fact<Cri> {
    unix::first(sockets, "a container runtime", async |path: &Path| {
        ask(path, timeout).await
    })
    .await
}

async fn ask(path: &Path, timeout: Duration) -> Result<Cri, Failure> {
    let deadline = Deadline::after(timeout);
    // So that a refusal is told by its own reason, not by the channel's.
    let stream = unix::connect(path, deadline).await?;
    let mut client = Client::over(stream, deadline).await?;
    let version: proto::VersionResponse = client.version().await?;
    let status: Result<proto::StatusResponse, Failure> = client
        .call("Status", proto::StatusRequest { verbose: true })
        .await;
    let (conditions, cni) = match status {
        Ok(status) => (Fact::Known(conditions(&status)), cni(&status)),
        Err(failure) => (failure.clone().into(), failure.into()),
    };
    Ok(Cri {
        socket: path.display().to_string(),
        runtime: version.runtime_name,
        version: version.runtime_version,
        api: client.api.to_owned(),
        conditions,
        cni,
        sandboxes: sandboxes(&mut client).await.map_or_else(Fact::from, Fact::Known),
        containers: containers(&mut client).await.map_or_else(Fact::from, Fact::Known),
    })
}

fn conditions(status: &proto::StatusResponse) -> Vec<Condition> {
    let conditions = status.status.iter().flat_map(|status| &status.conditions);
    conditions
        .map(|condition| Condition {
            kind: condition.kind.clone(),
            status: condition.status,
            reason: condition.reason.clone(),
            message: secrets::cut(&condition.message),
        })
        .collect()
}

fn cni(status: &proto::StatusResponse) -> Fact<CniDirectories> {
    let Some(config) = status.info.get("config") else {
        return Fact::absent("the runtime does not say where it looks");
    };
    // One status a plugin directory: `lastCNILoadStatus`, `lastCNILoadStatus.RUNTIME`.
    let last = status.info.get("lastCNILoadStatus").map(String::as_str);
    parse::cri::cni_directories(config, last).into()
}

async fn sandboxes(client: &mut Client) -> Result<Vec<Sandbox>, Failure> {
    let list: proto::ListPodSandboxResponse = client.call("ListPodSandbox", proto::ListRequest {}).await?;
    let mut sandboxes = Vec::with_capacity(list.items.len());
    for item in list.items {
        let request = proto::PodSandboxStatusRequest {
            pod_sandbox_id: item.id.clone(),
            verbose: true,
        };
        let answer: Result<proto::PodSandboxStatusResponse, Failure> =
            client.call("PodSandboxStatus", request).await;
        let metadata = item.metadata.unwrap_or_default();
        sandboxes.push(Sandbox {
            id: item.id,
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            attempt: metadata.attempt,
            ready: item.state == 0,
            created_at: item.created_at,
            detail: match answer.and_then(|answer| detail(&answer)) {
                Ok(detail) => Fact::Known(detail),
                Err(failure) => failure.into(),
            },
        });
    }
    sandboxes.sort_by(|one, other| {
        let key = |sandbox: &Sandbox| {
            (
                sandbox.namespace.clone(),
                sandbox.name.clone(),
                sandbox.id.clone(),
            )
        };
        key(one).cmp(&key(other))
    });
    Ok(sandboxes)
}

fn detail(answer: &proto::PodSandboxStatusResponse) -> Result<SandboxDetail, Failure> {
    let info = answer
        .info
        .get("info")
        .map(|text| parse::cri::sandbox(text))
        .transpose()
        .map_err(|why| Failure::unreadable(format!("PodSandboxStatus: its info: {why}")))?
        .unwrap_or_default();
    let status = answer.status.as_ref();
    let network = status.and_then(|status| status.network.as_ref());
    let ips = network.into_iter().flat_map(|network| {
        let others = network.additional_ips.iter().map(|other| other.ip.as_str());
        std::iter::once(network.ip.as_str()).chain(others)
    });
    let options = status.and_then(|status| status.linux.as_ref()?.namespaces.as_ref()?.options.as_ref());
    Ok(SandboxDetail {
        ips: ips.filter_map(|ip| ip.parse().ok()).collect(),
        host_network: options.is_some_and(|options| options.network == 2),
        netns: info.netns,
        pid: info.pid,
        links: info.links,
    })
}

async fn containers(client: &mut Client) -> Result<Vec<Container>, Failure> {
    let list: proto::ListContainersResponse = client.call("ListContainers", proto::ListRequest {}).await?;
    let mut containers: Vec<Container> = list
        .containers
        .into_iter()
        .map(|container| {
            let metadata = container.metadata.unwrap_or_default();
            let state = match container.state {
                0 => "created",
                1 => "running",
                2 => "exited",
                _ => "unknown",
            };
            Container {
                id: container.id,
                sandbox: container.pod_sandbox_id,
                name: metadata.name,
                attempt: metadata.attempt,
                image: secrets::cut(&container.image.unwrap_or_default().image),
                state: state.to_owned(),
            }
        })
        .collect();
    containers.sort_by(|one, other| {
        let key = |container: &Container| {
            (
                container.sandbox.clone(),
                container.name.clone(),
                container.id.clone(),
            )
        };
        key(one).cmp(&key(other))
    });
    Ok(containers)
}

struct Client {
    grpc: Grpc<Channel>,
    /// The version of the service that answered.
    api: &'static str,
    deadline: Deadline,
}

impl Client {
    async fn over(stream: tokio::net::UnixStream, deadline: Deadline) -> Result<Self, Failure> {
        // One stream, one connection: a channel that wants another gets none.
        let mut stream = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let stream = stream.take();
            async move { stream.ok_or_else(|| std::io::Error::other("the connection was closed")) }
        });
        let connect = async {
            // The name stands in the request's header only.
            Endpoint::from_static("http://localhost")
                .connect_with_connector(connector)
                .await
                .map_err(|error| Failure::unreadable(reason(&error)))
        };
        let channel = deadline.bound("connect", connect).await?;
        Ok(Self {
            grpc: Grpc::new(channel).max_decoding_message_size(MAX_ANSWER),
            api: "v1",
            deadline,
        })
    }

    /// The first call; it settles which version of the service the runtime has.
    async fn version(&mut self) -> Result<proto::VersionResponse, Failure> {
        let request = || proto::VersionRequest {
            version: String::new(),
        };
        let mut answer = self.once("Version", request()).await?;
        if matches!(&answer, Err(status) if status.code() == Code::Unimplemented) {
            self.api = "v1alpha2";
            answer = self.once("Version", request()).await?;
        }
        answer.map_err(|status| match status.code() {
            // On a Docker host that is as it should be.
            Code::Unimplemented => Failure {
                absence: Absence::Missing,
                why: "no CRI here: this containerd serves Docker, or its cri plugin is off".into(),
            },
            _ => said("Version", &status),
        })
    }

    async fn call<A, B>(&mut self, method: &'static str, request: A) -> Result<B, Failure>
    where
        A: Message + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let answer = self.once(method, request).await?;
        answer.map_err(|status| said(method, &status))
    }

    async fn once<A, B>(&mut self, method: &str, request: A) -> Result<Result<B, Status>, Failure>
    where
        A: Message + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let path = format!("/runtime.{}.RuntimeService/{method}", self.api);
        let path = path
            .parse()
            .map_err(|_| Failure::unreadable(format!("{method}: no path")))?;
        let deadline = self.deadline;
        let exchange = async {
            if let Err(error) = self.grpc.ready().await {
                return Err(Failure::unreadable(format!("{method}: {}", reason(&error))));
            }
            let codec = ProstCodec::<A, B>::default();
            let answer = self.grpc.unary(Request::new(request), path, codec).await;
            Ok(answer.map(tonic::Response::into_inner))
        };
        deadline.bound(method, exchange).await
    }
}

fn said(method: &str, status: &Status) -> Failure {
    let message = if status.message().is_empty() {
        status.code().description()
    } else {
        status.message()
    };
    let cause = std::error::Error::source(status).map(|cause| format!(": {}", reason(cause)));
    let message = secrets::cut(&format!("{message}{}", cause.unwrap_or_default()));
    Failure::unreadable(format!("{method}: {}", parse::excerpt(&message)))
}

/// An error down to its cause.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
