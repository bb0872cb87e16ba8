//! containerd 1.6 of Debian in a lab node, with the reference CNI plugins: sandboxes as netdiag reads them, against what
//! CNI and the kernel have. The test makes the sandboxes itself, over the same protocol as kubelet.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use netdiag::state::{Absence, NodeState};
use netdiag_lab::docker::start_unpacked as start;
use netdiag_lab::{Error, Group, Node, Result, or_skip, unpacked, wait_for};
use prost::Message;
use serde_json::{Value, json};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::{collected, two_nodes};

// Of `pkg/apis/runtime/v1/api.proto`, what RunPodSandbox needs.

#[derive(Clone, PartialEq, Message)]
struct RunPodSandboxRequest {
    #[prost(message, optional, tag = "1")]
    config: Option<PodSandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct PodSandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "3")]
    log_directory: String,
    #[prost(btree_map = "string, string", tag = "7")]
    annotations: std::collections::BTreeMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<Linux>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(uint32, tag = "4")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Linux {
    #[prost(message, optional, tag = "2")]
    security_context: Option<SecurityContext>,
}

#[derive(Clone, PartialEq, Message)]
struct SecurityContext {
    #[prost(message, optional, tag = "1")]
    namespace_options: Option<NamespaceOption>,
}

#[derive(Clone, PartialEq, Message)]
struct NamespaceOption {
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, Message)]
struct RunPodSandboxResponse {
    #[prost(string, tag = "1")]
    id: String,
}

/// An image of one layer with busybox in it, as `ctr images import` takes it.
const IMAGE: &str = r#"
mkdir -p /run/image/bin /run/oci/blobs/sha256
cp "$1" /run/image/bin/
cd /run/oci
blob() { sum=$(sha256sum "$1" | cut -d' ' -f1); size=$(stat -c %s "$1"); mv "$1" "blobs/sha256/$sum"; }
tar -C /run/image -cf layer .
blob layer; layer=$sum layer_size=$size
printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/bin/busybox","sleep","100000"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' $layer >config
blob config; config=$sum config_size=$size
type=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
    $type $type $config $config_size $type $layer $layer_size >manifest
blob manifest
printf '{"imageLayoutVersion":"1.0.0"}' >oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"io.containerd.image.name":"localhost/pause:1"}}]}' \
    $type $sum $size >index.json
tar -cf /run/pause.tar .
"#;

fn configuration(plugins: &str) -> String {
    format!(
        r#"version = 2
root = "/run/containerd-root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  disable_cgroup = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "/etc/cni/lab.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".registry.configs."registry.example".auth]
    username = "u"
    password = "hunter2"
"#
    )
}

