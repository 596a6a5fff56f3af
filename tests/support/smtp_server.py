"""A scripted SMTP server on loopback: says what its script says, records what it was asked.

    with SmtpServer(Script(rcpt_relay="250 2.1.5 Ok")) as server:
        ...  # talk to 127.0.0.1, port server.port
    server.sessions[0].commands  # ["EHLO client.example", "MAIL FROM:<a@client.example>", ...]

A script gives every step one action: the reply as `str` (CRLF is added), raw `bytes`, a
callable that gets the session, or a tuple of actions, which are done one after the other.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Union

Action = Union[str, bytes, Callable[["Session"], None], "tuple[Action, ...]"]


class SessionOver(Exception):
    """One of the two sides has left."""


# --- actions -----------------------------------------------------------------------------


def nothing(session: Session) -> None:
    """Do nothing at all."""


def close(session: Session) -> None:
    """Hang up."""
    raise SessionOver


def reset(session: Session) -> None:
    """Hang up with a TCP reset."""
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise SessionOver


def hang(session: Session) -> None:
    """Listen, but say nothing until the client leaves."""
    while True:
        session.hear()


def read_line(session: Session) -> None:
    """Take one line of the client and ignore it."""
    session.read_line()


def after(seconds: float, action: Action) -> Action:
    """Wait, then act."""

    def wait_and_act(session: Session) -> None:
        session.server.stopping.wait(seconds)
        session.do(action)

    return wait_and_act


def in_turn(*actions: Action) -> Action:
    """Act differently each time the step is reached, by any session; the last one stays."""
    times = itertools.count()

    def act(session: Session) -> None:
        session.do(actions[min(next(times), len(actions) - 1)])

    return act


def drip(text: bytes, pause: float = 0.0) -> Action:
    """Send every byte in a packet of its own."""

    def send_bytes(session: Session) -> None:
        for octet in text:
            session.send(bytes([octet]))
            session.server.stopping.wait(pause)

    return send_bytes


def flood(chunk: bytes) -> Action:
    """Send the same again and again until the client leaves."""

    def send_forever(session: Session) -> None:
        while not session.server.stopping.is_set():
            session.send(chunk)

    return send_forever


def handshake(context: ssl.SSLContext) -> Action:
    """Go over to TLS without a word."""
    return lambda session: session.start_tls(context)


def start_tls(context: ssl.SSLContext) -> Action:
    """Agree to STARTTLS, then go over to TLS."""
    return ("220 2.0.0 Ready to start TLS", handshake(context))


def only_with_tls(action: Action) -> Action:
    """Refuse in clear, act under TLS."""

    def act(session: Session) -> None:
        session.do(action if session.secured else "530 5.7.0 Must issue a STARTTLS command first")

    return act


def offer_extensions(session: Session) -> None:
    """Answer EHLO; STARTTLS is offered in clear where the script has an action for it."""
    keywords = ["mx.example.com", "SIZE 10240000"]
    if session.script.starttls is not None and not session.secured:
        keywords.append("STARTTLS")
    keywords.append("8BITMIME")
    session.send("".join(f"250-{word}\r\n" for word in keywords[:-1]).encode())
    session.say(f"250 {keywords[-1]}")


# --- the server --------------------------------------------------------------------------


class Script(NamedTuple):
    """What a server does at every step; the defaults are a well configured border.

    users: the mailboxes that exist; everybody else in their domains is unknown, and every
    other domain is foreign.
    starttls: None = not offered.
    ends: what the server takes for the end of a message.
    """

    users: tuple[str, ...] = ("valid.email@example.com", "postmaster@example.com")
    connect: Action = nothing
    greeting: Action = "220 mx.example.com ESMTP"
    ehlo: Action = offer_extensions
    helo: Action = "250 mx.example.com"
    starttls: Action | None = None
    mail: Action = "250 2.1.0 Ok"
    rcpt_valid: Action = "250 2.1.5 Ok"
    rcpt_unknown: Action = "550 5.1.1 User unknown"
    rcpt_relay: Action = "554 5.7.1 Relay access denied"
    rset: Action = "250 2.0.0 Ok"
    data: Action = "354 End data with CR LF . CR LF"
    message: Action = "250 2.0.0 Ok: queued as 4711"
    quit: Action = "221 2.0.0 Bye"
    ends: tuple[bytes, ...] = (b"\r\n.\r\n",)

    def to_everyone(self, action: Action) -> Script:
        """Return a script that treats every recipient alike."""
        return self._replace(rcpt_valid=action, rcpt_unknown=action, rcpt_relay=action)

    def step_of(self, command: str) -> str | None:
        """Return the name of the step that a command is, None for an unknown verb."""
        verb, _, argument = command.partition(" ")
        if verb.upper() != "RCPT":
            step = verb.lower()
            return step if step in _COMMAND_STEPS else None
        recipient = _path(argument)
        if recipient in self.users:
            return "rcpt_valid"
        domains = {user.rpartition("@")[2] for user in self.users}
        return "rcpt_unknown" if recipient.rpartition("@")[2] in domains else "rcpt_relay"


_COMMAND_STEPS = {"ehlo", "helo", "starttls", "mail", "rset", "data", "quit"}


class Message(NamedTuple):
    """A message that a server took; content as it came, without what ended it."""

    address: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Session:
    """One connection.

    commands: every line that the client sent, without the lines of a message.
    began: when it was accepted, as `time.monotonic()`.
    ahead: the commands behind which the client talked before it had the reply.
    """

    def __init__(self, server: SmtpServer, sock: socket.socket, script: Script) -> None:
        self.server = server
        self.socket = sock
        self.script = script
        self.address: str = sock.getsockname()[0]
        self.began = time.monotonic()
        self.commands: list[str] = []
        self.ahead: list[str] = []
        self.secured = False
        self._received = b""
        self._said = b""
        self._sender = ""
        self._recipients: list[str] = []

    @property
    def verbs(self) -> list[str]:
        """The commands' first words, and of RCPT the step's name."""
        return [
            (self.script.step_of(line) or line) if line.startswith("RCPT") else line.split(" ")[0]
            for line in self.commands
        ]

    def run(self) -> None:
        """Follow the script until one side leaves."""
        with contextlib.suppress(OSError, SessionOver), contextlib.closing(self):
            self.do(self.script.connect)
            self.do(self.script.greeting)
            while True:
                self._answer(self.hear())

    def close(self) -> None:
        """Close the connection, whatever socket it is on by now."""
        self.socket.close()

    def do(self, action: Action) -> None:
        """Perform one action."""
        if isinstance(action, str):
            self.say(action)
        elif isinstance(action, bytes):
            self.send(action)
        elif isinstance(action, tuple):
            for part in action:
                self.do(part)
        else:
            action(self)

    def say(self, reply: str) -> None:
        """Send a reply, noting whether the client waited for it."""
        if self._received or select.select([self.socket], [], [], 0)[0]:
            self.ahead.append(self.commands[-1] if self.commands else "connect")
        self.send(reply.encode("latin-1") + b"\r\n")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._said = data
        self.socket.sendall(data)

    def hear(self) -> str:
        """Return the client's next command, and record it."""
        self.commands.append(self.read_line().decode("latin-1"))
        return self.commands[-1]

    def read_line(self) -> bytes:
        """Return the client's next line without its CRLF."""
        while b"\r\n" not in self._received:
            data = self.socket.recv(65536)
            if not data:
                raise SessionOver
            self._received += data
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def drop_received(self) -> bytes:
        """Throw away what came behind the last command; return it."""
        dropped, self._received = self._received, b""
        return dropped

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the server's side of the handshake."""
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.secured = True

    def _answer(self, command: str) -> None:
        step = self.script.step_of(command)
        action = getattr(self.script, step) if step else None
        self._said = b""
        self.do("500 5.5.1 Command not recognized" if action is None else action)
        accepted = self._said.startswith(b"2")
        if step in ("mail", "rset", "ehlo", "helo"):
            self._sender, self._recipients = _path(command.partition(" ")[2]), []
        elif step and step.startswith("rcpt") and accepted:
            self._recipients.append(_path(command.partition(" ")[2]))
        elif step == "data" and self._said.startswith(b"354"):
            self._take_message()
        elif step == "quit":
            raise SessionOver

    def _take_message(self) -> None:
        # An empty message is a dot behind the CRLF of DATA.
        before = b"\r\n"
        while not (ends := self._ends_in(before + self._received)):
            data = self.socket.recv(65536)
            if not data:
                raise SessionOver
            self._received += data
        start, end = min(ends)
        content, self._received = self._split(start - len(before), end - len(before))
        self.do(self.script.message)
        if self._said.startswith(b"2"):
            message = Message(self.address, self._sender, tuple(self._recipients), content)
            self.server.messages.append(message)

    def _ends_in(self, data: bytes) -> list[tuple[int, int]]:
        """Where each end of a message begins and ends."""
        found = [(data.find(end), len(end)) for end in self.script.ends]
        return [(start, start + length) for start, length in found if start >= 0]

    def _split(self, start: int, end: int) -> tuple[bytes, bytes]:
        """The message with the CRLF of its last line, and what stands behind it."""
        line_end = 2 if self._received[max(start, 0) :].startswith(b"\r\n.") else 0
        return self._received[: max(start, 0) + line_end], self._received[end:]


