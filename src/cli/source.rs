//! Where a reading command gets its facts from: this host and its datastore, or snapshots.

use std::collections::HashSet;
use std::convert::Infallible;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use clap::Args;
use serde_json::Value;

use super::{Context, Error, objects};
use crate::archive::{self, Merge, Merged, Twice};
use crate::calico::resource::Kind;
use crate::collect;
use crate::datastore::{self, Datastore, INVENTORY, Inventory, List, Listing, Unreadable};
use crate::diagnose::World;
use crate::diagnose::shell::word;
use crate::intent::Cluster;
use crate::kubernetes::Object;
use crate::parse;
use crate::policy::alike::seen_by_selectors;
use crate::state::cni::FlannelNetwork;
use crate::state::{Fact, NodeState, Objects, Snapshot, snapshot};

/// What every reading command can be pointed at.
#[derive(Debug, Clone, Args)]
pub(super) struct Source {
    /// Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture
    #[arg(long, value_name = "FILE|DIR")]
    snapshot: Vec<PathBuf>,
    /// Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints,
    /// manifests, cluster diags; a directory stands for its .yaml, .yml and .json files
    #[arg(long, value_name = "FILE|DIR")]
    objects: Vec<PathBuf>,
    /// Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)
    #[arg(long, value_name = "PATH")]
    bird_socket: Option<PathBuf>,
}

/// How much of the node a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All there is.
    Whole,
    /// What sessions of BIRD depend on.
    Sessions,
    /// Links and addresses decide; the daemons are not asked.
    Kernel,
}

impl Source {
    /// Reads the snapshots given, or this host and its datastore.
    pub(super) fn read(&self, cx: &mut Context, depth: Depth) -> Result<Snapshot, Error> {
        if !self.snapshot.is_empty() {
            let mut snapshot = read_snapshots(cx, &self.snapshot)?;
            if !self.objects.is_empty() {
                snapshot.objects = Fact::Known(objects::read(&self.objects, &snapshot.objects)?);
            }
            return Ok(snapshot);
        }
        let objects = self.objects(cx, depth)?;
        let node = self.node(cx, depth);
        Ok(Snapshot {
            netdiag_snapshot: snapshot::VERSION,
            nodes: vec![node],
            objects,
        })
    }

    /// Reads this host alone.
    pub(super) fn node(&self, cx: &Context, depth: Depth) -> NodeState {
        let options = collect::Options {
            scope: match depth {
                Depth::Whole => collect::Scope::Node,
                Depth::Sessions | Depth::Kernel => collect::Scope::Sessions,
            },
            bird_socket: self.bird_socket.clone(),
            timeout: cx.timeout(),
        };
        cx.block_on(async {
            match depth {
                Depth::Whole | Depth::Sessions => collect::node(&options).await,
                Depth::Kernel => collect::kernel(),
            }
        })
    }

    /// The objects of the files given, or else of the datastore.
    pub(super) fn objects(&self, cx: &mut Context, depth: Depth) -> Result<Fact<Objects>, Error> {
        if self.objects.is_empty() {
            return Ok(stored(cx, depth));
        }
        objects::read(&self.objects, &Fact::default()).map(Fact::Known)
    }

    /// The options that say it, for commands that come next.
    pub(super) fn options(&self) -> String {
        let files = [("--snapshot", &self.snapshot), ("--objects", &self.objects)];
        let files = files
            .iter()
            .flat_map(|(option, paths)| paths.iter().map(move |path| (option, path)));
        let socket = self.bird_socket.iter().map(|path| (&"--bird-socket", path));
        let words = files.chain(socket);
        words.fold(String::new(), |options, (option, path)| {
            options + " " + option + " " + &word(&path.to_string_lossy())
        })
    }

    /// Whether the facts come from files.
    pub(super) fn is_snapshot(&self) -> bool {
        !self.snapshot.is_empty()
    }
}

/// The picture as it will be when manifests are applied.
pub(super) fn what_if(cx: &mut Context, snapshot: Snapshot, files: &[PathBuf]) -> Result<Snapshot, Error> {
    if files.is_empty() {
        return Ok(snapshot);
    }
    Ok(super::plan::future_of(cx, &snapshot, files)?.snapshot)
}

/// The objects that diagnosis needs, or why they are not known.
fn stored(cx: &mut Context, depth: Depth) -> Fact<Objects> {
    let store = match super::datastore::open(cx) {
        Ok(store) => store,
        Err(error) => return Fact::absent(error.message),
    };
    cx.block_on(list(store.as_ref(), &Wanted::of(depth)))
        .map_err(|error| error.message)
        .into()
}

