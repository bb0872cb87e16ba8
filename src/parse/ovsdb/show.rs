//! What `ovs-vsctl show` prints (`utilities/ovs-vsctl.c`, `show_tables`): bridges, ports and interfaces, few columns of each.

use std::collections::BTreeMap;

use super::picture::open_value;
use crate::parse::{ParseError, excerpt, secrets};
use crate::state::ovs::{Bridge, Interface, Ovs, Port, Target};

/// Where a line belongs: the object above it that it is further in than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    Manager,
    Bridge,
    Controller,
    Port,
    Interface,
}

/// Reads the whole text. Columns that aren't known are passed over.
///
/// # Errors
/// Names the first line that belongs to nothing.
pub fn shown(text: &str) -> Result<Ovs, ParseError> {
    let mut ovs = Ovs::default();
    let mut above: Vec<(usize, Object)> = Vec::new();
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    match lines.next() {
        // The row's own id.
        Some((_, line)) if line.trim().len() == 36 => {}
        first => {
            let (index, line) = first.unwrap_or_default();
            let why = format!("not a listing of ovs-vsctl show: {:?}", excerpt(line));
            return Err(ParseError::new(index + 1, why));
        }
    }
    for (index, line) in lines {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        above.retain(|(further, _)| *further < indent);
        let place = above.last().map(|(_, object)| *object);
        let lost = || ParseError::new(index + 1, format!("belongs to nothing: {:?}", excerpt(line)));
        if let Some((column, value)) = content.split_once(": ") {
            set(&mut ovs, place, column, value).ok_or_else(lost)?;
            continue;
        }
        let (kind, name) = content.split_once(' ').unwrap_or((content, ""));
        let name = unquoted(name);
        let object = add(&mut ovs, place, kind, name);
        if let Some(object) = object {
            above.push((indent, object));
        }
    }
    ovs.bridges.sort_by(|one, other| one.name.cmp(&other.name));
    for bridge in &mut ovs.bridges {
        bridge.ports.sort_by(|one, other| one.name.cmp(&other.name));
        for port in &mut bridge.ports {
            port.interfaces.sort_by(|one, other| one.name.cmp(&other.name));
        }
    }
    Ok(ovs)
}

/// Begins an object; none for a kind that isn't known, or that stands where it can't.
fn add(ovs: &mut Ovs, place: Option<Object>, kind: &str, name: String) -> Option<Object> {
    let target = |name: &str| Target {
        target: secrets::cut(name),
        ..Target::default()
    };
    Some(match (kind, place) {
        ("Bridge", None) => {
            ovs.bridges.push(Bridge {
                name,
                ..Bridge::default()
            });
            Object::Bridge
        }
        ("Manager", None) => {
            ovs.managers.push(target(&name));
            Object::Manager
        }
        ("Controller", Some(Object::Bridge)) => {
            ovs.bridges.last_mut()?.controllers.push(target(&name));
            Object::Controller
        }
        ("Port", Some(Object::Bridge)) => {
            ovs.bridges.last_mut()?.ports.push(Port {
                name,
                ..Port::default()
            });
            Object::Port
        }
        ("Interface", Some(Object::Port)) => {
            let port = ovs.bridges.last_mut()?.ports.last_mut()?;
            port.interfaces.push(Interface {
                name,
                ..Interface::default()
            });
            Object::Interface
        }
        _ => return None,
    })
}

