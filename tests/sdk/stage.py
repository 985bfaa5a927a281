"""The inside of the private namespace: hosts file, server, checks.

Called by run.sh as `stage.py PROVOST WORK-FOLDER [CHECK...]`. Each check is a program of its own that prints one
line `proved: ...` for each fact and declares in a line `proves: N` how many there are. A check passes when it
exits with 0 and the numbers agree.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "provost.test"
NAMES = [HOST, "global.azure-devices-provisioning.net"]
HTTPS_PORT, MQTT_PORT = 443, 8883
READY_SECONDS = 60
CHECK_SECONDS = 180
# The chains whose root the service knows as a verified CA certificate, under the name `<kind>-root`.
KINDS = ["press", "lathe", "mill", "saw", "drill", "oven"]


def prepare_network(work):
    """Brings loopback up and puts the test names into the hosts file of this namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = os.path.join(work, "hosts")
    with open("/etc/hosts", encoding="utf-8") as old, open(hosts, "w", encoding="utf-8") as new:
        new.write(f"127.0.0.1 {' '.join(NAMES)}\n" + old.read())
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def start_server(provost, work):
    """Starts the server and waits until it listens; returns the process and what its ready file says."""
    ready = os.path.join(work, "ready.json")
    command = [provost, "serve", "--data", os.path.join(work, "data"), "--host", HOST]
    command += ["--https-port", str(HTTPS_PORT), "--mqtt-port", str(MQTT_PORT), "--ready-file", ready]
    with open(os.path.join(work, "server.log"), "wb") as log:
        server = subprocess.Popen(command, cwd=work, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode} before it was ready")
        try:
            with open(ready, encoding="utf-8") as file:
                return server, json.load(file)
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.05)
    stop_server(server)
    raise SystemExit(f"the server was not ready within {READY_SECONDS} s")


def stop_server(server):
    """Asks the server to end; returns True when it did so with exit code 0 within 10 seconds."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        return server.wait(timeout=10) == 0
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return False


def command_line(provost, work, *arguments):
    """Runs one provost command on the server's data folder; returns what it printed."""
    command = [provost, *arguments, "--data", os.path.join(work, "data")]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise SystemExit(f"provost {' '.join(arguments)} failed ({done.returncode}): {done.stderr or done.stdout}")
    return done.stdout.strip()


def environment(provost, work, ready):
    """What the checks are told, as environment variables."""
    root_ca = os.path.join(work, ready["rootCa"])
    return {
        **os.environ,
        "PROVOST_HOST": HOST,
        "PROVOST_ID_SCOPE": ready["idScope"],
        "PROVOST_HUB": ready["hub"],
        "PROVOST_ROOT_CA": root_ca,
        "PROVOST_CERTIFICATES": os.path.join(work, "certificates"),
        "PROVOST_PROGRAM": provost,
        "PROVOST_DATA": os.path.join(work, "data"),
        "PROVOST_PYTHON": sys.executable,
        "PROVOST_DPS_CONNECTION_STRING": command_line(provost, work, "connection-string", "dps"),
        "PROVOST_HUB_CONNECTION_STRING": command_line(provost, work, "connection-string", "hub"),
        "PROVOST_ADMIN_TOKEN": command_line(provost, work, "token"),
        "NODE_EXTRA_CA_CERTS": root_ca,
        "REQUESTS_CA_BUNDLE": root_ca,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def run_check(path, variables):
    """Runs one check file; returns None when it passed, otherwise the reason."""
    with open(os.path.join(HERE, path), encoding="utf-8") as file:
        declared = re.search(r"^(?:#|//) proves: (\d+)$", file.read(), re.MULTILINE)
    if declared is None:
        return "declares no number of facts (a line `proves: N`)"
    expected = int(declared.group(1))
    program = sys.executable if path.endswith(".py") else "node"
    began = time.monotonic()
    try:
        done = subprocess.run(
            [program, os.path.join(HERE, path)],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode(errors="replace"), None
    facts = sum(line.startswith("proved: ") for line in output.splitlines())
    took = time.monotonic() - began
    print(f"\n-- {path} ({took:.1f} s, {facts} of {expected} facts)\n{output.rstrip()}", flush=True)
    if code is None:
        return f"still running after {CHECK_SECONDS} s"
    if code != 0:
        return f"exit code {code}"
    if facts != expected:
        return f"proved {facts} facts but declares {expected}"
    return None


def all_checks():
    """Every check file, in a fixed order."""
    found = []
    for folder in ("python", "node"):
        found += sorted(
            f"{folder}/{name}" for name in os.listdir(os.path.join(HERE, folder)) if name.startswith("check_")
        )
    return found


def main():
    """Plays the whole performance; the exit code says whether every check passed."""
    provost, work, checks = sys.argv[1], sys.argv[2], sys.argv[3:] or all_checks()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prepare_network(work)
    server, failures = None, {}
    try:
        server, ready = start_server(provost, work)
        for kind in KINDS:
            certificate = os.path.join(work, "certificates", kind, "root.pem")
            arguments = ["--certificate-name", f"{kind}-root", "--path", certificate, "--verified"]
            command_line(provost, work, "dps", "certificate", "create", *arguments)
        variables = environment(provost, work, ready)
        for path in checks:
            reason = run_check(path, variables)
            if reason is not None:
                failures[path] = reason
        if server.poll() is not None:
            failures["server"] = f"ended by itself with {server.returncode}"
    finally:
        if server is not None and not stop_server(server):
            failures.setdefault("server", "did not end cleanly within 10 s of SIGTERM")
        if failures or sys.exc_info()[0] is not None:
            log = os.path.join(work, "server.log")
            if os.path.exists(log):
                print("\n-- end of the server's log", flush=True)
                with open(log, encoding="utf-8", errors="replace") as file:
                    print("".join(file.readlines()[-60:]), flush=True)
            keep = os.environ.get("PROVOST_SDK_LOG")
            if keep:
                shutil.copyfile(log, keep)
    print(f"\n{len(checks) - len([path for path in failures if path in checks])} of {len(checks)} SDK checks passed")
    for path, reason in failures.items():
        print(f"FAILED {path}: {reason}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
