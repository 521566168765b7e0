"""The web server of demo and benchmarks: real, small, and quick to start.

Owns: one listening socket and one answer, the name of the machine it runs on. Standard library only, and as little of
it as possible: it runs with `python3 -I -S`, so that its own start is some 20 ms and not part of what is measured.
"""

import os
import socket
import sys


def serve(address: str, port: int) -> None:
    """Answer every connection with this machine's name, one after the other."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    body = os.uname().nodename.encode()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    while True:
        connection, _ = listener.accept()
        try:
            connection.recv(4096)
            connection.sendall(head + body)
        except OSError:
            pass  # this client is gone; the next one waits
        finally:
            connection.close()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
