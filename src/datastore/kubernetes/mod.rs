//! Kubernetes as the datastore: custom resources for what is Calico's own, and Kubernetes' objects for nodes, endpoints
//! and profiles (libcalico-go `lib/backend/k8s`).

mod api;
mod connect;
mod define;
mod entries;
mod ipam;
mod node;
mod pod;
mod profile;
mod server;
mod watch;

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::endpoint::Endpoint;
use super::policy_names::{self, stored_ids, with_name};
use super::{Answer, Datastore, Entry, Error, Inventory, List, Unreadable, identity};
use crate::calico::apiconfig::ApiConfig;
use crate::calico::crd::{self, Group};
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::calico::stored;
use api::{Api, Subject};
use profile::Of;
pub use server::Server;

const NODES: &str = "/api/v1/nodes";
const PODS: &str = "/api/v1/pods";

/// Kubernetes' own kinds that networks and policies depend on: path of the collection, version and kind.
const OBJECTS: [(&str, &str, &str); 7] = [
    (NODES, "v1", "Node"),
    ("/api/v1/namespaces", "v1", "Namespace"),
    ("/api/v1/serviceaccounts", "v1", "ServiceAccount"),
    (PODS, "v1", "Pod"),
    ("/api/v1/services", "v1", "Service"),
    (
        "/apis/discovery.k8s.io/v1/endpointslices",
        "discovery.k8s.io/v1",
        "EndpointSlice",
    ),
    (
        "/apis/networking.k8s.io/v1/networkpolicies",
        "networking.k8s.io/v1",
        "NetworkPolicy",
    ),
];

/// One API server.
pub(super) struct Kubernetes {
    api: Api,
    group: Group,
    use_pod_cidr: bool,
    notes: Vec<String>,
    /// Whether the cluster's release stores policies under their tier's name.
    tiers_in_names: OnceCell<bool>,
}

