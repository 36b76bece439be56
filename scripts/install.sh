#!/bin/sh
# Installs, upgrades and uninstalls MCP Proxy: program, configuration, folders, a user of its own, a service of the init
# system that runs here. May be run again at any time; what is as it should be is left alone.
# usage: install.sh [--user | --system] [--binary FILE] [--prefix DIR] [--init NAME] [--uninstall [--purge]]
#   --system     for the machine, as root (default for root): PREFIX/bin, /etc/mcp-proxy, /var/lib/mcp-proxy
#   --user       for one user (default for others): ~/.local/bin, ~/.config/mcp-proxy, ~/.local/share/mcp-proxy
#   --binary     the program; FILE.sha256 has to lie beside it. Else the one for this machine that lies beside this script
#   --prefix     where bin/mcp-proxy goes: /usr/local or ~/.local
#   --init       systemd, openrc, runit, sysv, launchd or none, instead of the one that is found
#   --uninstall  removes program and service; servers, their credentials, configuration and tokens stay
#   --purge      with --uninstall: removes those, too, and the user
set -eu

here=$(cd "$(dirname "$0")" && pwd)
say() { echo "install.sh: $*"; }
fail() { echo "install.sh: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

mode='' binary='' prefix='' init='' uninstall='' purge=''
while [ $# -gt 0 ]; do
    case $1 in
    --user | --system) mode=${1#--} ;;
    --binary | --prefix | --init)
        [ $# -gt 1 ] || fail "$1 needs a value"
        case $1 in --binary) binary=$2 ;; --prefix) prefix=$2 ;; --init) init=$2 ;; esac
        shift
        ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
    *) echo "install.sh: unknown: $1 (--help says what there is)" >&2; exit 2 ;;
    esac
    shift
done
[ -z "$purge" ] || [ -n "$uninstall" ] || fail "--purge goes with --uninstall"
[ -n "$mode" ] || { [ "$(id -u)" = 0 ] && mode=system || mode=user; }

if [ "$mode" = system ]; then
    [ "$(id -u)" = 0 ] || fail "--system needs root: sudo $0 --system, or --user"
    [ "$(uname)" != Darwin ] || fail "on a Mac it is installed for one user: run it as that user, with --user"
    : "${prefix:=/usr/local}"
    etc=/etc/mcp-proxy home=/var/lib/mcp-proxy
    servers=$home/servers state=$home/state
else
    : "${prefix:=$HOME/.local}"
    etc=${XDG_CONFIG_HOME:-$HOME/.config}/mcp-proxy home=${XDG_DATA_HOME:-$HOME/.local/share}/mcp-proxy
    servers=$home/servers state=${XDG_STATE_HOME:-$HOME/.local/state}/mcp-proxy
fi
program=$prefix/bin/mcp-proxy config=$etc/proxy.toml

# --- the init system: which one, and for each how a service is put there, started and taken away

found_init() {
    if [ "$(uname)" = Darwin ]; then echo launchd
    elif [ "$mode" = user ]; then
        if has systemctl && systemctl --user show-environment >/dev/null 2>&1; then echo systemd; else echo none; fi
    elif [ -d /run/systemd/system ]; then echo systemd
    elif has openrc-run && [ -d /run/openrc ]; then echo openrc
    elif has sv && grep -qs '^runsvdir$' /proc/[0-9]*/comm; then echo runit
    elif [ -d /etc/init.d ] && has start-stop-daemon; then echo sysv
    else echo none
    fi
}

# Where runsvdir looks: Debian and Artix, Void.
runit_folder() { if [ -d /etc/service ]; then echo /etc/service; else echo /var/service; fi; }

# put FILE PLACE MODE: a file of scripts/service, with the paths of this installation; `changed` is set if it differs.
put() {
    sed -e "s|/usr/local/bin/mcp-proxy|$program|" -e "s|%h/.local/bin/mcp-proxy|$program|" \
        -e "s|%h/.config/mcp-proxy/proxy.toml|$config|" -e "s|>HOME/.local/bin/mcp-proxy|>$program|" \
        -e "s|>HOME/.config/mcp-proxy/proxy.toml|>$config|" -e "s|>HOME/|>$HOME/|" \
        -e "s|/etc/mcp-proxy/proxy.toml|$config|" -e "s|/var/lib/mcp-proxy/servers|$servers|" \
        -e "s|/var/lib/mcp-proxy/state|$state|" "$here/service/$1" >"$home/.put"
    if ! cmp -s "$home/.put" "$2"; then
        mkdir -p "$(dirname "$2")"
        cp "$home/.put" "$2"
        changed=yes
    fi
    chmod "$3" "$2"
    rm "$home/.put"
}

