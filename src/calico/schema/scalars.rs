//! Scalars that Calico reads in a way of its own (api `pkg/lib/numorstring`, Go's `time.ParseDuration`).

use std::fmt::Write as _;

use serde_json::Value;

/// Nanoseconds of each unit, largest first where one begins with the other.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration in the form Go gives it: `90s` becomes `1m30s`.
pub(super) fn duration(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not a duration, such as 90s, 1m30s or 500ms");
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok("0s".into());
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number = rest.len()
            - rest
                .trim_start_matches(|character: char| character.is_ascii_digit() || character == '.')
                .len();
        let (digits, after) = rest.split_at(number);
        let end = after
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        total = scaled(digits, *nanos)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = next;
    }
    if i64::try_from(total).is_err() {
        return Err(format!("{text:?} is longer than a duration can be"));
    }
    Ok(shown(total))
}

/// `1.5` of a unit, in nanoseconds.
fn scaled(digits: &str, nanos: u128) -> Option<u128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let number = |digits: &str| {
        if digits.is_empty() {
            Some(0)
        } else {
            digits.parse::<u128>().ok()
        }
    };
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    number(whole)?
        .checked_mul(nanos)?
        .checked_add(number(fraction)?.checked_mul(nanos)? / scale)
}

fn shown(nanos: u128) -> String {
    let fraction = |value: u128, unit: u128, width: usize| {
        let rest = format!("{:0width$}", value % unit);
        let rest = rest.trim_end_matches('0');
        let whole = value / unit;
        if rest.is_empty() {
            format!("{whole}")
        } else {
            format!("{whole}.{rest}")
        }
    };
    match nanos {
        0 => return "0s".into(),
        1..1_000 => return format!("{nanos}ns"),
        1_000..1_000_000 => return fraction(nanos, 1_000, 3) + "µs",
        1_000_000..1_000_000_000 => return fraction(nanos, 1_000_000, 6) + "ms",
        _ => {}
    }
    let mut text = String::new();
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    // Writing to a String can't fail.
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let _ = write!(text, "{}s", fraction(nanos % 60_000_000_000, 1_000_000_000, 9));
    text
}

/// A port as text: a number, a range, or a name.
pub(super) fn port(text: &str) -> Result<Value, String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(text) {
        return text
            .parse()
            .map_err(|_| ())
            .and_then(|number: i64| port_number(number).map_err(|_| ()))
            .map_err(|()| format!("{text:?} is not a port: ports are 1 to 65535"));
    }
    if let Some((first, last)) = text.split_once(':')
        && digits(first)
        && digits(last)
    {
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        return match (number(first), number(last)) {
            (Some(first), Some(last)) if first == last => Ok(first.into()),
            (Some(first), Some(last)) if first < last => Ok(format!("{first}:{last}").into()),
            (Some(_), Some(_)) => Err(format!("{text:?}: a range begins with its lower port")),
            _ => Err(format!("{text:?}: ports are 1 to 65535")),
        };
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.into());
    }
    Err(format!(
        "{text:?} is neither a port, a range such as 8000:8010, nor the name of a port"
    ))
}

pub(super) fn port_number(number: i64) -> Result<Value, String> {
    if (1..=65535).contains(&number) {
        return Ok(number.into());
    }
    Err(format!("{number} is not a port: ports are 1 to 65535"))
}

const PROTOCOLS: [&str; 6] = ["TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite"];

/// A protocol's name, or its number as a text.
pub(super) fn protocol(text: &str) -> Result<Value, String> {
    if PROTOCOLS.contains(&text) || text.parse::<u8>().is_ok_and(|number| number > 0) {
        return Ok(text.into());
    }
    let near = PROTOCOLS.iter().find(|name| name.eq_ignore_ascii_case(text));
    Err(match near {
        Some(name) => format!("{text:?} is not a protocol; it is spelled {name}"),
        None => format!(
            "{text:?} is not a protocol: one of {}, or a number from 1 to 255",
            PROTOCOLS.join(", ")
        ),
    })
}

pub(super) fn protocol_number(number: i64) -> Result<Value, String> {
    if (1..=255).contains(&number) {
        return Ok(number.into());
    }
    Err(format!("{number} is not a protocol: numbers are 1 to 255"))
}

const CODE_POINTS: [&str; 21] = [
    "DF", "EF", "AF11", "AF12", "AF13", "AF21", "AF22", "AF23", "AF31", "AF32", "AF33", "AF41", "AF42",
    "AF43", "CS0", "CS1", "CS2", "CS3", "CS4", "CS5", "CS6",
];

pub(super) fn dscp(text: &str) -> Result<Value, String> {
    if CODE_POINTS
        .iter()
        .any(|name| name.eq_ignore_ascii_case(text.trim()))
    {
        return Ok(text.into());
    }
    match text.parse() {
        Ok(number) => dscp_number(number).map(|_| text.into()),
        Err(_) => Err(format!(
            "{text:?} is not a DSCP value: 0 to 63, DF, EF, AF11 to AF43 or CS0 to CS6"
        )),
    }
}

pub(super) fn dscp_number(number: i64) -> Result<Value, String> {
    if (0..=63).contains(&number) {
        return Ok(number.into());
    }
    Err(format!("{number} is not a DSCP value: 0 to 63"))
}
