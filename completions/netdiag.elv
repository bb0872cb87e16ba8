
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
            cand get 'Show resources of the datastore'
            cand apply 'Write resources from manifests: create those that are missing, update the others'
            cand snapshot 'Save what nodes and their datastore show, to look at it elsewhere or later'
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
            cand show 'Show what is in snapshots, how old they are, and what is absent and why'
            cand diff 'Show what changed from one snapshot to another'
            cand merge 'Make one snapshot of several: a cluster in one file'
        }
        &'netdiag;snapshot;save'= {
            cand --snapshot 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture'
            cand --bird-socket 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)'
            cand -o 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output'
            cand --output 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output'
            cand --nodes 'Save these nodes, commas between, into one snapshot; `all` are the Nodes of the datastore'
            cand --via 'How nodes are reached: ssh, the system''s own with its configuration, or kubectl, by exec into a pod on each node with the rights that kubectl has'
            cand --parallel 'How many nodes are asked at a time'
            cand --node-timeout 'Seconds that each node may take'
            cand --kube-namespace 'Namespaces of the pods to exec into (default: kube-system and calico-system)'
            cand --kube-selector 'Label of the pods to exec into: one on each node, in its network'
            cand --host 'Where a node is reached (default: its name, its InternalIP, its BGP address); repeatable'
            cand --ssh-user 'User to log in as (default: what ssh''s configuration says)'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand --json 'Write plain JSON, whatever the name'
            cand --only-node 'Leave the datastore alone: this node only'
            cand --push 'Bring this netdiag along to nodes that don''t have it; nothing of it stays there (always with --via kubectl)'
            cand --sudo 'Run netdiag by sudo on the nodes; it must not ask for a password'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;snapshot;show'= {
            cand -o 'How to show it'
            cand --output 'How to show it'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;snapshot;diff'= {
            cand -o 'How to show it'
            cand --output 'How to show it'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand --counters 'Show counters, too'
            cand --all 'Show all that differs, timers and connections too, and no lines cut'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'netdiag;snapshot;merge'= {
            cand -o 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output'
            cand --output 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output'
            cand --color 'Colour the output: auto (a terminal without NO_COLOR), always or never'
            cand -c 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --config 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)'
            cand --timeout 'Seconds that each datastore call may take'
            cand --json 'Write plain JSON, whatever the name'
            cand --newest 'Of a node that is in several files, keep the newest'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
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