units() { if [ "$mode" = user ]; then echo "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"; else echo /etc/systemd/system; fi; }
ctl() { if [ "$mode" = user ]; then systemctl --user "$@"; else systemctl "$@"; fi; }
plist=${HOME:-/root}/Library/LaunchAgents/mcp-proxy.plist

enable_service() {
    case $init in
    systemd)
        if [ "$mode" = user ]; then put systemd/mcp-proxy-user.service "$(units)/mcp-proxy.service" 644
        else put systemd/mcp-proxy.service "$(units)/mcp-proxy.service" 644
        fi
        ctl daemon-reload
        ctl enable --quiet mcp-proxy.service
        if [ -n "$changed" ]; then ctl restart mcp-proxy.service; else ctl start mcp-proxy.service; fi
        ;;
    openrc)
        put openrc/mcp-proxy /etc/init.d/mcp-proxy 755
        [ -e /etc/conf.d/mcp-proxy ] || put openrc/mcp-proxy.confd /etc/conf.d/mcp-proxy 644
        rc-update -q add mcp-proxy default
        if [ -n "$changed" ]; then rc-service mcp-proxy restart; else rc-service -i mcp-proxy start; fi
        ;;
    runit)
        put runit/run /etc/sv/mcp-proxy/run 755
        put runit/finish /etc/sv/mcp-proxy/finish 755
        put runit/check /etc/sv/mcp-proxy/check 755
        put runit/log/run /etc/sv/mcp-proxy/log/run 755
        [ -e "$(runit_folder)/mcp-proxy" ] || ln -s /etc/sv/mcp-proxy "$(runit_folder)/mcp-proxy"
        # runsvdir looks every five seconds for what is new.
        await "runsv does not take /etc/sv/mcp-proxy up" sv status mcp-proxy
        if [ -n "$changed" ]; then sv -w 60 restart mcp-proxy; else sv -w 60 start mcp-proxy; fi
        ;;
    sysv)
        put sysv/mcp-proxy /etc/init.d/mcp-proxy 755
        if has update-rc.d; then update-rc.d mcp-proxy defaults
        else say "have /etc/init.d/mcp-proxy start called when the machine starts: here this is not known how"
        fi
        if [ -n "$changed" ]; then /etc/init.d/mcp-proxy restart; else /etc/init.d/mcp-proxy start; fi
        ;;
    launchd)
        put launchd/mcp-proxy.plist "$plist" 644
        [ -z "$changed" ] || launchctl bootout "gui/$(id -u)/mcp-proxy" 2>/dev/null || :
        launchctl print "gui/$(id -u)/mcp-proxy" >/dev/null 2>&1 || launchctl bootstrap "gui/$(id -u)" "$plist"
        ;;
    none) say "no init system is known here; start it with: $program --config $config" ;;
    *) fail "--init $init is none of systemd, openrc, runit, sysv, launchd, none" ;;
    esac
}

disable_service() {
    case $init in
    systemd)
        [ ! -e "$(units)/mcp-proxy.service" ] || ctl disable --quiet --now mcp-proxy.service
        rm -f "$(units)/mcp-proxy.service"
        ctl daemon-reload
        ;;
    openrc)
        [ ! -e /etc/init.d/mcp-proxy ] || { rc-service -i mcp-proxy stop; rc-update -q -a delete mcp-proxy || :; }
        rm -f /etc/init.d/mcp-proxy /etc/conf.d/mcp-proxy
        ;;
    runit)
        [ ! -e "$(runit_folder)/mcp-proxy" ] || sv -w 60 force-shutdown mcp-proxy || :
        rm -rf "$(runit_folder)/mcp-proxy" /etc/sv/mcp-proxy
        ;;
    sysv)
        [ ! -e /etc/init.d/mcp-proxy ] || /etc/init.d/mcp-proxy stop
        rm -f /etc/init.d/mcp-proxy
        ! has update-rc.d || update-rc.d mcp-proxy remove
        ;;
    launchd)
        launchctl bootout "gui/$(id -u)/mcp-proxy" 2>/dev/null || :
        rm -f "$plist"
        ;;
    esac
}

