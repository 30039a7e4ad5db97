"""Ends with 0 when every page named on the command line answers 200: the containers' health check.

It runs every few seconds in each container, so it imports nothing but sockets.
"""

import socket
import sys

TIMEOUT_S = 4.0


def status(url: str) -> int:
    """Return the HTTP status of a page; raises OSError when nobody answers."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port or 80)), TIMEOUT_S) as connection:
        request = f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n"
        connection.sendall(request.encode())
        head = connection.makefile("rb").readline().split()
    return int(head[1]) if len(head) > 1 else 0


def main(urls: list[str]) -> int:
    """Say what is not well, which shows in ``docker inspect``."""
    for url in urls:
        try:
            answer = status(url)
        except OSError as error:
            sys.stderr.write(f"{url}: {error}\n")
            return 1
        if answer != 200:
            sys.stderr.write(f"{url} answered {answer}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