class SmtpServer:
    """Listens on one port of one or more loopback addresses, each with a script of its own.

    scripts: one for 127.0.0.1, or one per address; an address with None refuses connections.
    sessions: in the order of their connections.
    """

    def __init__(self, scripts: Script | Mapping[str, Script | None]) -> None:
        self._scripts = {"127.0.0.1": scripts} if isinstance(scripts, Script) else dict(scripts)
        self.sessions: list[Session] = []
        self.messages: list[Message] = []
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets = _listen_together(self._scripts)
        self.port: int = self._sockets[0].getsockname()[1]

    def sessions_at(self, address: str) -> list[Session]:
        """The sessions of one of the addresses."""
        return [session for session in self.sessions if session.address == address]

    def __enter__(self) -> SmtpServer:
        scripts = zip(self._sockets, self._scripts.values())
        self._start(self._accept, [sock for sock, script in scripts if script is not None])
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; sessions whose clients have gone come to their own end first."""
        accepting, *talking = self._threads
        for thread in talking:
            thread.join(timeout=1)
        self.stopping.set()
        accepting.join()
        for sock in self._sockets:
            sock.close()
        for session in self.sessions:
            with contextlib.suppress(OSError):
                session.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self, listeners: list[socket.socket]) -> None:
        while not self.stopping.is_set():
            for listener in select.select(listeners, [], [], 0.05)[0]:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                script = self._scripts[sock.getsockname()[0]]
                assert script is not None
                self.sessions.append(Session(self, sock, script))
                self._start(self.sessions[-1].run)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)  # only a thread that runs can be waited for


@contextlib.contextmanager
def unanswered_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port whose queue of connections is full: connecting to it neither works nor fails."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def _listen_together(scripts: Mapping[str, Script | None]) -> list[socket.socket]:
    """Bind one socket to each address, all to the same free port; those with a script listen."""
    while True:
        sockets: list[socket.socket] = []
        port = 0
        try:
            for address, script in scripts.items():
                sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                sockets.append(sock)
                sock.bind((address, port))
                if script is not None:
                    sock.listen(16)
                port = sock.getsockname()[1]
            return sockets
        except OSError as error:
            for sock in sockets:
                sock.close()
            if error.errno != errno.EADDRINUSE or not port:
                raise


def _path(argument: str) -> str:
    """Return the address of `FROM:<address> PARAMETERS` or `TO:<address>`."""
    return argument.partition("<")[2].partition(">")[0]
