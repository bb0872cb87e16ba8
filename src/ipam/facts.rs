//! What IPAM knows of an owner: names and values. Of 50,000 owners, names are not kept 50,000 times.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Names that Calico gives (libcalico-go `lib/ipam`, `AttributeNamespace` and others).
const NAMES: [&str; 6] = ["namespace", "node", "pod", "timestamp", "type", "vmi"];

/// Facts in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(Vec<(Cow<'static, str>, String)>);

impl Facts {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }
}

/// `null` is none.
pub(super) fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Facts, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Facts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
        let mut facts: Vec<(Cow<'static, str>, String)> = Vec::with_capacity(4);
        while let Some((Name(name), value)) = map.next_entry()? {
            // The last one of a name holds.
            facts.retain(|(known, _)| *known != name);
            facts.push((name, value));
        }
        facts.sort_unstable();
        Ok(Facts(facts))
    }
}

struct Name(Cow<'static, str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                let known = NAMES.into_iter().find(|name| *name == text);
                Ok(Name(known.map_or_else(|| text.to_owned().into(), Cow::Borrowed)))
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_and_written_in_the_order_of_names_and_the_last_of_a_name_holds() {
        let text = r#"{"pod":"p","node":"n1","own":"x","node":"n2"}"#;
        let facts: Facts = serde_json::from_str(text).unwrap();
        assert_eq!(facts.get("node"), Some("n2"));
        assert_eq!(facts.get("namespace"), None);
        assert_eq!(
            serde_json::to_string(&facts).unwrap(),
            r#"{"node":"n2","own":"x","pod":"p"}"#
        );
        assert!(serde_json::from_str::<Facts>(r#"{"pod":1}"#).is_err());
    }
}
