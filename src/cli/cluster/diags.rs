//! `netdiag cluster diags`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::collection::{self, Collection, WHOLE, is_calicos};
use super::pack::Pack;
use super::pods::{self, CONTAINER, Pod};
use super::tables::{self, Table};
use super::{Context, Error, Outcome};
use crate::calico::apiconfig::DatastoreType;
use crate::cli::{datastore, files};
use crate::datastore::Server;
use crate::fleet::kube;
use crate::output::document;
use crate::parse::objects::cut_object;
use crate::parse::secrets::cut;

/// Bytes of one container's log, or of one table, at most, and a log's last lines.
const LOG: usize = 32 << 20;
const LINES: usize = 100_000;

/// Deadlines of one answer that a command in a pod has: tables of large nodes take their time.
const PATIENCE: u32 = 12;

/// Secrets with certificates that are not of the type kubernetes.io/tls.
const CERTIFICATES: [&str; 2] = ["node-certs", "typha-certs"];

/// Collect what there is to know of a cluster into an archive: its objects, logs of Calico's pods, and their nodes' tables
///
/// Reads through the API server; kubectl isn't needed. Secrets are cut: of those with certificates only these are kept, and
/// of environments, settings, command lines and logs what looks like one. Routes, rules and connections of the nodes come
/// by exec into Calico's pods; all that netdiag itself knows of nodes is what `netdiag snapshot save --nodes` collects.
#[derive(Debug, Args)]
pub(super) struct Diags {
    /// Logs of so long only, such as 90s, 30m or 2h
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    since: Option<u64>,
    /// Pods of each application whose logs are collected
    #[arg(long, default_value_t = 5, value_name = "NUMBER")]
    max_logs: usize,
    /// Requests that are on their way at once
    #[arg(long, default_value_t = 10, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..))]
    max_parallelism: u8,
    /// Nodes whose pods' logs are collected first, with commas between
    #[arg(long, value_delimiter = ',', value_name = "NODES")]
    focus_nodes: Vec<String>,
    /// Write the archive here (default: calico-diagnostics-TIME.tar.gz in this directory)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Accepted as calicoctl has it: netdiag makes no temporary directory
    #[arg(long, hide = true)]
    skip_temp_dir_cleanup: bool,
}

/// A duration of one unit.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let number: Option<u64> = number.parse().ok();
    number
        .filter(|_| unit > 0)
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "give a number with s, m or h, such as 30m".to_owned())
}

