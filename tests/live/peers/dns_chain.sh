#!/usr/bin/env bash
# kdig asks unbound, unbound asks dnsmasq: dns_chain.sh FOLDER PORT_OF_UNBOUND PORT_OF_DNSMASQ. Both servers log what they
# are asked, into FOLDER.
set -euo pipefail
folder=$1 front=$2 back=$3
long=$(printf 'x%.0s' $(seq 250))
cat >"$folder/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$front
  directory: "$folder"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: "$folder/unbound.log"
  use-syslog: no
  log-queries: yes
  verbosity: 1
  module-config: "iterator"
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@$back
CONF
servers=()
trap 'kill "${servers[@]}"; wait' EXIT
dnsmasq --keep-in-foreground --no-resolv --no-hosts --bind-interfaces --listen-address=127.0.0.1 --port="$back" --user=root \
  --conf-file=/dev/null --local=/corp.example/ --host-record=h.corp.example,10.9.8.7,fd00::7 \
  --cname=c.corp.example,h.corp.example --txt-record="big.corp.example,$long,$long,$long,$long,$long,$long,$long,$long" \
  --mx-host=corp.example,h.corp.example,10 --edns-packet-max=1232 \
  --log-queries --log-facility="$folder/dnsmasq.log" &
servers+=($!)
unbound -d -c "$folder/unbound.conf" &
servers+=($!)
for _ in $(seq 200); do
  grep -qs 'start of service' "$folder/unbound.log" && grep -qs 'started' "$folder/dnsmasq.log" && break
  sleep 0.05
done
ask() { kdig @127.0.0.1 -p "$front" "$@"; }
for name in h c none; do
  ask "$name.corp.example" A
  ask "$name.corp.example" AAAA
done
ask corp.example MX
# Too long for one datagram: asked again over TCP, from client to forwarder and from forwarder to server.
ask +noedns big.corp.example TXT
ask +tcp h.corp.example A
