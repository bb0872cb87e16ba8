//! `ip route`, `ip route show table all`, `ip -6 route` (iproute2 `ip/iproute.c`: `print_route`).

use super::{Pairs, Words, is_blank, unknown};
use crate::parse::ip_json::route::{encap_keys, route};
use crate::parse::ip_json::tree::Json;
use crate::parse::iproute::{self, Names};
use crate::parse::{ParseError, excerpt};
use crate::state::route::Route;

/// Reads routes as [`crate::parse::ip_json::routes`] does.
///
/// # Errors
/// Names the first line that isn't understood.
pub fn routes(text: &str, v6: bool, names: &mut Names) -> Result<Vec<Route>, ParseError> {
    let mut routes = Vec::new();
    let mut v6 = v6;
    let mut open: Option<(usize, Entry)> = None;
    let mut close = |open: Option<(usize, Entry)>| {
        let Some((line, entry)) = open else {
            return Ok(());
        };
        let route = route(&entry.whole().item(), v6, names).map_err(|why| ParseError::new(line, why))?;
        v6 |= route.dst.addr().is_ipv6();
        routes.push(route);
        Ok(())
    };
    for (line, number) in text.lines().zip(1..) {
        let fail = |why| ParseError::new(number, why);
        // `-o` writes further lines behind a backslash.
        for line in line.split('\\').filter(|line| !is_blank(line)) {
            match (line.split_whitespace().next(), &mut open) {
                (Some("cache" | "nh_info"), _) => {}
                (Some("nexthop"), Some((_, entry))) => entry.words(line).map_err(fail)?,
                _ => {
                    close(open.take())?;
                    let mut entry = Entry::default();
                    entry.first(line).map_err(fail)?;
                    open = Some((number, entry));
                }
            }
        }
    }
    close(open)?;
    Ok(routes)
}

/// A route that is being read, with its ways out.
#[derive(Default)]
struct Entry {
    route: Hop,
    metrics: Pairs,
    hops: Vec<Hop>,
}

/// Keys of the route, or of one way out.
#[derive(Default)]
struct Hop {
    pairs: Pairs,
    flags: Vec<String>,
}

impl Hop {
    fn whole(mut self) -> Pairs {
        self.pairs.words("flags", self.flags.iter().map(String::as_str));
        self.pairs
    }
}

impl Entry {
    fn whole(self) -> Pairs {
        let mut pairs = self.route.whole();
        pairs.set("metrics", Json::List(vec![Json::Object(self.metrics.0)]));
        let hops = self.hops.into_iter().map(|hop| Json::Object(hop.whole().0));
        pairs.set("nexthops", Json::List(hops.collect()));
        pairs
    }

    /// `[TYPE] DESTINATION …`
    fn first(&mut self, line: &str) -> Result<(), String> {
        let mut words = Words::new(line);
        let mut first = words.next().unwrap_or_default();
        if iproute::route_type(first).is_some() {
            self.route.pairs.text("type", first);
            first = words.after(first)?;
        }
        if crate::parse::ip_json::tree::prefix(first, false).is_none() {
            return Err(format!("not a route: {:?}", excerpt(line)));
        }
        self.route.pairs.text("dst", first);
        self.rest(&mut words)
    }

    fn words(&mut self, line: &str) -> Result<(), String> {
        self.rest(&mut Words::new(line))
    }

    fn rest(&mut self, words: &mut Words) -> Result<(), String> {
        while let Some(word) = words.next() {
            if word == "nexthop" {
                self.hops.push(Hop::default());
                continue;
            }
            let hop = self.hops.last_mut().unwrap_or(&mut self.route);
            let pairs = &mut hop.pairs;
            match word {
                "via" => via(words, pairs)?,
                "encap" => encap(words, pairs)?,
                "tos" | "dsfield" => pairs.text("tos", words.after(word)?),
                "proto" => pairs.text("protocol", words.after(word)?),
                "src" => pairs.text("prefsrc", words.after(word)?),
                "metric" | "preference" => pairs.text("metric", words.after(word)?),
                "from" | "nhid" | "dev" | "table" | "scope" | "weight" | "pref" => {
                    pairs.text(word, words.after(word)?);
                }
                "mtu" | "advmss" => {
                    let lock = if words.take("lock") { "lock " } else { "" };
                    let value = words.after(word)?;
                    self.metrics.text(word, &format!("{lock}{value}"));
                }
                // What netdiag keeps nothing of, with a value behind it.
                "window" | "rtt" | "rttvar" | "ssthresh" | "cwnd" | "initcwnd" | "initrwnd" | "hoplimit"
                | "reordering" | "rto_min" | "quickack" | "features" | "congctl" | "expires" | "error"
                | "uid" | "mark" | "realm" | "realms" | "iif" | "users" | "age" | "used" | "src_valid"
                | "ttl-propagate" | "ttl-propogate" | "fastopen_no_cookie" | "ref" | "as" => {
                    words.take("lock");
                    if word == "as" {
                        words.take("to");
                    }
                    words.after(word)?;
                }
                "dead" | "onlink" | "pervasive" | "offload" | "linkdown" | "unresolved" | "trap"
                | "rt_offload" | "rt_trap" | "rt_offload_failed" | "notify" | "cache" | "cloned" => {
                    hop.flags.push(word.to_owned());
                }
                // `features ecn tcp_usec_ts` has more than one.
                "tcp_usec_ts" => {}
                _ => return Err(unknown(word)),
            }
        }
        Ok(())
    }
}

/// `via ADDRESS`, or `via inet6 ADDRESS` for a gateway of the other family.
fn via(words: &mut Words, pairs: &mut Pairs) -> Result<(), String> {
    let first = words.after("via")?;
    if matches!(first, "inet" | "inet6") {
        let mut via = Pairs::default();
        via.text("family", first);
        via.text("host", words.after(first)?);
        pairs.object("via", via);
    } else {
        pairs.text("gateway", first);
    }
    Ok(())
}

/// The words of an encapsulation; of a kind that isn't known, all up to the next word of the route.
fn encap(words: &mut Words, pairs: &mut Pairs) -> Result<(), String> {
    let kind = words.after("encap")?;
    let mut text = kind.to_owned();
    let mut add = |word: &str| {
        text.push(' ');
        text.push_str(word);
    };
    let keys = encap_keys(kind);
    if kind == "mpls" {
        add(words.after(kind)?);
    }
    let mut seen = Vec::new();
    while let Some(word) = words.peek() {
        let ends = match keys {
            Some(keys) => !keys.contains(&word) || seen.contains(&word),
            // `via` ends it; `dev` of a seg6local action is behind that, and the same.
            None => matches!(word, "via" | "dev" | "proto" | "scope" | "table" | "metric"),
        };
        if ends {
            break;
        }
        words.next();
        seen.push(word);
        add(word);
        if keys.is_none() || matches!(word, "key" | "csum" | "seq") {
            continue;
        }
        add(words.after(word)?);
        if word == "segs" {
            // `[ ONE TWO ]`
            for segment in std::iter::from_fn(|| words.next()) {
                add(segment);
                if segment == "]" {
                    break;
                }
            }
        }
    }
    pairs.text("encap", &text);
    Ok(())
}
