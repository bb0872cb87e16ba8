//! Which parts the kernel has or could load: nothing is asked that loads one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::modules::modules;
use super::read;
use crate::state::kernel::Presence;
use crate::state::{Absence, Fact};

/// Bytes of a configuration that are read.
const MOST: u64 = 4 << 20;

/// What tells of the kernel's parts.
#[derive(Debug)]
pub struct KernelParts {
    /// uname(2)'s.
    pub release: String,
    /// Where its configuration was found, and what that says of each symbol, without `CONFIG_`.
    config: Option<(String, BTreeMap<String, char>)>,
    /// `modules.dep`: what modprobe finds.
    loadable: Fact<BTreeSet<String>>,
}

impl KernelParts {
    /// Looks at this host's kernel; at this configuration of it, or else where configurations usually are.
    ///
    /// # Errors
    /// A configuration that was named can't be read.
    pub fn of_this_host(config: Option<&Path>) -> Result<Self, String> {
        let release = read(Path::new("/proc/sys/kernel/osrelease"))?.trim().to_owned();
        let config = match config {
            Some(path) => Some((path.display().to_string(), configuration(path)?)),
            None => places(&release)
                .into_iter()
                .find_map(|path| Some((path.clone(), configuration(Path::new(&path)).ok()?))),
        };
        let loadable = read(Path::new(&format!("/lib/modules/{release}/modules.dep")))
            .map(|text| loadable(&text))
            .into();
        Ok(Self {
            release,
            config,
            loadable,
        })
    }

    /// The configuration's place, where one was found.
    pub fn config_place(&self) -> Option<&str> {
        self.config.as_ref().map(|(place, _)| place.as_str())
    }

    /// Whether there is a part, by its module's name and by the symbol that configures it.
    pub fn presence(&self, module: &str, symbol: &str) -> Presence {
        let known = modules();
        let among = |fact: &Fact<BTreeSet<String>>| fact.known().map(|names| names.contains(module));
        let configured = self
            .config
            .as_ref()
            .map(|(_, symbols)| symbols.get(symbol).copied());
        let loads_none = known.loaded.absence() == Some(Absence::Missing);
        if among(&known.loaded) == Some(true) {
            return Presence::Loaded;
        }
        if among(&known.builtin) == Some(true) || configured == Some(Some('y')) {
            return Presence::BuiltIn;
        }
        match (among(&self.loadable), configured) {
            (Some(true), _) | (None, Some(Some('m'))) if !loads_none => Presence::OnDemand,
            // Loaded ones without parameters leave no trace but in /proc/modules.
            _ if !module.is_empty() && Path::new("/sys/module").join(module).exists() => Presence::BuiltIn,
            (_, Some(None)) => Presence::Missing,
            (Some(false), _) if known.builtin.known().is_some() => Presence::Missing,
            _ => Presence::Unknown,
        }
    }
}

/// Where the configuration of a kernel may be.
fn places(release: &str) -> Vec<String> {
    vec![
        "/proc/config.gz".to_owned(),
        format!("/boot/config-{release}"),
        format!("/lib/modules/{release}/config"),
        format!("/lib/modules/{release}/build/.config"),
        format!("/usr/src/linux-headers-{release}/.config"),
        format!("/usr/src/linux-{release}/.config"),
        "/usr/src/linux/.config".to_owned(),
    ]
}

fn configuration(path: &Path) -> Result<BTreeMap<String, char>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(fail)?;
    let mut text = String::new();
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let mut source: Box<dyn Read> = if packed {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    (&mut source).take(MOST).read_to_string(&mut text).map_err(fail)?;
    let symbols = symbols(&text);
    if symbols.is_empty() {
        return Err(format!("{}: no line of it says CONFIG_…=", path.display()));
    }
    Ok(symbols)
}

/// `CONFIG_VXLAN=m`, one a line; numbers and texts count as set.
fn symbols(text: &str) -> BTreeMap<String, char> {
    let symbol = |line: &str| {
        let (name, value) = line.trim().strip_prefix("CONFIG_")?.split_once('=')?;
        let value = value.chars().next()?;
        (value != 'n').then(|| (name.to_owned(), if value == 'm' { 'm' } else { 'y' }))
    };
    text.lines().filter_map(symbol).collect()
}

/// `kernel/net/netfilter/ipset/ip_set.ko.xz: kernel/…`, one a line.
fn loadable(text: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let (path, _) = line.split_once(':')?;
        let name = path.rsplit('/').next()?.split('.').next()?;
        Some(name.replace('-', "_"))
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_and_lists_of_modules_are_read() {
        let text = "# CONFIG_IP_VS is not set\nCONFIG_VXLAN=m\nCONFIG_NF_NAT=y\nCONFIG_HZ=250\nCONFIG_X=n\n";
        let symbols = symbols(text);
        assert_eq!(symbols.get("VXLAN"), Some(&'m'));
        assert_eq!(symbols.get("HZ"), Some(&'y'));
        assert_eq!(symbols.len(), 3);
        let names = loadable("kernel/net/ipv4/ipip.ko.zst: kernel/x.ko\nkernel/drivers/net/nf-x.ko:\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["ipip", "nf_x"]);
    }

    #[test]
    fn a_configuration_that_is_none_is_an_error_with_its_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = KernelParts::of_this_host(Some(file.path())).unwrap_err();
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
        std::fs::write(file.path(), "CONFIG_VXLAN=y\n").unwrap();
        let parts = KernelParts::of_this_host(Some(file.path())).unwrap();
        assert_eq!(parts.presence("vxlan", "VXLAN"), Presence::BuiltIn);
        assert_eq!(parts.presence("no_such_module", "NO_SUCH"), Presence::Missing);
    }
}