impl Diags {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let mut config = datastore::configuration(cx)?;
        // Also of a cluster whose Calico keeps its objects in etcd.
        config.datastore = DatastoreType::Kubernetes;
        let server = cx.block_on(Server::connect(&config, cx.timeout()))?;
        let now = OffsetDateTime::now_utc();
        let root = format!(
            "calico-diagnostics-{:04}{:02}{:02}_{:02}{:02}{:02}",
            now.year(),
            u8::from(now.month()),
            now.day(),
            now.hour(),
            now.minute(),
            now.second()
        );
        let file = self
            .output
            .clone()
            .unwrap_or_else(|| PathBuf::from(format!("{root}.tar.gz")));
        writeln!(cx.out, "==== Begin collecting diagnostics. ====")?;
        cx.out.flush()?;
        let collections = cx.block_on(collection::all(&server))?;
        let mut pack = Pack::new(Vec::new(), &root, now.unix_timestamp().unsigned_abs());
        let patience = cx.timeout() * PATIENCE;
        cx.block_on(self.collect(&server, &collections, patience, &mut pack))?;
        let (missing, number) = (pack.missing.len(), pack.files);
        let bytes = pack.done()?;
        files::replace(&file, 0o600, |out| out.write_all(&bytes))?;
        if missing > 0 {
            writeln!(
                cx.err,
                "{} {missing} files could not be collected; missing.txt in the archive says why",
                cx.style.warn("note:")
            )?;
        }
        writeln!(
            cx.out,
            "Diagnostic bundle created at {}: {number} files of {}",
            file.display(),
            server.describe()
        )?;
        Ok(Outcome::Good)
    }

    async fn collect(
        &self,
        server: &Server,
        collections: &[Collection],
        patience: Duration,
        pack: &mut Pack<Vec<u8>>,
    ) -> Result<(), Error> {
        let at_once = usize::from(self.max_parallelism);
        match server.get("/version").await? {
            Some(version) => pack.add("cluster/version.yaml", &document::yaml(&version))?,
            None => pack.miss("cluster/version.yaml", &"the server doesn't say"),
        }
        let read = collections.iter().map(|collection| async move {
            let path = &collection.path;
            (collection, server.list(path).await, server.table(path).await)
        });
        let mut read = stream::iter(read).buffered(at_once);
        // What the rest follows from.
        let (mut pods, mut namespaces, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        // Where that can't be known, its maps are asked for.
        let mut bpf = true;
        while let Some((collection, list, table)) = read.next().await {
            let file = &collection.file;
            match list {
                Ok(Some(mut list)) => {
                    collection::named_items(&mut list);
                    cut_object(&mut list);
                    pack.add(&format!("{file}.yaml"), &document::yaml(&list))?;
                    let items = || list["items"].as_array().into_iter().flatten();
                    match file.as_str() {
                        "cluster/kubernetes/pods" => pods = items().cloned().collect(),
                        "cluster/kubernetes/namespaces" => namespaces = items().map(name).collect(),
                        file if file.starts_with("cluster/crd/felixconfigurations.") => {
                            bpf = items().any(|item| {
                                name(item) == "default" && item["spec"]["bpfEnabled"] == Value::Bool(true)
                            });
                        }
                        _ => {}
                    }
                    if collection::is_of_all(collection) {
                        let calicos = |item: &&Value| WHOLE.contains(&namespace(item));
                        whole.extend(items().filter(calicos).cloned());
                    }
                }
                // The server has no such kind.
                Ok(None) => continue,
                Err(error) => pack.miss(&format!("{file}.yaml"), &error),
            }
            match table {
                Ok(Some(table)) => pack.add(&format!("{file}.txt"), &cut(&collection::wide(&table)))?,
                Ok(None) => {}
                Err(error) => pack.miss(&format!("{file}.txt"), &error),
            }
        }
        drop(read);
        for own in WHOLE {
            let items: Vec<&Value> = whole.iter().filter(|item| namespace(item) == own).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            pack.add(&format!("cluster/{own}/{own}.yaml"), &document::yaml(&list))?;
        }
        for namespace in namespaces.iter().filter(|namespace| is_calicos(namespace)) {
            certificates(server, namespace, pack).await?;
        }
        let focus: Vec<&str> = self.focus_nodes.iter().map(String::as_str).collect();
        let chosen = pods::of_calico(&pods, self.max_logs, &focus);
        let logs = chosen.iter().map(|pod| self.logs(server, pod));
        let mut logs = stream::iter(logs).buffered(at_once);
        while let Some(found) = logs.next().await {
            for (file, text) in found {
                match text {
                    Ok(text) => pack.add(&file, &text)?,
                    Err(why) => pack.miss(&file, &why),
                }
            }
        }
        drop(logs);
        let nodes: Vec<&Pod> = chosen.iter().filter(|pod| pod.has_tables()).collect();
        let all = tables::all(bpf);
        let asked = nodes
            .iter()
            .flat_map(|pod| all.iter().map(move |table| (*pod, table)));
        let listed = ask(server, asked, patience, at_once, pack).await?;
        let maps: Vec<(&Pod, Vec<Table>)> = listed
            .iter()
            .map(|(pod, list)| (*pod, tables::named(list)))
            .collect();
        let asked = maps
            .iter()
            .flat_map(|(pod, maps)| maps.iter().map(move |map| (*pod, map)));
        ask(server, asked, patience, at_once, pack).await?;
        Ok(())
    }

    /// What is kept of a pod: its logs, those before its last restart, and what happened to it.
    async fn logs(&self, server: &Server, pod: &Pod) -> Vec<(String, Result<String, String>)> {
        let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
        let since = self
            .since
            .map_or_else(String::new, |since| format!("&sinceSeconds={since}"));
        let mut found = Vec::new();
        for (previous, end) in [(false, "log"), (true, "previous.log")] {
            if previous && !pod.restarted {
                continue;
            }
            let mut text = String::new();
            let mut failed = None;
            for container in &pod.containers {
                let path =
                    format!("{path}/log?container={container}&previous={previous}&tailLines={LINES}{since}");
                // Writing to a String can't fail.
                let _ = writeln!(text, "==== container {container} ====");
                match server.text(&path, LOG).await {
                    Ok(log) => log.unwrap_or_default().lines().for_each(|line| {
                        text.push_str(&cut(line));
                        text.push('\n');
                    }),
                    Err(error) => failed = Some(format!("container {container}: {error}")),
                }
            }
            found.push((format!("{}.{end}", pod.file()), failed.map_or(Ok(text), Err)));
        }
        let events = format!(
            "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.name%3D{}",
            pod.namespace, pod.name
        );
        let (object, events) = (server.get(&path).await, server.list(&events).await);
        let described = object.and_then(|object| Ok([object, events?])).map(|parts| {
            let mut parts: Vec<Value> = parts.into_iter().flatten().collect();
            parts.iter_mut().for_each(cut_object);
            let documents: Vec<String> = parts.iter().map(document::yaml).collect();
            format!("---\n{}", documents.join("---\n"))
        });
        found.push((
            format!("{}.yaml", pod.file()),
            described.map_err(|error| error.to_string()),
        ));
        found
    }
}

