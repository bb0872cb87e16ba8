
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
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('node', 'node', [CompletionResultType]::ParameterValue, 'This node''s BGP sessions and the address Calico detects for it')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Find what is broken, prove it, and write the manifests that mend it')
            [CompletionResult]::new('capture', 'capture', [CompletionResultType]::ParameterValue, 'Show packets of a capture file, each on one line with all that encapsulates it')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Show resources of the datastore')
            [CompletionResult]::new('apply', 'apply', [CompletionResultType]::ParameterValue, 'Write resources from manifests: create those that are missing, update the others')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create resources from manifests; they must not exist yet')
            [CompletionResult]::new('replace', 'replace', [CompletionResultType]::ParameterValue, 'Replace resources by those of manifests; they must exist')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete resources, by kind and name or those of manifests')
            [CompletionResult]::new('patch', 'patch', [CompletionResultType]::ParameterValue, 'Change fields of one resource')
            [CompletionResult]::new('label', 'label', [CompletionResultType]::ParameterValue, 'Set, update or remove a label of one resource')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check manifests without a datastore: everything that is wrong, with file, line, column and field')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Follow a packet hop by hop, there and back, through routes, neighbors, bridges, tunnels and netfilter')
            [CompletionResult]::new('snapshot', 'snapshot', [CompletionResultType]::ParameterValue, 'Save what nodes and their datastore show, to look at it elsewhere or later')
            [CompletionResult]::new('completion', 'completion', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            break
        }
        'netdiag;node' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show this node''s BGP peers, and why those that are down are down')
            [CompletionResult]::new('autodetect', 'autodetect', [CompletionResultType]::ParameterValue, 'Re-run Calico''s address detection on this node and explain it')
            break
        }
        'netdiag;node;status' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--objects', '--objects', [CompletionResultType]::ParameterName, 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files')
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
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;node;autodetect' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--objects', '--objects', [CompletionResultType]::ParameterName, 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files')
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
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;check' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--objects', '--objects', [CompletionResultType]::ParameterName, 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('--fix-to', '--fix-to', [CompletionResultType]::ParameterName, 'Write the manifests that mend the findings, for `netdiag apply -f FILE`; `-` is standard output')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
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
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-x', '-x', [CompletionResultType]::ParameterName, 'Also show the bytes of each layer')
            [CompletionResult]::new('--hex', '--hex', [CompletionResultType]::ParameterName, 'Also show the bytes of each layer')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Time of a packet: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt date and time, -ttttt since the first packet')
            [CompletionResult]::new('--nano', '--nano', [CompletionResultType]::ParameterName, 'Nanoseconds instead of microseconds')
            [CompletionResult]::new('--summary', '--summary', [CompletionResultType]::ParameterName, 'Show flows instead of packets, and what is wrong with them; -o wide shows all flows')
            [CompletionResult]::new('--decap', '--decap', [CompletionResultType]::ParameterName, 'With --write: without the outer headers, so that every tool sees what is inside. Packets that came without a frame get a made-up one')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Write each line at once, for a pipe')
            [CompletionResult]::new('--line-buffered', '--line-buffered', [CompletionResultType]::ParameterName, 'Write each line at once, for a pipe')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;get' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show them: ps, wide, yaml, json, name, custom-columns=NAME,…, jsonpath=TEMPLATE, go-template=TEMPLATE or go-template-file=FILE')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show them: ps, wide, yaml, json, name, custom-columns=NAME,…, jsonpath=TEMPLATE, go-template=TEMPLATE or go-template-file=FILE')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Only those whose labels this selects: in Calico''s words (has(rack) && zone in {"a"}), or rack=r1,zone!=a')
            [CompletionResult]::new('--selector', '--selector', [CompletionResultType]::ParameterName, 'Only those whose labels this selects: in Calico''s words (has(rack) && zone in {"a"}), or rack=r1,zone!=a')
            [CompletionResult]::new('--sort-by', '--sort-by', [CompletionResultType]::ParameterName, 'Sort by this field, such as .spec.order')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Columns with the values of these labels')
            [CompletionResult]::new('--label-columns', '--label-columns', [CompletionResultType]::ParameterName, 'Columns with the values of these labels')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Look in all namespaces')
            [CompletionResult]::new('--all-namespaces', '--all-namespaces', [CompletionResultType]::ParameterName, 'Look in all namespaces')
            [CompletionResult]::new('--export', '--export', [CompletionResultType]::ParameterName, 'Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'netdiag;apply' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;create' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('--skip-exists', '--skip-exists', [CompletionResultType]::ParameterName, 'Leave resources that exist as they are, and count them as done')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be created, and write nothing')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;replace' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would change, and write nothing')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;delete' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Count resources that don''t exist as done')
            [CompletionResult]::new('--skip-not-exists', '--skip-not-exists', [CompletionResultType]::ParameterName, 'Count resources that don''t exist as done')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;patch' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The patch, in JSON')
            [CompletionResult]::new('--patch', '--patch', [CompletionResultType]::ParameterName, 'The patch, in JSON')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'What the patch is: strategic and merge set the fields it names, null removes one; json is a list of operations')
            [CompletionResult]::new('--type', '--type', [CompletionResultType]::ParameterName, 'What the patch is: strategic and merge set the fields it names, null removes one; json is a list of operations')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'netdiag;label' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--overwrite', '--overwrite', [CompletionResultType]::ParameterName, 'Give a label that is there a new value')
            [CompletionResult]::new('--remove', '--remove', [CompletionResultType]::ParameterName, 'Remove the label')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'netdiag;validate' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('--filename', '--filename', [CompletionResultType]::ParameterName, 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Read the sub-directories of a directory, too')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Take files and directories without resources as done, not as an error')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'netdiag;trace' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--objects', '--objects', [CompletionResultType]::ParameterName, 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Bytes of the packet with its IP header')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;snapshot' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Write a snapshot of this node and of the objects in the datastore; it holds no secrets')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show what is in snapshots, how old they are, and what is absent and why')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what changed from one snapshot to another')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Make one snapshot of several: a cluster in one file')
            [CompletionResult]::new('script', 'script', [CompletionResultType]::ParameterValue, 'Print a shell script that collects on a node without netdiag what commands read with --snapshot')
            break
        }
        'netdiag;snapshot;save' {
            [CompletionResult]::new('--snapshot', '--snapshot', [CompletionResultType]::ParameterName, 'Read snapshots in place of this host and its datastore; several, or a directory of them, make one picture')
            [CompletionResult]::new('--objects', '--objects', [CompletionResultType]::ParameterName, 'Read objects of Kubernetes and Calico from files in place of the datastore: what kubectl get -o yaml prints, manifests, cluster diags; a directory stands for its .yaml, .yml and .json files')
            [CompletionResult]::new('--bird-socket', '--bird-socket', [CompletionResultType]::ParameterName, 'Control socket of BIRD (default: looks in /var/run/calico, /var/run/bird, /run and where running daemons say)')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output')
            [CompletionResult]::new('--nodes', '--nodes', [CompletionResultType]::ParameterName, 'Save these nodes, commas between, into one snapshot; `all` are the Nodes of the datastore')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'How nodes are reached: ssh, the system''s own with its configuration, or kubectl, by exec into a pod on each node with the rights that kubectl has')
            [CompletionResult]::new('--parallel', '--parallel', [CompletionResultType]::ParameterName, 'How many nodes are asked at a time')
            [CompletionResult]::new('--node-timeout', '--node-timeout', [CompletionResultType]::ParameterName, 'Seconds that each node may take')
            [CompletionResult]::new('--kube-namespace', '--kube-namespace', [CompletionResultType]::ParameterName, 'Namespaces of the pods to exec into (default: kube-system and calico-system)')
            [CompletionResult]::new('--kube-selector', '--kube-selector', [CompletionResultType]::ParameterName, 'Label of the pods to exec into: one on each node, in its network')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Where a node is reached (default: its name, its InternalIP, its BGP address); repeatable')
            [CompletionResult]::new('--ssh-user', '--ssh-user', [CompletionResultType]::ParameterName, 'User to log in as (default: what ssh''s configuration says)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write plain JSON, whatever the name')
            [CompletionResult]::new('--only-node', '--only-node', [CompletionResultType]::ParameterName, 'Leave the datastore alone: this node only')
            [CompletionResult]::new('--push', '--push', [CompletionResultType]::ParameterName, 'Bring this netdiag along to nodes that don''t have it; nothing of it stays there (always with --via kubectl)')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Bring a shell script along that writes down what the node''s own tools print, for nodes on which netdiag can''t run')
            [CompletionResult]::new('--sudo', '--sudo', [CompletionResultType]::ParameterName, 'Run netdiag by sudo on the nodes; it must not ask for a password')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;snapshot;show' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;snapshot;diff' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to show it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--counters', '--counters', [CompletionResultType]::ParameterName, 'Show counters, too')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Show all that differs, timers and connections too, and no lines cut')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;snapshot;merge' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where to write: plain JSON if the name ends in .json, else compressed (zstd); `-` is standard output')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write plain JSON, whatever the name')
            [CompletionResult]::new('--newest', '--newest', [CompletionResultType]::ParameterName, 'Of a node that is in several files, keep the newest')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;snapshot;script' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'netdiag;completion' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output: auto (a terminal without NO_COLOR), always or never')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Seconds that each datastore call may take')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag writes no log')
            [CompletionResult]::new('--allow-version-mismatch', '--allow-version-mismatch', [CompletionResultType]::ParameterName, 'Accepted as calicoctl has it: netdiag works with every release of Calico')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
