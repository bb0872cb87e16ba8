//! Stands in for confd: renders BIRD's configuration again whenever the datastore changes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

use crate::{
    Etcd, Fault, Node, Result, Store, bird,
    render::{Cluster, Settings, render},
};

const V3_NODES: &str = "/calico/resources/v3/projectcalico.org/nodes/";
const V3_BGP: &str = "/calico/resources/v3/projectcalico.org/bgpconfigurations/default";
const V2_BGP: &str = "/calico/bgp/v1/";

/// A thread that looks at the datastore five times a second.
#[derive(Debug)]
pub(crate) struct Renderer {
    shared: Arc<Shared>,
    /// never used but by its end
    alive: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    etcd: Etcd,
    /// nodes and their blocks
    nodes: Vec<(Arc<Node>, String)>,
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    /// node → what it calls itself towards Calico, if not that
    names: BTreeMap<String, String>,
    /// node → its configuration
    rendered: BTreeMap<String, String>,
}

impl Renderer {
    /// Renders once for all nodes, and from then on whenever something changes.
    pub(crate) fn start(etcd: Etcd, nodes: Vec<(Arc<Node>, String)>, settings: Settings) -> Result<Self> {
        let shared = Shared {
            etcd,
            nodes,
            settings,
            state: Mutex::default(),
        };
        let shared = Arc::new(shared);
        shared.update(|_| ())?;
        let looking = Arc::clone(&shared);
        let (alive, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            // Dropping the renderer ends the wait at once.
            while ended.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout) {
                // An etcd that does not answer now may answer the next time.
                let _ = looking.update(|_| ());
            }
        });
        Ok(Self {
            shared,
            alive: Some(alive),
            thread: Some(thread),
        })
    }

    /// Changes the faults, and the configurations with them.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<Fault>)) -> Result<()> {
        self.shared.update(change)
    }

    /// Changes what a node calls itself towards Calico.
    pub(crate) fn rename(&self, node: &str, name: &str) -> Result<()> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.names.insert(node.into(), name.into());
        drop(state);
        self.shared.update(|_| ())
    }

    /// What the datastore says now.
    pub(crate) fn cluster(&self) -> Result<Cluster> {
        cluster(&self.shared.etcd)
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn update(&self, change: impl FnOnce(&mut Vec<Fault>)) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.faults);
        let cluster = cluster(&self.etcd)?;
        for (node, block) in &self.nodes {
            let name = state.names.get(node.name()).map_or(node.name(), String::as_str);
            let Some(text) = render(name, block, &cluster, self.settings, &state.faults) else {
                continue;
            };
            if state.rendered.get(node.name()) == Some(&text) {
                continue;
            }
            // A node that is down, or whose BIRD is, does not keep the others from their configuration.
            if node.write(bird::CONFIG, &text).is_ok() {
                if node.daemon("bird").is_some() {
                    let _ = bird::ask(node, "configure");
                }
                state.rendered.insert(node.name().into(), text);
            }
        }
        Ok(())
    }
}

/// Reads the datastore.
fn cluster(etcd: &Etcd) -> Result<Cluster> {
    let mut cluster = Cluster {
        nodes: BTreeMap::new(),
        mesh: true,
        number: 64512,
    };
    match etcd.store() {
        Store::V3 => {
            for (key, value) in etcd.list(V3_NODES)? {
                let bgp = &json(&value)["spec"]["bgp"];
                let address = bgp["ipv4Address"].as_str().map(host);
                cluster
                    .nodes
                    .insert(key[V3_NODES.len()..].into(), (address, number(&bgp["asNumber"])));
            }
            if let Some(value) = etcd.get(V3_BGP)? {
                let spec = &json(&value)["spec"];
                cluster.mesh = spec["nodeToNodeMeshEnabled"].as_bool().unwrap_or(true);
                cluster.number = number(&spec["asNumber"]).unwrap_or(cluster.number);
            }
        }
        Store::V2 => {
            for (key, value) in etcd.list(V2_BGP)? {
                let path: Vec<_> = key[V2_BGP.len()..].split('/').collect();
                match path[..] {
                    ["host", node, "ip_addr_v4"] if !value.is_empty() => {
                        cluster.nodes.entry(node.into()).or_default().0 = Some(host(&value));
                    }
                    ["host", node, "as_num"] => {
                        cluster.nodes.entry(node.into()).or_default().1 = value.parse().ok();
                    }
                    ["global", "as_num"] => cluster.number = value.parse().unwrap_or(cluster.number),
                    ["global", "node_mesh"] => {
                        cluster.mesh = json(&value)["enabled"].as_bool().unwrap_or(true);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(cluster)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// An address without its length.
fn host(address: &str) -> String {
    address.split('/').next().unwrap_or(address).into()
}

/// An AS number, which Calico writes as a number or as text.
fn number(value: &Value) -> Option<u32> {
    value.as_str().map_or_else(
        || value.as_u64().and_then(|number| number.try_into().ok()),
        |text| text.parse().ok(),
    )
}
