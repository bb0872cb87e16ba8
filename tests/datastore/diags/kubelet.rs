//! An API server with one of Calico's pods, whose commands it answers over a WebSocket as kubelets do (subprotocol
//! `v4.channel.k8s.io`, RFC 6455); those of ip(8) are really run.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Stays until the tests end; its address.
pub(super) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || while serve(&stream).is_some() {});
        }
    });
    format!("http://{address}")
}

/// Answers one request; nothing when the connection is over.
fn serve(stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    if path.ends_with("/exec") {
        let words: Vec<String> = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("command="))
            .map(|word| {
                percent_decode_str(&word.replace('+', " "))
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .collect();
        assert!(
            path.contains("/namespaces/calico-system/pods/calico-node-x1/"),
            "{path}"
        );
        assert!(query.contains("container=calico-node"), "{query}");
        exec(stream, &headers, &words);
        return None;
    }
    let (status, body) = match document(path) {
        Some(body) => ("200 OK", body),
        None => (
            "404 Not Found",
            json!({"kind": "Status", "message": "not here", "code": 404}),
        ),
    };
    respond(stream, status, &body)
}

fn respond(mut stream: &TcpStream, status: &str, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()
}

fn document(path: &str) -> Option<Value> {
    let felix = "/apis/crd.projectcalico.org/v1";
    Some(match path {
        "/version" => json!({"major": "1"}),
        "/apis" => json!({"groups": [{"name": "crd.projectcalico.org",
            "preferredVersion": {"groupVersion": "crd.projectcalico.org/v1"}}]}),
        path if path == felix => json!({"resources": [{"name": "felixconfigurations", "verbs": ["list"]}]}),
        path if path.starts_with(felix) => json!({"kind": "FelixConfigurationList", "apiVersion": "v1",
            "items": [{"metadata": {"name": "default"}, "spec": {"bpfEnabled": true}}]}),
        "/api/v1/pods" => json!({"kind": "PodList", "apiVersion": "v1", "items": [{
            "metadata": {"namespace": "calico-system", "name": "calico-node-x1",
                "ownerReferences": [{"name": "calico-node"}]},
            "spec": {"nodeName": "kn1", "containers": [{"name": "calico-node"}]}}]}),
        _ => return None,
    })
}

fn exec(mut stream: &TcpStream, headers: &HashMap<String, String>, words: &[String]) {
    // As where a container's runtime doesn't find the program.
    if words[0] == "tc" {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500,
            "reason": "InternalError", "message": "executable file not found: tc"});
        let _ = respond(stream, "500 Internal Server Error", &body);
        return;
    }
    let key = format!(
        "{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
        headers["sec-websocket-key"]
    );
    let accept = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let accept = base64::engine::general_purpose::STANDARD.encode(accept);
    let protocol = headers["sec-websocket-protocol"].split(',').next().unwrap();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let line = words.join(" ");
    let (output, complaint, code) = match (words[0].as_str(), line.as_str()) {
        ("ip", _) => (ip(&words[1..]), String::new(), 0),
        ("ipset", _) => {
            // Until who asks gives up.
            let _ = BufReader::new(stream).lines().count();
            return;
        }
        ("nft", _) => (String::new(), "nft: no kernel support\n".to_owned(), 3),
        (_, "calico component node bpf nat dump --json") => ("{}\n".to_owned(), String::new(), 0),
        ("calico", _) => (String::new(), "unknown command\n".to_owned(), 1),
        (_, "bpftool map list") => (
            "35: hash  name cali_v4_ct  flags 0x0\n".to_owned(),
            String::new(),
            0,
        ),
        _ => (
            format!("{line}\nExtAuth password=hunter2-secret\n"),
            String::new(),
            0,
        ),
    };
    let status = match code {
        0 => json!({"status": "Success"}),
        code => json!({"status": "Failure", "message": "exit", "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
    };
    for (channel, text) in [(1, output), (2, complaint), (3, status.to_string())] {
        for part in text.as_bytes().chunks(60_000) {
            frame(stream, 2, &[&[channel], part].concat());
        }
    }
    frame(stream, 8, &1000u16.to_be_bytes());
}

/// A whole message; servers don't mask.
fn frame(mut stream: &TcpStream, code: u8, payload: &[u8]) {
    let length = u16::try_from(payload.len()).unwrap();
    let mut bytes = vec![0x80 | code];
    match length {
        ..126 => bytes.push(u8::try_from(length).unwrap()),
        _ => bytes.extend([&[126][..], &length.to_be_bytes()].concat()),
    }
    bytes.extend(payload);
    stream.write_all(&bytes).unwrap();
}

pub(super) fn ip<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> String {
    let output = Command::new("ip").args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
