#!/bin/sh
# Collects what netdiag looks at on a node without netdiag. Made by: netdiag snapshot script
#
#   sh collect.sh > NODE.tar     an archive on standard output
#   sh collect.sh DIRECTORY      the same as files
#   sh collect.sh -n ...         without the other network namespaces (pods) of the node
#
# Then, elsewhere: netdiag check --snapshot NODE.tar
#
# It reads only, and needs no more than a shell; as root it sees more. A command that the node lacks leaves its file
# out. Passwords are cut out of bird.cfg and of calico-node's settings.

set -u
umask 077
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin

others=yes
if [ "${1-}" = -n ]; then
    others=no
    shift
fi
if [ $# -gt 1 ]; then
    echo 'usage: sh collect.sh [-n] [DIRECTORY]' >&2
    exit 2
fi
if [ $# -eq 0 ] && [ -t 1 ]; then
    echo 'an archive is nothing for a terminal: sh collect.sh > NODE.tar, or sh collect.sh DIRECTORY' >&2
    exit 2
fi

node=$(uname -n | tr -cd 'A-Za-z0-9._-')
node=${node:-node}
temporary=
if [ $# -eq 1 ]; then
    top=$1
    mkdir -p "$top" || exit 1
else
    command -v tar >/dev/null 2>&1 || { echo 'no tar here: name a directory' >&2; exit 1; }
    temporary=$(mktemp -d 2>/dev/null) || {
        temporary=${TMPDIR:-/tmp}/netdiag.$$
        mkdir "$temporary" || exit 1
    }
    trap 'rm -rf "$temporary"' EXIT
    trap 'exit 1' HUP INT TERM
    top=$temporary
fi
out=$top/$node
mkdir -p "$out" || exit 1
errors=$top/errors.txt
: >"$errors"

# A command that hangs costs some seconds, not all.
limit=
if timeout 5 true >/dev/null 2>&1; then
    limit='timeout 20'
fi
# What leads into the namespace that is being read.
in=

# save FILE COMMAND ...: what it prints; nothing of one that fails.
save() {
    file=$1
    shift
    command -v "$1" >/dev/null 2>&1 || return 1
    # shellcheck disable=SC2086
    if $limit $in "$@" >"$out/$file" 2>"$out/.errors" </dev/null; then
        rm -f "$out/.errors"
        return 0
    fi
    { echo "$out/$file: $*"; head -n 3 "$out/.errors"; } >>"$errors" 2>/dev/null
    rm -f "$out/$file" "$out/.errors"
    return 1
}

# iptables-save makes legacy tables that were not there, so it is asked only where they are.
save_iptables() {
    command -v "$2" >/dev/null 2>&1 || return 1
    case $("$2" -V 2>/dev/null) in
        *nf_tables*) ;;
        *)
            # shellcheck disable=SC2086
            [ -n "$($in cat "/proc/net/$3" 2>/dev/null)" ] || return 1
            ;;
    esac
    save "$1" "$2" -c
}

namespace() {
    save link.json ip -s -d -j link || save link.txt ip -s -d link || save link.txt ip link ||
        save ifconfig.txt ifconfig -a
    save addr.json ip -d -j addr || save addr.txt ip addr
    save route.json ip -d -j route show table all || save route.txt ip route show table all ||
        save route.txt ip route || save route-n.txt route -n
    save route6.json ip -6 -d -j route show table all || save route6.txt ip -6 route show table all ||
        save route6.txt ip -6 route
    save rule.json ip -d -j rule || save rule.txt ip rule
    save rule6.json ip -6 -d -j rule || save rule6.txt ip -6 rule
    save nexthop.json ip -d -j nexthop
    save neigh.json ip -s -j neigh || save neigh.txt ip neigh || save arp.txt arp -n
    save neigh-proxy.json ip -j neigh show proxy || save neigh-proxy.txt ip neigh show proxy
    save fdb.json bridge -j fdb || save fdb.txt bridge fdb
    save bridge-link.json bridge -d -j link
    save vlan.json bridge -j vlan
    [ -e "$out/link.json" ] || save brctl.txt brctl show
    save_iptables iptables-save.txt iptables-save ip_tables_names
    save_iptables iptables-legacy-save.txt iptables-legacy-save ip_tables_names
    save_iptables ip6tables-save.txt ip6tables-save ip6_tables_names
    save_iptables ip6tables-legacy-save.txt ip6tables-legacy-save ip6_tables_names
    save nft.json nft -j list ruleset
    save ipset.txt ipset save
    save ss.txt ss -tuwanp
    save proc-net-netstat.txt cat /proc/net/netstat
    # shellcheck disable=SC2086
    if $in cat /proc/sys/net/netfilter/nf_conntrack_count >/dev/null 2>&1; then
        save conntrack.txt cat /proc/net/nf_conntrack || save conntrack.txt conntrack -L
    fi
    if command -v sysctl >/dev/null 2>&1; then
        # Two of them are secrets.
        # shellcheck disable=SC2086
        $limit $in sysctl -a 2>/dev/null </dev/null |
            grep '^net\.' | grep -v -e 'fastopen_key' -e 'stable_secret' >"$out/sysctl.txt"
        [ -s "$out/sysctl.txt" ] || rm -f "$out/sysctl.txt"
    fi
}

# The text of every string, and of a password without quotes.
cut_passwords() {
    sed -e 's/"[^"]*"/""/g' -e 's/\([Pp]assword[[:space:]]\{1,\}\)[^";[:space:]][^;]*/\1""/g'
}

bird() {
    pid=
    for comm in /proc/[0-9]*/comm; do
        read -r name <"$comm" || continue
        if [ "$name" = bird ]; then
            pid=${comm#/proc/}
            pid=${pid%/comm}
            break
        fi
    done 2>/dev/null
    for root in '' ${pid:+"/proc/$pid/root"}; do
        for config in /etc/calico/confd/config/bird.cfg /etc/bird/bird.conf /etc/bird.conf; do
            if [ -f "$root$config" ] && [ ! -e "$out/bird.cfg" ]; then
                { cut_passwords <"$root$config"; } >"$out/bird.cfg" 2>/dev/null || rm -f "$out/bird.cfg"
            fi
        done
    done
    for socket in /var/run/calico/bird.ctl /run/bird/bird.ctl /var/run/bird/bird.ctl /run/bird.ctl; do
        [ -e "$out/birdc-protocols-all.txt" ] && break
        for client in birdc birdcl; do
            if [ -S "$socket" ] && command -v "$client" >/dev/null 2>&1; then
                birdc_says '' "$client" "$socket" && break
            fi
            # In calico-node's container.
            if [ -n "$pid" ] && [ -S "/proc/$pid/root$socket" ] && command -v nsenter >/dev/null 2>&1; then
                birdc_says "nsenter -t $pid -m" "$client" "$socket" && break
            fi
        done
    done
}

# birdc_says WAY CLIENT SOCKET; -r lets it read only.
birdc_says() {
    in=$1
    # `save` looks for a command here that may be there only.
    set -- "$2" "$3"
    if [ -n "$in" ]; then
        # shellcheck disable=SC2086
        $limit $in "$1" -r -s "$2" show protocols all >"$out/birdc-protocols-all.txt" 2>/dev/null </dev/null &&
            $limit $in "$1" -r -s "$2" show route all >"$out/birdc-route-all.txt" 2>/dev/null </dev/null
    else
        save birdc-protocols-all.txt "$1" -r -s "$2" show protocols all &&
            save birdc-route-all.txt "$1" -r -s "$2" show route all
    fi
    said=$?
    in=
    if [ $said -ne 0 ]; then
        rm -f "$out/birdc-protocols-all.txt" "$out/birdc-route-all.txt"
        return 1
    fi
    if [ -S "${2%bird.ctl}bird6.ctl" ]; then
        save birdc6-protocols-all.txt "$1" -r -s "${2%bird.ctl}bird6.ctl" show protocols all
    fi
    return 0
}

# Settings of calico-node that decide addresses and BGP.
settings() {
    for directory in /proc/[0-9]*; do
        case $({ tr '\000' ' ' <"$directory/cmdline"; } 2>/dev/null) in
            *calico-node*-felix* | calico-felix* | *calico\ component\ felix*)
                { tr '\000' '\n' <"$directory/environ"; } 2>/dev/null |
                    grep -E '^(NODENAME|IP|IP6|AS|CLUSTER_TYPE|CALICO_[A-Z0-9_]*|FELIX_[A-Z0-9_]*|IP6?_AUTODETECTION_METHOD)=' |
                    grep -v -i -E '^[^=]*(PASS|SECRET|TOKEN|KEY|CERT|CREDENTIAL)' |
                    sed 's,//[^/@]*@,//(cut)@,g' >"$out/env.txt"
                break
                ;;
        esac
    done
    [ -s "$out/env.txt" ] || rm -f "$out/env.txt"
}

save hostname uname -n
save date date -u +%Y-%m-%dT%H:%M:%SZ
save hosts cat /etc/hosts
for tables in /etc/iproute2 /usr/share/iproute2; do
    if [ -f $tables/rt_tables ] && [ ! -e "$out/rt_tables" ]; then
        cat $tables/rt_tables $tables/rt_tables.d/*.conf >"$out/rt_tables" 2>/dev/null
    fi
done
namespace
bird
settings

# another NAME FILE INODE: a namespace in a folder of the node's.
another() {
    case $seen in *" $3 "*) return ;; esac
    seen="$seen$3 "
    count=$((count + 1))
    if [ $count -gt 1000 ]; then
        echo 'more than 1000 namespaces: the others are left out' >>"$errors"
        others=no
        return
    fi
    name=$(printf %s "$1" | tr -cd 'A-Za-z0-9._-')
    case $name in '' | . | ..) name=netns ;; esac
    [ -e "$out/$name" ] && name=$name-$3
    in="nsenter --net=$2"
    # shellcheck disable=SC2086
    if $limit $in true 2>/dev/null; then
        host=$out
        out=$out/$name
        mkdir "$out" && namespace
        out=$host
    fi
    in=
}

if [ $others = yes ] && command -v nsenter >/dev/null 2>&1; then
    count=0
    own=$(readlink /proc/self/ns/net 2>/dev/null | tr -cd 0-9)
    own_uts=$(readlink /proc/self/ns/uts 2>/dev/null)
    seen=" ${own:-none} "
    for directory in /proc/[0-9]*; do
        [ $others = yes ] || break
        inode=$(readlink "$directory/ns/net" 2>/dev/null | tr -cd 0-9)
        [ -n "$inode" ] || continue
        case $seen in *" $inode "*) continue ;; esac
        # Threads of the kernel name nothing.
        readlink "$directory/exe" >/dev/null 2>&1 || continue
        pid=${directory#/proc/}
        # A pod's host name is the pod's name.
        if [ "$(readlink "$directory/ns/uts" 2>/dev/null)" = "$own_uts" ]; then
            name=$(cat "$directory/comm" 2>/dev/null)-$pid
            # One that has a name is called by it.
            for file in /var/run/netns/*; do
                [ -e "$file" ] || continue
                # shellcheck disable=SC2046
                set -- $(ls -Lid "$file" 2>/dev/null)
                [ "${1-}" = "$inode" ] && name=${file##*/}
            done
        else
            # shellcheck disable=SC2086
            name=$($limit nsenter -t "$pid" -u uname -n 2>/dev/null)
        fi
        another "$name" "$directory/ns/net" "$inode"
    done
    for file in /var/run/netns/* /var/run/docker/netns/*; do
        [ $others = yes ] || break
        [ -e "$file" ] || continue
        # shellcheck disable=SC2046
        set -- $(ls -Lid "$file" 2>/dev/null)
        [ -n "${1-}" ] && another "${file##*/}" "$file" "$1"
    done
fi

[ -s "$errors" ] || rm -f "$errors"
if [ -n "$temporary" ]; then
    tar -C "$top" -cf - .
fi
