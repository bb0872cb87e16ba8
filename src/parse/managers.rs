//! Files of NetworkManager and systemd-networkd, as far as they say which links are theirs.

use crate::state::managers::NetworkFile;

/// Sections with their settings: `[section]`, `key=value`. What is neither is passed over, as both programs do.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            return None;
        }
        let (key, value) = line.split_once('=')?;
        // `key+=value` adds to what other files say.
        Some((section, key.trim().trim_end_matches('+'), value.trim()))
    })
}

fn words(value: &str, between: impl Fn(char) -> bool) -> Vec<String> {
    let words = value
        .split(between)
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The links that a file of NetworkManager keeps it from (NetworkManager.conf(5): `keyfile`, `device`).
pub fn unmanaged(text: &str) -> Vec<String> {
    let list = |value: &str| words(value, |c| c == ';' || c == ',');
    let mut found = Vec::new();
    let mut device: (&str, Vec<String>, bool) = ("", Vec::new(), false);
    for (section, key, value) in settings(text) {
        if device.0 != section {
            if device.2 {
                found.append(&mut device.1);
            }
            device = (section, Vec::new(), false);
        }
        match key {
            "unmanaged-devices" if section == "keyfile" => found.extend(list(value)),
            "match-device" if section.starts_with("device") => device.1 = list(value),
            "managed" if section.starts_with("device") => device.2 = matches!(value, "0" | "no" | "false"),
            _ => {}
        }
    }
    if device.2 {
        found.append(&mut device.1);
    }
    found
}

/// What a `.network` file is for (systemd.network(5)).
pub fn network_file(path: &str, text: &str) -> NetworkFile {
    let mut file = NetworkFile {
        path: path.to_owned(),
        ..NetworkFile::default()
    };
    for (section, key, value) in settings(text) {
        let list = || words(value, char::is_whitespace);
        match (section, key) {
            ("Match", "Name") => file.names.extend(list()),
            ("Match", "Kind") => file.kinds.extend(list()),
            ("Match", "Type") => file.types.extend(list()),
            ("Match", _) => file.narrower = true,
            ("Link", "Unmanaged") => file.unmanaged = matches!(value, "1" | "yes" | "true" | "on"),
            _ => {}
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_that_network_manager_leaves_alone_are_read_from_both_kinds_of_sections() {
        let text = "# Calico's own advice\n[keyfile]\nunmanaged-devices=interface-name:cali*;interface-name:tunl*,interface-name:vxlan.calico\n\
            [device-pods]\nmatch-device=interface-name:veth*\nmanaged=0\n[device-wifi]\nmatch-device=type:wifi\nmanaged=1\n";
        let wanted = [
            "interface-name:cali*",
            "interface-name:tunl*",
            "interface-name:vxlan.calico",
            "interface-name:veth*",
        ];
        assert_eq!(unmanaged(text), wanted);
        assert_eq!(unmanaged("[main]\nplugins=keyfile\n"), Vec::<String>::new());
    }

    #[test]
    fn what_a_network_file_is_for_is_read() {
        let file = network_file("a", "[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n");
        assert_eq!(
            (file.names.len(), file.narrower, file.unmanaged),
            (2, false, false)
        );
        let file = network_file("b", "[Match]\nName=cali*\n[Link]\nUnmanaged=yes\n");
        assert!(file.unmanaged && !file.narrower);
        assert!(network_file("c", "[Match]\nMACAddress=aa:bb:cc:dd:ee:ff\n").narrower);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,200}") {
            let _ = unmanaged(&text);
            let _ = network_file("x", &text);
        }
    }
}
