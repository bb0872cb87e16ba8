//! Objects of every kind that counts, read from their JSON and written in the form that snapshots keep.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::endpoints::{EndpointSlice, Endpoints};
use super::network_policy::NetworkPolicy;
use super::node::{Namespace, Node, ServiceAccount};
use super::pod::Pod;
use super::service::Service;

/// An object of a kind that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    Namespace(Namespace),
    Node(Node),
    ServiceAccount(ServiceAccount),
    Pod(Pod),
    Service(Service),
    EndpointSlice(EndpointSlice),
    Endpoints(Endpoints),
    NetworkPolicy(NetworkPolicy),
}

impl Object {
    /// Reads an object by its `kind` and the group of its `apiVersion`. None for a kind that doesn't count.
    ///
    /// # Errors
    /// Names the object, and what of it is not as Kubernetes has it.
    pub fn read(value: &Value) -> Result<Option<Self>, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
        Ok(Some(match (group, text("kind")) {
            ("", "Namespace") => Self::Namespace(typed(value)?),
            ("", "Node") => Self::Node(typed(value)?),
            ("", "ServiceAccount") => Self::ServiceAccount(typed(value)?),
            ("", "Pod") => Self::Pod(typed(value)?),
            ("", "Service") => Self::Service(typed(value)?),
            ("", "Endpoints") => Self::Endpoints(typed(value)?),
            ("discovery.k8s.io", "EndpointSlice") => Self::EndpointSlice(typed(value)?),
            ("networking.k8s.io" | "extensions", "NetworkPolicy") => Self::NetworkPolicy(typed(value)?),
            _ => return Ok(None),
        }))
    }

    /// The object with the fields that count, as JSON.
    pub fn value(&self) -> Value {
        let (version, kind, body) = match self {
            Self::Namespace(object) => ("v1", "Namespace", serde_json::to_value(object)),
            Self::Node(object) => ("v1", "Node", serde_json::to_value(object)),
            Self::ServiceAccount(object) => ("v1", "ServiceAccount", serde_json::to_value(object)),
            Self::Pod(object) => ("v1", "Pod", serde_json::to_value(object)),
            Self::Service(object) => ("v1", "Service", serde_json::to_value(object)),
            Self::Endpoints(object) => ("v1", "Endpoints", serde_json::to_value(object)),
            Self::EndpointSlice(object) => (
                "discovery.k8s.io/v1",
                "EndpointSlice",
                serde_json::to_value(object),
            ),
            Self::NetworkPolicy(object) => (
                "networking.k8s.io/v1",
                "NetworkPolicy",
                serde_json::to_value(object),
            ),
        };
        let mut value = json!({"apiVersion": version, "kind": kind});
        // Structures of texts and numbers are always values.
        if let (Some(fields), Ok(Value::Object(body))) = (value.as_object_mut(), body) {
            fields.extend(body);
        }
        value
    }
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
        format!("{} {}: {error}", text("/kind"), text("/metadata/name"))
    })
}

/// The objects of a cluster, by kind.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By name.
    pub namespaces: HashMap<String, Namespace>,
    pub nodes: Vec<Node>,
    pub service_accounts: Vec<ServiceAccount>,
    pub pods: Vec<Pod>,
    pub services: Vec<Service>,
    pub endpoint_slices: Vec<EndpointSlice>,
    pub endpoints: Vec<Endpoints>,
    pub network_policies: Vec<NetworkPolicy>,
    /// What could not be understood, and why.
    pub unreadable: Vec<String>,
}

impl Inventory {
    /// Sorts the objects that a snapshot keeps.
    pub fn new(values: &[Value]) -> Self {
        let mut inventory = Self::default();
        for value in values {
            match Object::read(value) {
                Ok(Some(object)) => inventory.add(object),
                Ok(None) => {}
                Err(why) => inventory.unreadable.push(why),
            }
        }
        inventory
    }

    fn add(&mut self, object: Object) {
        match object {
            Object::Namespace(object) => {
                self.namespaces.insert(object.metadata.name.clone(), object);
            }
            Object::Node(object) => self.nodes.push(object),
            Object::ServiceAccount(object) => self.service_accounts.push(object),
            Object::Pod(object) => self.pods.push(object),
            Object::Service(object) => self.services.push(object),
            Object::EndpointSlice(object) => self.endpoint_slices.push(object),
            Object::Endpoints(object) => self.endpoints.push(object),
            Object::NetworkPolicy(object) => self.network_policies.push(object),
        }
    }
}

#[cfg(test)]
mod tests;
