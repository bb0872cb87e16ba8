//! Which links Calico never looks at, release by release (calico `node`, `DEFAULT_INTERFACES_TO_EXCLUDE`).

use crate::calico::release::Release;

/// Names that `first-found` and `skip-interface` never look at, as the release has them. Unanchored ones match anywhere
/// in a name: `lo` also excludes `ens-slow`.
pub fn default_excludes(release: Release) -> &'static [&'static str] {
    const BEFORE_CNI: usize = 11;
    const UNANCHORED: [&str; 12] = [
        "docker.*",
        "cbr.*",
        "dummy.*",
        "virbr.*",
        "lxcbr.*",
        "veth.*",
        "lo",
        "cali.*",
        "tunl.*",
        "flannel.*",
        "kube-ipvs.*",
        "cni.*",
    ];
    const BEFORE_TUNNELS: usize = 12;
    const BEFORE_NODELOCALDNS: usize = 16;
    const ANCHORED: [&str; 17] = [
        "^docker.*",
        "^cbr.*",
        "^dummy.*",
        "^virbr.*",
        "^lxcbr.*",
        "^veth.*",
        "^lo",
        "^cali.*",
        "^tunl.*",
        "^flannel.*",
        "^kube-ipvs.*",
        "^cni.*",
        "^vxlan\\.calico.*",
        "^vxlan-v6\\.calico.*",
        "^wireguard\\.cali.*",
        "^wg-v6\\.cali.*",
        "^nodelocaldns.*",
    ];
    const LATEST: [&str; 19] = [
        "^docker.*",
        "^cbr.*",
        "^dummy.*",
        "^podman.*",
        "^virbr.*",
        "^lxcbr.*",
        "^veth.*",
        "^lo",
        "^br-.*",
        "^cali.*",
        "^tunl.*",
        "^flannel.*",
        "^kube-ipvs.*",
        "^cni.*",
        "^vxlan\\.calico.*",
        "^vxlan-v6\\.calico.*",
        "^wireguard\\.cali.*",
        "^wg-v6\\.cali.*",
        "^nodelocaldns.*",
    ];
    match (release.major, release.minor, release.patch) {
        (..=2, ..) | (3, ..=14, _) => &UNANCHORED[..BEFORE_CNI],
        // Patch releases of 3.23 and 3.24 took the newer lists over, one after the other.
        (3, 23, 4) | (3, 24, 3) => &ANCHORED[..BEFORE_TUNNELS],
        (3, 23, 5..) | (3, 24, 4 | 5) => &ANCHORED[..BEFORE_NODELOCALDNS],
        (3, 24, 6..) => &ANCHORED,
        (3, ..=24, _) => &UNANCHORED,
        _ => &LATEST,
    }
}
