"""Servers of ggml's RPC backend for tests, and a line to one that counts what passes."""
import itertools
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

COMMANDS = ("ALLOC_BUFFER GET_ALIGNMENT GET_MAX_SIZE BUFFER_GET_BASE FREE_BUFFER BUFFER_CLEAR SET_TENSOR SET_TENSOR_HASH GET_TENSOR "
            "COPY_TENSOR GRAPH_COMPUTE GET_DEVICE_MEMORY INIT_TENSOR GET_ALLOC_SIZE HELLO DEVICE_COUNT").split()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RpcServer:
    """A real one on the CPU device. It can be ended and started again on its port."""

    def __init__(self, program, most_memory=None):
        self.program, self.port, self.most_memory = program, free_port(), most_memory
        self.address = f"127.0.0.1:{self.port}"
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.start()

    def start(self):
        # It prints a line for every command, allocations with their sizes.
        def hold():
            if self.most_memory:
                resource.setrlimit(resource.RLIMIT_DATA, (self.most_memory, self.most_memory))
        self.process = subprocess.Popen([self.program, "-d", "CPU", "-t", "1", "-p", str(self.port)], stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=hold,
                                        env={**os.environ, "GGML_RPC_DEBUG": "1"})
        until = time.monotonic() + 60
        while "listening on" not in self.log_text()[self.log_begins():]:
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError("the RPC server did not start: " + self.log_text())
            time.sleep(0.02)

    def log_begins(self):
        return getattr(self, "begin", 0)

    def log_text(self):
        return pathlib.Path(self.log.name).read_text()

    def stop(self, how=signal.SIGKILL):
        self.begin = len(self.log_text())
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=60)


class RpcClient:
    """Speaks to one as the engine does: to know what it tells, and to be the client that keeps it busy."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=60)
        self.ask(14, bytes(24))

    def ask(self, command, data=b""):
        self.socket.sendall(bytes([command]) + struct.pack("<Q", len(data)) + data)
        return self.read(struct.unpack("<Q", self.read(8))[0])

    def read(self, count):
        out = b""
        while len(out) < count:
            piece = self.socket.recv(count - len(out))
            if not piece:
                raise AssertionError("the RPC server hung up")
            out += piece
        return out

    def memory(self, device=0):
        """Free and total."""
        return struct.unpack("<QQ", self.ask(11, struct.pack("<I", device)))

    def close(self):
        self.socket.close()


def greeting_of(port):
    """What one says once it is greeted."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(bytes([14]) + struct.pack("<Q", 24) + bytes(24))
        size = client.recv(8, socket.MSG_WAITALL)
        return size + client.recv(struct.unpack("<Q", size)[0], socket.MSG_WAITALL)


class CountingLine:
    """Passes everything on to a server, and knows how often each command went by and how many bytes in each direction."""

    def __init__(self, port, bytes_per_second=None):
        self.to, self.rate = port, bytes_per_second
        self.counts, self.up, self.down = {}, 0, 0
        self.sockets = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listening.close()
        for one in self.sockets:
            one.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            self.sockets += [client, server]
            threading.Thread(target=self.carry_up, args=(client, server), daemon=True).start()
            threading.Thread(target=self.carry_down, args=(server, client), daemon=True).start()

    def wait_for(self, count):
        if self.rate:
            time.sleep(count / self.rate)

    def carry_up(self, client, server):
        def exactly(count):
            out = b""
            while len(out) < count:
                piece = client.recv(min(65536, count - len(out)))
                if not piece:
                    raise EOFError
                out += piece
            return out
        try:
            while True:
                head = exactly(9)
                command, size = head[0], struct.unpack("<Q", head[1:])[0]
                name = COMMANDS[command] if command < len(COMMANDS) else str(command)
                self.counts[name] = self.counts.get(name, 0) + 1
                self.up += 9 + size
                self.wait_for(9 + size)
                server.sendall(head)
                while size:
                    piece = exactly(min(size, 65536))
                    server.sendall(piece)
                    size -= len(piece)
        except (OSError, EOFError):
            self.end(server)

    def carry_down(self, server, client):
        try:
            while piece := server.recv(65536):
                self.down += len(piece)
                self.wait_for(len(piece))
                client.sendall(piece)
        except OSError:
            pass
        self.end(client)

    @staticmethod
    def end(one):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class SilentServer:
    """Takes connections and says this once it is greeted; nothing: for ever."""

    def __init__(self, says=b""):
        self.says = says
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.kept = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.says:
                client.recv(33)
                client.sendall(self.says)
                client.settimeout(5)
                try:  # what is not read when a connection is closed takes what was said with it
                    client.recv(64)
                except OSError:
                    pass
                client.close()
            else:
                self.kept.append(client)

    def close(self):
        self.listening.close()
        for client in self.kept:
            client.close()


class ScriptedServer:
    """Answers every client as one with a device does that nobody else asks; some commands with other bytes, or never (None), or
    with each of a list in turn."""

    def __init__(self, greeting, **answers):
        self.answers = {"HELLO": greeting[8:], "DEVICE_COUNT": struct.pack("<I", 1), "GET_ALIGNMENT": struct.pack("<Q", 64),
                        "GET_MAX_SIZE": struct.pack("<Q", 1 << 40), "GET_DEVICE_MEMORY": struct.pack("<QQ", 1 << 30, 1 << 30),
                        "GET_ALLOC_SIZE": struct.pack("<Q", 1 << 20), **answers}
        self.answers = {name: itertools.cycle(said) if isinstance(said, list) else said for name, said in self.answers.items()}
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client:
            try:
                while len(head := client.recv(9, socket.MSG_WAITALL)) == 9:
                    size = struct.unpack("<Q", head[1:])[0]
                    if size:
                        client.recv(size, socket.MSG_WAITALL)
                    answer = self.answers[COMMANDS[head[0]]]
                    if isinstance(answer, itertools.cycle):
                        answer = next(answer)
                    if answer is not None:
                        client.sendall(struct.pack("<Q", len(answer)) + answer)
            except OSError:
                pass

    def close(self):
        self.listening.close()
