//! JSON as iproute2 writes it: several values in a row, keys that come twice, empty objects in place of what a filter
//! left out. Errors name the place.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::parse::{ParseError, excerpt, iproute};

/// A JSON value that keeps the order of keys, and all of those that come twice.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::parse) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Json::Object(object))
    }
}

/// Reads each object of the text's lists. Several lists in a row (one a command) are one; empty objects are none.
pub(in crate::parse) fn each<T>(
    text: &str,
    mut read: impl FnMut(&Item<'_>) -> Result<Option<T>, String>,
) -> Result<Vec<T>, ParseError> {
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let mut start = 0;
    while let Some(value) = stream.next() {
        let value = value.map_err(|error| ParseError::new(error.line(), format!("not JSON: {error}")))?;
        let items = match value {
            Json::List(items) => items,
            other => vec![other],
        };
        for (index, item) in items.iter().enumerate() {
            let place = format!("[{index}]");
            let result = match item {
                Json::Object(object) if object.is_empty() => continue,
                Json::Object(object) => read(&Item { object, place }),
                Json::Null => continue,
                other => Err(format!("{place}: not an object but {}", other.excerpt())),
            };
            match result {
                Ok(value) => values.extend(value),
                Err(why) => return Err(ParseError::new(line_of(text, start, index), why)),
            }
        }
        start = stream.byte_offset();
    }
    Ok(values)
}

/// The line on which an item of the list that starts behind this byte starts.
fn line_of(text: &str, start: usize, index: usize) -> usize {
    let (mut depth, mut item, mut quoted, mut escaped) = (0_usize, 0, false, false);
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < start) {
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => quoted = true,
            '{' if depth <= 1 && item == index => return line(at),
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => item += 1,
            _ => {}
        }
    }
    line(start)
}

impl Json {
    fn excerpt(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => format!("{:?}", excerpt(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }

    /// A scalar's text.
    pub(in crate::parse) fn scalar(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(value) => Some(value.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

/// One object, and where it stands: `[3].linkinfo`.
#[derive(Debug, Clone)]
pub(in crate::parse) struct Item<'a> {
    pub(in crate::parse) object: &'a [(String, Json)],
    place: String,
}

impl<'a> Item<'a> {
    /// What stands on one line of a text.
    pub(in crate::parse) const fn new(object: &'a [(String, Json)]) -> Self {
        Self {
            object,
            place: String::new(),
        }
    }

    /// Where a key of it stands.
    fn path(&self, key: &str) -> String {
        if self.place.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.place)
        }
    }

    /// The first value of this key.
    pub(in crate::parse) fn get(&self, key: &str) -> Option<&'a Json> {
        let entry = self.object.iter().find(|(other, _)| other == key)?;
        Some(&entry.1)
    }

    pub(in crate::parse) fn error(&self, key: &str, why: &str) -> String {
        match self.get(key) {
            Some(value) => format!("{}: {why}: {}", self.path(key), value.excerpt()),
            None => format!("{}: {why}", self.path(key)),
        }
    }

    /// Reads a value, if it is there, with something that turns text into it.
    pub(in crate::parse) fn read<T>(
        &self,
        key: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => {
                let text = value.scalar();
                let value = text.as_deref().and_then(read);
                value
                    .map(Some)
                    .ok_or_else(|| self.error(key, &format!("not {what}")))
            }
        }
    }

    pub(in crate::parse) fn text(&self, key: &str) -> Result<Option<String>, String> {
        self.read(key, "a text", |text| Some(text.to_owned()))
    }

    /// A number, also as a text in decimal or hexadecimal digits.
    pub(in crate::parse) fn number<T: TryFrom<u64>>(&self, key: &str) -> Result<Option<T>, String> {
        self.read(key, "a number that fits here", iproute::number)
    }

    pub(in crate::parse) fn ip(&self, key: &str) -> Result<Option<IpAddr>, String> {
        self.read(key, "an address", |text| text.parse().ok())
    }

    /// Addresses of either family, each under a key of its own (`remote`, `remote6`).
    pub(in crate::parse) fn ip_of(&self, keys: &[&str]) -> Result<Option<IpAddr>, String> {
        for key in keys {
            if let Some(ip) = self.read(key, "an address", endpoint)? {
                return Ok(ip);
            }
        }
        Ok(None)
    }

