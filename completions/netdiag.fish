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
complete -c netdiag -n "__fish_netdiag_needs_command" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_needs_command" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_needs_command" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_needs_command" -s V -l version -d 'Print version'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "node" -d 'This node\'s BGP sessions and the address Calico detects for it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "check" -d 'Find what is broken, prove it, and write the manifests that mend it'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "get" -d 'Show resources of the datastore'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "apply" -d 'Write resources from manifests: create those that are missing, update the others'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "create" -d 'Create resources from manifests; they must not exist yet'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "replace" -d 'Replace resources by those of manifests; they must exist'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "delete" -d 'Delete resources, by kind and name or those of manifests'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "patch" -d 'Change fields of one resource'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "label" -d 'Set, update or remove a label of one resource'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "validate" -d 'Check manifests without a datastore: everything that is wrong, with file, line, column and field'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "snapshot" -d 'Save what this node and its datastore show, to look at it elsewhere'
complete -c netdiag -n "__fish_netdiag_needs_command" -f -a "completion" -d 'Print the completion script of a shell'
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and not __fish_seen_subcommand_from status autodetect" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
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
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from status" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
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
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand node; and __fish_seen_subcommand_from autodetect" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
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
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
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
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s A -l all-namespaces -d 'Look in all namespaces'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l export -d 'Leave out what only this datastore knows: uid, resourceVersion, creationTimestamp'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand get" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l dry-run -d 'Show what would change, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l skip-exists -d 'Leave resources that exist as they are, and count them as done'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l dry-run -d 'Show what would be created, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l dry-run -d 'Show what would change, and write nothing'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand replace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand delete" -s s -l skip-not-exists -d 'Count resources that don\'t exist as done'
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
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand patch" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l overwrite -d 'Give a label that is there a new value'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l remove -d 'Remove the label'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand label" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s f -l filename -d 'Manifest: a file, a directory (its .yaml, .yml and .json files), or - for standard input; repeatable' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s n -l namespace -d 'Namespace, for kinds that have namespaces (default: that of the manifest, else default)' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s R -l recursive -d 'Read the sub-directories of a directory, too'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l skip-empty -d 'Take files and directories without resources as done, not as an error'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand validate" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and not __fish_seen_subcommand_from save" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
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
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand snapshot; and __fish_seen_subcommand_from save" -s h -l help -d 'Print help'
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l color -d 'Colour the output: auto (a terminal without NO_COLOR), always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -s c -l config -d 'Datastore configuration, v3 CalicoAPIConfig or v1 calicoApiConfig (default: /etc/calico/calicoctl.cfg if there is one, else the environment: ETCD_ENDPOINTS and its like)' -r -F
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l timeout -d 'Seconds that each datastore call may take' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l context -d 'Accepted as calicoctl has it: of a kubeconfig, and so without meaning for etcd' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l log-level -d 'Accepted as calicoctl has it: netdiag writes no log' -r
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -l allow-version-mismatch -d 'Accepted as calicoctl has it: netdiag works with every release of Calico'
complete -c netdiag -n "__fish_netdiag_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
