//! Autonomous system numbers.

use std::fmt;
use std::str::FromStr;

/// A four-byte AS number. Written as a number; read as a number or in the dotted form `1.10` (RFC 5396 asdot+).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsNumber(u32);

impl AsNumber {
    /// What Calico uses when neither a node nor the default BGPConfiguration says otherwise.
    pub const DEFAULT: Self = Self(64512);

    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads the JSON of an `asNumber` field: a whole number or a text. A fraction is refused: `1.10` as a number is
    /// `1.1`, another AS.
    ///
    /// # Errors
    /// Says why it is neither.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, ParseAsNumberError> {
        match value {
            serde_json::Value::String(text) => text.parse(),
            other => other
                .as_u64()
                .and_then(|number| number.try_into().ok())
                .map(Self)
                .ok_or_else(|| ParseAsNumberError(other.to_string())),
        }
    }
}

impl fmt::Display for AsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no AS number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an AS number (0 to 4294967295, or two numbers up to 65535 with a dot between)")]
pub struct ParseAsNumberError(String);

impl FromStr for AsNumber {
    type Err = ParseAsNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = match text.split_once('.') {
            Some((high, low)) => digits::<u16>(high)
                .zip(digits::<u16>(low))
                .map(|(high, low)| u32::from(high) << 16 | u32::from(low)),
            None => digits::<u32>(text),
        };
        number
            .map(Self)
            .ok_or_else(|| ParseAsNumberError(text.to_owned()))
    }
}

/// A number without sign or blanks.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_and_dotted_numbers() {
        for (text, number) in [
            ("64512", 64512),
            ("0", 0),
            ("4294967295", u32::MAX),
            ("1.10", 65546),
            ("65535.65535", u32::MAX),
        ] {
            assert_eq!(text.parse(), Ok(AsNumber::new(number)), "{text}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit_in_four_bytes() {
        for text in [
            "",
            "-1",
            "+1",
            "4294967296",
            "65536.1",
            "1.65536",
            "1.2.3",
            "1.",
            ".1",
            "AS1",
            " 1",
            "1e3",
        ] {
            assert!(text.parse::<AsNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn json_may_hold_a_number_or_a_text() {
        for value in [
            serde_json::json!(65546),
            serde_json::json!("65546"),
            serde_json::json!("1.10"),
        ] {
            assert_eq!(AsNumber::from_json(&value), Ok(AsNumber::new(65546)));
        }
        assert!(AsNumber::from_json(&serde_json::json!(1.5)).is_err());
        assert!(AsNumber::from_json(&serde_json::json!(64512.0)).is_err());
        assert!(AsNumber::from_json(&serde_json::json!(null)).is_err());
    }
}
