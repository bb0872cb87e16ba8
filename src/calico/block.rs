//! Blocks of addresses, as far as deleting a node or a pool changes them (libcalico-go `lib/backend/model/block.go`,
//! `lib/ipam/ipam_block.go`). Fields that netdiag doesn't know are kept.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::schema::{Field, Ordered, Shape};

static SHAPE: Shape = Shape::Object(&[
    Field::optional("cidr", Shape::Any),
    Field::optional("affinity", Shape::Any),
    Field::optional("affinity_claim_time", Shape::Any),
    Field::optional("allocations", Shape::Any),
    Field::optional("unallocated", Shape::Any),
    Field::optional(
        "attributes",
        Shape::List(&Shape::Object(&[
            Field::optional("handle_id", Shape::Any),
            Field::optional("secondary", Shape::Any),
            Field::optional("alternateOwnerAttrs", Shape::Any),
            Field::optional("releasedAt", Shape::Any),
        ])),
    ),
    Field::optional("sequenceNumber", Shape::Any),
    Field::optional("sequenceNumberForAllocation", Shape::Any),
    Field::optional("deleted", Shape::Any),
    Field::optional("hostAffinity", Shape::Any),
]);

static HANDLE: Shape = Shape::Object(&[
    Field::optional("block", Shape::Any),
    Field::optional("deleted", Shape::Any),
]);

static AFFINITY: Shape = Shape::Object(&[
    Field::optional("state", Shape::Any),
    Field::optional("deleted", Shape::Any),
]);

static CONFIG: Shape = Shape::Object(&[
    Field::optional("strict_affinity", Shape::Any),
    Field::optional("auto_allocate_blocks", Shape::Any),
    Field::optional("maxBlocksPerHost", Shape::Any),
    Field::optional("kubeVirtVMAddressPersistence", Shape::Any),
    Field::optional("ipCooldownSeconds", Shape::Any),
]);

/// The value of one of IPAM's keys, to be written with its fields in Calico's order.
pub fn in_order<'v>(key: &str, value: &'v Value) -> Ordered<'v> {
    let shape = match key.strip_prefix("/calico/ipam/v2/") {
        Some(rest) if rest.starts_with("assignment/") => &SHAPE,
        Some(rest) if rest.starts_with("handle/") => &HANDLE,
        Some("config") => &CONFIG,
        _ => &AFFINITY,
    };
    Ordered { shape, value }
}

/// One block.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub cidr: IpNet,
    body: Map<String, Value>,
}

impl Block {
    /// Reads the value of a block's key; nothing if it isn't one.
    pub fn read(value: &[u8]) -> Option<Self> {
        let body: Map<String, Value> = serde_json::from_slice(value).ok()?;
        let cidr = body.get("cidr")?.as_str()?.parse().ok()?;
        Some(Self { cidr, body })
    }

    /// The value to store, one change further.
    pub fn changed(mut self) -> String {
        if let Some(number) = self.body.get("sequenceNumber").and_then(Value::as_u64) {
            self.body
                .insert("sequenceNumber".into(), number.wrapping_add(1).into());
        }
        let value = Value::Object(self.body);
        let ordered = Ordered {
            shape: &SHAPE,
            value: &value,
        };
        serde_json::to_string(&ordered).unwrap_or_else(|_| value.to_string())
    }

    /// The node it belongs to.
    pub fn host(&self) -> Option<&str> {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        text("affinity")
            .and_then(|affinity| affinity.strip_prefix("host:"))
            .or(text("hostAffinity"))
    }

    /// Whether no address of it is given out.
    pub fn is_empty(&self) -> bool {
        self.allocations().iter().all(Value::is_null)
    }

