"""Prometheus: its tools accept what spoolctl metrics prints, and it stores and alerts on that."""
import json
import os
import signal
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from rig import Mount, binary, case, get, need, put, run, wait_until

PACKAGES = 'prometheus prometheus-node-exporter'
PLACE = Path(__file__).resolve().parents[2] / 'packaging/metrics'
EXPORTER, SERVER = '127.0.0.1:19100', '127.0.0.1:19090'
CONFIG = f'''global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - {PLACE}/spoolfs.rules.yml
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["{EXPORTER}"]
'''


@case()
def promtool_accepts_the_figures(mount):
    need('promtool')
    put(f'{mount.tmpdir()}/f', b'x' * 10_000)
    text = run(binary('SPOOLCTL'), 'metrics', mount.path).stdout
    said = run('promtool', 'check', 'metrics', input=text)
    assert not said.stdout and not said.stderr, said


@case(mount=False)
def promtool_accepts_the_alerts():
    need('promtool')
    run('promtool', 'check', 'rules', f'{PLACE}/spoolfs.rules.yml')
    run('promtool', 'test', 'rules', 'spoolfs.rules.test.yml', cwd=PLACE)


def ask(path):
    with urllib.request.urlopen(f'http://{SERVER}{path}', timeout=30) as answer:
        return json.load(answer)['data']


def value(query):
    """Of the only series that fits; None when there is none."""
    try:
        found = ask(f'/api/v1/query?query={urllib.parse.quote(query)}')['result']
    except OSError:
        return None  # it is not up yet
    return float(found[0]['value'][1]) if found else None


@case()
def a_server_stores_them(mount):
    """By the node exporter's textfile collector, as on a machine that is watched."""
    need('prometheus', 'prometheus-node-exporter')
    base = os.environ['SPOOL_CASE_DIR']
    figures = f'{base}/figures'
    os.mkdir(figures)
    put(f'{base}/prometheus.yml', CONFIG.encode())
    logs = open(f'{base}/log', 'wb')
    servers = [subprocess.Popen(argv, stdout=logs, stderr=logs) for argv in (
        ['prometheus-node-exporter', '--collector.disable-defaults', '--collector.textfile',
         f'--collector.textfile.directory={figures}', f'--web.listen-address={EXPORTER}'],
        ['prometheus', f'--config.file={base}/prometheus.yml', f'--storage.tsdb.path={base}/db',
         f'--web.listen-address={SERVER}'])]

    def collect():
        run(binary('SPOOLCTL'), 'metrics', '--output', f'{figures}/spoolfs.prom')

    try:
        up = f'spoolfs_up{{mountpoint="{mount.path}"}}'
        put(f'{mount.tmpdir()}/f', b'x' * 1_000_000)
        collect()
        wait_until(lambda: value(up) == 1, get(f'{base}/log').decode)
        assert value(f'spoolfs_size_bytes{{mountpoint="{mount.path}"}}') >= 1_000_000
        names = [rule['name'] for rule in ask('/api/v1/rules')['groups'][0]['rules']]
        assert 'SpoolfsDown' in names and len(names) > 5
        os.kill(mount.worker, signal.SIGSTOP)
        try:
            collect()
        finally:
            os.kill(mount.worker, signal.SIGCONT)
        wait_until(lambda: value(f'ALERTS{{alertname="SpoolfsDown",mountpoint="{mount.path}"}}'),
                   'the alert is pending')
        collect()
        wait_until(lambda: value(up) == 1, 'it is up again')
    finally:
        for server in servers:
            server.terminate()
            server.wait()