fn start_containerd(node: &Node, group: &Group) -> Result<()> {
    let programs = [
        unpacked("containerd", "usr/bin/containerd")?,
        unpacked("runc", "usr/sbin/runc")?,
    ];
    let path = programs.map(|program| {
        program
            .rsplit_once('/')
            .map_or(String::new(), |(directory, _)| directory.to_owned())
    });
    let bridge = unpacked("containernetworking-plugins", "usr/lib/cni/bridge")?;
    let busybox = unpacked("busybox-static", "bin/busybox")?;
    let plugins = bridge.trim_end_matches("/bridge");
    group.mount(node)?;
    node.write("/etc/containerd/lab.toml", &configuration(plugins))?;
    let conf = json!({"cniVersion": "0.4.0", "name": "lab", "plugins": [{"type": "bridge", "bridge": "cni0",
        "isGateway": true, "ipMasq": false, "mtu": 1400, "api_token": "hunter2",
        "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}], [{"subnet": "fd88::/64"}]]}}]});
    node.write("/etc/cni/lab.d/10-lab.conflist", &conf.to_string())?;
    // For loopback, which containerd brings up itself.
    node.sh("ip link set lo up").ok()?;
    start(
        node,
        "containerd",
        "usr/bin/containerd",
        &["--config=/etc/containerd/lab.toml"],
        &path.join(":"),
        &[],
    )?;
    let ctr = unpacked("containerd", "usr/bin/ctr")?;
    wait_for("containerd answers", Duration::from_secs(20), || {
        node.run([&ctr, "version"]).ok().ok()
    })
    .map_err(|error| {
        let log = node.read("/var/log/containerd.log").unwrap_or_default();
        Error::Skip(format!(
            "containerd does not start here: {error}: {}",
            log.lines().last().unwrap_or_default()
        ))
    })?;
    group.enter(node, "containerd")?;
    node.run(["sh", "-euc", IMAGE, "sh", &busybox]).ok()?;
    node.run([
        &ctr,
        "-n",
        "k8s.io",
        "images",
        "import",
        "--snapshotter",
        "native",
        "/run/pause.tar",
    ])
    .within(Duration::from_secs(30))
    .ok()
    .map(drop)
}

/// Asks the runtime for a sandbox; gives its id.
fn run_sandbox(node: &Node, name: &str, host_network: bool) -> Result<String> {
    let request = RunPodSandboxRequest {
        config: Some(PodSandboxConfig {
            metadata: Some(Metadata {
                name: name.to_owned(),
                uid: format!("uid-{name}"),
                namespace: "shop".to_owned(),
                attempt: 1,
            }),
            log_directory: "/run/logs".to_owned(),
            annotations: [("secret".to_owned(), "hunter2".to_owned())].into(),
            linux: Some(Linux {
                security_context: Some(SecurityContext {
                    namespace_options: Some(NamespaceOption {
                        network: if host_network { 2 } else { 0 },
                    }),
                }),
            }),
        }),
    };
    let stream = node.connect("/run/containerd/containerd.sock")?;
    let answer = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            stream.set_nonblocking(true).unwrap();
            let mut stream = Some(TokioIo::new(tokio::net::UnixStream::from_std(stream).unwrap()));
            let connector = tower::service_fn(move |_| {
                let stream = stream.take();
                async move { stream.ok_or_else(|| std::io::Error::other("once")) }
            });
            let channel: Channel = Endpoint::from_static("http://localhost")
                .connect_with_connector(connector)
                .await
                .unwrap();
            let mut grpc = Grpc::new(channel);
            grpc.ready().await.unwrap();
            let path = "/runtime.v1.RuntimeService/RunPodSandbox".parse().unwrap();
            let codec = ProstCodec::<RunPodSandboxRequest, RunPodSandboxResponse>::default();
            grpc.unary(tonic::Request::new(request), path, codec).await
        });
    answer
        .map(|answer| answer.into_inner().id)
        .map_err(|status| Error::Skip(format!("no sandbox runs here: {}", status.message())))
}

#[test]
fn sandboxes_are_those_that_cni_and_the_kernel_have() {
    let group = Group::new("containerd");
    let Some(lab) = or_skip(two_nodes()) else { return };
    let node = lab.node("h1");
    assert_eq!(collected(node).cri.absence(), Some(Absence::Missing));
    let ids = start_containerd(node, &group).and_then(|()| {
        Ok((
            run_sandbox(node, "web", false)?,
            run_sandbox(node, "agent", true)?,
        ))
    });
    let Some((web, agent)) = or_skip(ids) else { return };
    let state = collected(node);
    let cri = state.cri.known().unwrap_or_else(|| panic!("{:?}", state.cri));
    assert_eq!((cri.runtime.as_str(), cri.api.as_str()), ("containerd", "v1"));
    assert!(cri.version.starts_with("1."), "{}", cri.version);
    let network = cri
        .conditions
        .items()
        .iter()
        .find(|condition| condition.kind == "NetworkReady");
    assert!(network.unwrap().status, "{:?}", cri.conditions);
    let cni = cri.cni.known().unwrap();
    assert_eq!((cni.conf.as_str(), cni.max_conf_num), ("/etc/cni/lab.d", 1));

    let [host, pod] = cri.sandboxes.items() else {
        panic!("{:?}", cri.sandboxes)
    };
    assert_eq!((&host.id, &pod.id), (&agent, &web));
    assert_eq!(
        (host.name.as_str(), pod.name.as_str(), pod.namespace.as_str()),
        ("agent", "web", "shop")
    );
    assert_eq!((pod.uid.as_str(), pod.attempt, pod.ready), ("uid-web", 1, true));
    let (host, pod) = (host.detail.known().unwrap(), pod.detail.known().unwrap());
    assert!(host.host_network && !pod.host_network);
    assert!(host.ips.is_empty(), "{host:?}");

    // The kernel: the process, its namespace, its addresses.
    let (pid, netns) = (pod.pid.unwrap(), pod.netns.as_ref().unwrap());
    node.sh(&format!("[ {netns} -ef /proc/{pid}/ns/net ]"))
        .ok()
        .unwrap();
    let text = node
        .sh(&format!("nsenter --net={netns} ip -j address show eth0"))
        .ok()
        .unwrap();
    let link: Value = serde_json::from_str(&text).unwrap();
    let eth0 = pod.links.iter().find(|link| link.name == "eth0").unwrap();
    assert_eq!(link[0]["address"], eth0.mac.as_str());
    for ip in &pod.ips {
        let rows = link[0]["addr_info"].as_array().unwrap();
        assert!(
            rows.iter().any(|row| row["local"] == ip.to_string().as_str()),
            "{ip} {rows:?}"
        );
    }
    assert_eq!(pod.ips.len(), 2);
    cni_is_read(&state, &web, &pod.ips);
    assert!(!serde_json::to_string(&state).unwrap().contains("hunter2"));

    node.freeze("containerd").unwrap();
    let hung = collected(node).cri;
    assert_eq!(hung.absence(), Some(Absence::Unreadable), "{hung:?}");
    node.thaw("containerd").unwrap();
}

/// The configuration in the directory that only the runtime names, and leases of the real plugin.
fn cni_is_read(state: &NodeState, sandbox: &str, ips: &[std::net::IpAddr]) {
    let directory = &state.cni.items()[0];
    assert_eq!(directory.path, "/etc/cni/lab.d");
    let network = directory.first().unwrap().network.known().unwrap();
    let bridge = network.plugin("bridge").unwrap();
    assert_eq!((bridge.bridge.as_deref(), bridge.mtu), (Some("cni0"), Some(1400)));
    assert_eq!((bridge.is_gateway, bridge.ip_masq), (Some(true), Some(false)));
    let networks = state.host_local.items();
    let lab = networks.iter().find(|leases| leases.network == "lab").unwrap();
    let mut leased: Vec<_> = lab.leases.items().iter().map(|lease| lease.address).collect();
    let mut ips = ips.to_vec();
    leased.sort();
    ips.sort();
    assert_eq!(leased, ips);
    for lease in lab.leases.items() {
        assert_eq!(
            (lease.container.as_str(), lease.link.as_deref()),
            (sandbox, Some("eth0"))
        );
    }
    assert_eq!(lab.last_reserved["0"].to_string(), ips[0].to_string());
}