impl Kubernetes {
    /// Makes a client, and asks the server which group it has Calico's objects in.
    pub(super) async fn connect(config: &ApiConfig, deadline: Duration) -> Result<Self, Error> {
        let api = connect::api(config, deadline).await?;
        let mut notes = config.notes.clone();
        let wanted = config.kubernetes.api_group.as_deref();
        let group = match wanted.map(|text| (text, Group::parse(text))) {
            Some((_, Some(group))) => group,
            Some((text, None)) => {
                return Err(Error::Config(format!(
                    "CALICO_API_GROUP {text:?} is neither crd.projectcalico.org/v1 nor projectcalico.org/v3"
                )));
            }
            None => discover(&api, &mut notes).await?,
        };
        Ok(Self {
            api,
            group,
            use_pod_cidr: config.kubernetes.use_pod_cidr,
            notes,
            tiers_in_names: OnceCell::new(),
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.api.endpoint
    }

    /// The path of a kind's collection, of all namespaces or one.
    fn collection(&self, kind: Kind, namespace: Option<&str>) -> String {
        let (version, plural) = (self.group.version(), self.group.names(kind).1);
        match namespace {
            Some(namespace) => format!("/apis/{version}/namespaces/{namespace}/{plural}"),
            None => format!("/apis/{version}/{plural}"),
        }
    }

    fn path(&self, kind: Kind, stored_id: &str) -> String {
        match stored_id.split_once('/') {
            Some((namespace, name)) => format!("{}/{name}", self.collection(kind, Some(namespace))),
            None => format!("{}/{stored_id}", self.collection(kind, None)),
        }
    }

    async fn read(&self, kind: Kind, id: &str) -> Result<Resource, Error> {
        let subject = Subject { kind, name: id };
        let get = |path: String| async move { self.api.demand(Method::GET, &path, None, subject).await };
        let not_found = || Error::NotFound {
            kind,
            name: id.to_owned(),
        };
        let bad = |why| Error::BadValue {
            key: format!("{kind}({id})"),
            why,
        };
        match kind {
            Kind::Node => {
                let object = get(format!("{NODES}/{id}")).await?;
                Ok(node::read(&object, self.use_pod_cidr).0)
            }
            Kind::WorkloadEndpoint => {
                let (namespace, name) = pod::pod_of(id).ok_or_else(not_found)?;
                let object = get(format!("/api/v1/namespaces/{namespace}/pods/{name}")).await?;
                let endpoint = pod::endpoint(&object, pod::INTERFACE_PREFIX).map_err(bad)?;
                endpoint
                    .filter(|endpoint| endpoint.id() == id)
                    .ok_or_else(not_found)
            }
            Kind::Profile if id == stored::DEFAULT_ALLOW => Ok(stored::default_allow()),
            Kind::Profile => match profile::of(id).ok_or_else(not_found)? {
                Of::Namespace(name) => {
                    let object = get(format!("/api/v1/namespaces/{name}")).await?;
                    Ok(profile::of_namespace(&object))
                }
                Of::ServiceAccount(namespace, name) => {
                    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
                    Ok(profile::of_account(&get(path).await?))
                }
            },
            _ => {
                for stored_id in stored_ids(kind, id) {
                    match get(self.path(kind, &stored_id)).await {
                        Err(Error::NotFound { .. }) => {}
                        found => return crd::decode(kind, found?).map_err(bad),
                    }
                }
                Err(not_found())
            }
        }
    }

    async fn read_all(&self, kind: Kind, namespace: Option<&str>) -> Result<List, Error> {
        let mut list = List::default();
        let subject = Subject { kind, name: "" };
        let core = |plural: &str| match namespace {
            Some(namespace) => format!("/api/v1/namespaces/{namespace}/{plural}"),
            None => format!("/api/v1/{plural}"),
        };
        let unreadable = |object: &Value, why: String| Unreadable {
            key: named(kind.name(), object),
            why,
        };
        match kind {
            Kind::Node => {
                let each = &mut |object: Value| {
                    let (node, complaints) = node::read(&object, self.use_pod_cidr);
                    let complaints = complaints.into_iter().map(|why| unreadable(&object, why));
                    list.unreadable.extend(complaints);
                    list.items.push(node);
                };
                list.version = self.api.list(NODES, subject, each).await?;
            }
            Kind::WorkloadEndpoint => {
                let each = &mut |object: Value| match pod::endpoint(&object, pod::INTERFACE_PREFIX) {
                    Ok(endpoint) => list.items.extend(endpoint),
                    Err(why) => list.unreadable.push(unreadable(&object, why)),
                };
                list.version = self.api.list(&core("pods"), subject, each).await?;
            }
            Kind::Profile => {
                list.items.push(stored::default_allow());
                let each = &mut |object: Value| list.items.push(profile::of_namespace(&object));
                let first = self.api.list("/api/v1/namespaces", subject, each).await?;
                let each = &mut |object: Value| list.items.push(profile::of_account(&object));
                let second = self.api.list("/api/v1/serviceaccounts", subject, each).await?;
                list.version = first
                    .zip(second)
                    .map(|(first, second)| format!("{first}/{second}"));
                return Ok(list);
            }
            _ => {
                let path = self.collection(kind, namespace);
                let each = &mut |object: Value| {
                    let key = named(kind.name(), &object);
                    match crd::decode(kind, object) {
                        Ok(resource) => list.items.push(resource),
                        Err(why) => list.unreadable.push(Unreadable { key, why }),
                    }
                };
                let each = &mut |mut object: Value| {
                    // Items of a list don't say what they are.
                    object["apiVersion"] = self.group.version().into();
                    each(object);
                };
                list.version = self.api.list(&path, subject, each).await?;
            }
        }
        list.items.sort_by_cached_key(Resource::id);
        Ok(list)
    }

    async fn insert(&self, resource: &Resource) -> Result<Resource, Error> {
        let mut new = resource.clone();
        let (kind, id) = (new.kind, new.id());
        let refuse = |why: &str| {
            Err(Error::NotSupported {
                operation: "Create",
                kind,
                name: id.clone(),
                why: why.to_owned(),
            })
        };
        match kind {
            Kind::Node => return refuse("with Kubernetes, kubelets register nodes"),
            Kind::WorkloadEndpoint => return refuse("with Kubernetes, they follow from pods"),
            Kind::Profile => {
                return refuse("with Kubernetes, they follow from namespaces and service accounts");
            }
            _ => {}
        }
        identity::check_name(&new)?;
        identity::give(&mut new)?;
        new.set_resource_version(None);
        let look = || async {
            match self.read(Kind::ClusterInformation, "default").await {
                Err(Error::NotFound { .. } | Error::Unsupported { .. }) => {
                    Ok(policy_names::tiers_in_names(None))
                }
                cluster => Ok(policy_names::tiers_in_names(Some(&cluster?))),
            }
        };
        let tiers = kind.is_tiered() && *self.tiers_in_names.get_or_try_init(look).await?;
        let name = match self.group {
            Group::Classic => policy_names::new_name(&new, tiers),
            Group::Native => new.name().to_owned(),
        };
        // A policy may be there under the name that other releases give it.
        let stored_id = with_name(&id, &name);
        for other in stored_ids(kind, &id)
            .into_iter()
            .filter(|other| *other != stored_id)
        {
            if self
                .api
                .call(Method::GET, &self.path(kind, &other), None)
                .await?
                .is_ok()
            {
                return Err(Error::AlreadyExists { kind, name: id });
            }
        }
        let body = crd::encode(self.group, &new, &name);
        let subject = Subject { kind, name: &id };
        let path = self.collection(kind, new.namespace().filter(|_| kind.is_namespaced()));
        let created = self.api.demand(Method::POST, &path, Some(&body), subject).await?;
        crd::decode(kind, created).map_err(|why| Error::BadValue { key: id, why })
    }

    async fn replace(&self, resource: &Resource) -> Result<Resource, Error> {
        let (kind, id) = (resource.kind, resource.id());
        let refuse = |why: &str| {
            Err(Error::NotSupported {
                operation: "Update",
                kind,
                name: id.clone(),
                why: why.to_owned(),
            })
        };
        match kind {
            Kind::Node => return self.replace_node(resource).await,
            Kind::WorkloadEndpoint => return refuse("with Kubernetes, they follow from pods"),
            Kind::Profile => {
                return refuse("with Kubernetes, they follow from namespaces and service accounts");
            }
            _ => {}
        }
        version(resource)?;
        let subject = Subject { kind, name: &id };
        for stored_id in stored_ids(kind, &id) {
            let name = stored_id.rsplit('/').next().unwrap_or_default();
            let body = crd::encode(self.group, resource, name);
            let path = self.path(kind, &stored_id);
            match self.api.demand(Method::PUT, &path, Some(&body), subject).await {
                Err(Error::NotFound { .. }) => {}
                written => {
                    return crd::decode(kind, written?).map_err(|why| Error::BadValue { key: id, why });
                }
            }
        }
        Err(Error::NotFound { kind, name: id })
    }

    async fn replace_node(&self, resource: &Resource) -> Result<Resource, Error> {
        let name = resource.name();
        let subject = Subject {
            kind: Kind::Node,
            name,
        };
        let wanted = version(resource)?;
        let path = format!("{NODES}/{name}");
        let mut object = self.api.demand(Method::GET, &path, None, subject).await?;
        if object["metadata"]["resourceVersion"] != wanted {
            let (kind, name) = (Kind::Node, name.to_owned());
            return Err(Error::Conflict { kind, name });
        }
        node::write(resource, &mut object).map_err(|why| Error::BadValue {
            key: format!("Node({name})"),
            why,
        })?;
        let path = format!("{path}/status");
        let written = self
            .api
            .demand(Method::PUT, &path, Some(&object), subject)
            .await?;
        Ok(node::read(&written, self.use_pod_cidr).0)
    }

    async fn remove(&self, resource: &Resource) -> Result<(), Error> {
        let (kind, id) = (resource.kind, resource.id());
        let subject = Subject { kind, name: &id };
        let refuse = |why: &str| {
            Err(Error::NotSupported {
                operation: "Delete",
                kind,
                name: id.clone(),
                why: why.to_owned(),
            })
        };
        match kind {
            Kind::Node => return refuse("with Kubernetes, kubectl delete node does it"),
            Kind::Profile => {
                return refuse("with Kubernetes, they follow from namespaces and service accounts");
            }
            // The pod stays, and has no addresses any more for Calico.
            Kind::WorkloadEndpoint => {
                let Some((namespace, pod)) = pod::pod_of(&id) else {
                    return Err(Error::NotFound { kind, name: id });
                };
                let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/status");
                let patch = json!({"metadata": {
                    "resourceVersion": version(resource)?,
                    "annotations": {pod::POD_IP: "", pod::POD_IPS: ""},
                }});
                let patched = self.api.demand(Method::PATCH, &path, Some(&patch), subject).await;
                return patched.map(drop);
            }
            _ => {}
        }
        let version = version(resource)?;
        for stored_id in stored_ids(kind, &id) {
            match self
                .api
                .delete(&self.path(kind, &stored_id), version, subject)
                .await
            {
                Err(Error::NotFound { .. }) => {}
                done => return done,
            }
        }
        Err(Error::NotFound { kind, name: id })
    }

    async fn inventory(&self, kinds: &[&str]) -> Inventory {
        let mut inventory = Inventory::default();
        let subject = Subject {
            kind: Kind::Node,
            name: "",
        };
        for (path, version, kind) in OBJECTS.into_iter().filter(|(.., kind)| kinds.contains(kind)) {
            let each = &mut |mut object: Value| {
                object["apiVersion"] = version.into();
                object["kind"] = kind.into();
                inventory.objects.push(object);
            };
            if let Err(error) = self.api.list(path, subject, each).await {
                inventory.unreadable.push(Unreadable {
                    key: kind.to_owned(),
                    why: error.to_string(),
                });
            }
        }
        inventory
    }
}

/// Which group the cluster has Calico's objects in: the classic one, unless there is only the other.
async fn discover(api: &Api, notes: &mut Vec<String>) -> Result<Group, Error> {
    let reply = api.call(Method::GET, "/apis", None).await?;
    let groups = reply.body.get("groups").and_then(Value::as_array);
    let Some(groups) = groups.filter(|_| reply.is_ok()) else {
        // Who may not ask may still read.
        return Ok(Group::Classic);
    };
    let has = |group: Group| {
        let name = group.version().split('/').next();
        groups.iter().any(|found| found["name"].as_str() == name)
    };
    match (has(Group::Classic), has(Group::Native)) {
        (false, true) => Ok(Group::Native),
        (true, _) => Ok(Group::Classic),
        (false, false) => {
            notes.push(format!(
                "{} has no definitions of Calico's kinds: Calico isn't installed there, or keeps its objects elsewhere",
                api.endpoint
            ));
            Ok(Group::Classic)
        }
    }
}

/// `BGPPeer(p1)`.
fn named(kind: &str, object: &Value) -> String {
    let text = |key: &str| object["metadata"][key].as_str();
    let name = text("name").unwrap_or("?");
    match text("namespace") {
        Some(namespace) => format!("{kind}({namespace}/{name})"),
        None => format!("{kind}({name})"),
    }
}

/// The version that a resource was read at.
fn version(resource: &Resource) -> Result<&str, Error> {
    resource.resource_version().ok_or_else(|| Error::BadValue {
        key: format!("{}({})", resource.kind, resource.id()),
        why: "metadata.resourceVersion is missing: read the resource before updating it".into(),
    })
}

impl Datastore for Kubernetes {
    fn describe(&self) -> String {
        format!("Kubernetes at {}", self.endpoint())
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn get<'a>(&'a self, kind: Kind, name: &'a str) -> Answer<'a, Resource> {
        Box::pin(self.read(kind, name))
    }

    fn list(&self, kind: Kind) -> Answer<'_, List> {
        Box::pin(self.read_all(kind, None))
    }

    fn list_in<'a>(&'a self, kind: Kind, namespace: &'a str) -> Answer<'a, List> {
        Box::pin(self.read_all(kind, Some(namespace)))
    }

    fn changed<'a>(&'a self, kind: Kind, version: Option<&'a str>) -> Answer<'a, ()> {
        Box::pin(self.wait(kind, version))
    }

    fn create<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(self.insert(resource))
    }

    fn update<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(self.replace(resource))
    }

    fn delete<'a>(&'a self, resource: &'a Resource) -> Answer<'a, ()> {
        Box::pin(self.remove(resource))
    }

    fn entries<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Entry>> {
        Box::pin(self.list_entries(prefix))
    }

    fn entry<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Entry>> {
        Box::pin(self.read_entry(key))
    }

    fn swap_entry<'a>(&'a self, entry: &'a Entry, value: Option<&'a str>) -> Answer<'a, bool> {
        Box::pin(self.swap(entry, value))
    }

    fn define_kinds(&self) -> Answer<'_, usize> {
        Box::pin(self.define())
    }

    fn kubernetes_objects<'a>(&'a self, kinds: &'a [&'a str]) -> Answer<'a, Option<Inventory>> {
        Box::pin(async { Ok(Some(self.inventory(kinds).await)) })
    }
}
