//! `netdiag check`: every check on a state that is broken on purpose, beside its healthy twin.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    clippy::semicolon_if_nothing_returned,
    reason = "tests"
)]

mod agents;
mod bgp;
mod bridges;
mod broken;
mod chance;
mod clouds;
mod commands;
mod dispatch;
mod docker;
mod entries;
mod every;
mod faults;
mod formats;
mod groups;
mod guest;
mod healthy;
mod kinds_of_change;
mod kube_proxy;
mod made;
mod mended;
mod netfilter;
mod objects;
mod order;
mod overlay;
mod plan;
mod planted;
mod plugins;
mod recorded;
mod served;
mod services;
mod stored;
mod switches;
mod tables;
mod thousand;
mod tiers;
mod together;
mod walks;
