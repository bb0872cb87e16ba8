//! What a change would break, told before it is made; and whether to go on.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;

use super::source::{self, Wanted};
use super::{Context, Error, compat};
use crate::apply::Mode;
use crate::calico::kind::Kind;
use crate::calico::resource::Resource;
use crate::collect;
use crate::datastore::Datastore;
use crate::diagnose::harm::{self, Changed, Host, Needs, Workloads};
use crate::state::Objects;

/// Whether to go on where a change would do harm.
#[derive(Debug, Default, Clone, Copy, Args)]
pub(super) struct Consent {
    /// Go on without a question where the change would do harm: cut a node off, leave pods without addresses
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl Consent {
    /// What is done about harm of such a run.
    pub(super) const fn ask(self, mode: Mode) -> Ask {
        match mode {
            Mode::DryRun => Ask::Tell,
            Mode::Write => Ask::Unless(self.yes),
        }
    }
}

/// What is to be done about harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Nothing is written: telling it is enough.
    Tell,
    /// Ask on a terminal; else refuse, unless this is true.
    Unless(bool),
}

/// Tells what a change would break, and what in it selects nobody; refuses or asks where it would do harm. Called by
/// calicoctl's name, it says nothing, as calicoctl.
pub(super) fn before(
    cx: &mut Context<'_>,
    store: &dyn Datastore,
    changed: &[Changed<'_>],
    ask: Ask,
) -> Result<(), Error> {
    let needs = Needs::of(changed);
    if compat::on() || needs.is_empty() {
        return Ok(());
    }
    let mut host = Host::default();
    if changed
        .iter()
        .any(|change| change.kind == Kind::Node && change.after.is_some())
    {
        host = this_host();
        let only_others = changed
            .iter()
            .filter(|change| !Needs::of(std::slice::from_ref(*change)).is_empty())
            .all(|change| change.kind == Kind::Node && change.id != host.node);
        if only_others {
            return Ok(());
        }
    }
    let objects = match cx.block_on(objects(store, changed, needs)) {
        Ok(Some(objects)) => objects,
        Ok(None) => return Ok(()),
        Err(error) => {
            let note = cx.style.warn("note:");
            writeln!(
                cx.err,
                "{note} what this would break can't be told: {}",
                error.message
            )?;
            return Ok(());
        }
    };
    for remark in harm::remarks(&objects, changed) {
        writeln!(cx.err, "{} {remark}", cx.style.warn("warning:"))?;
    }
    let harms = harm::harms(&objects, changed, &host);
    for harm in &harms {
        writeln!(cx.err, "{} {harm}", cx.style.bad("danger:"))?;
    }
    match ask {
        _ if harms.is_empty() => Ok(()),
        Ask::Tell | Ask::Unless(true) => Ok(()),
        Ask::Unless(false) => agreed(cx),
    }
}

/// The same, for what becomes of one resource; asked for only where that matters.
pub(super) fn of_one(
    cx: &mut Context<'_>,
    store: &dyn Datastore,
    (kind, id): (Kind, &str),
    consent: Consent,
    after: impl FnOnce(&Context<'_>) -> Result<Resource, Error>,
) -> Result<(), Error> {
    let change = |after| Changed {
        kind,
        id: id.to_owned(),
        after,
    };
    let unknown = Resource::new(kind, id);
    if compat::on() || Needs::of(&[change(Some(&unknown))]).is_empty() {
        return Ok(());
    }
    let after = after(cx)?;
    before(cx, store, &[change(Some(&after))], consent.ask(Mode::Write))
}

/// What has to be known for that; nothing where nothing can be harmed.
async fn objects(
    store: &dyn Datastore,
    changed: &[Changed<'_>],
    mut needs: Needs,
) -> Result<Option<Objects>, Error> {
    if needs.hosts && (has_hosts(changed) || are_hosts(store).await) {
        needs.add_hosts();
    }
    if needs.kinds.is_empty() {
        return Ok(None);
    }
    source::list(store, &wanted(needs)).await.map(Some)
}

fn has_hosts(changed: &[Changed<'_>]) -> bool {
    changed
        .iter()
        .any(|change| change.kind == Kind::HostEndpoint && change.after.is_some())
}

/// Whether there may be HostEndpoints.
async fn are_hosts(store: &dyn Datastore) -> bool {
    let hosts = store.listing(Kind::HostEndpoint, None).await;
    hosts.map_or(true, |hosts| !hosts.is_empty())
}

/// What has to be read for that.
fn wanted(needs: Needs) -> Wanted {
    let pods = match needs.workloads {
        Workloads::None => [].as_slice(),
        _ => &["Namespace", "ServiceAccount", "Pod"],
    };
    let services = needs.services.then_some("Service");
    Wanted {
        kinds: needs.kinds.into_iter().collect(),
        endpoints_of: match needs.workloads {
            Workloads::Of(namespaces) => namespaces.into_iter().collect(),
            Workloads::None | Workloads::All => Vec::new(),
        },
        one_of_alike: true,
        kubernetes: pods.iter().copied().chain(services).collect(),
        ..Wanted::default()
    }
}

/// The addresses of this machine.
fn this_host() -> Host {
    let state = collect::kernel();
    let addresses = state.net.addresses.known().map(|addresses| addresses.iter());
    Host {
        node: state.name,
        addresses: addresses
            .into_iter()
            .flatten()
            .map(|address| address.ip)
            .collect(),
    }
}

/// Asks; an error is no.
fn agreed(cx: &mut Context<'_>) -> Result<(), Error> {
    let refused = || Error::new("nothing was written: the change would do harm");
    if !std::io::stdin().is_terminal() {
        return Err(refused().hint("--yes makes it all the same"));
    }
    write!(cx.err, "Go on? [y/N] ")?;
    cx.err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refused()),
    }
}
