//! `ip rule`, `ip -6 rule` (iproute2 `ip/iprule.c`: `print_rule`).

use super::{Pairs, Words, each_line, unknown};
use crate::parse::ip_json::rule::{action_named, rule};
use crate::parse::iproute::Names;
use crate::parse::{ParseError, excerpt};
use crate::state::rule::PolicyRule;

/// Reads rules as [`crate::parse::ip_json::rules`] does.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn rules(text: &str, v6: bool, names: &mut Names) -> Result<Vec<PolicyRule>, ParseError> {
    each_line(text, |line| rule(&pairs(line)?.item(), v6, names).map(Some))
}

fn pairs(line: &str) -> Result<Pairs, String> {
    let mut words = Words::new(line);
    let mut pairs = Pairs::default();
    let priority = words
        .next()
        .and_then(|word| word.strip_suffix(':'))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(priority) = priority else {
        return Err(format!("not a rule: {:?}", excerpt(line)));
    };
    pairs.text("priority", priority);
    while let Some(word) = words.next() {
        match word {
            "not" | "nop" | "masquerade" => pairs.flag(word),
            "from" => net(&mut pairs, "src", "srclen", words.after(word)?),
            "to" => net(&mut pairs, "dst", "dstlen", words.after(word)?),
            "fwmark" => net(&mut pairs, "fwmark", "fwmask", words.after(word)?),
            "tos" | "dsfield" => pairs.text("tos", words.after(word)?),
            "iif" | "dev" => pairs.text("iif", words.after(word)?),
            "oif" | "ipproto" | "tun_id" | "suppress_ifgroup" | "goto" => {
                pairs.text(word, words.after(word)?);
            }
            "uidrange" => range(&mut pairs, "uid_start", "uid_end", words.after(word)?),
            "sport" => range(&mut pairs, "sport_start", "sport_end", words.after(word)?),
            "dport" => range(&mut pairs, "dport_start", "dport_end", words.after(word)?),
            "lookup" | "table" => match words.after(word)? {
                "[l3mdev-table]" => pairs.flag("l3mdev"),
                table => pairs.text("table", table),
            },
            "suppress_prefixlength" | "suppress_prefixlen" => {
                pairs.text("suppress_prefixlen", words.after(word)?);
            }
            "proto" | "protocol" => pairs.text("protocol", words.after(word)?),
            "map-to" => pairs.text("nat_gateway", words.after(word)?),
            "realms" | "dscp" | "flowlabel" => {
                words.after(word)?;
            }
            "[detached]" | "[unresolved]" => {}
            _ if action_named(word).is_some() => pairs.text("action", word),
            _ => return Err(unknown(word)),
        }
    }
    Ok(pairs)
}

/// `10.0.0.0/8`, `0x1/0xff`: two keys.
fn net(pairs: &mut Pairs, key: &str, length: &str, text: &str) {
    let (value, rest) = text
        .split_once('/')
        .map_or((text, None), |(value, rest)| (value, Some(rest)));
    pairs.text(key, value);
    if let Some(rest) = rest {
        pairs.text(length, rest);
    }
}

/// `100-200`, or `80` alone.
fn range(pairs: &mut Pairs, first: &str, last: &str, text: &str) {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    pairs.text(first, from);
    pairs.text(last, to);
}
