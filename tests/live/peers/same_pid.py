"""Runs `first` and then `second` until both have had the same pid: same_pid.py FOLDER PORT. That pid goes to FOLDER/pid."""
import os
import subprocess
import sys

folder, port = sys.argv[1:3]


def run(name, number):
    process = subprocess.Popen([f"{folder}/{name}", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/ok?{name}{number}"])
    process.wait()
    return process.pid


for number in range(500):
    pid = run("first", number)
    # Others may start a process in between: then again.
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(pid - 1))
    if run("second", number) == pid:
        with open(f"{folder}/pid", "w") as file:
            file.write(str(pid))
        break
else:
    sys.exit("no pid was used twice")
