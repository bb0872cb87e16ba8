//! From objects to what can be asked: labels that endpoints inherit, tiers in their order, profiles that no object has.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::calico;
use super::endpoint::Endpoint;
use super::identity::{Identity, Labels, NamedPort};
use super::kubernetes;
use super::model::{Policy, PolicyName, Profile, Tier, by_order};
use super::policies::Policies;
use super::rule::{Action, Rule};
use super::selectors::{
    ACCOUNT, ACCOUNT_PREFIX, METADATA_NAME, NAME, NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR,
};
use super::service::Services;
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::calico::stored::DEFAULT_ALLOW;
use crate::kubernetes::Inventory;
use crate::kubernetes::pod::Pod;
use crate::state::Objects;

/// Reads them all.
pub(super) fn policies(objects: &Objects) -> Policies {
    let inventory = Inventory::new(objects.kubernetes.items());
    let mut reader = Reader::new(&inventory);
    let mut resources = Vec::new();
    for value in &objects.resources {
        match Resource::from_value(value.clone()) {
            Ok(resource) => resources.push(resource),
            Err(why) => reader.into.unreadable.push(why),
        }
    }
    let unreadable = objects
        .unreadable
        .iter()
        .map(|(key, why)| format!("{key}: {why}"));
    reader.into.unreadable.extend(unreadable);
    reader
        .into
        .unreadable
        .extend(inventory.unreadable.iter().cloned());
    reader.calico(&resources);
    reader.kubernetes(&inventory);
    reader.into.services = Services::new(&inventory);
    reader.into
}

/// Kinds whose objects show that Calico is in charge.
const OF_CALICO: [Kind; 8] = [
    Kind::ClusterInformation,
    Kind::FelixConfiguration,
    Kind::GlobalNetworkPolicy,
    Kind::HostEndpoint,
    Kind::IpPool,
    Kind::NetworkPolicy,
    Kind::Tier,
    Kind::WorkloadEndpoint,
];

/// Fills [`Policies`].
struct Reader<'i> {
    into: Policies,
    inventory: &'i Inventory,
    tiers: BTreeMap<String, Tier>,
    /// Labels of service accounts, by namespace and name.
    accounts: HashMap<(&'i str, &'i str), &'i crate::kubernetes::meta::Labels>,
    /// Pods that WorkloadEndpoints are for.
    covered: HashSet<(String, String)>,
    /// Labels that profiles give to their endpoints.
    inherited: HashMap<String, Labels>,
}

impl<'i> Reader<'i> {
    fn new(inventory: &'i Inventory) -> Self {
        let accounts = inventory.service_accounts.iter().map(|account| {
            let metadata = &account.metadata;
            ((metadata.namespace(), metadata.name.as_str()), &metadata.labels)
        });
        Self {
            into: Policies::default(),
            inventory,
            tiers: BTreeMap::new(),
            accounts: accounts.collect(),
            covered: HashSet::new(),
            inherited: HashMap::new(),
        }
    }

