
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'netdiag' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'netdiag'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'netdiag' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('node', 'node', [CompletionResultType]::ParameterValue, 'This node''s BGP sessions and the address Calico detects for it')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Find what is broken, prove it, and write the manifests that mend it')
            [CompletionResult]::new('capture', 'capture', [CompletionResultType]::ParameterValue, 'Show packets of a capture file, each on one line with all that encapsulates it')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Show resources of the datastore')
            [CompletionResult]::new('apply', 'apply', [CompletionResultType]::ParameterValue, 'Write resources from manifests: create those that are missing, update the others')
            [CompletionResult]::new('snapshot', 'snapshot', [CompletionResultType]::ParameterValue, 'Save what this node and its datastore show, to look at it elsewhere')
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            break
        }
        'netdiag;node' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show this node''s BGP peers, and why those that are down are down')
            [CompletionResult]::new('autodetect', 'autodetect', [CompletionResultType]::ParameterValue, 'Re-run Calico''s address detection on this node and explain it')
            break
        }
        'netdiag;node;status' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show it; wide adds AS, router id, timers, route counts and the last error')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show it; wide adds AS, router id, timers, route counts and the last error')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Show it again and again, every so many seconds')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Show it again and again, every so many seconds')
            [CompletionResult]::new('--node', '--node', [CompletionResultType]::ParameterName, 'Show only this node of the snapshots')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;node;autodetect' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Method to walk with: first-found, interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR or kubernetes-internal-ip (default: what calico-node''s environment says, else first-found)')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Method to walk with: first-found, interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR or kubernetes-internal-ip (default: what calico-node''s environment says, else first-found)')
            [CompletionResult]::new('--method6', '--method6', [CompletionResultType]::ParameterName, 'Method for IPv6, as --method')
            [CompletionResult]::new('--calico-version', '--calico-version', [CompletionResultType]::ParameterName, 'Calico release whose rules to follow (default: what the datastore says, else the newest known)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;check' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('--fix-to', '--fix-to', [CompletionResultType]::ParameterName, 'Write the manifests that mend the findings, for `netdiag apply -f FILE`; `-` is standard output')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;capture' {
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Capture file to read; `-` is standard input')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'Capture file to read; `-` is standard input')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Show at most so many packets')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Show at most so many packets')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show packets: wide has link addresses, TTL, windows and options, json one object a packet')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show packets: wide has link addresses, TTL, windows and options, json one object a packet')
            [CompletionResult]::new('--style', '--style', [CompletionResultType]::ParameterName, 'Whose words to use for lines')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Tunnel that a UDP port carries: vxlan, vxlan-gpe, geneve, flannel-udp, gre or mpls; may be repeated')
            [CompletionResult]::new('--vni', '--vni', [CompletionResultType]::ParameterName, 'Only packets of this virtual network: VNI of VXLAN or Geneve, subnet of NVGRE')
            [CompletionResult]::new('--inner', '--inner', [CompletionResultType]::ParameterName, 'Only packets whose innermost packet passes this filter, as `--inner "host 10.244.1.5 and tcp port 80"`')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Write packets to a file instead: .pcapng, or else pcap; `-` is standard output')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write packets to a file instead: .pcapng, or else pcap; `-` is standard output')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Also show the bytes of each layer')
            [CompletionResult]::new('--hex', '--hex', [CompletionResultType]::ParameterName, 'Also show the bytes of each layer')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Time of a packet: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt date and time, -ttttt since the first packet')
            [CompletionResult]::new('--nano', '--nano', [CompletionResultType]::ParameterName, 'Nanoseconds instead of microseconds')
            [CompletionResult]::new('--summary', '--summary', [CompletionResultType]::ParameterName, 'Show flows instead of packets, and what is wrong with them; -o wide shows all flows')
            [CompletionResult]::new('--decap', '--decap', [CompletionResultType]::ParameterName, 'With --write: without the outer headers, so that every tool sees what is inside. Packets that came without a frame get a made-up one')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Write each line at once, for a pipe')
            [CompletionResult]::new('--line-buffered', '--line-buffered', [CompletionResultType]::ParameterName, 'Write each line at once, for a pipe')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;get' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show them: ps and table have the names, wide more columns')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show them: ps and table have the names, wide more columns')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--export', '--export', [CompletionResultType]::ParameterName, 'Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'netdiag;apply' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;snapshot' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Write a snapshot of this node and of the objects in the datastore; it holds no secrets')
            break
        }
        'netdiag;snapshot;save' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to write; `-` is standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where to write; `-` is standard output')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'netdiag;completion' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
