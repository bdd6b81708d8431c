"""Machines of a network, on one machine: each has its own network, host name, processes, shared memory and address."""
import os
import pathlib
import signal
import subprocess
import time

BRIDGE = "plimsoll0"
HEAD = "10.77.0.1"


def said(*command, **options):
    """What a command says on stdout; it must succeed."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_network():
    said("ip", "link", "set", "lo", "up")
    said("ip", "link", "add", BRIDGE, "type", "bridge")
    said("ip", "addr", "add", f"{HEAD}/24", "dev", BRIDGE)
    said("ip", "link", "set", BRIDGE, "up")


class Machine:
    """One that runs a command, until its power is lost."""

    def __init__(self, name, address, log, *command):
        self.name, self.link = name, f"to-{name}"
        script = ('hostname "$1"; mount -t tmpfs shm /dev/shm; ip link set lo up; read -r; shift; exec "$@"')
        self.log = open(log, "a")
        self.process = subprocess.Popen(
            ["unshare", "--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
             "bash", "-euc", script, "bash", name, *map(str, command)],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, text=True)
        # The name spaces are there once the first process of the new ones is.
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not children.read_text().strip():
            if self.process.poll() is not None:
                raise AssertionError(f"{name} did not start: {pathlib.Path(log).read_text()}")
            time.sleep(0.01)
        said("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.process.pid)
        said("ip", "link", "set", self.link, "master", BRIDGE, "up")
        inside = ["nsenter", "--net", "--target", self.process.pid]
        said(*inside, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
        said(*inside, "ip", "link", "set", "eth0", "up")
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def lose_power(self):
        """Nothing comes from it any more, not even that its connections end."""
        # Before the processes: with the last of them the network goes, and takes its end of the link along sooner or later.
        said("ip", "link", "delete", self.link)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)
        self.process.stdin.close()
        self.log.close()


def kill(process):
    if process.poll() is None:
        process.kill()
    process.wait(timeout=60)


def environment(**more):
    return {**{k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "PLIMSOLL_")) or k == "PLIMSOLL_IN_ROOT"}, **more}
