"""A person as the model: an OpenAI-compatible endpoint that writes each request to a file and waits.

    queue.py serve DIR [PORT]        the endpoint; prints "listening on http://127.0.0.1:PORT/v1"
    queue.py next DIR                waits for a request that nobody answered, prints its number, what
                                     it is and its messages
    queue.py answer DIR NUMBER       the reply, from standard input
    queue.py list DIR                a line a request: its number, state, size and beginning

To play the agent, and the writer, of a small learning run, in two terminals:

    queue.py serve play 8085 &
    grasp learn clinic/grasp.yaml --library play/library --run play/run \\
        --set model.kind=openai --set model.base_url=http://127.0.0.1:8085/v1 --set model.name=me \\
        --set model.timeout=86400 --set cycle.update_every=10 --set cycle.epochs=1 ...

    queue.py next play
    queue.py answer play 0001 <<'END'
    GET http://localhost:8080/fhir/Observation?patient=S1&code=K
    END

DIR then holds, per request, NNNN.json (its body as it came), NNNN.txt (its messages to read; of a
conversation that goes on, those that are new) and, once answered, NNNN.answer. `answer` does no more
than write that file whole: an editor and `mv` do as well. The last newline of an answer is not part
of it. NNNN.gone: the client did not wait; `next` leaves it out. Requests may come side by side;
`next` prints the first one. Equal requests are asked each: they are samples of their own. A run that
goes on reads what was answered from its journal.
"""
import http.server, json, os, select, socket, socketserver, sys, threading, time

LOCK = threading.Lock()
WAIT = 0.02  # seconds between two looks at a folder


def text_of(content):
    return content if isinstance(content, str) else "".join(p.get("text", "") for p in content)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text):
    """Whole or not at all: somebody waits for it."""
    with open(path + ".part", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(path + ".part", path)


def numbers(folder):
    return sorted(n[:-5] for n in os.listdir(folder) if n.endswith(".json"))


def answer_of(folder, number):
    path = os.path.join(folder, number + ".answer")
    if not os.path.exists(path):
        return None
    text = read(path)
    return text[:-1] if text.endswith("\n") else text


def messages_of(body):
    return [(m["role"], text_of(m["content"])) for m in body.get("messages", [])]


def earlier(folder, messages):
    """The request that this one goes on from, and how many of its messages are known."""
    for number in reversed(numbers(folder)):
        before = messages_of(json.loads(read(os.path.join(folder, number + ".json"))))
        answer = answer_of(folder, number)
        if answer is not None and messages[: len(before) + 1] == before + [("assistant", answer)]:
            return number, len(before) + 1
    return None, 0


def readable(folder, number, body):
    messages = messages_of(body)
    before, known = earlier(folder, messages)
    settings = {k: v for k, v in body.items() if k != "messages"}
    lines = [f"request {number}: {json.dumps(settings)}"]
    if before:
        lines.append(f"goes on from {before}")
    for role, text in messages[known:]:
        lines += ["", f"---- {role}", text]
    return "\n".join(lines) + "\n"


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    folder = "."

    def take(self, body):
        with LOCK:
            known = numbers(self.folder)
            number = "%04d" % (int(known[-1]) + 1 if known else 1)
            write(os.path.join(self.folder, number + ".txt"), readable(self.folder, number, body))
            write(os.path.join(self.folder, number + ".json"), json.dumps(body))
            return number


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply(200, {"object": "list", "data": [{"id": "person", "object": "model"}]})

    def gone(self):
        ready, _, _ = select.select([self.connection], [], [], 0)
        try:
            return ready and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def do_POST(self):
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            messages_of(body)
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            return self.reply(400, {"error": {"message": f"not a chat completion: {e}"}})
        folder, number = self.server.folder, self.server.take(body)
        while (text := answer_of(folder, number)) is None:
            if self.gone():
                write(os.path.join(folder, number + ".gone"), "")
                self.close_connection = True
                return None
            time.sleep(WAIT)
        message = {"role": "assistant", "content": text}
        said = sum(len(t) for _, t in messages_of(body))
        return self.reply(
            200,
            {
                "id": number,
                "object": "chat.completion",
                "model": body.get("model", ""),
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                # four characters a token, nobody pays for them
                "usage": {"prompt_tokens": said // 4, "completion_tokens": len(text) // 4},
            },
        )


def is_open(folder, number):
    return not any(os.path.exists(os.path.join(folder, number + e)) for e in (".answer", ".gone"))


def serve(folder, port="0"):
    os.makedirs(folder, exist_ok=True)
    Server.folder = folder
    with Server(("127.0.0.1", int(port)), Handler) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}/v1", flush=True)
        server.serve_forever()


def next_request(folder):
    while True:
        for number in numbers(folder):
            if is_open(folder, number):
                print(read(os.path.join(folder, number + ".txt")), end="")
                return
        time.sleep(WAIT)


def answer(folder, number):
    if number not in numbers(folder):
        sys.exit(f"queue: {folder} has no request {number}")
    write(os.path.join(folder, number + ".answer"), sys.stdin.read())


def list_requests(folder):
    for number in numbers(folder):
        state = "open" if is_open(folder, number) else "gone"
        if answer_of(folder, number) is not None:
            state = "answered"
        text = read(os.path.join(folder, number + ".txt"))
        start = text.split("---- ", 1)[-1].split("\n", 1)[-1]
        print(number, state, len(text), " ".join(start[:300].split())[:70])


if __name__ == "__main__":
    commands = {"serve": serve, "next": next_request, "answer": answer, "list": list_requests}
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except (IndexError, KeyError, TypeError):
        sys.exit(__doc__)
    except KeyboardInterrupt:
        pass