    fn calico(&mut self, resources: &[Resource]) {
        self.into.is_calico = resources
            .iter()
            .any(|resource| OF_CALICO.contains(&resource.kind));
        let of = |kinds: &'static [Kind]| {
            resources
                .iter()
                .filter(move |resource| kinds.contains(&resource.kind))
        };
        of(&[Kind::Tier]).for_each(|tier| self.tier(tier));
        of(&[Kind::FelixConfiguration]).for_each(|felix| self.into.felix.add(felix));
        of(&[Kind::Profile]).for_each(|profile| self.profile(profile));
        for policy in of(&[Kind::GlobalNetworkPolicy, Kind::NetworkPolicy]) {
            let policy = calico::policy(policy);
            if !self.is_shown_twice(&policy) {
                self.policy(policy);
            }
        }
        of(&[Kind::GlobalNetworkSet, Kind::NetworkSet]).for_each(|set| self.set(set));
        of(&[Kind::HostEndpoint]).for_each(|host| self.host(host));
        of(&[Kind::WorkloadEndpoint]).for_each(|workload| self.workload(workload));
    }

    fn kubernetes(&mut self, inventory: &Inventory) {
        for policy in &inventory.network_policies {
            self.policy(kubernetes::policy(policy));
        }
        for pod in &inventory.pods {
            self.pod(pod);
        }
        let mut tiers: Vec<Tier> = std::mem::take(&mut self.tiers).into_values().collect();
        for tier in &mut tiers {
            tier.policies.sort_by(Policy::compare);
        }
        tiers.sort_by(|a, b| by_order(a.order, b.order).then_with(|| a.name.cmp(&b.name)));
        self.into.tiers = tiers;
    }

    fn tier(&mut self, resource: &Resource) {
        let name = resource.name().to_owned();
        let order = resource
            .field(&["spec", "order"])
            .and_then(serde_json::Value::as_f64);
        let tier = Tier {
            name: name.clone(),
            order: order.or(Some(DEFAULT_ORDER)),
            passes: resource.text(&["spec", "defaultAction"]) == Some("Pass"),
            policies: Vec::new(),
        };
        self.tiers.insert(name, tier);
    }

    /// Calico shows policies of Kubernetes among its own, under another name.
    fn is_shown_twice(&self, policy: &Policy) -> bool {
        let PolicyName::Calico(namespace, name) = &policy.name else {
            return false;
        };
        name.strip_prefix("knp.default.").is_some_and(|name| {
            let mut own = self.inventory.network_policies.iter();
            own.any(|own| own.metadata.namespace() == namespace && own.metadata.name == name)
        })
    }

    fn policy(&mut self, policy: Policy) {
        if let Some(tier) = self.tiers.get_mut(&policy.tier) {
            tier.policies.push(policy);
        } else if policy.tier == "default" {
            let tier = Tier {
                name: policy.tier.clone(),
                order: Some(DEFAULT_ORDER),
                passes: false,
                policies: vec![policy],
            };
            self.tiers.insert(tier.name.clone(), tier);
        } else {
            self.into
                .unreadable
                .push(format!("{}: there is no tier {}", policy.name, policy.tier));
        }
    }

    fn profile(&mut self, resource: &Resource) {
        let labels = resource
            .field(&["spec", "labelsToApply"])
            .and_then(serde_json::Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        self.inherited.insert(resource.name().to_owned(), labels);
        let profile = calico::profile(resource);
        self.into.profiles.insert(profile.name.clone(), profile);
    }

    fn set(&mut self, resource: &Resource) {
        let nets = resource.field(&["spec"]).map(|spec| calico::nets(spec, "nets"));
        let nets = match nets.unwrap_or_else(|| Ok(Vec::new())) {
            Ok(nets) => nets,
            Err(why) => {
                let line = format!("{} {}: {why}", resource.kind, resource.id());
                self.into.unreadable.push(line);
                return;
            }
        };
        let mut labels: Labels = own_labels(resource);
        let mut unknown_namespace = None;
        if resource.kind == Kind::NetworkSet {
            let namespace = resource.namespace().unwrap_or("default");
            labels.push((NAMESPACE.to_owned(), namespace.to_owned()));
            unknown_namespace = self.namespace_labels(namespace, &mut labels);
        }
        self.into.identities.add(Identity {
            title: format!("{} {}", resource.kind, resource.id()),
            labels,
            nets,
            ports: Vec::new(),
            unknown_namespace,
        });
    }

    fn host(&mut self, resource: &Resource) {
        let text = |field: &str| resource.text(&["spec", field]).filter(|text| !text.is_empty());
        let mut labels = own_labels(resource);
        let profiles = texts(resource, "profiles");
        self.inherit(&profiles, &mut labels);
        let ips: Vec<IpAddr> = texts(resource, "expectedIPs")
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        self.into.identities.add(Identity {
            title: format!("HostEndpoint {}", resource.name()),
            labels: labels.clone(),
            nets: ips.iter().copied().map(IpNet::from).collect(),
            ports: named_ports(resource),
            unknown_namespace: None,
        });
        self.default_profiles(&profiles);
        self.into.hosts.push(Endpoint {
            name: resource.name().to_owned(),
            is_host: true,
            node: text("node").unwrap_or_default().to_owned(),
            link: text("interfaceName").map(str::to_owned),
            ips,
            labels,
            profiles,
            unknown_namespace: None,
        });
    }

    fn workload(&mut self, resource: &Resource) {
        let text = |field: &str| resource.text(&["spec", field]).filter(|text| !text.is_empty());
        let namespace = resource.namespace().unwrap_or("default").to_owned();
        let pod = text("pod")
            .or_else(|| text("workload"))
            .unwrap_or(resource.name())
            .to_owned();
        let of_others =
            |label: &str| label.starts_with(NAMESPACE_PREFIX) || label.starts_with(ACCOUNT_PREFIX);
        let mut labels = own_labels(resource);
        labels.retain(|(label, _)| !of_others(label));
        let mut set = |label: &str, value: &str| {
            labels.retain(|(known, _)| known != label);
            labels.push((label.to_owned(), value.to_owned()));
        };
        set(NAMESPACE, &namespace);
        if let Some(orchestrator) = text("orchestrator") {
            set(ORCHESTRATOR, orchestrator);
        }
        if let Some(account) = text("serviceAccountName") {
            set(ACCOUNT, account);
        }
        let ips = texts(resource, "ipNetworks")
            .iter()
            .filter_map(|text| text.split('/').next()?.parse().ok())
            .collect();
        let profiles = texts(resource, "profiles");
        self.covered.insert((namespace.clone(), pod.clone()));
        let endpoint = Endpoint {
            name: format!("{namespace}/{pod}"),
            is_host: false,
            node: text("node").unwrap_or_default().to_owned(),
            link: text("interfaceName").map(str::to_owned),
            ips,
            labels,
            profiles,
            unknown_namespace: None,
        };
        self.endpoint(endpoint, named_ports(resource));
    }

    fn pod(&mut self, pod: &Pod) {
        let namespace = pod.metadata.namespace();
        let key = (namespace.to_owned(), pod.metadata.name.clone());
        if pod.spec.host_network || pod.is_finished() || self.covered.contains(&key) {
            return;
        }
        let account = pod.service_account();
        let mut labels: Labels = pod
            .metadata
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        labels
            .retain(|(label, _)| !label.starts_with(NAMESPACE_PREFIX) && !label.starts_with(ACCOUNT_PREFIX));
        for (label, value) in [(NAMESPACE, namespace), (ORCHESTRATOR, "k8s"), (ACCOUNT, account)] {
            labels.retain(|(known, _)| known != label);
            labels.push((label.to_owned(), value.to_owned()));
        }
        let ports = pod
            .ports()
            .filter(|port| !port.name.is_empty())
            .map(|port| NamedPort {
                name: port.name.clone(),
                protocol: port.protocol.number(),
                port: port.container_port,
            });
        let endpoint = Endpoint {
            name: pod.metadata.id(),
            is_host: false,
            node: pod.spec.node_name.clone(),
            link: None,
            ips: pod.ips(),
            labels,
            profiles: vec![format!("kns.{namespace}"), format!("ksa.{namespace}.{account}")],
            unknown_namespace: None,
        };
        self.endpoint(endpoint, ports.collect());
    }

    /// A pod: what it inherits is added, and rules can select it.
    fn endpoint(&mut self, mut endpoint: Endpoint, ports: Vec<NamedPort>) {
        let profiles = std::mem::take(&mut endpoint.profiles);
        self.default_profiles(&profiles);
        for name in &profiles {
            if let Some(namespace) = name
                .strip_prefix("kns.")
                .filter(|_| !self.inherited.contains_key(name))
            {
                endpoint.unknown_namespace = self.namespace_labels(namespace, &mut endpoint.labels);
            } else if let Some((namespace, account)) =
                name.strip_prefix("ksa.").and_then(|name| name.split_once('.'))
            {
                let known = self.accounts.get(&(namespace, account)).copied();
                let inherited = known.into_iter().flatten();
                let inherited =
                    inherited.map(|(key, value)| (format!("{ACCOUNT_PREFIX}{key}"), value.clone()));
                endpoint.labels.extend(inherited);
                let name = (format!("{ACCOUNT_PREFIX}{NAME}"), account.to_owned());
                endpoint.labels.push(name);
            }
        }
        self.inherit(&profiles, &mut endpoint.labels);
        endpoint.profiles = profiles;
        self.into.identities.add(Identity {
            title: endpoint.title(),
            labels: endpoint.labels.clone(),
            nets: endpoint.ips.iter().copied().map(IpNet::from).collect(),
            ports,
            unknown_namespace: endpoint.unknown_namespace.clone(),
        });
        self.into.pods.push(endpoint);
    }

    fn inherit(&self, profiles: &[String], labels: &mut Labels) {
        for (key, value) in profiles
            .iter()
            .filter_map(|name| self.inherited.get(name))
            .flatten()
        {
            // An endpoint's own label holds, and that of its first profile.
            if !labels.iter().any(|(known, _)| known == key) {
                labels.push((key.clone(), value.clone()));
            }
        }
    }

    /// The labels of a namespace as an endpoint in it has them; its name when they aren't known.
    fn namespace_labels(&self, namespace: &str, labels: &mut Labels) -> Option<String> {
        labels.push((format!("{NAMESPACE_PREFIX}{NAME}"), namespace.to_owned()));
        if let Some(known) = self.inventory.namespaces.get(namespace) {
            let own = known.metadata.labels.iter();
            labels.extend(own.map(|(key, value)| (format!("{NAMESPACE_PREFIX}{key}"), value.clone())));
            return None;
        }
        if let Some(known) = self.inherited.get(&format!("kns.{namespace}")) {
            labels.extend(known.iter().cloned());
            return None;
        }
        labels.push((format!("{NAMESPACE_PREFIX}{METADATA_NAME}"), namespace.to_owned()));
        Some(namespace.to_owned())
    }

    /// Profiles that no object has: of namespaces and service accounts, and the one that allows everything.
    fn default_profiles(&mut self, names: &[String]) {
        for name in names {
            let allows = name.starts_with("kns.") || name == DEFAULT_ALLOW;
            if !allows && !name.starts_with("ksa.") {
                continue;
            }
            let rules = || {
                if allows {
                    vec![Rule::any(Action::Allow)]
                } else {
                    Vec::new()
                }
            };
            self.into.profiles.entry(name.clone()).or_insert_with(|| Profile {
                name: name.clone(),
                ingress: rules(),
                egress: rules(),
            });
        }
    }
}

/// The order of tiers that say none, and of the default tier.
const DEFAULT_ORDER: f64 = 1_000_000.0;

fn own_labels(resource: &Resource) -> Labels {
    let labels = resource.labels();
    labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn texts(resource: &Resource, field: &str) -> Vec<String> {
    let list = resource
        .field(&["spec", field])
        .and_then(serde_json::Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn named_ports(resource: &Resource) -> Vec<NamedPort> {
    let list = resource
        .field(&["spec", "ports"])
        .and_then(serde_json::Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|port| {
            Some(NamedPort {
                name: port
                    .get("name")?
                    .as_str()
                    .filter(|name| !name.is_empty())?
                    .to_owned(),
                protocol: calico::protocol(port.get("protocol")?)?,
                port: u16::try_from(port.get("port")?.as_u64()?).ok()?,
            })
        })
        .collect()
}
