# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_netdiag_global_optspecs
    string join \n color= c/config= timeout= h/help V/version
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
complete -c netdiag -n "__fish_netdiag_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_needs_command" -s V -l version -d 'Print version'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "node" -d 'This node\'s BGP sessions and the address Calico detects for it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "check" -d 'Find what is broken, prove it, and write the manifests that mend it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "capture" -d 'Show packets of a capture file, each on one line with all that encapsulates it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "get" -d 'Show resources of the datastore'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "apply" -d 'Write resources from manifests: create those that are missing, update the others'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "snapshot" -d 'Save what this node and its datastore show, to look at it elsewhere'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "completion" -d 'Print the completion script of a shell'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -f -a "status" -d 'Show this node\'s BGP peers, and why those that are down are down'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -f -a "autodetect" -d 'Re-run Calico\'s address detection on this node and explain it'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
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
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
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
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l fix-to -d 'Write the manifests that mend the findings, for `netdiag apply -f FILE`; `-` is standard output' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s o -l output -d 'How to show it' -r -f -a "table\t''
json\t''
yaml\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s r -l read -d 'Capture file to read; `-` is standard input' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s c -l count -d 'Show at most so many packets' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s o -l output -d 'How to show packets: wide has link addresses, TTL, windows and options, json one object a packet' -r -f -a "text\t''
wide\t''
json\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l style -d 'Whose words to use for lines' -r -f -a "netdiag\t''
tcpdump\t'tcpdump\'s words, as of `tcpdump -nS`'"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l port -d 'Tunnel that a UDP port carries: vxlan, vxlan-gpe, geneve, flannel-udp, gre or mpls; may be repeated' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l vni -d 'Only packets of this virtual network: VNI of VXLAN or Geneve, subnet of NVGRE' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l inner -d 'Only packets whose innermost packet passes this filter, as `--inner "host 10.244.1.5 and tcp port 80"`' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s w -l write -d 'Write packets to a file instead: .pcapng, or else pcap; `-` is standard output' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s x -l hex -d 'Also show the bytes of each layer'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s t -d 'Time of a packet: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt date and time, -ttttt since the first packet'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l nano -d 'Nanoseconds instead of microseconds'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l summary -d 'Show flows instead of packets, and what is wrong with them; -o wide shows all flows'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -l decap -d 'With --write: without the outer headers, so that every tool sees what is inside. Packets that came without a frame get a made-up one'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s l -l line-buffered -d 'Write each line at once, for a pipe'
complete -c netdiag -n "__fish_netdiag_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s o -l output -d 'How to show them: ps and table have the names, wide more columns' -r -f -a "ps\t''
table\t''
wide\t''
yaml\t''
json\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l export -d 'Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l dry-run -d 'Show what would change, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -f -a "save" -d 'Write a snapshot of this node and of the objects in the datastore; it holds no secrets'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l snapshot -d 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l bird-socket -d 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s o -l output -d 'Where to write; `-` is standard output' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
