"""Run a command as a fork of the server, as if this process were the command. It imports little, to start fast."""

import json
import os
import signal
import socket
import sys
from types import FrameType


def main() -> None:
    """Hand over this process's files, folder, environment and arguments, pass on signals, and end as the fork ends."""
    address, modules, *command = sys.argv[1:]
    request = {"modules": modules, "arguments": command, "environment": dict(os.environ)}
    request["folder"] = os.getcwd()  # noqa: PTH109
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)

        def forward(number: int, _: FrameType | None) -> None:
            server.send(bytes([number]))

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, forward)
        socket.send_fds(server, [b"."], [0, 1, 2])
        server.sendall(json.dumps(request).encode() + b"\n")
        for file in range(3):  # the fork alone holds them now
            os.close(file)
        code = int(server.recv(16) or b"70")
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


main()
