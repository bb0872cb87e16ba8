
use builtin;
use str;

set edit:completion:arg-completer[netdiag] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'netdiag'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'netdiag'= {
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand node 'This node''s BGP sessions and the address Calico detects for it'
            cand check 'Find what is broken, prove it, and write the manifests that mend it'
            cand capture 'Show packets of a capture file, each on one line with all that encapsulates it'
            cand get 'Show resources of the datastore'
            cand apply 'Write resources from manifests: create those that are missing, update the others'
            cand snapshot 'Save what this node and its datastore show, to look at it elsewhere'
            cand completion 'Print the completion script of a shell'
        }
        &'netdiag;node'= {
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help'
            cand --help 'Print help'
            cand status 'Show this node''s BGP peers, and why those that are down are down'
            cand autodetect 'Re-run Calico''s address detection on this node and explain it'
        }
        &'netdiag;node;status'= {
            cand --snapshot 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture'
            cand --bird-socket 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)'
            cand -o 'How to show it; wide adds AS, router id, timers, route counts and the last error'
            cand --output 'How to show it; wide adds AS, router id, timers, route counts and the last error'
            cand -w 'Show it again and again, every so many seconds'
            cand --watch 'Show it again and again, every so many seconds'
            cand --node 'Show only this node of the snapshots'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;node;autodetect'= {
            cand --snapshot 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture'
            cand --bird-socket 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)'
            cand -m 'Method to walk with: first-found, interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR or kubernetes-internal-ip (default: what calico-node''s environment says, else first-found)'
            cand --method 'Method to walk with: first-found, interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR or kubernetes-internal-ip (default: what calico-node''s environment says, else first-found)'
            cand --method6 'Method for IPv6, as --method'
            cand --calico-version 'Calico release whose rules to follow (default: what the datastore says, else the newest known)'
            cand -o 'How to show it'
            cand --output 'How to show it'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;check'= {
            cand --snapshot 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture'
            cand --bird-socket 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)'
            cand --fix-to 'Write the manifests that mend the findings, for `netdiag apply -f FILE`; `-` is standard output'
            cand -o 'How to show it'
            cand --output 'How to show it'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;capture'= {
            cand -r 'Capture file to read; `-` is standard input'
            cand --read 'Capture file to read; `-` is standard input'
            cand -c 'Show at most so many packets'
            cand --count 'Show at most so many packets'
            cand -o 'How to show packets: wide has link addresses, TTL, windows and options, json one object a packet'
            cand --output 'How to show packets: wide has link addresses, TTL, windows and options, json one object a packet'
            cand --style 'Whose words to use for lines'
            cand --port 'Tunnel that a UDP port carries: vxlan, vxlan-gpe, geneve, flannel-udp, gre or mpls; may be repeated'
            cand --vni 'Only packets of this virtual network: VNI of VXLAN or Geneve, subnet of NVGRE'
            cand --inner 'Only packets whose innermost packet passes this filter, as `--inner "host 10.244.1.5 and tcp port 80"`'
            cand -w 'Write packets to a file instead: .pcapng, or else pcap; `-` is standard output'
            cand --write 'Write packets to a file instead: .pcapng, or else pcap; `-` is standard output'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand --timeout 'Seconds that each datastore call may take'
            cand -x 'Also show the bytes of each layer'
            cand --hex 'Also show the bytes of each layer'
            cand -t 'Time of a packet: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt date and time, -ttttt since the first packet'
            cand --nano 'Nanoseconds instead of microseconds'
            cand --summary 'Show flows instead of packets, and what is wrong with them; -o wide shows all flows'
            cand --decap 'With --write: without the outer headers, so that every tool sees what is inside. Packets that came without a frame get a made-up one'
            cand -l 'Write each line at once, for a pipe'
            cand --line-buffered 'Write each line at once, for a pipe'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;get'= {
            cand -o 'How to show them: ps and table have the names, wide more columns'
            cand --output 'How to show them: ps and table have the names, wide more columns'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand --export 'Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'netdiag;apply'= {
            cand -f 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable'
            cand --filename 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -R 'Read the sub-directories of a directory, too'
            cand --recursive 'Read the sub-directories of a directory, too'
            cand --skip-empty 'Take files and directories without resources as done, not as an error'
            cand --dry-run 'Show what would change, and write nothing'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;snapshot'= {
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help'
            cand --help 'Print help'
            cand save 'Write a snapshot of this node and of the objects in the datastore; it holds no secrets'
        }
        &'netdiag;snapshot;save'= {
            cand --snapshot 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture'
            cand --bird-socket 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)'
            cand -o 'Where to write; `-` is standard output'
            cand --output 'Where to write; `-` is standard output'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'netdiag;completion'= {
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