/// Which objects of a datastore are read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) kinds: Vec<Kind>,
    /// Of these namespaces alone; when none is named, of all.
    pub(super) endpoints_of: Vec<String>,
    /// Of endpoints that no selector tells apart, one.
    pub(super) one_of_alike: bool,
    /// Kinds of Kubernetes. Where Kubernetes is the store, endpoints and profiles follow from its pods, if those are among
    /// them.
    pub(super) kubernetes: Vec<&'static str>,
    /// The network of flanneld.
    pub(super) flannel: bool,
    /// Blocks and affinities.
    pub(super) ipam: bool,
}

impl Wanted {
    fn of(depth: Depth) -> Self {
        let whole = depth == Depth::Whole;
        let enforced = Kind::ENFORCED.into_iter().filter(|_| whole);
        Self {
            kinds: Kind::DIAGNOSED.into_iter().chain(enforced).collect(),
            kubernetes: if whole { INVENTORY.to_vec() } else { Vec::new() },
            flannel: true,
            ipam: whole,
            ..Self::default()
        }
    }
}

/// The objects of a datastore.
pub(super) async fn list(store: &dyn Datastore, wanted: &Wanted) -> Result<Objects, Error> {
    let mut objects = Objects {
        store: store.describe(),
        v1_manifests: store.reads_v1_manifests(),
        ..Objects::default()
    };
    let inventory = match wanted.kubernetes.as_slice() {
        [] => None,
        kinds => store.kubernetes_objects(kinds).await?,
    };
    // Endpoints and profiles follow from Kubernetes' own objects, where there are those.
    let pods = inventory.is_some() && wanted.kubernetes.contains(&"Pod");
    let derived = |kind: Kind| pods && matches!(kind, Kind::WorkloadEndpoint | Kind::Profile);
    for kind in wanted.kinds.iter().copied().filter(|kind| !derived(*kind)) {
        let list = match of_kind(store, kind, wanted).await {
            Ok(list) => list,
            // The store has no such kind, or this user may not read it: then nobody knows whether there are any.
            Err(_) if Kind::ENFORCED.contains(&kind) => continue,
            Err(error) => return Err(error.into()),
        };
        objects.kinds.push(kind.name().to_owned());
        objects
            .resources
            .extend(list.items.into_iter().map(|resource| resource.body.into()));
        objects
            .unreadable
            .extend(list.unreadable.into_iter().map(|bad| (bad.key, bad.why)));
    }
    if let Some(inventory) = inventory {
        keep(inventory, &mut objects);
    }
    if wanted.flannel {
        objects.flannel = flannel(store).await?;
    }
    if wanted.ipam {
        objects.ipam = ipam(store).await;
    }
    Ok(objects)
}

