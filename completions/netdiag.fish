# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_netdiag_global_optspecs
    string join \n color= c/config= timeout= allow-version-mismatch context= log-level= h/help V/version
end

function __fish_netdiag_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_netdiag_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_netdiag_using_subcommand
    set -l cmd (__fish_netdiag_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c netdiag -n "__fish_netdiag_needs_command" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_needs_command" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_needs_command" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_needs_command" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_needs_command" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_needs_command" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_needs_command" -s V -l version -d 'Print version'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "node" -d 'This node\'s BGP sessions, the address Calico detects for it, and whether its kernel can run Calico'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "check" -d 'Find what is broken, prove it, and write the manifests that mend it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "explain" -d 'Explain a check: what it finds, how that comes about, how to verify it by hand, mend and prevent it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "plan" -d 'Tell what manifests bring about before they are applied'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "capture" -d 'Show packets of links or of a capture file, each on one line with all that encapsulates it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "get" -d 'Show resources of the datastore'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "apply" -d 'Write resources from manifests: create those that are missing, update the others'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "diff" -d 'Show what applying manifests would change, field by field, and write nothing'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "create" -d 'Create resources from manifests; they must not exist yet'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "replace" -d 'Replace resources by those of manifests; they must exist'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "delete" -d 'Delete resources, by kind and name or those of manifests'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "patch" -d 'Change fields of one resource'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "label" -d 'Set, update or remove a label of one resource'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "validate" -d 'Check manifests without a datastore: everything that is wrong, with file, line, column and field'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "convert" -d 'Print manifests of Calico v1, and Kubernetes\' NetworkPolicy, as Calico v3'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "ipam" -d 'Addresses that Calico gives out: who has them, what doesn\'t fit, and giving them back'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "datastore" -d 'The datastore as a whole'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "cluster" -d 'The cluster as a whole'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "trace" -d 'Follow a packet hop by hop, there and back, through routes, neighbors, bridges, tunnels and netfilter'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "snapshot" -d 'Save what nodes and their datastore show, to look at it elsewhere or later'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "version" -d 'Show netdiag\'s version, and the cluster\'s'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "completion" -d 'Print the completion script of a shell'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -f -a "status" -d 'Show this node\'s BGP peers, and why those that are down are down'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -f -a "autodetect" -d 'Re-run Calico\'s address detection on this node and explain it'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect checksystem" -f -a "checksystem" -d 'Check whether this host\'s kernel can run Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -s o -l output -d 'How to show it; wide adds AS, router id, timers, route counts and the last error' -r -f -a "table\t''
wide\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -s w -l watch -d 'Show it again and again, every so many seconds' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l node -d 'Show only this node of the snapshots' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -s m -l method -d 'Method to walk with: first-found, interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR or kubernetes-internal-ip (default: what calico-node\'s environment says, else first-found)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l method6 -d 'Method for IPv6, as --method' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l calico-version -d 'Calico release whose rules to follow (default: what the datastore says, else the newest known)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -s f -l kernel-config -d 'The kernel\'s configuration (default: /proc/config.gz, /boot/config-RELEASE, …)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from checksystem" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l fix-to -d 'Write the manifests that mend the findings, for `netdiag apply -f FILE`, and beside them the commands as a shell script, which is never run (FILE.sh); `-` is standard output, without the script' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l only -d 'These checks only, by id' -r -f -a "node-address-on-bridge\t''
node-address-unreachable\t''
node-address-shared\t''
node-address-not-local\t''
node-address-mask-differs\t''
bgp-session-down\t''
bgp-port-filtered\t''
bgp-port-taken\t''
bgp-as-mismatch\t''
bgp-peer-address-unknown\t''
bgp-peer-is-self\t''
bird-config-out-of-step\t''
bird-not-running\t''
mesh-off-without-peers\t''
reflectors-share-cluster-id\t''
bgp-peering-one-sided\t''
bgp-routes-missing\t''
node-name-shared\t''
bgp-peer-from-other-address\t''
forwarding-off\t''
link-forwarding-off\t''
bridge-nf-call-off\t''
felix-refuses-loose-rp-filter\t''
kernel-module-missing\t''
arp-ignored\t''
ipv6-disabled\t''
conntrack-table-full\t''
neighbor-table-full\t''
tunnel-checksum-offload\t''
default-route-missing\t''
machine-id-shared\t''
mac-shared\t''
policy-rule-hides-routes\t''
environment-hides-setting\t''
datastore-unreachable\t''
cni-configuration-shadowed\t''
address-range-exhausted\t''
network-manager-claims-links\t''
networkd-claims-links\t''
agent-not-running\t''
agent-not-ready\t''
kube-proxy-mode-differs\t''
cni-configuration-incomplete\t''
host-port-without-portmap\t''
ebpf-not-running\t''
kube-proxy-beside-ebpf\t''
ebpf-on-bridged-uplink\t''
agent-older-than-link\t''
link-down\t''
pod-route-missing\t''
proxy-arp-off\t''
gateway-unanswered\t''
bridge-address-outside-subnet\t''
bridge-without-address\t''
link-without-bridge\t''
bridge-loop\t''
docker-range-overlaps\t''
hairpin-off\t''
wireguard-without-address\t''
wireguard-key-differs\t''
wireguard-mtu-too-large\t''
containers-kept-apart\t''
published-port-closed\t''
published-port-without-proxy\t''
port-not-published\t''
docker-rules-differ\t''
docker-drops-direct-access\t''
ovs-port-refused\t''
ovs-without-rules\t''
ovs-vlan-differs\t''
ovs-local-port-differs\t''
tunnel-mtu-too-large\t''
pod-mtu-too-large\t''
tunnel-link-down\t''
tunnel-link-differs\t''
vxlan-port-shared\t''
tunnel-source-differs\t''
vtep-mac-stale\t''
vxlan-entry-missing\t''
vtep-at-wrong-node\t''
kernel-unlike-objects\t''
entry-of-nobody\t''
tunnel-link-missing\t''
block-with-two-ways\t''
route-to-wrong-node\t''
routes-differ-in-device\t''
own-subnet-leaves-node\t''
ovs-tunnel-mismatch\t''
ovs-tunnel-unrouted\t''
ovs-mesh-incomplete\t''
tunnel-hears-nothing\t''
cloud-drops-pod-addresses\t''
direct-routing-not-used\t''
route-on-one-side\t''
pool-without-tunnel\t''
iptables-in-both-backends\t''
rules-left-over\t''
flannel-rules-missing\t''
dataplanes-mixed\t''
felix-lacks-interface\t''
felix-chain-of-nobody\t''
refused-before-calico\t''
forward-drops-pods\t''
firewall-rejects-pods\t''
host-not-in-felix-set\t''
pool-not-masqueraded\t''
pool-without-nat-outgoing\t''
udp-to-dead-endpoint\t''
masquerade-missing\t''
service-without-endpoints\t''
node-port-on-some-nodes\t''
target-port-closed\t''
service-rules-missing\t''
pod-source-translated\t''
outside-address-in-pool\t''
rules-of-other-iptables\t''
source-ranges-let-nobody-in\t''
source-ranges-ignored\t''
service-address-without-endpoint\t''
service-local-without-endpoint\t''
affinity-to-dead-endpoint\t''
node-port-answer-lost\t''
virtual-address-answered-by-all\t''
pool-overlaps-node-network\t''
no-pool-enabled\t''
block-of-one-address\t''
pools-overlap\t''
pool-exhausted\t''
block-claimed-twice\t''
block-of-dead-node\t''
borrowed-address-without-route\t''
pod-address-shared\t''
node-object-stale\t''
pod-cidr-missing\t''
policy-selects-nobody\t''
policy-denies-dns\t''
host-endpoint-without-policy\t''
profile-missing\t''
policy-rule-unreached\t''
policy-after-translation\t''
policy-shuts-dns\t''
tier-passes-nothing\t''
pod-denied-by-default\t''
pool-missing\t''
packet-lost\t''
packet-for-another-address\t''
no-route\t''
route-refuses\t''
route-without-link\t''
reverse-path-filter\t''
routing-loop\t''
martian-packet\t''
neighbor-unanswered\t''
frame-for-nobody\t''
mtu-too-small\t''
port-not-listening\t''
bridge-port-not-forwarding\t''
bridge-ports-isolated\t''
vlan-not-on-port\t''
bridge-without-ports\t''
frame-without-port\t''
rule-drops-packet\t''
service-not-translated\t''
vxlan-link-mismatch\t''
tunnel-without-remote\t''
state-not-seen\t''
rule-not-understood\t''
node-not-seen\t''
plain-packet-through-router\t''
next-hop-not-seen\t''
ovs-flow-drops\t''
ovs-daemon-down\t''
wrong-fdb-entry\t''
answer-from-elsewhere\t''
beyond-silent\t''
vxlan-fdb-missing\t''
syn-unanswered\t''
connection-refused\t''
connection-reset\t''
segments-sent-again\t''
sent-again-one-way\t''
window-closed\t''
ping-unanswered\t''
destination-unreachable\t''
fragmentation-needed\t''
tunnel-fragmented\t''
tunnel-inner-too-large\t''
tunnel-number-differs\t''
tunnel-port-differs\t''
checksum-wrong\t''
ttl-expired\t''
fragments-missing\t''
bgp-error\t''
duplicate-address\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l skip -d 'All checks but these' -r -f -a "node-address-on-bridge\t''
node-address-unreachable\t''
node-address-shared\t''
node-address-not-local\t''
node-address-mask-differs\t''
bgp-session-down\t''
bgp-port-filtered\t''
bgp-port-taken\t''
bgp-as-mismatch\t''
bgp-peer-address-unknown\t''
bgp-peer-is-self\t''
bird-config-out-of-step\t''
bird-not-running\t''
mesh-off-without-peers\t''
reflectors-share-cluster-id\t''
bgp-peering-one-sided\t''
bgp-routes-missing\t''
node-name-shared\t''
bgp-peer-from-other-address\t''
forwarding-off\t''
link-forwarding-off\t''
bridge-nf-call-off\t''
felix-refuses-loose-rp-filter\t''
kernel-module-missing\t''
arp-ignored\t''
ipv6-disabled\t''
conntrack-table-full\t''
neighbor-table-full\t''
tunnel-checksum-offload\t''
default-route-missing\t''
machine-id-shared\t''
mac-shared\t''
policy-rule-hides-routes\t''
environment-hides-setting\t''
datastore-unreachable\t''
cni-configuration-shadowed\t''
address-range-exhausted\t''
network-manager-claims-links\t''
networkd-claims-links\t''
agent-not-running\t''
agent-not-ready\t''
kube-proxy-mode-differs\t''
cni-configuration-incomplete\t''
host-port-without-portmap\t''
ebpf-not-running\t''
kube-proxy-beside-ebpf\t''
ebpf-on-bridged-uplink\t''
agent-older-than-link\t''
link-down\t''
pod-route-missing\t''
proxy-arp-off\t''
gateway-unanswered\t''
bridge-address-outside-subnet\t''
bridge-without-address\t''
link-without-bridge\t''
bridge-loop\t''
docker-range-overlaps\t''
hairpin-off\t''
wireguard-without-address\t''
wireguard-key-differs\t''
wireguard-mtu-too-large\t''
containers-kept-apart\t''
published-port-closed\t''
published-port-without-proxy\t''
port-not-published\t''
docker-rules-differ\t''
docker-drops-direct-access\t''
ovs-port-refused\t''
ovs-without-rules\t''
ovs-vlan-differs\t''
ovs-local-port-differs\t''
tunnel-mtu-too-large\t''
pod-mtu-too-large\t''
tunnel-link-down\t''
tunnel-link-differs\t''
vxlan-port-shared\t''
tunnel-source-differs\t''
vtep-mac-stale\t''
vxlan-entry-missing\t''
vtep-at-wrong-node\t''
kernel-unlike-objects\t''
entry-of-nobody\t''
tunnel-link-missing\t''
block-with-two-ways\t''
route-to-wrong-node\t''
routes-differ-in-device\t''
own-subnet-leaves-node\t''
ovs-tunnel-mismatch\t''
ovs-tunnel-unrouted\t''
ovs-mesh-incomplete\t''
tunnel-hears-nothing\t''
cloud-drops-pod-addresses\t''
direct-routing-not-used\t''
route-on-one-side\t''
pool-without-tunnel\t''
iptables-in-both-backends\t''
rules-left-over\t''
flannel-rules-missing\t''
dataplanes-mixed\t''
felix-lacks-interface\t''
felix-chain-of-nobody\t''
refused-before-calico\t''
forward-drops-pods\t''
firewall-rejects-pods\t''
host-not-in-felix-set\t''
pool-not-masqueraded\t''
pool-without-nat-outgoing\t''
udp-to-dead-endpoint\t''
masquerade-missing\t''
service-without-endpoints\t''
node-port-on-some-nodes\t''
target-port-closed\t''
service-rules-missing\t''
pod-source-translated\t''
outside-address-in-pool\t''
rules-of-other-iptables\t''
source-ranges-let-nobody-in\t''
source-ranges-ignored\t''
service-address-without-endpoint\t''
service-local-without-endpoint\t''
affinity-to-dead-endpoint\t''
node-port-answer-lost\t''
virtual-address-answered-by-all\t''
pool-overlaps-node-network\t''
no-pool-enabled\t''
block-of-one-address\t''
pools-overlap\t''
pool-exhausted\t''
block-claimed-twice\t''
block-of-dead-node\t''
borrowed-address-without-route\t''
pod-address-shared\t''
node-object-stale\t''
pod-cidr-missing\t''
policy-selects-nobody\t''
policy-denies-dns\t''
host-endpoint-without-policy\t''
profile-missing\t''
policy-rule-unreached\t''
policy-after-translation\t''
policy-shuts-dns\t''
tier-passes-nothing\t''
pod-denied-by-default\t''
pool-missing\t''
packet-lost\t''
packet-for-another-address\t''
no-route\t''
route-refuses\t''
route-without-link\t''
reverse-path-filter\t''
routing-loop\t''
martian-packet\t''
neighbor-unanswered\t''
frame-for-nobody\t''
mtu-too-small\t''
port-not-listening\t''
bridge-port-not-forwarding\t''
bridge-ports-isolated\t''
vlan-not-on-port\t''
bridge-without-ports\t''
frame-without-port\t''
rule-drops-packet\t''
service-not-translated\t''
vxlan-link-mismatch\t''
tunnel-without-remote\t''
state-not-seen\t''
rule-not-understood\t''
node-not-seen\t''
plain-packet-through-router\t''
next-hop-not-seen\t''
ovs-flow-drops\t''
ovs-daemon-down\t''
wrong-fdb-entry\t''
answer-from-elsewhere\t''
beyond-silent\t''
vxlan-fdb-missing\t''
syn-unanswered\t''
connection-refused\t''
connection-reset\t''
segments-sent-again\t''
sent-again-one-way\t''
window-closed\t''
ping-unanswered\t''
destination-unreachable\t''
fragmentation-needed\t''
tunnel-fragmented\t''
tunnel-inner-too-large\t''
tunnel-number-differs\t''
tunnel-port-differs\t''
checksum-wrong\t''
ttl-expired\t''
fragments-missing\t''
bgp-error\t''
duplicate-address\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l what-if -d 'As it will be when these manifests are applied' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l since -d 'Only what an older snapshot didn\'t show' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''
sarif\t'SARIF 2.1.0, for tools that collect findings'
junit\t'JUnit\'s XML: a test case a check'"
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l delete -d 'As if the manifests\' objects were deleted, as `netdiag delete -f` does'
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s r -l read -d 'Capture file to read; `-` is standard input' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l join -d 'Two captures of the same packets at two places: which left the one and never arrived at the other, and how long they took' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s i -l link -l interface -d 'Link to capture on, `any` for all; may be repeated' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l pod -d 'Pod to capture, in its namespace and on the host\'s side, by its name as `netdiag trace` takes it; may be repeated' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l node -d 'Capture on another node, whose output comes here' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l via -d 'How nodes are reached: ssh, the system\'s own with its configuration, or kubectl, by exec into a pod on each node with the rights that kubectl has' -r -f -a "ssh\t''
kubectl\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l kube-namespace -d 'Namespaces of the pods to exec into (default: kube-system and calico-system)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l kube-selector -d 'Label of the pods to exec into: one on each node, in its network' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l host -d 'Where a node is reached (default: its name, its InternalIP, its BGP address); repeatable' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l ssh-user -d 'User to log in as (default: what ssh\'s configuration says)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s s -l snap -d 'Bytes to keep of a packet, 0 for all (default: 512, and all for --write and --hex)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s B -l ring -d 'KiB of memory in which the kernel keeps packets of a link until they are taken' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l duration -d 'End the capture after so many seconds' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s w -l write -d 'Write packets to a file instead: .pcapng, or else pcap; `-` is standard output' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s C -l rotate-size -d 'With --write: begin the next file after so many million bytes; files are numbered' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s G -l rotate-time -d 'With --write: begin the next file after so many seconds; files are numbered' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s W -l files -d 'With --rotate-size or --rotate-time: keep so many files, and delete the oldest' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s c -l count -d 'Show at most so many packets' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s o -l output -d 'How to show packets: wide has link addresses, TTL, windows and options, json one object a packet' -r -f -a "text\t''
wide\t''
json\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l style -d 'Whose words to use for lines' -r -f -a "netdiag\t''
tcpdump\t'tcpdump\'s words, as of `tcpdump -nS`'"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l port -d 'Tunnel that a UDP port carries: vxlan, vxlan-gpe, geneve, flannel-udp, gre or mpls; may be repeated' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l vni -d 'Only packets of this virtual network: VNI of VXLAN or Geneve, subnet of NVGRE' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l inner -d 'Only packets whose innermost packet passes this filter, as `--inner "host 10.244.1.5 and tcp port 80"`' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l flow -d 'Only packets between two of them, bare and in the tunnels that they take by `netdiag trace`; named as there' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l threads -d 'With --read: decode with so many threads (default: one a processor, at most 4)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l follow -d 'With --read: wait at the end of the file for what is still written to it'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l push -d 'Bring this netdiag along to nodes that don\'t have it; nothing of it stays there (always with --via kubectl)'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l sudo -d 'Run netdiag by sudo on the nodes; it must not ask for a password'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l promiscuous -d 'Also packets that are for other hosts'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l decap -d 'With --write: without the outer headers, so that every tool sees what is inside. Packets that came without a frame get a made-up one'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s x -l hex -d 'Also show the bytes of each layer'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s t -d 'Time of a packet: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt date and time, -ttttt since the first packet'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l nano -d 'Nanoseconds instead of microseconds'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l utc -d 'Times of day in UTC, whatever this host\'s time zone is'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l summary -d 'Show flows instead of packets, and what is wrong with them; -o wide shows all flows'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l flows -d 'Show flows instead of packets, and only count: faster than --summary; -o wide shows all flows'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l tui -d 'Show flows as they come in the terminal; pick one to see its packets, and one of those to see its layers'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l names -d 'Show the names of pods, nodes and services beside their addresses, as this host and its datastore have them, or --snapshot and --objects; with --write, put them into the pcapng file. Names are never looked up in DNS'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s l -l line-buffered -d 'Write each line at once, for a pipe'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s o -l output -d 'How to show them: ps, wide, yaml, json, name, custom-columns=NAME,…, jsonpath=TEMPLATE, go-template=TEMPLATE or go-template-file=FILE' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s l -l selector -d 'Only those whose labels this selects: in Calico\'s words (has(rack) && zone in {"a"}), or rack=r1,zone!=a' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l sort-by -d 'Sort by this field, such as .spec.order' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s L -l label-columns -d 'Columns with the values of these labels' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s A -l all-namespaces -d 'Look in all namespaces'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l export -d 'Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s w -l watch -d 'Then go on and show each change, until Ctrl-C; in json and yaml as events: {"type": "MODIFIED", "object": …}'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l dry-run -d 'Show what would change, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s y -l yes -d 'Go on without a question where the change would do harm: cut a node off, leave pods without addresses'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l skip-exists -d 'Leave resources that exist as they are, and count them as done'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l dry-run -d 'Show what would be created, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s y -l yes -d 'Go on without a question where the change would do harm: cut a node off, leave pods without addresses'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l dry-run -d 'Show what would change, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s y -l yes -d 'Go on without a question where the change would do harm: cut a node off, leave pods without addresses'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s s -l skip-not-exists -d 'Count resources that don\'t exist as done'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s y -l yes -d 'Go on without a question where the change would do harm: cut a node off, leave pods without addresses'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s p -l patch -d 'The patch, in JSON' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s t -l type -d 'What the patch is: strategic and merge set the fields it names, null removes one; json is a list of operations' -r -f -a "strategic\t''
merge\t''
json\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s y -l yes -d 'Go on without a question where the change would do harm: cut a node off, leave pods without addresses'
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l overwrite -d 'Give a label that is there a new value'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l remove -d 'Remove the label'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s y -l yes -d 'Go on without a question where the change would do harm: cut a node off, leave pods without addresses'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -s o -l output -d 'Form of the result' -r -f -a "yaml\t''
json\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l ignore-validation -d 'Print results that v3 would refuse, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand convert" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -f -a "show" -d 'Show how many addresses pools and blocks have left, or who has an address'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -f -a "check" -d 'Hold what IPAM has given out against those who use it'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -f -a "release" -d 'Give addresses back that nobody uses'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -f -a "split" -d 'Make several smaller pools of one; blocks and addresses stay as they are'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and not __fish_seen_subcommand_from show check release split configure" -f -a "configure" -d 'Change settings of IPAM'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l ip -d 'Who has this address' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l show-blocks -d 'Blocks of each pool as well'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l show-borrowed -d 'Addresses that a node has of another node\'s block'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l show-configuration -d 'Settings of IPAM'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l show-nodes -d 'How many addresses and blocks each node has'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -s o -l output -d 'Write a report for `ipam release --from-report`; `-` is standard output, with nothing else on it' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l kubeconfig -d 'Accepted as calicoctl has it: Kubernetes isn\'t asked beside the datastore' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l show-all-ips -d 'Every address that is given out or in use'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l show-problem-ips -d 'Every address and handle that is a problem'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l ip -d 'This address' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l from-report -d 'Those that are leaked in this report of `ipam check -o`; in all, if several are given' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l force -d 'Also an address that is in use; also from reports while the datastore isn\'t locked'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l cidr -d 'The pool, by its addresses' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l name -d 'The pool, by its name' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from split" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l strictaffinity -d 'Whether nodes take addresses of their own blocks only' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l max-blocks-per-host -d 'Blocks that a node may have' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l kubevirt-ip-persistence -d 'Whether virtual machines keep their addresses' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l ip-cooldown-seconds -d 'Seconds before an address that was given back is given out again' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand ipam; and __fish_seen_subcommand_from configure" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and not __fish_seen_subcommand_from migrate" -f -a "migrate" -d 'Lock it, unlock it, and move what it holds to another'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -f -a "export" -d 'Print everything that the datastore holds, as `import` reads it; it must be locked'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -f -a "import" -d 'Take in what `export` printed; the datastore must be empty, and is locked afterwards'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -f -a "lock" -d 'Tell all of Calico that nothing may be changed: nodes and pods keep what they have, and get nothing new'
complete -c netdiag -n "__fish_netdiag_using_subcommand datastore; and __fish_seen_subcommand_from migrate" -f -a "unlock" -d 'Tell all of Calico to go on'
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and not __fish_seen_subcommand_from diags" -f -a "diags" -d 'Collect what there is to know of a cluster into an archive: its objects, logs of Calico\'s pods, and their nodes\' tables'
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l since -d 'Logs of so long only, such as 90s, 30m or 2h' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l max-logs -d 'Pods of each application whose logs are collected' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l max-parallelism -d 'Requests that are on their way at once' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l focus-nodes -d 'Nodes whose pods\' logs are collected first, with commas between' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -s o -l output -d 'Write the archive here (default: calico-diagnostics-TIME.tar.gz in this directory)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l skip-temp-dir-cleanup -d 'Accepted as calicoctl has it: netdiag makes no temporary directory'
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand cluster; and __fish_seen_subcommand_from diags" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l between -d 'With --all: whose pairs' -r -f -a "nodes\t''
pods\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l size -d 'Bytes of the packet with its IP header' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l user -d 'Whose program sends it, for rules that ask that (-m owner, uidrange): numbers; the group is the user\'s own if none is given' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l what-if -d 'As it will be when these manifests are applied' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -s o -l output -d 'How to show it' -r -f -a "table\t'One screen: the answer, why, what to type, and the way'
wide\t'Every table, rule and link on the way'
json\t''
yaml\t''
svg\t'A picture'
dot\t'A graph for Graphviz'"
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l nodes -d 'Ask these nodes, commas between, in place of this one; `all` are the Nodes of the datastore; for trace, `auto` are those on the way' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l parallel -d 'How many nodes are asked at a time' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l node-timeout -d 'Seconds that each node may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l via -d 'How nodes are reached: ssh, the system\'s own with its configuration, or kubectl, by exec into a pod on each node with the rights that kubectl has' -r -f -a "ssh\t''
kubectl\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l kube-namespace -d 'Namespaces of the pods to exec into (default: kube-system and calico-system)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l kube-selector -d 'Label of the pods to exec into: one on each node, in its network' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l host -d 'Where a node is reached (default: its name, its InternalIP, its BGP address); repeatable' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l ssh-user -d 'User to log in as (default: what ssh\'s configuration says)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l all -d 'Walk every pair of nodes or pods, and say who can\'t reach whom, and why; what is sent is then the only word'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l live -d 'Also send three probes from SRC, which must be on this host, and watch the links that they should pass'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l ascii -d 'Draw with ASCII only (default where the locale is not UTF-8)'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l script -d 'Bring a shell script along that writes down what the node\'s own tools print, for nodes on which netdiag can\'t run'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l push -d 'Bring this netdiag along to nodes that don\'t have it; nothing of it stays there (always with --via kubectl)'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l sudo -d 'Run netdiag by sudo on the nodes; it must not ask for a password'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -f -a "save" -d 'Write a snapshot of this node and of the objects in the datastore; it holds no secrets'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -f -a "show" -d 'Show what is in snapshots, how old they are, and what is absent and why'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -f -a "diff" -d 'Show what changed from one snapshot to another'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -f -a "merge" -d 'Make one snapshot of several: a cluster in one file'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save show diff merge script" -f -a "script" -d 'Print a shell script that collects on a node without netdiag what commands read with --snapshot'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l objects -d 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s o -l output -d 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l nodes -d 'Ask these nodes, commas between, in place of this one; `all` are the Nodes of the datastore; for trace, `auto` are those on the way' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l parallel -d 'How many nodes are asked at a time' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l node-timeout -d 'Seconds that each node may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l via -d 'How nodes are reached: ssh, the system\'s own with its configuration, or kubectl, by exec into a pod on each node with the rights that kubectl has' -r -f -a "ssh\t''
kubectl\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l kube-namespace -d 'Namespaces of the pods to exec into (default: kube-system and calico-system)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l kube-selector -d 'Label of the pods to exec into: one on each node, in its network' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l host -d 'Where a node is reached (default: its name, its InternalIP, its BGP address); repeatable' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l ssh-user -d 'User to log in as (default: what ssh\'s configuration says)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l json -d 'Write plain JSON, whatever the name'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l only-node -d 'Leave the datastore alone: this node only'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l script -d 'Bring a shell script along that writes down what the node\'s own tools print, for nodes on which netdiag can\'t run'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l push -d 'Bring this netdiag along to nodes that don\'t have it; nothing of it stays there (always with --via kubectl)'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l sudo -d 'Run netdiag by sudo on the nodes; it must not ask for a password'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l counters -d 'Show counters, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l all -d 'Show all that differs, timers and connections too, and no lines cut'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -s o -l output -d 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l json -d 'Write plain JSON, whatever the name'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l newest -d 'Of a node that is in several files, keep the newest'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from script" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -l client -d 'Only netdiag\'s own: asks no datastore'
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand version" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l context -d 'Context of the kubeconfig, when Kubernetes is the datastore (default: its current context)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
