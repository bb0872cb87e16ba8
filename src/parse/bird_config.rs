//! The BGP protocols of a `bird.cfg`, as far as a diagnosis needs them. Passwords are noticed, never kept.

use std::collections::BTreeMap;

use crate::state::bird::{BirdConfig, ConfiguredPeer};

/// What a `template bgp` or `protocol bgp` block sets.
#[derive(Debug, Clone, Default)]
struct Block {
    local_as: Option<u32>,
    peer: ConfiguredPeer,
}

/// Reads the `template bgp` and `protocol bgp` blocks; everything else is passed over. Total: any text gives a result.
pub fn bird_config(text: &str) -> BirdConfig {
    let tokens = tokens(text);
    let mut templates: BTreeMap<String, Block> = BTreeMap::new();
    let mut config = BirdConfig::default();
    let mut at = 0;
    while at < tokens.len() {
        let is_template = tokens[at] == "template";
        if !(is_template || tokens[at] == "protocol") || tokens.get(at + 1).is_none_or(|token| token != "bgp")
        {
            if tokens[at] == "router" && tokens.get(at + 1).is_some_and(|token| token == "id") {
                config.router_id = tokens.get(at + 2).and_then(|token| token.parse().ok());
            }
            at += 1;
            continue;
        }
        at += 2;
        let mut block = Block::default();
        let mut name = String::new();
        while at < tokens.len() && tokens[at] != "{" {
            if tokens[at] == "from" {
                if let Some(template) = tokens.get(at + 1).and_then(|name| templates.get(name)) {
                    block = template.clone();
                }
                at += 1;
            } else {
                name.clone_from(&tokens[at]);
            }
            at += 1;
        }
        block.peer.name = name;
        at = statements(&tokens, at + 1, &mut block);
        if is_template {
            templates.insert(block.peer.name.clone(), block);
        } else {
            block.peer.local_as = block.local_as;
            config.peers.push(block.peer);
        }
    }
    config
}

/// Reads statements up to the `}` that closes the block; returns the index behind it.
fn statements(tokens: &[String], mut at: usize, block: &mut Block) -> usize {
    let mut depth = 1;
    let mut statement: Vec<&str> = Vec::new();
    while at < tokens.len() {
        let token = tokens[at].as_str();
        at += 1;
        match token {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            ";" => {
                if depth == 1 {
                    apply(&statement, block);
                }
                statement.clear();
                continue;
            }
            _ => {}
        }
        if depth == 1 {
            statement.push(token);
        }
    }
    at
}

/// One statement of a `bgp` block (BIRD user's guide, section BGP).
fn apply(statement: &[&str], block: &mut Block) {
    let on = |words: &[&str]| !matches!(words.first(), Some(&("off" | "no")));
    let after = |word: &str| {
        let position = statement.iter().position(|other| *other == word)?;
        statement.get(position + 1).copied()
    };
    match statement {
        ["local", ..] => {
            if let Some(number) = after("as").and_then(|number| number.parse().ok()) {
                block.local_as = Some(number);
            }
            if let Some(source) = statement.get(1).and_then(|word| word.parse().ok()) {
                block.peer.source_address = Some(source);
            }
        }
        ["neighbor", address, ..] => {
            block.peer.neighbor = address.split('%').next().and_then(|address| address.parse().ok());
            block.peer.neighbor_as = after("as").and_then(|number| number.parse().ok());
            block.peer.port = after("port").and_then(|number| number.parse().ok());
        }
        ["source", "address", address] => block.peer.source_address = address.parse().ok(),
        ["password", ..] => block.peer.password = true,
        ["passive", rest @ ..] => block.peer.passive = on(rest),
        ["disabled", rest @ ..] => block.peer.disabled = on(rest),
        _ => {}
    }
}

/// Words, `{`, `}` and `;`, without comments. The content of a quoted string is dropped: it may be a secret.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let ends_word = c.is_whitespace() || matches!(c, '{' | '}' | ';' | '"' | '\'' | '#');
        if ends_word && !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        match c {
            '{' | '}' | ';' => tokens.push(c.to_string()),
            '#' => {
                chars.by_ref().find(|c| *c == '\n');
            }
            '"' | '\'' => {
                chars.by_ref().find(|other| *other == c);
                tokens.push("\"\"".to_owned());
            }
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                chars
                    .by_ref()
                    .find(|c| std::mem::replace(&mut last, *c) == '*' && *c == '/');
            }
            c if c.is_whitespace() => {}
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn peers_take_what_their_template_sets() {
        let config = bird_config(
            r#"
            router id 192.168.80.23; # a comment { with a brace
            /* protocol bgp Nothing { neighbor 10.9.9.9 as 1; } */
            filter to_peers { if net ~ [ 10.0.0.0/8 ] then accept; reject; }
            template bgp t { description "Connection; to BGP peer"; local as 64512; passive off; ipv4 { import all; }; }
            protocol bgp Mesh_192_168_80_24 from t { neighbor 192.168.80.24 as 64512; source address 192.168.80.23; }
            protocol bgp Global_192_168_80_1_port_1790 from t {
                neighbor 192.168.80.1 port 1790 as 65001; password "hunter2"; passive on; disabled;
            }"#,
        );
        assert_eq!(config.router_id, Some("192.168.80.23".parse().unwrap()));
        let [mesh, global] = config.peers.as_slice() else {
            panic!("{config:?}");
        };
        assert_eq!(mesh.name, "Mesh_192_168_80_24");
        assert_eq!(mesh.neighbor, Some("192.168.80.24".parse().unwrap()));
        assert_eq!((mesh.local_as, mesh.neighbor_as), (Some(64512), Some(64512)));
        assert_eq!(mesh.source_address, Some("192.168.80.23".parse().unwrap()));
        assert!(!mesh.passive && !mesh.password && !mesh.disabled);
        assert_eq!((global.port, global.neighbor_as), (Some(1790), Some(65001)));
        assert!(global.passive && global.password && global.disabled);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", words in "(protocol|template|bgp|from|\\{|\\}|;|neighbor|as|\"|#|/\\*|[ a-z0-9\n]){0,60}") {
            let _ = bird_config(&text);
            let _ = bird_config(&words);
        }
    }
}
