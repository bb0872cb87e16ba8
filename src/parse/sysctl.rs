//! `sysctl -a`, `sysctl net` (sysctl(8), procps and busybox).

use std::collections::BTreeMap;

use super::{ParseError, excerpt};

/// Reads lines of `key = value`; what sysctl says of keys that it may not read is passed over.
///
/// # Errors
/// Names the first line that is neither.
pub fn sysctl(text: &str) -> Result<BTreeMap<String, String>, ParseError> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with("sysctl: ") {
            continue;
        }
        // An empty value may have lost its blank.
        let (key, value) = line
            .split_once(" =")
            .filter(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace))
            .ok_or_else(|| ParseError::new(index + 1, format!("not a sysctl: {:?}", excerpt(line))))?;
        values.insert(key.to_owned(), value.trim().to_owned());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_read_by_key() {
        let text = "sysctl: permission denied on key 'net.ipv4.tcp_fastopen_key'\n\
            net.ipv4.ip_local_port_range = 32768\t60999\nnet.ipv4.conf.eth0/100.rp_filter = 2\nnet.x =\n";
        let values = sysctl(text).unwrap();
        assert_eq!(values["net.ipv4.ip_local_port_range"], "32768\t60999");
        assert_eq!(values["net.ipv4.conf.eth0/100.rp_filter"], "2");
        assert_eq!(values["net.x"], "");
        assert_eq!(sysctl("a = 1\nb c\n").unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}", lines in "([a-z.]{0,9}| = |=|\n|é){0,40}") {
            let _ = sysctl(&text);
            let _ = sysctl(&lines);
        }
    }
}
