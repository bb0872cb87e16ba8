//! Names, labels and annotations: what Kubernetes and Calico allow.

use std::net::IpAddr;

use ipnet::IpNet;

use super::hash::sha1;

/// Bytes of a resource name at most.
const MAX_NAME: usize = 253;
/// Bytes of a label's value, and of a key after its prefix, at most.
const MAX_LABEL: usize = 63;
/// Bytes of all annotations of a resource together, at most.
pub const MAX_ANNOTATIONS: usize = 256 << 10;

/// Checks a resource name: a DNS-1123 subdomain.
///
/// # Errors
/// Says which part breaks which rule.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("resource name may not be empty".into());
    }
    if name.len() > MAX_NAME {
        return Err(format!(
            "name has {} characters, more than {MAX_NAME}",
            name.len()
        ));
    }
    if name.split('.').all(is_dns_label) {
        return Ok(());
    }
    Err(format!(
        "{name:?} must consist of lower case letters, digits, '-' and '.', and each part between dots must start \
         and end with a letter or a digit"
    ))
}

/// Bytes of a part of a name between dots, where that is a rule of its own.
const MAX_LABEL_NAME: usize = 63;

/// Checks the name of a tier: one label, since it becomes a part of other names.
///
/// # Errors
/// Says which rule it breaks.
pub fn check_tier_name(name: &str) -> Result<(), String> {
    check_name(name)?;
    if name.contains('.') {
        return Err(format!("{name:?}: the name of a tier has no dots"));
    }
    if name.len() > MAX_LABEL_NAME {
        return Err(format!(
            "name has {} characters, more than {MAX_LABEL_NAME}",
            name.len()
        ));
    }
    Ok(())
}

/// Checks the name of a policy without namespace: `[tier.]name`.
///
/// # Errors
/// Says which rule it breaks.
pub fn check_global_policy_name(name: &str) -> Result<(), String> {
    check_name(name)?;
    match name.split('.').count() {
        1 | 2 => Ok(()),
        _ => Err(format!(
            "{name:?}: the name of a policy has one dot at most, after its tier"
        )),
    }
}

/// Checks the name of a policy in a namespace: `[tier.]name`, or one that a converter of Kubernetes or OpenStack gave.
///
/// # Errors
/// Says which rule it breaks.
pub fn check_network_policy_name(name: &str) -> Result<(), String> {
    let converted = ["knp.default.", "ossg.default."]
        .iter()
        .any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
    if converted {
        return check_name(name);
    }
    check_global_policy_name(name)
}

fn is_dns_label(label: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    label.bytes().all(|byte| plain(&byte) || byte == b'-')
        && label.as_bytes().first().is_some_and(plain)
        && label.as_bytes().last().is_some_and(plain)
}

/// Checks the key of a label or an annotation: `[prefix/]name`.
///
/// # Errors
/// Says which part breaks which rule.
pub fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        check_name(prefix).map_err(|why| format!("prefix of key {key:?}: {why}"))?;
    }
    if is_label_text(name) && !name.is_empty() {
        return Ok(());
    }
    Err(format!(
        "key {key:?} must be [prefix/]name, the name of 1 to {MAX_LABEL} letters, digits, '-', '_' and '.', \
         starting and ending with a letter or a digit"
    ))
}

/// Checks the value of a label; it may be empty.
///
/// # Errors
/// Says the rule.
pub fn check_label_value(value: &str) -> Result<(), String> {
    if is_label_text(value) {
        return Ok(());
    }
    Err(format!(
        "label value {value:?} must have at most {MAX_LABEL} letters, digits, '-', '_' and '.', and start and end \
         with a letter or a digit"
    ))
}

fn is_label_text(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    text.len() <= MAX_LABEL
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && ends(text.as_bytes().first())
        && ends(text.as_bytes().last())
}

