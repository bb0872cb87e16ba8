//! Calico's release numbers.

use std::fmt;
use std::str::FromStr;

/// `v3.32.1`; what follows a dash (`-0.dev`) is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Release {
    /// The newest release whose behaviour is known here.
    pub const NEWEST: Self = Self::new(3, 32, 1);

    /// The last one that kept its objects in etcd v2.
    pub const LAST_ON_ETCD_V2: Self = Self::new(2, 6, 12);

    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Release {
    type Err = String;

    /// Reads `v3.14.2`, `3.14` (its first patch release) or `v3.34.0-0.dev-12-gabc`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no Calico release; write it as v3.14.2 or 3.14");
        let numbers = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split('-')
            .next()
            .unwrap_or_default();
        let numbers: Vec<u32> = numbers
            .split('.')
            .map(|number| number.parse().map_err(|_| bad()))
            .collect::<Result<_, _>>()?;
        match numbers[..] {
            [major, minor] => Ok(Self::new(major, minor, 0)),
            [major, minor, patch] => Ok(Self::new(major, minor, patch)),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered_by_number() {
        let release = |text: &str| text.parse::<Release>();
        assert_eq!(release("v3.34.0-0.dev-12-gabc"), Ok(Release::new(3, 34, 0)));
        assert_eq!(release("3.14"), Ok(Release::new(3, 14, 0)));
        assert!(release("v3.9.0").unwrap() < release("v3.14.0").unwrap());
        assert!(release("latest").is_err() && release("v3").is_err() && release("").is_err());
    }
}
