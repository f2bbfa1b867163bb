"""Small servers for the recordings: HTTP/1.1, TLS, DNS over UDP and TCP, and TCP connections with unusual ends.

usage: servers.py ADDRESS SERVICE[:PORT]... [--certificate PEM]

Prints "ready" when everything listens. Payloads are fixed text, so that recordings compress well and say nothing about
the machine they were made on.
"""
import argparse
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LINE = b"The quick brown fox jumps over the lazy dog, 0123456789.\n"
CHUNK = 1000
DNS_LIMIT = 512


def text(size):
    return (LINE * (size // len(LINE) + 1))[:size]


class Pages(BaseHTTPRequestHandler):
    """GET /bytes/N answers N bytes of text; PUT swallows its body."""

    protocol_version = "HTTP/1.1"
    server_version = "pages"
    sys_version = ""

    def do_GET(self):
        size = int(self.path.rsplit("/", 1)[1])
        self.answer(text(size))

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)))
        self.answer(b"stored\n")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def reset_on_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class ResetsMidway(socketserver.BaseRequestHandler):
    """Announces more than it sends and resets the connection without a FIN."""

    def handle(self):
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + text(3 * CHUNK))
        time.sleep(0.1)
        reset_on_close(self.request)
        self.request.close()


class AnswersAfterClose(socketserver.BaseRequestHandler):
    """Reads to the peer's FIN, then answers in several pieces: the connection is half-closed meanwhile."""

    def handle(self):
        while self.request.recv(4096):
            pass
        for _ in range(4):
            time.sleep(0.05)
            self.request.sendall(text(CHUNK))


class StopsSending(socketserver.BaseRequestHandler):
    """Greets, closes its own direction at once, and goes on reading to the peer's FIN."""

    def handle(self):
        self.request.sendall(b"only a greeting\n")
        self.request.shutdown(socket.SHUT_WR)
        while self.request.recv(4096):
            pass


def dns_answer(query, limit):
    """One A record per query; names that begin with "big" have sixty, which needs TCP."""
    flags = 0x8180
    labels_end = query.index(b"\0", 12) + 1
    question = query[12:labels_end + 4]
    count = 60 if question[1:4] == b"big" else 1
    records = b"".join(
        b"\xc0\x0c\0\x01\0\x01" + struct.pack("!IH", 300, 4) + bytes([198, 51, 100, 10 + n]) for n in range(count)
    )
    if limit and 12 + len(question) + len(records) > limit:
        flags, count, records = flags | 0x0200, 0, b""
    return query[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + question + records


class DnsOverUdp(socketserver.BaseRequestHandler):
    """Names that begin with "slow" are answered after the asker has given up."""

    def handle(self):
        query, listener = self.request
        if query[13:17] == b"slow":
            time.sleep(1.3)
        listener.sendto(dns_answer(query, DNS_LIMIT), self.client_address)


class DnsOverTcp(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            prefix = self.rfile.read(2)
            if len(prefix) < 2:
                return
            answer = dns_answer(self.rfile.read(struct.unpack("!H", prefix)[0]), 0)
            self.wfile.write(struct.pack("!H", len(answer)) + answer)


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Udp(socketserver.ThreadingUDPServer):
    allow_reuse_address = True
    daemon_threads = True


class PageServer(ThreadingHTTPServer):
    request_queue_size = 64

    def server_bind(self):
        """Without the base class's look-up of the host's name, which waits for a resolver that is not there."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, client_address):
        """A client that aborts its download is part of the programme; anything else shows."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def pages(address, certificate=None):
    server = PageServer(address, Pages)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def servers_of(service, address, port, certificate):
    """The listeners of one service; `port` 0 means its usual one."""
    usual = {"http": 80, "tls": 443, "dns": 53, "reset": 7001, "half-close": 7002, "no-answer": 7003}[service]
    at = (address, port or usual)
    if service == "http":
        return [pages(at)]
    if service == "tls":
        return [pages(at, certificate)]
    if service == "dns":
        return [Udp(at, DnsOverUdp), Tcp(at, DnsOverTcp)]
    return [Tcp(at, {"reset": ResetsMidway, "half-close": AnswersAfterClose, "no-answer": StopsSending}[service])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("services", nargs="+")
    parser.add_argument("--certificate")
    arguments = parser.parse_args()
    threads = []
    for name in arguments.services:
        service, _, port = name.partition(":")
        for server in servers_of(service, arguments.address, int(port or 0), arguments.certificate):
            threads.append(threading.Thread(target=server.serve_forever, daemon=True))
            threads[-1].start()
    print("ready", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
