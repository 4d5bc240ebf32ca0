"""What tests/kernels/run does inside a guest: `guest.py [CHECK …]`. Prints a line a check; exits 1 if one failed.

Truth is nginx's access log, and what the client was told.
"""
import collections
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time

OUT = "/out"
PREEMPT_FULL = "preempt=full" in open("/proc/cmdline").read().split()
RELEASE = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
# Emulated machines are slow.
PATIENCE = 240


def bring_libraries():
    """The host's C library takes the place of the guest's, for all programs: a newer one serves older programs too."""
    for name in os.listdir("/payload/lib"):
        for folder in ("/lib64", "/lib/x86_64-linux-gnu"):
            if os.path.exists(f"{folder}/{name}"):
                subprocess.run(["mount", "--bind", f"/payload/lib/{name}", os.path.realpath(f"{folder}/{name}")], check=True)


class Explore:
    """A running explore; its output goes to files."""

    def __init__(self, name, *arguments):
        self.name, ready = name, f"{OUT}/{name}.ready"
        self.paths = f"{OUT}/{name}.json", f"{OUT}/{name}.err"
        with open(self.paths[0], "w") as out, open(self.paths[1], "w") as err:
            command = ["/payload/explore", "--format", "json", "--ready-file", ready, *arguments]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        wait_for(f"{name} to be ready", lambda: os.path.exists(ready) or self.process.poll() is not None)
        assert os.path.exists(ready), read(self.paths[1])

    def stop(self):
        """Rows and coverage."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        rows = [json.loads(line) for line in read(self.paths[0]).splitlines()]
        coverage = read(self.paths[1]).strip().splitlines()[-1]
        assert " lost=0" in coverage, coverage
        return rows, coverage


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def wait_for(what, done):
    end = time.time() + PATIENCE
    while not done():
        assert time.time() < end, f"waited in vain for {what}"
        time.sleep(0.1)


def certificate(folder):
    """Makes a key and a certificate."""
    os.makedirs(folder)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=guest", "-keyout", f"{folder}/key", "-out", f"{folder}/cert"], check=True, capture_output=True)


def nginx(port, extra=""):
    """An nginx of its own, one worker; gives the process and the path of its log."""
    folder = f"{OUT}/nginx{port}"
    certificate(folder)
    os.makedirs(f"{folder}/www")
    with open(f"{folder}/www/page", "w") as page:
        page.write("page\n")
    with open(f"{folder}/www/large", "w") as page:
        page.write("x" * 300_000)
    with open(f"{folder}/conf", "w") as conf:
        conf.write(f"""user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{ log_format truth '$request_method $request_uri $status'; access_log {folder}/log truth; sendfile on;
server {{ listen 127.0.0.1:{port}; listen 127.0.0.1:{port + 1} ssl; root {folder}/www;
ssl_certificate {folder}/cert; ssl_certificate_key {folder}/key; {extra}
location /broken {{ return 503; }} }} }}
""")
    process = subprocess.Popen(["nginx", "-p", folder, "-c", f"{folder}/conf"])
    wait_for("nginx", lambda: os.path.exists(f"{folder}/pid") and read(f"{folder}/pid").strip())
    return process, f"{folder}/log"


def curl(*arguments):
    return subprocess.run(["curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", *arguments],
                          check=True, capture_output=True, text=True).stdout


def counted(rows):
    return collections.Counter(f"{row['method']} {row['path']} {row['status']}" for row in rows)


def logged(path, count):
    wait_for("the access log", lambda: len(read(path).splitlines()) >= count)
    return collections.Counter(read(path).splitlines())


def verify():
    """Every program that explore would take here loads."""
    # The other back end's programs need what this kernel lacks, or, emulated, minutes of the verifier's time.
    calls = ["sys_enter", "sys_exit" if RELEASE >= (5, 17) else "sys_exit_inline"]
    sockets = ["sock_send", "sock_recv"] if RELEASE >= (6, 3) else ["ring"]
    names = ["exec", "fork", "exit", "set_state", "destroy", "retransmit", "ssl_read", "tls_return", "sendfile_return", "go_return", *calls, *sockets]
    text = subprocess.run(["/payload/verify", *names], check=True, capture_output=True, text=True).stdout
    print("  " + "\n  ".join(text.splitlines()))
    lines = [line.split(None, 3) for line in text.splitlines()[1:]]
    assert sorted(line[0] for line in lines) == sorted(names), text
    assert all(len(line) == 3 for line in lines), text


def doctor():
    """It tells what works here, and what does not and why."""
    done = subprocess.run(["/payload/explore", "doctor"], capture_output=True, text=True)
    print("  " + "\n  ".join((done.stdout + done.stderr).splitlines()))
    assert done.returncode == 0, done.returncode


def http(*backend):
    """Rows are those of nginx's log: small pages, a page sent as a file, errors, keep-alive."""
    port = 8080 + 10 * len(backend)
    server, log = nginx(port)
    explore = Explore(f"http{len(backend)}", *backend, "--listen", str(port), "-q", "http where role = 'server'")
    for _ in range(10):
        curl(f"http://127.0.0.1:{port}/page", f"http://127.0.0.1:{port}/none")
    assert curl(f"http://127.0.0.1:{port}/large") == "200"
    assert curl(f"http://127.0.0.1:{port}/broken") == "503"
    truth = logged(log, 22)
    rows, coverage = explore.stop()
    server.terminate()
    print("  " + coverage)
    assert counted(rows) == truth, (counted(rows), truth)
    large = [row["resp_bytes"] for row in rows if row["path"] == "/large"]
    assert large == [300_000], large
    assert all(row["process"] == "nginx" for row in rows)


