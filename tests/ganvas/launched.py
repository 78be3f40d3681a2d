"""`ganvas` with small programs in place of the API and the workers: for tests of the launcher.

Run as a program: python -m tests.ganvas.launched KIND up --home ...
"""

import sys

API = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = os.path.exists(os.path.join(os.environ["GANVAS_HOME"], "worker.pid"))
        self.send_response(200 if ready else 503)
        self.end_headers()
    def log_message(self, *_): pass
address = os.environ["GANVAS_HOST"], int(os.environ["GANVAS_PORT"])
http.server.HTTPServer(address, Handler).serve_forever()
"""
# Starts a child and sets it apart, as a worker does for a training; both ignore SIGTERM.
WORKER = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
home = os.environ["GANVAS_HOME"]
role = os.environ.get("ROLE", "worker")
if role == "worker":
    subprocess.Popen(sys.orig_argv, env={**os.environ, "ROLE": "child"}, start_new_session=True)
    while not os.path.exists(home + "/child.pid"):
        time.sleep(0.01)
partial = f"{home}/{role}.partial"
with open(partial, "w") as file:
    file.write(str(os.getpid()))
os.rename(partial, f"{home}/{role}.pid")
while True:
    signal.pause()
"""
ALONE = WORKER.replace('role == "worker"', "False").replace("SIG_IGN", "SIG_DFL")
BROKEN = "print('no such module: kaput'); raise SystemExit(1)"
KINDS = {
    "good": {"api": ("python", "-c", API), "train": ("python", "-c", WORKER)},
    "plain": {"api": ("python", "-c", API), "train": ("python", "-c", ALONE)},
    "broken": {"api": ("python", "-c", BROKEN)},
}


def main() -> None:
    from ganvas import cli, processes, service, supervisor

    kind = sys.argv.pop(1)
    processes.Crew.commands = property(lambda crew: KINDS[kind])  # type: ignore[assignment]
    service.READY_SECONDS = 1.0 if kind == "broken" else 20.0
    supervisor.Supervisor.stop.__defaults__ = (0.3,)  # type: ignore[misc]
    cli.main()


if __name__ == "__main__":
    main()
