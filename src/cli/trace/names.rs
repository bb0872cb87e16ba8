//! Names of any kind: which namespace a word means, and by which address it is reached.

use std::net::IpAddr;

use serde_json::Value;

use crate::calico::nearest::distance;
use crate::cli::Error;
use crate::forward::topology::{Place, PlaceId, Topology};
use crate::state::{Fact, Namespace, Objects};

/// What a word means.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Meant {
    /// A namespace that was seen.
    pub(in crate::cli) place: Option<PlaceId>,
    /// The address that was given, or that objects say.
    pub(in crate::cli) ip: Option<IpAddr>,
    /// What it is, where it isn't a namespace: `service default/web`.
    pub(in crate::cli) known_as: Option<String>,
}

/// Who may be named.
pub(in crate::cli) struct Names<'n, 'a> {
    pub(in crate::cli) topology: &'n Topology<'a>,
    pub(in crate::cli) objects: &'n Fact<Objects>,
}

/// Suggestions and lists are no longer than this.
const FEW: usize = 12;

impl Names<'_, '_> {
    /// The namespace or address that a word means: a node, `NODE/POD`, a pod, a container's name or ID, a namespace's
    /// name or path, an address, `svc/NAME`, or `NAMESPACE/SERVICE`.
    pub(in crate::cli) fn meant(&self, word: &str) -> Result<Meant, Error> {
        if let Ok(ip) = word.parse::<IpAddr>() {
            let place = self.one(word, |_, place| place.has(ip))?;
            return Ok(Meant {
                place,
                ip: Some(ip),
                known_as: None,
            });
        }
        if let Some(name) = ["svc/", "service/"]
            .iter()
            .find_map(|kind| word.strip_prefix(kind))
        {
            return self.service(name)?.ok_or_else(|| self.no_service(name));
        }
        let exact = self.one(word, |_, place| place.title() == word)?;
        let found = match exact {
            Some(found) => Some(found),
            None => self.one(word, |_, place| goes_by(place, word))?,
        };
        let found = found.or_else(|| self.docker(word));
        if let Some(place) = found {
            return Ok(Meant {
                place: Some(place),
                ..Meant::default()
            });
        }
        if let Some(pod) = self.pod_object(word) {
            return Ok(pod);
        }
        if word.contains('/')
            && let Some(service) = self.service(word)?
        {
            return Ok(service);
        }
        Err(self.unknown(word))
    }

    /// The same of whom a packet is for: of an address that many have, the way decides whose is meant.
    pub(super) fn target(&self, word: &str) -> Result<Meant, Error> {
        if let Ok(ip) = word.parse::<IpAddr>() {
            let mut found = self.topology.places().filter(|(_, place)| place.has(ip));
            let (first, second) = (found.next(), found.next());
            return Ok(Meant {
                place: first.filter(|_| second.is_none()).map(|(id, _)| id),
                ip: Some(ip),
                known_as: None,
            });
        }
        self.meant(word)
    }

    /// The one namespace that fits; several are an error that lists them.
    fn one(&self, word: &str, fits: impl Fn(PlaceId, &Place) -> bool) -> Result<Option<PlaceId>, Error> {
        let found: Vec<PlaceId> = self
            .topology
            .places()
            .filter(|(id, place)| fits(*id, place))
            .map(|(id, _)| id)
            .collect();
        if let [_, _, ..] = found[..] {
            let titles: Vec<String> = found
                .iter()
                .take(FEW)
                .map(|id| self.topology.place(*id).title())
                .collect();
            let more = if found.len() > FEW { ", …" } else { "" };
            let message = format!("{word} is several: {}{more}", titles.join(", "));
            return Err(Error::new(message).hint("name one as NODE/POD"));
        }
        Ok(found.first().copied())
    }

    /// A container that has no namespace of its own: of mode `host`, or `container:OTHER`.
    fn docker(&self, word: &str) -> Option<PlaceId> {
        self.topology.places().find_map(|(id, place)| {
            let docker = place.node.docker.known().filter(|_| place.namespace.is_none())?;
            let containers = docker.containers.items();
            let is = |name: &str, id: &str| name == word || is_id(id, word);
            let container = containers
                .iter()
                .find(|container| is(&container.name, &container.id))?;
            if container.network_mode == "host" {
                return Some(id);
            }
            let other = container.shares_network_of()?;
            let named = containers
                .iter()
                .find(|found| found.id == other || found.name == other)?;
            let of_node = |found: &Place| std::ptr::eq(found.node, place.node);
            self.topology
                .places()
                .find(|(_, found)| {
                    of_node(found) && (goes_by(found, &named.name) || goes_by(found, &named.id))
                })
                .map(|(id, _)| id)
        })
    }

    fn kubernetes(&self, kind: &'static str) -> impl Iterator<Item = (&str, &str, &Value)> {
        let all = self
            .objects
            .known()
            .map_or(&[][..], |objects| objects.kubernetes.items());
        all.iter().filter_map(move |object| {
            let metadata = object.get("metadata")?;
            let name = metadata.get("name")?.as_str()?;
            let namespace = metadata
                .get("namespace")
                .and_then(Value::as_str)
                .unwrap_or("default");
            (object.get("kind")?.as_str()? == kind).then_some((namespace, name, object))
        })
    }

