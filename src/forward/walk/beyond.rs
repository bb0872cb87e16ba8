//! What can be said of the answer of somebody who was not seen.

use super::super::packet::{Frame, Inner, Mac, Packet, Payload};
use super::super::topology::At;
use super::{End, Missing, Outcome, State, Walker, What};

impl Walker<'_, '_> {
    /// The answer to a packet that left what was seen, as if it came back by the link that the packet left by. Nothing
    /// when the packet ended otherwise.
    ///
    /// Whether and how it comes is not known; but where all else is seen to be closed, it can't arrive.
    pub fn answer_from_beyond(&self, outcome: &Outcome) -> Vec<Outcome> {
        let End::NotDecidable(Missing::Beyond { link, .. }) = &outcome.end else {
            return Vec::new();
        };
        let trail = &outcome.state.trail;
        let encap = trail
            .iter()
            .rev()
            .find(|step| step.what == What::Encap && step.place == outcome.place);
        let (packet, index) = if let (Some(inner), Some(step)) = (innermost(&outcome.state.packet), encap) {
            (inner.clone(), step.link)
        } else {
            let links = self.topology.place(outcome.place).net.links.items();
            let found = links.iter().find(|found| found.name == *link);
            (outcome.state.packet.clone(), found.map(|found| found.index))
        };
        let Some(index) = index else {
            return Vec::new();
        };
        let sent = State {
            packet,
            ..outcome.state.clone()
        };
        let mut state = sent.answer();
        let at = At {
            place: outcome.place,
            link: index,
        };
        let name = self.topology.link(at).map_or("?", |link| link.name.as_str());
        let text = format!("an answer comes back by {name}");
        state.note_packet(at.place, Some(index), What::Start);
        state.note(at.place, Some(index), What::Assumption, text);
        if encap.is_none()
            && let Some(mac) = self.sent_from(outcome)
        {
            let frame = Frame {
                src: Mac::ZERO,
                dst: mac,
                vlan: None,
                payload: Payload::Ip(state.packet.clone()),
            };
            return self.receive(state, at, frame);
        }
        self.ip_input(state, at)
    }

    /// The address of the link that the packet was last routed to, as frames have it that answer.
    fn sent_from(&self, outcome: &Outcome) -> Option<Mac> {
        let steps = outcome.state.trail.iter().rev();
        let mut asked = steps.filter(|step| step.what == What::Neighbor);
        let step = asked.next()?;
        let at = At {
            place: step.place,
            link: step.link?,
        };
        self.topology.link(at)?.mac.as_deref().and_then(Mac::parse)
    }
}

/// What a tunnel's packet carries; nothing when it carries none.
fn innermost(packet: &Packet) -> Option<&Packet> {
    let inner = match packet.inner.as_deref()? {
        Inner::Packet { packet, .. } => packet,
        Inner::Frame { frame, .. } => match &frame.payload {
            Payload::Ip(packet) => packet,
            Payload::Ask { .. } | Payload::Tell { .. } => return None,
        },
    };
    Some(innermost(inner).unwrap_or(inner))
}
