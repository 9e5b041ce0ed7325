"""An endpoint in the ways that endpoints are reached, for transports.sh.

    transports.py SOCKET SERVER_CERT SERVER_KEY CLIENT_CERT

Prints a line for each: "unix", "mtls PORT" (asks for a certificate of the client), "proxy PORT" (forwards
http and connects https, whatever host is asked for, to this process), "slow PORT" (streams, with pauses),
"stuck PORT" (streams, and stops in the middle); then "listening". Every request is a line on stderr.
"""
import http.server, json, os, socket, socketserver, ssl, sys, threading, time

path, cert, key, client = sys.argv[1:]
TEXT = 'FINISH(["reached"])'


def note(*words):  # a line in one write: there are several threads
    os.write(2, (" ".join(w or "-" for w in words) + "\n").encode())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    way = "plain"

    def log_message(self, *args):
        pass

    def address_string(self):
        return self.way

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        peer = ""
        if isinstance(self.connection, ssl.SSLSocket) and self.connection.getpeercert():
            peer = dict(x[0] for x in self.connection.getpeercert()["subject"]).get("commonName")
        note(self.way, self.path, peer)
        if self.way in ("slow", "stuck"):
            return self.stream()
        body = json.dumps({"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}],
                           "usage": {"prompt_tokens": 3, "completion_tokens": 2}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def event(self, data):
        data = b"data: " + data + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i, piece in enumerate((TEXT[:5], TEXT[5:10], TEXT[10:15], TEXT[15:])):
            self.event(json.dumps({"choices": [{"delta": {"content": piece}}]}).encode())
            if self.way == "stuck" and i == 1:
                self.connection.recv(1)  # until the client goes away
                self.close_connection = True
                return
            time.sleep(0.5)
        self.event(b'{"choices": [{"delta": {}, "finish_reason": "stop"}]}')
        self.event(b"[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def do_CONNECT(self):
        note("connect", self.path)
        self.send_response(200)
        self.end_headers()
        to = socket.create_connection(("127.0.0.1", ports["mtls"]))
        pump = threading.Thread(target=copy, args=(to, self.connection), daemon=True)
        pump.start()
        copy(self.connection, to)
        self.close_connection = True


def copy(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()


ports = {}
serve(Unix(path, type("U", (Handler,), {"way": "unix"})))
print("unix", flush=True)
for way in ("mtls", "proxy", "slow", "stuck"):
    server = Server(("127.0.0.1", 0), type(way, (Handler,), {"way": way}))
    ports[way] = server.server_address[1]
    if way == "mtls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(client)
        context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    serve(server)
    print(way, ports[way], flush=True)
print("listening", flush=True)
threading.Event().wait()
