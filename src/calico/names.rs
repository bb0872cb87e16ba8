//! Names, labels and annotations: what Kubernetes and Calico allow.

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

/// The v3 name of a v1 node: lower case, `/` as `.`, other bad characters as `-`, runs of dots and dashes as one,
/// none at the ends (libcalico-go `lib/upgrade/converters`; nodes get no hash).
pub fn normalize_node_name(name: &str) -> String {
    let mut normal = String::new();
    for character in name.to_lowercase().chars() {
        let character = match character {
            '/' | '.' => '.',
            'a'..='z' | '0'..='9' => character,
            _ => '-',
        };
        let separator = |character| matches!(character, '.' | '-');
        match normal.chars().last() {
            // Of a mixed run the dot stays: around it, dashes would be illegal.
            Some(last) if separator(character) && separator(last) => {
                if character == '.' {
                    normal.pop();
                    normal.push('.');
                }
            }
            _ => normal.push(character),
        }
    }
    normal.trim_matches(['.', '-']).to_owned()
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
            ("a--b..c", "a-b.c"),
            ("a-.b", "a.b"),
            ("_node_", "node"),
        ] {
            assert_eq!(normalize_node_name(v1), v3, "{v1}");
        }
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
