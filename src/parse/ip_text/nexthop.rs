//! `ip nexthop` (iproute2 `ip/ipnexthop.c`).

use super::{Pairs, Words, each_line, unknown};
use crate::parse::ip_json::nexthop::nexthop;
use crate::parse::ip_json::tree::Json;
use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, excerpt};
use crate::state::route::NexthopObject;

/// Reads nexthop objects as [`crate::parse::ip_json::nexthops`] does.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn nexthops(text: &str, names: &mut Names) -> Result<Vec<NexthopObject>, ParseError> {
    each_line(text, |line| nexthop(&pairs(line)?.item(), names).map(Some))
}

fn pairs(line: &str) -> Result<Pairs, String> {
    let mut words = Words::new(line);
    if !words.take("id") {
        return Err(format!("not a nexthop object: {:?}", excerpt(line)));
    }
    let mut pairs = Pairs::default();
    pairs.text("id", words.after("id")?);
    let mut flags = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "via" => pairs.text("gateway", words.after(word)?),
            "dev" | "scope" => pairs.text(word, words.after(word)?),
            "proto" => pairs.text("protocol", words.after(word)?),
            "group" => {
                let members = words.after(word)?.split('/').map(|member| {
                    let mut pairs = Pairs::default();
                    let (id, weight) = member.split_once(',').unwrap_or((member, "1"));
                    pairs.text("id", id);
                    pairs.text("weight", weight);
                    Json::Object(pairs.0)
                });
                pairs.set("group", Json::List(members.collect()));
            }
            "blackhole" | "fdb" => pairs.flag(word),
            "type" | "buckets" | "idle_timer" | "unbalanced_timer" | "unbalanced_time" | "hw_stats" => {
                words.after(word)?;
            }
            _ if iproute::hop_flag(word).is_some() => flags.push(word),
            _ => return Err(unknown(word)),
        }
    }
    pairs.words("flags", flags);
    Ok(pairs)
}
