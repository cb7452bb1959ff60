"""/metrics: OpenMetrics as its own parser takes it, moved by known traffic; who may read it; and the dashboard that reads it."""
import http.client
import json
import os
import re
import time

import prometheus_client.openmetrics.parser as openmetrics
import pytest

import roost

ZONE = "home.example"


class Server:
    def __init__(self, directory, *args):
        db = os.path.join(directory, "roost.db")
        self.port = roost.free_port()
        self.key = roost.Key.parse(roost.roostctl(db, "init", ZONE).stdout)
        self.token = roost.roostctl(db, "token", "add", "nas." + ZONE, "--zone", ZONE).stdout.split("\n")[0]
        self.roostd = roost.Roostd(db, "--http", f"127.0.0.1@{self.port}", *args)

    def ask(self, target, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=roost.PATIENCE)
        connection.request("GET", target, headers={name.replace("_", "-"): value for name, value in fields.items()})
        self.reply = connection.getresponse()
        text = self.reply.read().decode()
        connection.close()
        return self.reply.status, text

    def families(self):
        status, text = self.ask("/metrics")
        assert status == 200 and text.endswith("\n# EOF\n")
        assert self.reply.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return list(openmetrics.text_string_to_metric_families(text))

    def samples(self):
        """{'roost_queries_total{type="A"}': 17.0, …}"""
        return {sample.name + "".join(f'{{{k}="{v}"}}' for k, v in sample.labels.items()): sample.value
                for family in self.families() for sample in family.samples}


@pytest.fixture
def server(tmp_path):
    return Server(str(tmp_path))


def test_metrics_are_openmetrics_and_tell_the_state(server):
    families = {family.name: family for family in server.families()}
    assert all(family.documentation.endswith(".") for family in families.values())
    assert families["roost_queries"].type == "counter" and families["roost_tcp_open"].type == "gauge"
    assert families["roost_query_time_seconds"].type == "histogram" and "roost_transfer_bytes" in families
    now = server.samples()
    assert abs(now["process_start_time_seconds"] - time.time()) < roost.PATIENCE
    assert now["roost_zones"] == 1 and now["roost_zones_unserved"] == 0 and now["roost_writer_queue"] == 0
    assert now[f'roost_zone_serial{{zone="{ZONE}."}}'] == roost.serial(server.roostd, ZONE)
    assert now["roost_http_open"] == 1


def test_metrics_have_all_that_stats_has(server):
    stats = json.loads(server.roostd.ctl("stats", "--json").stdout)
    names = {family.name for family in server.families()}
    for name in stats:
        if name not in ("ok", "uptime"):
            wanted = "roost_" + re.sub("_octets$", "_bytes", name) + ("_seconds" if name.endswith("_time") else "")
            assert wanted in names, name


def moved(server, before):
    return {name: value - before.get(name, 0) for name, value in server.samples().items() if value != before.get(name)}


def test_questions_move_them(server):
    before = server.samples()
    for _ in range(3):
        roost.query(server.roostd, ZONE, "SOA")
    roost.query(server.roostd, "nix." + ZONE, "CAA", tcp=True)
    wanted = {'roost_requests_total{transport="udp4"}': 3, 'roost_requests_total{transport="tcp4"}': 1,
              'roost_opcodes_total{opcode="query"}': 4, 'roost_queries_total{type="SOA"}': 3,
              'roost_queries_total{type="CAA"}': 1, 'roost_answers_total{rcode="NOERROR"}': 3,
              'roost_answers_total{rcode="NXDOMAIN"}': 1, "roost_query_time_seconds_count": 4,
              'roost_query_time_seconds_bucket{le="+Inf"}': 4}

    def told():
        now = moved(server, before)
        return {name: now.get(name) for name in wanted} == wanted
    roost.wait_until(told, what="the counters")


def test_http_updates_move_them(server):
    bearer = {"Authorization": "Bearer " + server.token}
    before = server.samples()
    update = f"/nic/update?hostname=nas.{ZONE}&myip="
    assert server.ask(update + "192.0.2.1", **bearer)[1] == "good 192.0.2.1"
    assert server.ask(update + "192.0.2.1", **bearer)[1] == "nochg 192.0.2.1"
    assert server.ask(f"/update?domains=nas.{ZONE}&token={server.token}&ip=192.0.2.2")[1].startswith("OK")
    assert server.ask(f"/nic/update?hostname=other.{ZONE}&myip=192.0.2.1", **bearer)[1] == "nohost"
    assert server.ask(update + "192.0.2.3", Authorization="Bearer wrong")[0] == 401
    assert server.ask("/ip")[0] == 200
    assert server.ask("/nothing")[0] == 404
    now = moved(server, before)
    assert {name: value for name, value in now.items() if name.startswith("roost_http")} == {
        'roost_http_requests_total{route="dyndns2"}': 4, 'roost_http_requests_total{route="duckdns"}': 1,
        'roost_http_requests_total{route="address"}': 1, 'roost_http_requests_total{route="nothing"}': 1,
        'roost_http_requests_total{route="metrics"}': 1, 'roost_http_answers_total{status="200"}': 6,
        'roost_http_answers_total{status="401"}': 1, 'roost_http_answers_total{status="404"}': 1,
        "roost_http_wrong_secrets_total": 1, 'roost_http_hosts_total{result="good"}': 2,
        'roost_http_hosts_total{result="nochg"}': 1, 'roost_http_hosts_total{result="nohost"}': 1,
        "roost_http_accepted_total": 8}
    assert now["roost_commit_batches_total"] == now["roost_commit_jobs_total"] == 2
    assert now[f'roost_zone_serial{{zone="{ZONE}."}}'] == 2  # two versions


def test_only_those_who_may_read_them(tmp_path):
    server = Server(str(tmp_path), "--proxy-trusted", "127.0.0.1", "--http-metrics-from", "192.0.2.0/24 2001:db8::/32",
                    "--http-plain-from", "198.51.100.0/24")
    for client, status in (("127.0.0.1", 200), ("192.0.2.77", 200), ("2001:db8::1", 200), ("198.51.100.1", 403),
                           ("2001:db9::1", 403)):
        assert server.ask("/metrics", X_Forwarded_For=client)[0] == status, client
        assert ("roost_" in server.ask("/metrics", X_Forwarded_For=client)[1]) == (status == 200)


def test_zone_names_are_escaped(server):
    odd = r'a\"b\.c.example.'
    server.roostd.ctl("zone", "import", odd, "-", input="@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n")
    serials = {sample.labels["zone"]: sample.value for family in server.families() for sample in family.samples
               if sample.name == "roost_zone_serial"}
    assert sorted(serials) == sorted([odd, ZONE + "."])


def test_the_dashboard_uses_what_there_is(server):
    with open(os.path.join(roost.TOP, "tools", "grafana-roost.json"), encoding="ascii") as file:
        dashboard = json.load(file)
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [note["expr"] for note in dashboard["annotations"]["list"]]
    expressions += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    families = server.families()
    there = {sample.name for family in families for sample in family.samples}
    labels = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    for expression in expressions:
        used = re.findall(r"\b(?:roost|process)_\w+", expression)
        assert used and set(used) <= there, expression
        for label in re.findall(r"by \((\w+)\)", expression):
            assert any(label in labels[name] for name in used), expression
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
