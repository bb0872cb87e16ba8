//! A network, and what can be wrong with it.

use super::Draft;

/// A network in its states: one that works, and many with one thing wrong.
#[derive(Debug, Clone)]
#[must_use = "nothing exists before `up`"]
pub struct System {
    pub name: &'static str,
    /// as it must be
    pub whole: Draft,
    /// with one thing wrong each
    pub broken: Vec<Broken>,
}

/// A network with a fault: at least one of its ways is not as it must be.
#[derive(Debug, Clone)]
#[must_use = "nothing exists before `up`"]
pub struct Broken {
    /// what is wrong, in words
    pub what: &'static str,
    /// the node that it is wrong on
    pub node: &'static str,
    /// words of the cause, which whoever diagnoses it must find; empty where nothing is lost that should arrive
    pub says: &'static str,
    pub draft: Draft,
}

/// `link_of POD`: the link of the node that a pod's link is the other end of.
const LINK_OF: &str = r#"link_of() {
    index=$(ip netns exec "$1" cat /sys/class/net/eth0/iflink)
    ip -o link | sed -n "s/^$index: \([^@:]*\).*/\1/p"
}
"#;

impl System {
    pub(super) fn new(name: &'static str, whole: Draft) -> Self {
        Self {
            name,
            whole,
            broken: Vec::new(),
        }
    }

    /// One thing is wrong on that node; the words are the cause's.
    pub(super) fn lost(
        self,
        what: &'static str,
        node: &'static str,
        script: &str,
        says: &'static str,
    ) -> Self {
        let draft = self.whole.clone().also(node, &format!("{LINK_OF}{script}"));
        self.state(what, node, says, draft)
    }

    /// One thing is wrong on that node.
    pub(super) fn wrong(self, what: &'static str, node: &'static str, script: &str) -> Self {
        let draft = self.whole.clone().also(node, script);
        self.state(what, node, "", draft)
    }

    /// The same as [`Self::lost`], by the tools of Open vSwitch.
    pub(super) fn lost_by_switch(
        self,
        what: &'static str,
        node: &'static str,
        script: &str,
        says: &'static str,
    ) -> Self {
        let draft = self.whole.clone().also_ovs(node, script);
        self.state(what, node, says, draft)
    }

    /// Something that is wrong from the beginning.
    pub(super) fn state(
        mut self,
        what: &'static str,
        node: &'static str,
        says: &'static str,
        draft: Draft,
    ) -> Self {
        self.broken.push(Broken {
            what,
            node,
            says,
            draft,
        });
        self
    }

    /// A daemon was killed.
    pub(super) fn kill(
        self,
        what: &'static str,
        node: &'static str,
        daemon: &str,
        says: &'static str,
    ) -> Self {
        let draft = self.whole.clone().also_kill(node, daemon);
        self.state(what, node, says, draft)
    }
}