/// The v3 name of a v1 node: lower case, `/` as `.`, other bad characters as `-`, runs with a dot in them as one dot,
/// neither at the ends (libcalico-go `lib/upgrade/converters/names.go`; nodes get no hash).
pub fn normalize_node_name(name: &str) -> String {
    let mut plain = String::new();
    let mut bad = false;
    for character in name.to_lowercase().chars() {
        let known = matches!(character, 'a'..='z' | '0'..='9' | '.' | '-' | '/');
        match character {
            '/' => plain.push('.'),
            _ if known => plain.push(character),
            _ if !bad => plain.push('-'),
            _ => {}
        }
        bad = !known;
    }
    let separator = |character| matches!(character, '.' | '-');
    let mut normal = String::new();
    let mut rest = plain.as_str();
    while let Some(first) = rest.chars().next() {
        let same = |character| separator(character) == separator(first);
        let (run, after) = rest.split_at(rest.find(|character| !same(character)).unwrap_or(rest.len()));
        normal.push_str(if separator(first) && run.contains('.') {
            "."
        } else {
            run
        });
        rest = after;
    }
    normal.trim_matches(separator).to_owned()
}

/// The v3 name of what v1 called this: the normal form, and where that differs a hash of the old name.
pub fn converted(name: &str) -> String {
    qualified(name, normalize_node_name(name))
}

/// The same, of names that may have no dots.
pub fn converted_without_dots(name: &str) -> String {
    qualified(name, normalize_node_name(name).replace('.', "-"))
}

fn qualified(old: &str, new: String) -> String {
    if old == new {
        return new;
    }
    format!("{new}-{}", sha1(old, 8))
}

/// An address as a name: `10-0-0-1`; of IPv6, eight groups of four digits.
pub fn of_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string().replace('.', "-"),
        IpAddr::V6(address) => {
            let groups = address.segments();
            groups.map(|group| format!("{group:04x}")).join("-")
        }
    }
}

/// A network as a name: `10-0-0-0-16`.
pub fn of_network(network: &IpNet) -> String {
    format!("{}-{}", of_address(network.addr()), network.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_dns_subdomains() {
        for name in ["node1", "node-1.example.com", "1", &"a".repeat(253)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "Node1",
            "node_1",
            "-a",
            "a-",
            "a..b",
            ".a",
            "a b",
            "ä",
            &"a".repeat(254),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn label_keys_may_have_a_dns_prefix_and_values_may_be_empty() {
        for key in ["rack", "kubernetes.io/hostname", "a/B_c.d-9"] {
            assert_eq!(check_key(key), Ok(()), "{key}");
        }
        for key in ["", "a/", "/a", "a/b/c", "UP/er", "-a", "a b", &"a".repeat(64)] {
            assert!(check_key(key).is_err(), "{key}");
        }
        for value in ["", "r1", "A.b_c-9"] {
            assert_eq!(check_label_value(value), Ok(()), "{value}");
        }
        for value in ["-", "a/b", "a b", "r1-", &"a".repeat(64)] {
            assert!(check_label_value(value).is_err(), "{value}");
        }
    }

    #[test]
    fn v1_node_names_become_v3_names() {
        for (v1, v3) in [
            ("node1", "node1"),
            ("Node_1", "node-1"),
            ("rack/Node1", "rack.node1"),
            ("a--b..c", "a--b.c"),
            ("a__b", "a-b"),
            ("a.-.b", "a.b"),
            ("a-.b", "a.b"),
            ("_node_", "node"),
        ] {
            assert_eq!(normalize_node_name(v1), v3, "{v1}");
        }
    }

    #[test]
    fn other_v1_names_get_a_hash_when_they_change() {
        assert_eq!(converted("web-1.a"), "web-1.a");
        // SHA-1 of "Web_1" begins with these digits (sha1sum).
        assert_eq!(converted("Web_1"), "web-1-61ba330d");
        assert_eq!(converted_without_dots("a.b"), "a-b-69f6642c");
        assert_eq!(
            of_address("fd00::1".parse().unwrap()),
            "fd00-0000-0000-0000-0000-0000-0000-0001"
        );
        assert_eq!(of_network(&"10.1.0.0/16".parse().unwrap()), "10-1-0-0-16");
    }

    proptest! {
        #[test]
        fn a_normal_name_is_valid_or_empty_and_stays_as_it_is(name in "\\PC{0,60}") {
            let normal = normalize_node_name(&name);
            prop_assert!(normal.is_empty() || check_name(&normal).is_ok(), "{normal}");
            prop_assert_eq!(normalize_node_name(&normal), normal);
        }
    }
}
