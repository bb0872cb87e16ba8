//! Cuts secrets out of text that comes from a node, before it is stored. Every source of free text goes through here:
//! command lines, settings, JSON of CNI plugins, options and ids in databases.
//!
//! A value is judged by the name in front of it (`--etcd-password=…`, `"k8s_auth_token": "…"`), and by its own form: user
//! and password in a URL, a JSON web token, a private key.

use serde_json::Value;

/// What stands in place of a secret.
pub const CUT: &str = "(cut)";

/// Parts of a name that mark its value as a secret, wherever they stand.
const PARTS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
    "authorization",
    "presharedkey",
];

/// Whole words of a name that do so.
const WORDS: [&str; 7] = ["key", "keys", "psk", "pass", "pwd", "auth", "cookie"];

/// Whether a field, option or variable of this name holds a secret: `etcd_key`, `k8sAuthToken`, `--etcd-password`.
pub fn names_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let joined: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    if PARTS.iter().any(|part| joined.contains(part)) {
        return true;
    }
    words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The words of a name in lower case: `etcdKey`, `etcd_key` and `etcd-key` are two each.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && after_lower) {
            words.push(String::new());
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(word) = words.last_mut()
            && c.is_ascii_alphanumeric()
        {
            word.push(c.to_ascii_lowercase());
        }
    }
    words
}

/// A path of a file is no secret, whatever the file holds; nor is an empty value, or one that only switches.
fn is_harmless(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    value.starts_with('/') || value.starts_with("./") || matches!(value, "" | "true" | "false" | "null")
}

/// The value of a named field as it may be stored.
pub fn cut_value(name: &str, value: &str) -> String {
    if names_secret(name) && !is_harmless(value) {
        return CUT.to_owned();
    }
    cut(value)
}

/// Cuts the secrets of a JSON value, at any depth.
pub fn cut_json(value: &mut Value) {
    match value {
        Value::String(text) => *text = cut(text),
        Value::Array(items) => items.iter_mut().for_each(cut_json),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) => *text = cut_value(name, text),
                    Value::Number(_) | Value::Array(_) if names_secret(name) => *field = Value::from(CUT),
                    other => cut_json(other),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A command line of these words, blanks between, without its secrets.
pub fn cut_command(argv: &[&str]) -> String {
    let mut said: Vec<String> = Vec::with_capacity(argv.len());
    let mut secret_next = false;
    for word in argv {
        let cut_this = std::mem::take(&mut secret_next) && !word.starts_with('-') && !is_harmless(word);
        if cut_this {
            said.push(CUT.to_owned());
            continue;
        }
        match word.split_once('=') {
            Some((name, value)) if is_name(name) => said.push(format!("{name}={}", cut_value(name, value))),
            _ => {
                secret_next = word.starts_with('-') && names_secret(word);
                said.push(cut(word));
            }
        }
    }
    said.join(" ")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Cuts the secrets of free text: `user:password@` in URLs, tokens, private keys, and values behind `password=`,
/// `"token":`, `--secret`.
pub fn cut(text: &str) -> String {
    if text.contains("PRIVATE KEY") {
        return CUT.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !is_name_char(c) {
            if let Some(behind) = user_info(rest) {
                out.push_str("://");
                out.push_str(CUT);
                rest = behind;
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
            continue;
        }
        let end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        rest = behind;
        if is_web_token(name) {
            out.push_str(CUT);
            continue;
        }
        out.push_str(name);
        if names_secret(name)
            && let Some((between, value)) = value_of(name, behind)
            && !is_harmless(value)
        {
            out.push_str(between);
            out.push_str(CUT);
            rest = &behind[between.len() + value.len()..];
        }
    }
    out
}

/// `://user:password@host…`: what follows the user, from the `@` on.
fn user_info(text: &str) -> Option<&str> {
    let authority = text.strip_prefix("://")?;
    let end = authority
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | ','))
        .unwrap_or(authority.len());
    // A password may hold a slash that nobody escaped: then the @ is behind it, and no blank between.
    let end = match authority[..end].rfind('@') {
        Some(_) => end,
        None => authority
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ','))
            .unwrap_or(authority.len()),
    };
    let at = authority[..end].rfind('@')?;
    Some(&authority[at..])
}

/// `eyJhbGciOi….eyJpc3Mi….signature` (RFC 7519).
fn is_web_token(word: &str) -> bool {
    word.starts_with("eyJ") && word.len() > 20 && word.contains('.')
}