def http_by_syscall_hooks():
    """The same with the other back end, where the kernel has both."""
    http("--backend", "syscall")


def probes():
    """Which hooks were taken."""
    done = subprocess.run(["/payload/explore", "-q", "probes where state != 'skipped' | select program, hook, state, reason",
                           "--format", "csv", "--pid", str(os.getpid())], capture_output=True, text=True)
    hooks = [line for line in done.stdout.splitlines() if "tracepoint" in line]
    print("  " + "\n  ".join(hooks))
    wanted = "sock_send" if RELEASE >= (6, 3) else "sys_exit" if RELEASE >= (5, 17) else "sys_exit_inline"
    assert any(line.startswith(wanted + ",") for line in hooks), done.stderr


def tls():
    """Requests over TLS to nginx are read from its OpenSSL."""
    server, log = nginx(8120)
    explore = Explore("tls", "--listen", "8121", "-q", "http where role = 'server'")
    for path in ("page", "none", "large", "broken"):
        curl(f"https://127.0.0.1:8121/{path}")
    truth = logged(log, 4)
    rows, coverage = explore.stop()
    server.terminate()
    print("  " + coverage)
    assert counted(rows) == truth, (counted(rows), truth)
    assert all(row["tls"] and row["source"] == "openssl" for row in rows), rows


def has_kernel_tls():
    """Loads what kernel TLS needs, once."""
    modules = sorted(os.listdir("/payload/modules"))
    if not any(name.endswith("-tls.ko") for name in modules):
        print("  this kernel was built without it")
        assert RELEASE < (6, 0)
        return False
    for name in modules if not os.path.exists("/proc/net/tls_stat") else []:
        subprocess.run(["insmod", f"/payload/modules/{name}"], check=True)
    return True


def kernel_tls_1_3():
    """Version 1.3, also where it is received: both ends' rows are the program's own."""
    if not has_kernel_tls():
        return
    log, before = f"{OUT}/ktls13.log", tls_statistics()
    rows, coverage = finished("ktls13", "--no-tls", "-q", "http", "--", "python3", "/payload/ktls.py", log)
    now = tls_statistics()
    counters = {name: now[name] - before[name] for name in ("TlsTxSw", "TlsRxSw")}
    print(f"  {counters} {coverage}")
    assert counters == {"TlsTxSw": 4, "TlsRxSw": 4}, counters
    truth = collections.Counter(read(log).splitlines())
    assert sum(truth.values()) == 6
    for role in ("client", "server"):
        columns = ("method", "path", "status", "resp_bytes")
        seen = collections.Counter(" ".join(str(row[column]) for column in columns) for row in rows if row["role"] == role)
        assert seen == truth, (role, seen, truth)
    assert all(row["tls"] and row["source"] == "ktls" and not row["gap"] for row in rows), rows


def kernel_tls():
    """nginx leaves encryption to the kernel, and files to SSL_sendfile: read at the socket, without a hook on its library."""
    if not has_kernel_tls():
        return
    # In version 1.3 this OpenSSL still decrypts by itself. No hooks (`--no-tls`): then nothing else can have read it.
    read_by = [("TLSv1.2", ["--no-tls"], {"ktls"}, ["TlsTxSw", "TlsRxSw"]), ("TLSv1.2", [], {"ktls"}, ["TlsTxSw", "TlsRxSw"]),
               ("TLSv1.3", [], {"ktls", "openssl"}, ["TlsTxSw"])]
    for index, (version, options, sources, counters) in enumerate(read_by):
        before, port = tls_statistics(), 8160 + 10 * index
        server, log = nginx(port, f"ssl_protocols {version}; ssl_conf_command Options KTLS;")
        watched = [*options, "--listen", str(port + 1)]
        # The first one's recording is fixtures/tls/ktls.events, and nginx's log beside it.
        explore = Explore(f"ktls{index}", *watched, "--record", f"{OUT}/ktls{index}.events", "-q", "http where role = 'server'")
        handshakes = Explore(f"handshakes{index}", *watched, "-q", "tls")
        url = f"https://127.0.0.1:{port + 1}"
        # Two connections, the second with a connection kept alive.
        curl(f"{url}/large")
        curl(f"{url}/page", f"{url}/none", f"{url}/large", f"{url}/broken")
        truth = logged(log, 5)
        rows, coverage = explore.stop()
        handshakes, _ = handshakes.stop()
        server.terminate()
        now = tls_statistics()
        print(f"  {version} {' '.join(options)} {({name: now[name] - before[name] for name in counters})} {coverage}")
        assert all(now[name] == before[name] + 2 for name in counters), (before, now)
        assert counted(rows) == truth, (counted(rows), truth)
        assert [row["resp_bytes"] for row in rows if row["path"] == "/large"] == [300_000] * 2, rows
        assert all(row["tls"] and row["source"] in sources for row in rows), rows
        assert [(row["decrypted"], row["reason"]) for row in handshakes] == [(True, None)] * 2, handshakes


