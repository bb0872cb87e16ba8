//! How a packet goes through the tables of a node. Pure.

pub mod fib;
pub mod filter;
pub mod hooks;
pub mod matrix;
pub mod openflow;
pub mod outside;
pub mod packet;
mod prefixes;
pub mod topology;
pub mod walk;