/// Asks for tables in the pods of their nodes; gives back lists of maps.
async fn ask<'p>(
    server: &Server,
    asked: impl Iterator<Item = (&'p Pod, &'p Table)>,
    patience: Duration,
    at_once: usize,
    pack: &mut Pack<Vec<u8>>,
) -> Result<Vec<(&'p Pod, String)>, Error> {
    let answers = asked.map(|(pod, table)| async move {
        match (output(server, pod, table, patience).await, &table.older) {
            (Err(why), Some(older)) => match output(server, pod, older, patience).await {
                Ok(text) => (pod, &**older, Ok(text)),
                Err(_) => (pod, table, Err(why)),
            },
            (answer, _) => (pod, table, answer),
        }
    });
    let mut answers = stream::iter(answers).buffered(at_once);
    let mut lists = Vec::new();
    while let Some((pod, table, text)) = answers.next().await {
        let file = format!("nodes/{}/{}", pod.node, table.file);
        match text {
            Ok(text) => {
                pack.add(&file, &text)?;
                if table.file == tables::LISTED {
                    lists.push((pod, text));
                }
            }
            Err(why) => pack.miss(&file, &why),
        }
    }
    Ok(lists)
}

/// What a command writes in the pod of a node.
async fn output(server: &Server, pod: &Pod, table: &Table, patience: Duration) -> Result<String, String> {
    let words: Vec<&str> = table.command.split(' ').collect();
    let place = [pod.namespace.as_str(), pod.name.as_str(), CONTAINER];
    let bytes = tokio::time::timeout(patience, kube::output(server.client(), place, &words, LOG as u64))
        .await
        .map_err(|_| format!("{}: no answer within {} s", words[0], patience.as_secs()))?
        .map_err(|failure| failure.why)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut safe = String::with_capacity(text.len());
    for line in text.lines() {
        safe.push_str(&cut(line));
        safe.push('\n');
    }
    Ok(safe)
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// The certificates of a namespace, without their keys.
async fn certificates(server: &Server, namespace: &str, pack: &mut Pack<Vec<u8>>) -> Result<(), Error> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets");
    let typed = server
        .list(&format!("{path}?fieldSelector=type%3Dkubernetes.io%2Ftls"))
        .await;
    let mut secrets = match typed {
        Ok(list) => list.map_or(Vec::new(), |mut list| match list["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }),
        Err(error) => {
            pack.miss(&format!("tls/{namespace}"), &error);
            return Ok(());
        }
    };
    for name in CERTIFICATES {
        match server.get(&format!("{path}/{name}")).await {
            Ok(secret) => secrets.extend(secret),
            Err(error) => pack.miss(&format!("tls/{namespace}_{name}.yaml"), &error),
        }
    }
    for mut secret in secrets {
        // Items of a list don't say what they are, and what isn't a Secret would keep its data.
        secret["kind"] = "Secret".into();
        cut_object(&mut secret);
        pack.add(
            &format!("tls/{namespace}_{}.yaml", name(&secret)),
            &document::yaml(&secret),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("2h"), Ok(7200));
        for wrong in ["", "s", "5", "-1s", "1d", "1.5h", "99999999999999999999h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