# await COMPLAINT COMMAND...: until the command succeeds, a minute at most.
await() {
    complaint=$1 tries=60
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$complaint"
        sleep 1
    done
}

# --- the program

# Of the files beside this script the one for this machine.
beside() {
    case $(uname -sm) in
    "Linux x86_64") target=x86_64-unknown-linux-musl ;;
    "Linux aarch64" | "Linux arm64") target=aarch64-unknown-linux-musl ;;
    "Linux armv7l" | "Linux armv8l") target=armv7-unknown-linux-musleabihf ;;
    *) fail "there is no program for $(uname -sm): build one (cargo build --release) and name it with --binary" ;;
    esac
    for binary in "$here"/mcp-proxy-*-"$target" "$here"/../target/static/mcp-proxy-*-"$target"; do
        [ -f "$binary" ] && return
    done
    fail "no program for $target lies beside $0: name one with --binary"
}

sum() { if has sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }

verify() {
    [ -f "$binary" ] || fail "there is no $binary"
    [ -f "$binary.sha256" ] ||
        fail "$binary.sha256 is missing, so nobody knows whether the program is whole; for one of your own: sha256sum $binary > $binary.sha256"
    [ "$(sum "$binary")" = "$(cut -d' ' -f1 "$binary.sha256")" ] ||
        fail "$binary is not what its checksum says: fetch both again"
    chmod +x "$binary" 2>/dev/null || :
    "$binary" --version >/dev/null || fail "$binary does not run on this machine ($(uname -sm))"
}

install_program() {
    cmp -s "$binary" "$program" && return
    changed=yes
    mkdir -p "$prefix/bin"
    # A running program cannot be written to, but its name can go to another.
    cp "$binary" "$program.new"
    chmod 755 "$program.new"
    mv "$program.new" "$program"
}

# --- user, folders, configuration

make_user() {
    id mcp-proxy >/dev/null 2>&1 && return
    if has useradd; then
        useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin mcp-proxy
    else # BusyBox
        addgroup -S mcp-proxy
        adduser -S -D -H -h "$home" -s /sbin/nologin -G mcp-proxy mcp-proxy
    fi
}

make_folders() {
    mkdir -p "$etc" "$servers"
    mkdir -p "$state"
    chmod 700 "$state"
    [ -e "$config" ] || put proxy.toml "$config" 640
    [ "$mode" = system ] || return 0
    chown root:mcp-proxy "$etc" "$config"
    chmod 750 "$etc"
    # Not what lies in them: that is somebody's.
    chown mcp-proxy:mcp-proxy "$home" "$servers" "$state"
    chmod 750 "$home"
}

healthcheck() {
    if [ "$mode" = user ]; then "$program" healthcheck --config "$config"
    elif has runuser; then runuser -u mcp-proxy -- "$program" healthcheck --config "$config"
    else su -s /bin/sh mcp-proxy -c "$program healthcheck --config $config"
    fi
}

# --- all of it

install() {
    [ -n "$binary" ] || beside
    verify
    changed=''
    [ "$mode" = user ] || make_user
    make_folders
    install_program
    enable_service
    if [ "$init" != none ]; then
        await "it does not answer: see its log, or try $program --config $config" healthcheck
        say "mcp-proxy $("$program" --version | cut -d' ' -f2) runs as a service ($init)"
    fi
    say "put servers into $servers; configuration: $config"
}

remove() {
    disable_service
    rm -f "$program"
    if [ -z "$purge" ]; then
        say "removed; left: $config, $home (--purge removes them)"
        return
    fi
    rm -rf "$etc" "$home" "$state"
    [ "$mode" = user ] || rm -rf /var/log/mcp-proxy /var/log/mcp-proxy.log
    if [ "$mode" = system ] && id mcp-proxy >/dev/null 2>&1; then
        if has userdel; then userdel mcp-proxy; else deluser mcp-proxy; fi
    fi
    say "removed, with configuration, servers and tokens"
}

[ -n "$init" ] || init=$(found_init)
if [ -n "$uninstall" ]; then remove; else install; fi
