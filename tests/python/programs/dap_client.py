"""A debugging session with debugpy over the debug adapter protocol; prints what a debugger would show.

    dap_client.py HOW FILE LINE ...: the program app.py, with breakpoints in FILE at each LINE

HOW is ``launch`` (the adapter starts the program) or ``attach`` (the program waits for a client).
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time


class Client:
    """Sends requests, and keeps the events that come meanwhile."""

    def __init__(self, port: int) -> None:
        for _ in range(200):
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._events: list[dict] = []

    def _read(self) -> dict:
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise EOFError("the adapter has closed the connection")
        return json.loads(self._file.read(length))

    def send(self, command: str, **arguments: object) -> int:
        self._number += 1
        request = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return self._number

    def response(self, number: int) -> dict:
        while True:
            message = self._read()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                return message.get("body", {})
            if message["type"] == "event":
                self._events.append(message)

    def ask(self, command: str, **arguments: object) -> dict:
        return self.response(self.send(command, **arguments))

    def event(self, *names: str) -> dict:
        """The next event of one of these kinds."""
        while True:
            for index, event in enumerate(self._events):
                if event["event"] in names:
                    return self._events.pop(index)
            message = self._read()
            if message["type"] == "event":
                self._events.append(message)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start(how: str, port: int) -> subprocess.Popen:
    if how == "attach":
        command = ["-m", "debugpy", "--listen", f"127.0.0.1:{port}", "--wait-for-client", "app.py"]
    else:
        command = ["-m", "debugpy.adapter", "--host", "127.0.0.1", "--port", str(port)]
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def show_stop(client: Client, thread: int) -> None:
    frames = client.ask("stackTrace", threadId=thread)["stackFrames"]
    for frame in frames:
        print("frame", frame["name"], frame["line"], frame["column"], frame["source"].get("path"))
    for scope in client.ask("scopes", frameId=frames[0]["id"])["scopes"]:
        if scope["name"] == "Locals":
            for variable in client.ask("variables", variablesReference=scope["variablesReference"])["variables"]:
                print("local", variable["name"], variable.get("type"), re.sub("0x[0-9a-f]+", "0x", variable["value"]))
    told = client.ask("evaluate", expression="__name__, __file__", frameId=frames[0]["id"], context="repl")
    print("evaluated", told["result"])


def session(how: str, path: str, lines: list[int]) -> None:
    port = free_port()
    process = start(how, port)
    client = Client(port)
    options = {"justMyCode": False, "subProcess": False, "redirectOutput": True}
    client.ask(
        "initialize", adapterID="test", clientID="test", linesStartAt1=True, columnsStartAt1=True, pathFormat="path"
    )
    if how == "attach":
        number = client.send("attach", connect={"host": "127.0.0.1", "port": port}, **options)
    else:
        options |= {"program": os.path.abspath("app.py"), "console": "internalConsole", "cwd": os.getcwd()}
        number = client.send("launch", python=[sys.executable], **options)
    client.event("initialized")
    points = client.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line} for line in lines])
    print("breakpoints", [(point["verified"], point["line"]) for point in points["breakpoints"]])
    client.ask("setFunctionBreakpoints", breakpoints=[{"name": "total"}])
    client.ask("setExceptionBreakpoints", filters=["uncaught"])
    client.ask("configurationDone")
    client.response(number)
    steps = iter(["stepIn", "next", "stepOut", "next"])
    for _ in range(30):
        event = client.event("stopped", "terminated")
        if event["event"] == "terminated":
            break
        body = event["body"]
        print("stopped", body["reason"], body.get("text"))
        show_stop(client, body["threadId"])
        client.ask(next(steps, "continue"), threadId=body["threadId"])
    print("ended")
    try:
        client.ask("disconnect")
    except (EOFError, ConnectionError):
        pass
    output, _ = process.communicate(timeout=60)
    print(output if how == "attach" else "")


session(sys.argv[1], os.path.abspath(sys.argv[2]), [int(line) for line in sys.argv[3:]])