/// Sets a column; none when there is no object to set it of.
fn set(ovs: &mut Ovs, place: Option<Object>, column: &str, value: &str) -> Option<()> {
    let text = || Some(unquoted(value)).filter(|text| !text.is_empty());
    let on = value == "true";
    match place {
        None if column == "ovs_version" => ovs.ovs_version = unquoted(value),
        Some(Object::Manager) if column == "is_connected" => ovs.managers.last_mut()?.is_connected = on,
        None | Some(Object::Manager) => {}
        Some(Object::Controller) => {
            let controller = ovs.bridges.last_mut()?.controllers.last_mut()?;
            if column == "is_connected" {
                controller.is_connected = on;
            }
        }
        Some(Object::Bridge) => {
            let bridge = ovs.bridges.last_mut()?;
            match column {
                "fail_mode" => bridge.fail_mode = text(),
                "datapath_type" => bridge.datapath_type = unquoted(value),
                _ => {}
            }
        }
        Some(Object::Port) => {
            let port = ovs.bridges.last_mut()?.ports.last_mut()?;
            match column {
                "tag" => port.tag = value.parse().ok(),
                "trunks" => {
                    let list = value.trim_matches(['[', ']']).split(',');
                    port.trunks = list.filter_map(|vlan| vlan.trim().parse().ok()).collect();
                }
                _ => {}
            }
        }
        Some(Object::Interface) => {
            let port = ovs.bridges.last_mut()?.ports.last_mut()?;
            let interface = port.interfaces.last_mut()?;
            match column {
                "type" => interface.kind = unquoted(value),
                "options" => interface.options = options(value),
                "error" => interface.error = text().map(|error| secrets::cut(&error)),
                _ => {}
            }
        }
    }
    Some(())
}

/// `{key="1", remote_ip="192.168.70.12"}`
fn options(text: &str) -> BTreeMap<String, String> {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}');
    let mut quoted = false;
    let parts = inner.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts
        .filter_map(|part| part.trim().split_once('='))
        .map(|(name, value)| {
            let name = unquoted(name);
            let value = open_value(&name, unquoted(value));
            (name, value)
        })
        .collect()
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = r#"9c0f9150-0842-4cfd-859d-27a8eef0354f
    Manager "ptcp:6640:127.0.0.1"
        is_connected: true
    Bridge "br0"
        Controller "tcp:127.0.0.1:6653"
            is_connected: true
        fail_mode: secure
        datapath_type: netdev
        Port "veth2"
            trunks: [10, 20]
            Interface "veth2"
                error: "could not open network device veth2 (No such device)"
        Port tun0
            tag: 10
            Interface tun0
                type: gre
                options: {key="1", psk="hunter2", remote_ip="192.168.70.12"}
    ovs_version: "3.1.0"
"#;

    #[test]
    fn every_column_lands_where_it_belongs() {
        let ovs = shown(TEXT).unwrap();
        assert_eq!(ovs.ovs_version, "3.1.0");
        assert!(ovs.managers[0].is_connected);
        let bridge = ovs.bridge("br0").unwrap();
        assert_eq!(
            (bridge.fail_mode.as_deref(), bridge.datapath_type.as_str()),
            (Some("secure"), "netdev")
        );
        assert!(bridge.controllers[0].is_connected && bridge.controllers[0].target == "tcp:127.0.0.1:6653");
        assert_eq!(
            (bridge.ports[0].name.as_str(), bridge.ports[0].tag),
            ("tun0", Some(10))
        );
        assert_eq!(bridge.ports[1].trunks, [10, 20]);
        let tunnel = &bridge.ports[0].interfaces[0];
        assert_eq!(
            (tunnel.kind.as_str(), tunnel.options["key"].as_str()),
            ("gre", "1")
        );
        assert_eq!(tunnel.options["remote_ip"], "192.168.70.12");
        assert!(
            bridge.ports[1].interfaces[0]
                .error
                .as_ref()
                .unwrap()
                .contains("No such device")
        );
        assert!(!format!("{ovs:?}").contains("hunter2"));
    }

    #[test]
    fn another_text_is_refused() {
        for text in [
            "",
            "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed",
        ] {
            assert!(shown(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,100}", like in "((    ){0,4}(Bridge|Port|Interface|Controller|tag:|options: \\{|a=\"|é|type: ) ?[a-z\"]{0,3}\n){0,12}") {
            let head = "9c0f9150-0842-4cfd-859d-27a8eef0354f\n";
            let _ = (shown(&text), shown(&format!("{head}{text}")), shown(&format!("{head}{like}")));
        }
    }
}
