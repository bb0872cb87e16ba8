//! Real networks on one machine, for tests: nodes are sets of namespaces, pods are network namespaces in them, and
//! real daemons run inside. Nothing of the machine's own network is touched, and nothing is left behind.
//!
//! [`Plan`] describes any network; [`StoryPlan`] is the founding story of netdiag, with Calico's parts.

pub mod bird;
mod cgroup;
mod confd;
mod crowd;
mod daemons;
pub mod docker;
mod error;
mod etcd;
mod faults;
pub mod guest;
mod hosts;
pub mod kinds;
pub mod kubelet;
mod kubernetes;
mod lab;
mod loopback;
mod netns;
mod node;
mod objects;
mod on;
pub mod ovs;
mod plan;
mod pod;
mod probe;
mod random;
mod record;
mod render;
mod renderer;
mod run;
mod spawn;
mod sshd;
mod story;
mod wait;

pub use bird::{Bird, Session};
pub use cgroup::Group;
pub use confd::{bird_config, felix_script, tunneled};
pub use crowd::{Crowd, Rules, Sizes};
pub use daemons::path as unpacked;
pub use error::{Error, Result, or_skip};
pub use etcd::{Etcd, Store};
pub use faults::{Fault, Verdict};
pub use hosts::{Gateway, HOSTS, Host};
pub use kubernetes::{Door, Kubernetes};
pub use lab::Lab;
pub use netns::{Netns, feed, in_netns};
pub use node::{Daemon, Node};
pub use on::OnOtherNodes;
pub use plan::{NodePlan, Plan, PodPlan};
pub use pod::Pod;
pub use random::Random;
pub use record::record;
pub use run::{Output, Run};
pub use sshd::SshKeys;
pub use story::{ETCD, Story, StoryPlan};
pub use wait::{wait_for, wait_until};