    fn allocations(&self) -> &[Value] {
        self.body
            .get("allocations")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// Takes it from its node.
    pub fn drop_affinity(&mut self) {
        self.body.insert("affinity".into(), Value::Null);
        self.body.remove("hostAffinity");
    }

    /// Where an address of this block stands in it.
    fn ordinal(&self, address: IpAddr) -> Option<usize> {
        let offset = match (self.cidr.network(), address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                u128::from(u32::from(address).checked_sub(first.into())?)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => u128::from(address).checked_sub(first.into())?,
            _ => return None,
        };
        usize::try_from(offset).ok()
    }

    /// Gives an address back: it is used again last. The handle that had it, if there was one; nothing if the address
    /// wasn't given out.
    pub fn release(&mut self, address: IpAddr) -> Option<Option<String>> {
        let ordinal = self.ordinal(address)?;
        let attribute = usize::try_from(self.allocations().get(ordinal)?.as_u64()?).ok()?;
        let field = |key: &str| {
            self.body
                .get(key)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let (mut allocations, mut unallocated, mut attributes) =
            (field("allocations"), field("unallocated"), field("attributes"));
        let handle = attributes
            .get(attribute)
            .and_then(|attribute| attribute.get("handle_id"))
            .and_then(Value::as_str);
        let handle = handle.map(str::to_owned);
        if let Some(allocation) = allocations.get_mut(ordinal) {
            *allocation = Value::Null;
        }
        let used = allocations
            .iter()
            .any(|allocation| allocation.as_u64() == Some(attribute as u64));
        if !used && attribute < attributes.len() {
            attributes.remove(attribute);
            // Those after it have moved up.
            for allocation in &mut allocations {
                if let Some(index) = allocation.as_u64().filter(|index| *index > attribute as u64) {
                    *allocation = (index - 1).into();
                }
            }
        }
        unallocated.push(ordinal.into());
        if let Some(Value::Object(numbers)) = self.body.get_mut("sequenceNumberForAllocation") {
            numbers.remove(&ordinal.to_string());
        }
        for (key, value) in [
            ("allocations", allocations),
            ("unallocated", unallocated),
            ("attributes", attributes),
        ] {
            self.body.insert(key.into(), Value::Array(value));
        }
        Some(handle)
    }
}

/// The value of a handle's key without one address of this block; nothing when it holds no more addresses.
pub fn handle_without(value: &[u8], block: &IpNet) -> Option<String> {
    let mut handle: Map<String, Value> = serde_json::from_slice(value).ok()?;
    let Some(Value::Object(blocks)) = handle.get_mut("block") else {
        return None;
    };
    let key = block.to_string();
    match blocks.get(&key).and_then(Value::as_u64) {
        Some(count) if count > 1 => blocks.insert(key, (count - 1).into()),
        _ => blocks.remove(&key),
    };
    if blocks.is_empty() {
        return None;
    }
    let value = Value::Object(handle);
    let ordered = Ordered {
        shape: &HANDLE,
        value: &value,
    };
    serde_json::to_string(&ordered).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = r#"{"cidr":"10.0.0.0/30","affinity":"host:n1","allocations":[0,1,0,null],"unallocated":[3],"attributes":[{"handle_id":"a"},{"handle_id":"b","secondary":{"pod":"p"}}],"sequenceNumber":1714557600000000123,"sequenceNumberForAllocation":{"0":1,"1":2,"2":3},"deleted":false}"#;

    #[test]
    fn an_address_given_back_is_used_again_last_and_takes_its_attribute_with_it() {
        let mut block = Block::read(BLOCK.as_bytes()).unwrap();
        assert_eq!(block.host(), Some("n1"));
        assert_eq!(block.release("10.0.0.3".parse().unwrap()), None);
        assert_eq!(block.release("10.0.1.0".parse().unwrap()), None);
        assert_eq!(block.release("fd00::1".parse().unwrap()), None);
        assert_eq!(block.release("10.0.0.0".parse().unwrap()), Some(Some("a".into())));
        assert_eq!(block.release("10.0.0.2".parse().unwrap()), Some(Some("a".into())));
        assert!(!block.is_empty());
        assert_eq!(
            block.clone().changed(),
            r#"{"cidr":"10.0.0.0/30","affinity":"host:n1","allocations":[null,0,null,null],"unallocated":[3,0,2],"attributes":[{"handle_id":"b","secondary":{"pod":"p"}}],"sequenceNumber":1714557600000000124,"sequenceNumberForAllocation":{"1":2},"deleted":false}"#
        );
        assert_eq!(block.release("10.0.0.1".parse().unwrap()), Some(Some("b".into())));
        assert!(block.is_empty());
        block.drop_affinity();
        assert_eq!(block.host(), None);
    }

    #[test]
    fn a_handle_ends_with_its_last_address() {
        let block = "10.0.0.0/30".parse().unwrap();
        let two = r#"{"block":{"10.0.0.0/30":2},"deleted":false}"#;
        let one = handle_without(two.as_bytes(), &block).unwrap();
        assert_eq!(one, r#"{"block":{"10.0.0.0/30":1},"deleted":false}"#);
        assert_eq!(handle_without(one.as_bytes(), &block), None);
        assert_eq!(handle_without(b"{}", &block), None);
    }
}