def tls_statistics():
    """Connections given to kernel TLS, among others."""
    return {name: int(value) for name, value in (line.split() for line in read("/proc/net/tls_stat").splitlines())}


def threads():
    """100 TLS connections, each with a thread at either end: no exchange is on another's connection."""
    if PREEMPT_FULL:
        mode = read("/sys/kernel/debug/sched/preempt").strip()
        print(f"  {mode}")
        assert "(full)" in mode, mode
    folder = f"{OUT}/threads"
    certificate(folder)
    rows, coverage = finished("threads", "-q", "http", "--", "python3", "/payload/threads.py", folder, f"{folder}/cert",
                              f"{folder}/key")
    print("  " + coverage)
    truth = {number: int(port) for number, port in (line.split() for line in read(f"{folder}/ports").splitlines())}
    assert len(truth) == 100
    for role, column in (("client", "local_port"), ("server", "remote_port")):
        seen = set()
        for row in rows:
            if row["role"] != role:
                continue
            _, number, step = row["path"].split("/")
            told = f"{number} {truth[number]}\n"
            assert (row[column], row["resp_body"], row["source"]) == (truth[number], told * 100, "openssl"), row
            assert (number, step) not in seen, f"twice: {row}"
            seen.add((number, step))
        assert len(seen) == 1000, (role, len(seen))
        assert len({row["conn"] for row in rows if row["role"] == role}) == 100


def python():
    """Both ends of a small Python server's exchanges, by each back end that there is: those of the server's own log."""
    for index, backend in enumerate([[], ["--backend", "syscall"]][:1 + (RELEASE >= (6, 3))]):
        log = f"{OUT}/python{index}.log"
        rows, coverage = finished(f"python{index}", *backend, "-q", "http", "--", "python3", "/payload/server.py", log)
        print("  " + coverage)
        truth = collections.Counter(read(log).splitlines())
        assert sum(truth.values()) == 15
        for role in ("client", "server"):
            columns = ("method", "path", "status", "req_bytes", "resp_bytes")
            seen = collections.Counter(" ".join(str(row[column]) for column in columns) for row in rows if row["role"] == role)
            assert seen == truth, (role, seen, truth)


def finished(name, *arguments):
    """Rows and coverage of an explore that ends with the command that it runs."""
    with open(f"{OUT}/{name}.json", "w") as out, open(f"{OUT}/{name}.err", "w") as err:
        done = subprocess.run(["/payload/explore", "--format", "json", *arguments], stdout=out, stderr=err,
                              stdin=subprocess.DEVNULL, timeout=2 * PATIENCE)
    text = read(f"{OUT}/{name}.err").strip()
    assert done.returncode == 0, text
    coverage = text.splitlines()[-1]
    assert " lost=0" in coverage, coverage
    return [json.loads(line) for line in read(f"{OUT}/{name}.json").splitlines()], coverage


def command():
    """A command of its own, watched from its first call."""
    server, _ = nginx(8140)
    text = subprocess.run(["/payload/explore", "-q", "http", "--format", "json", "--", "curl", "-s", "http://127.0.0.1:8140/page"],
                          capture_output=True, text=True)
    server.terminate()
    rows = [json.loads(line) for line in text.stdout.splitlines()]
    assert [(row["process"], row["path"], row["status"]) for row in rows] == [("curl", "/page", 200)], text


def pid_namespace():
    """In a pid namespace of its own, by each back end that there is: the processes in there, by their ids there, and only those."""
    server, _ = nginx(8150)
    for backend in [[], ["--backend", "syscall"]][:1 + (RELEASE >= (6, 3))]:
        # The first process in there is unshare's child: explore itself.
        text = subprocess.run(["unshare", "--pid", "--mount-proc", "--fork", "/payload/explore", *backend, "-q", "http", "--format", "json",
                               "--", "sh", "-c", "echo $$ >&2; exec curl -s http://127.0.0.1:8150/page"], capture_output=True, text=True)
        rows = [json.loads(line) for line in text.stdout.splitlines()]
        assert [(row["process"], row["path"], row["status"]) for row in rows] == [("curl", "/page", 200)], text
        assert str(rows[0]["pid"]) in text.stderr.split() and rows[0]["pid"] < 100, text
    server.terminate()


CHECKS = [verify, doctor, probes, http, http_by_syscall_hooks, python, tls, kernel_tls, kernel_tls_1_3, threads, command, pid_namespace]


def main():
    bring_libraries()
    # Preemption matters to the hooks in libraries only.
    wanted = sys.argv[1:] or (["threads"] if PREEMPT_FULL else [])
    failed = 0
    for check in CHECKS:
        if wanted and check.__name__ not in wanted:
            continue
        try:
            check()
            print(f"ok {check.__name__}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {check.__name__}: {type(error).__name__}: {error}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