/// What stands between a name and its value, and the value: behind `=` or `:`, or, for an option, behind blanks.
fn value_of<'a>(name: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let quote = text.strip_prefix(['"', '\'']).unwrap_or(text);
    let blank = quote.trim_start_matches([' ', '\t']);
    let value = match blank.strip_prefix(['=', ':']) {
        Some(value) => value.trim_start_matches([' ', '\t']),
        None if name.starts_with('-') && blank.len() < quote.len() && !blank.starts_with('-') => blank,
        None => return None,
    };
    let between = &text[..text.len() - value.len()];
    let first = value.chars().next()?;
    let end = if matches!(first, '"' | '\'') {
        value[1..].find(first).map_or(value.len(), |end| end + 2)
    } else {
        // `Authorization: Bearer …`: a scheme, then the secret.
        let scheme = ["Bearer ", "bearer ", "Basic ", "basic "]
            .into_iter()
            .find(|scheme| value.starts_with(scheme))
            .map_or(0, str::len);
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | ';' | '&');
        value[scheme..].find(ends).map_or(value.len(), |end| scheme + end)
    };
    Some((between, &value[..end]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "etcd_password",
            "k8s_auth_token",
            "k8sAuthToken",
            "etcd_key",
            "etcdKey",
            "--etcd-password",
            "client-key-data",
            "FELIX_ETCDPASSWORD",
            "psk",
            "aws_secret_access_key",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "monkey",
            "keyspace",
            "author",
            "ipam",
            "kubeconfig",
            "mtu",
            "passive",
            "bypass",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn text_loses_its_secrets_and_nothing_else() {
        for (text, left) in [
            ("ssl:10.0.0.1:6640", "ssl:10.0.0.1:6640"),
            ("tcp://u:hunter2@10.0.0.1:2379/x", "tcp://(cut)@10.0.0.1:2379/x"),
            ("https://u:hun/ter2@h", "https://(cut)@h"),
            ("http://h:1/x", "http://h:1/x"),
            ("a --token hunter2 b", "a --token (cut) b"),
            ("password=hunter2,mtu=1", "password=(cut),mtu=1"),
            (
                r#"{"token": "hunter2 x", "mtu": 5}"#,
                r#"{"token": (cut), "mtu": 5}"#,
            ),
            ("Authorization: Bearer hunter2", "Authorization: (cut)"),
            ("key=/etc/key.pem", "key=/etc/key.pem"),
            ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "(cut)"),
            ("-----BEGIN RSA PRIVATE KEY-----\nhunter2", "(cut)"),
            ("grüße, 世界", "grüße, 世界"),
        ] {
            assert_eq!(cut(text), left);
        }
    }

    #[test]
    fn a_command_line_keeps_its_options_and_paths() {
        let argv = [
            "/usr/bin/calico-felix",
            "--etcd-password=hunter2",
            "--token",
            "hunter2 and more",
            "--etcd-key",
            "/etc/key.pem",
            "ETCD_PASSWORD=hunter2",
            "-s",
            "/run/bird.ctl",
            "https://u:hunter2@h",
        ];
        assert_eq!(
            cut_command(&argv),
            "/usr/bin/calico-felix --etcd-password=(cut) --token (cut) --etcd-key /etc/key.pem ETCD_PASSWORD=(cut) \
             -s /run/bird.ctl https://(cut)@h"
        );
    }

    #[test]
    fn json_loses_secrets_at_any_depth() {
        let mut value = json!({
            "etcd_key": "hunter2", "etcd_key_file": "/etc/key", "policy": {"k8s_auth_token": "hunter2", "type": "k8s"},
            "list": [{"password": ["hunter2"]}], "pin_token": 4711, "mtu": 1450, "token": {"a": "b"},
            "endpoints": "http://a:hunter2@h:1",
        });
        cut_json(&mut value);
        assert!(
            !value.to_string().contains("hunter2") && !value.to_string().contains("4711"),
            "{value}"
        );
        assert_eq!(value["etcd_key_file"], "/etc/key");
        assert_eq!(value["policy"]["type"], "k8s");
        assert_eq!(value["mtu"], 1450);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", like in "(password|token|key|--|://|@|=|:|\"|'| |,|é|Bearer |[a-z]){0,40}") {
            let _ = cut(&text);
            let _ = cut(&like);
            let words: Vec<&str> = like.split(' ').collect();
            let _ = cut_command(&words);
        }

        #[test]
        fn a_planted_password_never_stays(before in "[a-z ]{0,10}", secret in "[A-Za-z0-9]{8,12}Q7") {
            for text in [
                format!("{before} --password={secret} x"),
                format!("{before} --password {secret}"),
                format!("{before} http://root:{secret}@h/"),
                format!("{before} {{\"password\":\"{secret}\"}}"),
            ] {
                prop_assert!(!cut(&text).contains(&secret), "{}", cut(&text));
            }
        }
    }
}
