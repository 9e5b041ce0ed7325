"""Anthropic's Messages API in front of a chat completions endpoint, streamed, over TLS.

    messages_proxy.py CERT KEY http://127.0.0.1:PORT/v1

Prints "listening on URL". Each answer comes as server-sent events with some thinking before it, a few
bytes at a time.
"""
import http.server, json, socketserver, ssl, sys, urllib.request

cert, key, backend = sys.argv[1:]
# A test's own server: no proxy of the environment is asked.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def text_of(content):
    return content if isinstance(content, str) else "".join(p["text"] for p in content)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, kind, **members):
        data = json.dumps({"type": kind, **members})
        both = f"event: {kind}\ndata: {data}\n\n".encode()
        half = len(both) // 2
        self.chunk(both[:half])
        self.chunk(both[half:])

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.path == "/v1/messages" and asked["stream"] and asked["max_tokens"] > 0
        assert self.headers["anthropic-version"] and self.headers["x-api-key"] == "key-of-the-test"
        roles = [m["role"] for m in asked["messages"]]
        assert all(a != b for a, b in zip(roles, roles[1:]))
        chat = {"model": asked["model"], "messages": [
            {"role": m["role"], "content": text_of(m["content"])} for m in asked["messages"]]}
        if "temperature" in asked:
            chat["temperature"] = asked["temperature"]
        request = urllib.request.Request(
            backend + "/chat/completions", json.dumps(chat).encode(),
            {"Content-Type": "application/json", "X-Grasp-Draw": self.headers["x-grasp-draw"] or "0"})
        answer = json.load(opener.open(request))
        said, usage = answer["choices"][0]["message"]["content"], answer["usage"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event("message_start", message={"usage": {
            "input_tokens": usage["prompt_tokens"], "output_tokens": 1}})
        self.event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
        self.event("content_block_delta", index=0,
                   delta={"type": "thinking_delta", "thinking": "FINISH([\"a thought\"])"})
        self.event("ping")
        self.event("content_block_start", index=1, content_block={"type": "text", "text": ""})
        for at in range(0, len(said), 500):
            self.event("content_block_delta", index=1,
                       delta={"type": "text_delta", "text": said[at:at + 500]})
        self.event("message_delta", delta={"stop_reason": "end_turn"},
                   usage={"output_tokens": usage["completion_tokens"]})
        self.event("message_stop")
        self.chunk(b"")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(f"listening on https://localhost:{server.server_port}/v1", flush=True)
server.serve_forever()