    /// A pod that objects know, on a node that was not seen.
    fn pod_object(&self, word: &str) -> Option<Meant> {
        let (namespace, name, pod) = self
            .kubernetes("Pod")
            .find(|(namespace, name, _)| *name == word || format!("{namespace}/{name}") == word)?;
        let ip = pod.pointer("/status/podIP")?.as_str()?.parse().ok()?;
        let node = pod
            .pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .unwrap_or("no node");
        Some(Meant {
            place: self
                .topology
                .places()
                .find(|(_, place)| place.has(ip))
                .map(|(id, _)| id),
            ip: Some(ip),
            known_as: Some(format!("pod {namespace}/{name} on {node}")),
        })
    }

    /// A service's ClusterIP.
    fn service(&self, name: &str) -> Result<Option<Meant>, Error> {
        let found: Vec<_> = self
            .kubernetes("Service")
            .filter(|(namespace, service, _)| *service == name || format!("{namespace}/{service}") == name)
            .collect();
        if let [_, _, ..] = found[..] {
            let all: Vec<String> = found
                .iter()
                .map(|(namespace, service, _)| format!("svc/{namespace}/{service}"))
                .collect();
            return Err(Error::new(format!("{name} is several: {}", all.join(", ")))
                .hint("name it with its namespace"));
        }
        let Some((namespace, service, object)) = found.first() else {
            return Ok(None);
        };
        let ip = object
            .pointer("/spec/clusterIP")
            .and_then(Value::as_str)
            .and_then(|ip| ip.parse().ok());
        let ip = ip.ok_or_else(|| {
            Error::new(format!("service {namespace}/{service} has no ClusterIP"))
                .hint("trace one of its pods: a headless service is only names")
        })?;
        Ok(Some(Meant {
            place: None,
            ip: Some(ip),
            known_as: Some(format!("service {namespace}/{service}")),
        }))
    }

    fn no_service(&self, name: &str) -> Error {
        let known: Vec<String> = self
            .kubernetes("Service")
            .map(|(namespace, service, _)| format!("svc/{namespace}/{service}"))
            .collect();
        let error = Error::new(format!("no service {name} among the objects"));
        if known.is_empty() {
            return error
                .hint("services are read from objects of Kubernetes: --objects FILE, or trace its address");
        }
        error.hint(format!("services: {}", few(&near(name, &known))))
    }

    /// No such name: those that are like it, or else what there is.
    fn unknown(&self, word: &str) -> Error {
        let titles: Vec<String> = self.topology.places().map(|(_, place)| place.title()).collect();
        let alike: Vec<&String> = near(word, &titles);
        let all = alike.len() == titles.len();
        let message = format!("{word}: no node, pod, container or namespace of that name was seen");
        Error::new(message).hint(if all {
            format!("seen: {}", few(&alike))
        } else {
            format!("did you mean {}?", few(&alike))
        })
    }
}

/// The last part of a title, a name or path of the namespace, or its container by name or ID.
fn goes_by(place: &Place, word: &str) -> bool {
    let Some(title) = &place.namespace else {
        return false;
    };
    if title == word || title.rsplit('/').next() == Some(word) {
        return true;
    }
    let namespaces = place.node.namespaces.items();
    let own = namespaces
        .iter()
        .find(|namespace| std::ptr::eq(&raw const namespace.net, place.net));
    own.is_some_and(|namespace| {
        let Namespace {
            names,
            paths,
            container,
            ..
        } = namespace;
        names.iter().chain(paths).any(|name| name == word)
            || container.as_ref().is_some_and(|container| {
                container.name.as_deref() == Some(word) || is_id(&container.id, word)
            })
    })
}

/// At least twelve digits of an ID, as `docker ps` prints them.
fn is_id(id: &str, word: &str) -> bool {
    word.len() >= 12 && id.starts_with(word)
}

/// Names that a slip of the finger away, or that hold the word; all, when none is.
fn near<'n>(word: &str, names: &'n [String]) -> Vec<&'n String> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let allowed = (word.chars().count() / 4).clamp(1, 2);
    let alike = |name: &&String| {
        name.contains(word)
            || distance(word, name) <= allowed
            || (!word.contains('/') && distance(word, &last(name)) <= allowed)
    };
    let mut found: Vec<&String> = names.iter().filter(alike).collect();
    found.sort_by_key(|name| distance(word, name));
    if found.is_empty() {
        names.iter().collect()
    } else {
        found
    }
}

/// The first dozen.
fn few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(FEW).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(shown.len());
    if more == 0 {
        shown.join(", ")
    } else {
        format!("{}, and {more} more", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_a_slip_away_are_near() {
        let names = ["n1", "n1/default/web-1", "n2/default/web-2", "n2/kube-system/dns"].map(str::to_owned);
        assert_eq!(near("wbe-1", &names), [&names[1]]);
        assert_eq!(near("n1/default/web1", &names), [&names[1]]);
        assert_eq!(near("nothing-like-it", &names).len(), 4);
    }
}