async fn of_kind(store: &dyn Datastore, kind: Kind, wanted: &Wanted) -> Result<List, datastore::Error> {
    if kind != Kind::WorkloadEndpoint {
        return store.list(kind).await;
    }
    let namespaces: Vec<Option<&str>> = match wanted.endpoints_of.as_slice() {
        [] => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    let mut all = List::default();
    for namespace in namespaces {
        let endpoints = store.listing(kind, namespace).await?;
        let list = if wanted.one_of_alike {
            one_of_alike(&endpoints)
        } else {
            endpoints.into_list()
        };
        all.items.extend(list.items);
        all.unreadable.extend(list.unreadable);
    }
    Ok(all)
}

/// One of all endpoints that no selector tells apart: of thousands of pods, a few.
fn one_of_alike(endpoints: &Listing) -> List {
    let (mut seen, mut list) = (HashSet::new(), List::default());
    let Ok(()) = endpoints.made(
        |endpoint| {
            let seen = seen_by_selectors(&endpoint);
            (
                serde_json::Value::Object(seen.body.clone()).to_string(),
                seen,
                endpoint.name().to_owned(),
            )
        },
        |(key, mut endpoint, name)| {
            if seen.insert(key) {
                endpoint.set(&["metadata", "name"], Some(name.into()));
                list.items.push(endpoint);
            }
            Ok::<(), Infallible>(())
        },
    );
    list.unreadable.extend_from_slice(endpoints.unreadable());
    list
}

/// Keeps what is used of Kubernetes' objects.
fn keep(inventory: Inventory, objects: &mut Objects) {
    let (mut known, mut unreadable) = (Vec::new(), inventory.unreadable);
    for object in &inventory.objects {
        match Object::read(object) {
            Ok(object) => known.extend(object.map(|object| object.value())),
            Err(why) => unreadable.push(Unreadable {
                key: "Kubernetes".into(),
                why,
            }),
        }
    }
    objects
        .unreadable
        .extend(unreadable.into_iter().map(|bad| (bad.key, bad.why)));
    objects.kubernetes = Fact::Known(known);
}

/// Blocks and affinities (libcalico-go `lib/backend/model`).
const IPAM: [&str; 2] = ["/calico/ipam/v2/assignment/", "/calico/ipam/v2/host/"];

/// Calico's IPAM, where the store shows its keys.
async fn ipam(store: &dyn Datastore) -> Fact<Vec<(String, Value)>> {
    let mut entries = Vec::new();
    for prefix in IPAM {
        let list = match store.entries(prefix).await {
            Ok(list) => list,
            Err(error) => return Fact::absent(error.to_string()),
        };
        let values = list
            .into_iter()
            .filter_map(|entry| Some((entry.key, serde_json::from_slice(&entry.value).ok()?)));
        entries.extend(values);
    }
    Fact::Known(entries)
}

/// Where flanneld keeps its network, unless `--etcd-prefix` says otherwise.
const FLANNEL: &str = "/coreos.com/network/";

async fn flannel(store: &dyn Datastore) -> Result<Option<FlannelNetwork>, Error> {
    let entries = store.entries(FLANNEL).await?;
    if entries.is_empty() {
        return Ok(None);
    }
    let texts: Vec<(&str, std::borrow::Cow<str>)> = entries
        .iter()
        .map(|entry| (entry.key.as_str(), String::from_utf8_lossy(&entry.value)))
        .collect();
    let network = parse::flannel::network(texts.iter().map(|(key, value)| (*key, value.as_ref())));
    Ok(Some(network))
}

/// Reads files, and directories of them, into one picture.
pub(super) fn read_snapshots(cx: &mut Context, paths: &[PathBuf]) -> Result<Snapshot, Error> {
    let mut merge = Merge::new(false);
    let files = files(paths)?;
    for (file, part) in files.iter().zip(read_side_by_side(&files)) {
        merge
            .add(file.display().to_string(), part?)
            .map_err(|twice| Error::from(twice).hint("give one snapshot a node"))?;
    }
    let Merged { snapshot, warnings } = merge.done();
    warn(cx, &warnings)?;
    Ok(snapshot)
}

/// Reads files with all processors; what comes back is in their order. After one that can't be read, no other is begun.
fn read_side_by_side(files: &[PathBuf]) -> Vec<Result<Snapshot, Error>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut read = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(at) else { break };
            let part = read_file(file);
            failed.fetch_or(part.is_err(), Ordering::Relaxed);
            read.push((at, part));
        }
        read
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut read = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(files.len())).map(|_| scope.spawn(work)).collect();
        let mut read = work();
        let joined = others.into_iter().filter_map(|thread| thread.join().ok());
        read.extend(joined.flatten());
        read
    });
    read.sort_by_key(|(at, _)| *at);
    read.into_iter().map(|(_, part)| part).collect()
}

pub(super) fn warn(cx: &mut Context, warnings: &[String]) -> Result<(), Error> {
    for warning in warnings {
        writeln!(cx.err, "{} {warning}", cx.style.warn("warning:"))?;
    }
    Ok(())
}

/// The files that paths stand for; of a directory its `.zst` and `.json` files.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() && !collect::bundle::is_bundle(path) {
            files.extend(directory(path)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn directory(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries =
        std::fs::read_dir(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    let is_snapshot = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "json" || extension == "zst")
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_snapshot)
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::new(format!(
            "{}: no .zst or .json file in this directory",
            path.display()
        )));
    }
    Ok(files)
}

/// Reads one file, of whatever form; `-` is standard input.
pub(super) fn read_file(path: &Path) -> Result<Snapshot, Error> {
    let fail = |why: String| {
        Error::new(format!("{}: {why}", path.display())).hint("save one with: netdiag snapshot save -o FILE")
    };
    if super::files::is_stdout(path) {
        return archive::read(std::io::stdin().lock()).map_err(fail);
    }
    if collect::bundle::is_bundle(path) {
        return collect::bundle::read(path).map_err(fail);
    }
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    archive::read(file).map_err(fail)
}

impl From<Twice> for Error {
    fn from(Twice { node, first, second }: Twice) -> Self {
        Self::new(format!("{second}: node {node} is in {first} already"))
    }
}

/// The picture as diagnosis wants it: objects understood.
pub(super) struct Picture {
    pub snapshot: Snapshot,
    cluster: Result<Cluster, String>,
}

impl Picture {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let cluster = match &snapshot.objects {
            Fact::Known(objects) => Ok(Cluster::new(objects)),
            Fact::Absent { why, .. } => Err(why.clone()),
        };
        Self { snapshot, cluster }
    }

    /// The objects, where they are known.
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref().ok()
    }

    pub(super) fn world(&self) -> World<'_> {
        World::new(
            &self.snapshot.nodes,
            self.cluster.as_ref().map_err(String::as_str),
        )
        .with_objects(self.snapshot.objects.known())
    }
}
