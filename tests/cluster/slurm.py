"""A Slurm of three machines: munge, slurmctld here, a slurmd on each."""
import os
import subprocess
import time

from machines import HEAD, Machine, environment, kill, said

# Beside the files that `plimsoll place` writes. Without cgroups and accounting, which a container may not have; a node that
# is silent for ten seconds is lost.
CONF = """
ClusterName=plimsoll
SlurmctldHost=head({head})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,ttl=60,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
GresTypes=vram
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=60
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
Include {rendered}/nodes.conf
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    def __init__(self, folder, rendered, addresses):
        self.folder, self.addresses, self.machines = folder, addresses, {}
        for name in ["state", "tmp", *(f"spool-{node}" for node in addresses)]:
            (folder / name).mkdir()
        self.conf = folder / "slurm.conf"
        self.conf.write_text(CONF.format(head=HEAD, folder=folder, rendered=rendered))
        (folder / "gres.conf").write_text((rendered / "gres.conf").read_text())
        (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        # A job that is killed with its machine leaves its folder behind: here, where it goes with the rest.
        self.environment = environment(SLURM_CONF=str(self.conf), XDG_CACHE_HOME=str(folder / "cache"), TMPDIR=str(folder / "tmp"))
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.log = open(folder / "daemons.log", "a")
        self.munged = self.start("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}",
                                 f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munged.log")
        until(30, "munge", lambda: (folder / "munge.socket").exists())
        self.controller = self.start("slurmctld", "-D", "-f", self.conf)
        for node in addresses:
            self.bring_up(node)

    def start(self, *command):
        return subprocess.Popen([str(c) for c in command], env=self.environment, stdout=self.log, stderr=self.log)

    def bring_up(self, node):
        command = ["env", f"SLURM_CONF={self.conf}", f"XDG_CACHE_HOME={self.folder}/cache-{node}", f"TMPDIR={self.folder}/tmp", "slurmd", "-D", "-N", node, "-f", self.conf]
        self.machines[node] = Machine(node, self.addresses[node], self.folder / f"{node}.log", *command)

    def lose(self, node):
        self.machines.pop(node).lose_power()

    def asked(self, *command, **options):
        return said(*command, env=self.environment, **options)

    def states(self):
        """What Slurm says of each node: IDLE, MIXED, DOWN …"""
        lines = self.asked("sinfo", "--Node", "--noheader", "--format", "%N %T").split("\n")
        return {fields[0]: fields[1] for fields in map(str.split, lines) if fields}

    def jobs(self):
        """By script and replica where each job runs (None: nowhere), since when, and as which of Slurm's jobs."""
        lines = self.asked("squeue", "--noheader", "--array", "--format", "%j|%K|%T|%N|%S|%i|%r").strip().split("\n")
        jobs = {}
        for name, replica, state, node, since, number, reason in (line.split("|") for line in lines if line):
            jobs[name, int(replica)] = {"state": state, "node": node if state == "RUNNING" else None, "since": since, "id": number, "reason": reason}
        return jobs

    def stop(self):
        for machine in list(self.machines):
            self.lose(machine)
        kill(self.controller)
        kill(self.munged)
        self.log.close()


def until(seconds, what, holds):
    """What `holds` gives once it is something; fails where that takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.2)  # between two looks
