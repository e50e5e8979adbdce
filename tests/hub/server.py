"""A Hub on loopback: the part of the protocol that huggingface_hub speaks to fetch and to push, with faults on demand.

Two sockets, as the real Hub has: the Hub itself, and a content server of another origin to which large files are
redirected. Every request is logged. No Xet headers are sent.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".onnx")


@dataclass(frozen=True)
class Request:
    """One line of the log. ``server`` is "hub" or "content"."""

    server: str
    method: str
    path: str
    status: int
    range: str | None
    authorization: str | None


@dataclass
class Fault:
    """What goes wrong with requests whose path matches.

    Attributes:
        kind: "status", "cut" (the connection drops after ``after`` bytes), "short" (a shorter body, announced as
            such), "wrong" (other bytes of the same length), "slow" (pieces with pauses), "stall" (silence after
            ``after`` bytes).
        times: how many requests it hits; None: all.
    """

    pattern: str
    kind: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    pause: float = 0.0
    methods: tuple[str, ...] = ("HEAD", "GET")
    times: int | None = None


@dataclass
class Repository:
    """Commits {commit: {path: content}}, branches, and the token without which it does not show."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    token: str | None = None

    def files(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commit = self.branches.get(revision, revision)
        return (commit, self.commits[commit]) if commit in self.commits else None


class HubServer:
    """Start with ``with HubServer() as hub``; ``hub.endpoint`` is what HF_ENDPOINT must be."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.log: list[Request] = []
        self.faults: list[Fault] = []
        self.objects: dict[str, bytes] = {}  # large files by sha256
        self.sending = threading.Event()  # set once a slow or stalled body is on its way
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._servers = [self._serve("hub"), self._serve("content")]
        self.endpoint, self.content = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def _serve(self, name: str) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"hub": self, "name": name})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def __enter__(self) -> HubServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def publish(self, repo: str, files: dict[str, bytes], token: str | None = None) -> str:
        """Adds a commit on main and returns it."""
        repository = self.repositories.setdefault(repo, Repository(token=token))
        parent = repository.branches.get("main", "")
        listing = "\n".join(f"{name} {hashlib.sha256(body).hexdigest()}" for name, body in sorted(files.items()))
        commit = hashlib.sha1(f"{repo}\n{parent}\n{listing}".encode()).hexdigest()
        repository.commits[commit] = dict(files)
        repository.branches["main"] = commit
        for name, body in files.items():
            if name.endswith(LARGE):
                self.objects[hashlib.sha256(body).hexdigest()] = body
        return commit

    def fail(self, pattern: str, kind: str, **options: Any) -> None:
        self.faults.append(Fault(pattern, kind, **options))

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if method in fault.methods and re.search(fault.pattern, path) and fault.times != 0:
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None

    def requests(self, method: str | None = None, pattern: str = "") -> list[Request]:
        """The log so far, filtered."""
        with self.lock:
            return [r for r in self.log if method in (None, r.method) and re.search(pattern, r.path)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer
    name: str

    def log_message(self, *_: object) -> None:
        """Silence: ``HubServer.log`` is the log."""

    def do_HEAD(self) -> None:
        self._route()

    do_GET = do_POST = do_PUT = do_HEAD

    def _route(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        fault = self.hub.fault_for(self.command, path)
        if fault is not None and fault.kind == "status":
            self._send(fault.status, b"", fault.headers)
        elif self.name == "content":
            self._content(path, body, fault)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(*found.groups(), fault)
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self._revision(found[1], found[2] or "main")
        else:
            self._push(path, body)

    def _visible(self, repo: str) -> Repository | None:
        """The repository, or None after the Hub's answer to those who may not see it."""
        repository = self.hub.repositories.get(repo)
        sent = self.headers.get("Authorization")
        if repository is not None and repository.token in (None, (sent or "").removeprefix("Bearer ")):
            return repository
        # the real Hub does not tell a stranger whether a repository exists
        self._send(404 if sent else 401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        return None

    def _resolve(self, repo: str, revision: str, path: str, fault: Fault | None) -> None:
        repository = self._visible(repo)
        if repository is None:
            return
        found = repository.files(revision)
        if found is None:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        commit, files = found
        if path not in files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        body = files[path]
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if path.endswith(LARGE):
            oid = hashlib.sha256(body).hexdigest()
            headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(body)), "ETag": f'"{oid}"'}
            self._send(302, b"", headers | {"Location": f"{self.hub.content}/{repo}/{path}/{oid}"})
            return
        git = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        self._body(body, headers | {"ETag": f'"{git}"'}, fault, path)

    def _revision(self, repo: str, revision: str) -> None:
        repository = self._visible(repo)
        if repository is None:
            return
        found = repository.files(revision)
        if found is None:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        commit, files = found
        self._json({"id": repo, "sha": commit, "siblings": [{"rfilename": name} for name in sorted(files)]})

    def _content(self, path: str, body: bytes, fault: Fault | None) -> None:
        oid = path.rsplit("/", 1)[1]
        if self.command == "PUT":
            if hashlib.sha256(body).hexdigest() == oid:
                self.hub.objects[oid] = body
            self._send(200 if oid in self.hub.objects else 400, b"")
        elif oid in self.hub.objects:
            self._body(self.hub.objects[oid], {"Accept-Ranges": "bytes"}, fault, path.rsplit("/", 2)[1])
        else:
            self._send(404, b"")

    def _body(self, body: bytes, headers: dict[str, str], fault: Fault | None, name: str) -> None:
        """A file or, for a Range request, its rest; with what a fault does to it."""
        status, start = 200, 0
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            status, start = 206, int(asked[1])
            headers = headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        rest = body[start:]
        kind = fault.kind if fault else ""
        if kind == "wrong":
            rest = bytes(byte ^ 255 for byte in rest)
        if kind == "short":
            rest = rest[: fault.after if fault else 0]
        headers = headers | {"Content-Disposition": f'inline; filename="{name}";'}
        if fault is None or kind in ("wrong", "short") or self.command == "HEAD":
            self._send(status, rest, headers)
            return
        self._head(status, headers, len(rest))
        first = len(rest) if kind == "slow" else fault.after
        piece = 2048 if fault.pause else 1 << 20
        try:
            for offset in range(0, first, piece):
                self.wfile.write(rest[offset : min(offset + piece, first)])
                self.wfile.flush()
                self.hub.sending.set()
                if self.hub.closing.wait(fault.pause):
                    break
            if kind == "stall":
                self.hub.sending.set()
                self.hub.closing.wait(30)
        except OSError:  # the client went away, which is what some tests are about
            pass
        self.close_connection = True

    def _push(self, path: str, body: bytes) -> None:
        """What create_repo and create_commit need."""
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            self.hub.repositories.setdefault(repo, Repository())
            self._json({"url": f"{self.hub.endpoint}/{repo}", "id": repo, "name": repo})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            if self._visible(found[1]) is not None:
                names = [file["path"] for file in json.loads(body)["files"]]
                modes = {name: "lfs" if name.endswith(LARGE) else "regular" for name in names}
                self._json({"files": [{"path": n, "uploadMode": m, "shouldIgnore": False} for n, m in modes.items()]})
        elif re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            wanted = json.loads(body)["objects"]
            actions = [{"upload": {"href": f"{self.hub.content}/upload/{item['oid']}"}} for item in wanted]
            objects = [item | {"actions": action} for item, action in zip(wanted, actions, strict=True)]
            self._json({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._send(404, b"")

    def _commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        files: dict[str, bytes] = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        commit = self.hub.publish(repo, files)
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.endpoint}/{repo}/commit/{commit}"})

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, answer: dict[str, Any]) -> None:
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(status, headers or {}, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str], length: int) -> None:
        path = unquote(urlsplit(self.path).path)
        entry = Request(self.name, self.command, path, status, self.headers.get("Range"), self.headers.get("Authorization"))
        with self.hub.lock:
            self.hub.log.append(entry)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