    /// Whether a flag is set: the key alone (`null`), `true`, 1 or `on`.
    pub(in crate::parse) fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            None => false,
            Some(Json::Null) => true,
            Some(value) => !matches!(
                value.scalar().as_deref(),
                Some("false" | "0" | "off" | "0x0") | None
            ),
        }
    }

    /// As [`Item::flag`], with what holds where iproute2 says nothing.
    pub(in crate::parse) fn flag_or(&self, key: &str, default: bool) -> bool {
        if self.get(key).is_some() {
            self.flag(key)
        } else {
            default
        }
    }

    /// The texts of a list; one text is a list of one.
    pub(in crate::parse) fn words(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let items = match self.get(key) {
            Some(Json::List(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        items.iter().filter_map(|item| match item {
            Json::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// An object within this one.
    pub(in crate::parse) fn object(&self, key: &str) -> Result<Option<Item<'a>>, String> {
        match self.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Object(object)) => Ok(Some(Item {
                object,
                place: self.path(key),
            })),
            Some(_) => Err(self.error(key, "not an object")),
        }
    }

    /// The objects of a list within this one.
    pub(in crate::parse) fn list(&self, key: &str) -> Result<Vec<Item<'a>>, String> {
        let items = match self.get(key) {
            None | Some(Json::Null) => return Ok(Vec::new()),
            Some(Json::List(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let mut objects = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item {
                Json::Object(object) if object.is_empty() => {}
                Json::Object(object) => objects.push(Item {
                    object,
                    place: format!("{}[{index}]", self.path(key)),
                }),
                _ => return Err(self.error(key, "not a list of objects")),
            }
        }
        Ok(objects)
    }

    /// Makes an error of what must be there.
    pub(in crate::parse) fn need<T>(&self, key: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| self.error(key, "missing"))
    }
}

/// An address, or none for `any`.
#[expect(clippy::option_option, reason = "outer: understood; inner: there is one")]
fn endpoint(text: &str) -> Option<Option<IpAddr>> {
    if text == "any" {
        return Some(None);
    }
    let ip: IpAddr = text.parse().ok()?;
    Some((!ip.is_unspecified()).then_some(ip))
}

/// `10.0.0.0/8`, `10.0.0.1`; `default`, `all` and `any` are the whole of a family.
pub(in crate::parse) fn prefix(text: &str, v6: bool) -> Option<IpNet> {
    match text {
        "default" | "all" | "any" => IpNet::new(crate::parse::any(v6), 0).ok(),
        _ if text.contains('/') => text.parse().ok(),
        _ => Some(IpNet::from(text.parse::<IpAddr>().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lists_are_one_and_empty_objects_are_none() {
        let names = each("[{\"a\":1},{},{\"a\":\"0x2\"}]\n[{\"a\":3}]{\"a\":4}", |item| {
            item.number::<u8>("a")
        });
        assert_eq!(names, Ok(vec![1, 2, 3, 4]));
        assert_eq!(each::<u8>(" \n", |_| Ok(None)), Ok(vec![]));
    }

    #[test]
    fn errors_name_line_and_place() {
        let text = "[{\"a\":{\"b,]\":[1]}},\n {\"a\":2}]\n[{\"a\":3},\n{\"a\":true}]";
        let read = |item: &Item<'_>| match item.get("a") {
            Some(Json::Bool(_)) => item.number::<u8>("a"),
            _ => Ok(None),
        };
        let error = each(text, read).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 4: [1].a: not a number that fits here: true"
        );
        assert_eq!(each::<u8>("[{},\n{\"a\":}]", |_| Ok(None)).unwrap_err().line, 2);
        assert_eq!(
            each::<u8>("[7]", |_| Ok(None)).unwrap_err().why,
            "[0]: not an object but 7"
        );
    }

    #[test]
    fn of_a_key_that_comes_twice_the_first_holds() {
        let found = each("[{\"dst\":\"a\",\"dst\":\"b\"}]", |item| item.text("dst"));
        assert_eq!(found, Ok(vec!["a".to_owned()]));
    }
}
