"""Text of the language that holds every construct, for tests that change it at random."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).parent.parent.parent / "golden"

GATE = """\
# head

# about web
policy web in shop for app=web & tier in {front, edge} {  # why
  isolate in, out  # default deny is written
  # a comment of its own

  allow in from shop:app=ingress, @host on tcp/8080, udp/53
  allow out to cidr 10.0.0.0/8 except {10.66.0.0/16, 10.67.0.0/16} on tcp/5432 log "x"
  allow out to fqdn "*.stripe.com" on tcp/443
  deny  out to cidr 169.254.169.254/32, address fd00::/8 log "a \\"quote\\" # not a comment"
  allow in from has app & not legacy, app!=web, app not in {a, b}, ns shop, ns.env=prod & a=b
  allow in from service=web, "ns"=x, "node":app=web, labels "reserved:host" & "k8s:a" in {b, c}
  allow in from app=a,  # in the middle
    # on its own line
    app=b
    on tcp/1
  allow out to service db, any service x, services shop:tier=db, group g,
    groups team=x except 10.0.0.0/8
  allow in from nodes, nodes role=worker, remote nodes zone=a, pods, everything
    on tcp, any/53, tcp/http, icmp, icmpv6/128, icmp/EchoRequest, proto/gre, sctp/1-2
  allow in from app=web on tcp/9000 http { GET "/v1/items/*"  POST ~"/v1/(a|b){1,3}" }
    authenticate log "y"
  allow in from app=web on tcp/9000 http {
    GET "/v1/items/*"  # c1
    # c2
    method ~"GET|HEAD" "/" host "*.example" header "X: 1" require "A" = "b" else log,
    any
  } authenticate test-always-fail
  allow out to everything on udp/53 dns { "a.example"  "*.example" }
  allow out to everything on tcp/443 tls { "a.example", "*.example" }
  # last
}
cluster policy c for endpoints { isolate in }
host policy h for nodes role=worker { audit isolate in allow in from @cluster }
admin policy a priority 10 for has ns & app=web { pass in from app=client deny in from pods }
baseline policy b priority 0 for pods { deny in from pods }
group g with a=b { 10.0.0.0/8, fd00::/8 } # trailing
trace shadow for host {
  on lsm file_open(f: file)
    where path(f) == "/etc/shadow" and not process.binary in {"/usr/sbin/sshd"} or (a.b < 0x10)
    => deny EPERM, event every 1s
}
test "beside policies" {  # why
  never @world -> shop:app=db  # trailing
  expect allow shop:app=web -> pod shop/db-0 tcp/5432 by db
}
service db in shop { listen 10.96.0.1/32 on tcp/80 backends app=db on tcp/5432 }
# tail
"""

TESTS = """\
test "web" {
  expect allow shop:app=web -> shop:app=api tcp/9000 GET "/v1/items/7" host "a" header "X: 1"
  expect deny  @world -> pod shop/web-0 icmpv6/128 by web  # trailing
  expect redirect app=web -> node n1 tcp/80, udp/80 by "x.yaml:3"
  # own
  expect audit pods -> pods udp/53 dns "a.example" by default
  never  env=dev -> ns payments on any
  always ns in {a, b} -> cidr 10.0.0.0/8 except 10.1.0.0/16
}
"""
