"""`portcullis connect` in a terminal, against the running `portcullis dev`."""

import json
import os
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

BIN = os.environ["PORTCULLIS_BIN"]
URL = os.environ["PORTCULLIS_URL"]


def dev():
    """The tokens and the pin that `portcullis dev` printed."""
    with open(os.environ["PORTCULLIS_DEV_OUT"], encoding="utf-8") as file:
        text = file.read()
    tokens = dict(re.findall(r"^  (alice|bob)  (\S+)$", text, re.MULTILINE))
    return tokens, re.search(r"--pin (\S+)", text).group(1)


TOKENS, PIN = dev()


class Terminal:
    """A program that believes it talks to a person."""

    def __init__(self, *arguments, token=TOKENS["alice"], **environment):
        self.state = tempfile.TemporaryDirectory()
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", XDG_STATE_HOME=self.state.name, **environment)
            os.environ.pop("NO_COLOR", None)
            os.environ.update(environment)
            if token:
                os.environ["PORTCULLIS_TOKEN"] = token
            os.execv(BIN, [BIN, "connect", URL, "--pin", PIN, *arguments])

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.shown += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:  # The program has ended.
                    return

    def shows(self, words, seconds=10):
        """Waits for words, and forgets what came up to them. Returns what came with them."""
        end = time.monotonic() + seconds
        while words not in self.shown:
            if time.monotonic() > end:
                raise AssertionError(f"no {words!r} in {self.shown!r}")
            self.read(0.05)
        before, self.shown = self.shown.split(words, 1)
        return before + words

    def quit(self):
        self.type("/quit\r")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("it does not end")


class Pipe:
    """The other side, as a program."""

    def __init__(self):
        environment = dict(os.environ, PORTCULLIS_TOKEN=TOKENS["bob"])
        arguments = [BIN, "connect", URL, "--pin", PIN, "-c", "chat:terminal", "--json"]
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        while self.next("subscribed")["channel"] != "chat:terminal":
            pass

    def next(self, kind):
        for line in self.process.stdout:
            value = json.loads(line)
            if value["type"] == kind:
                return value
        raise AssertionError(f"no {kind}")

    def say(self, text):
        message = {"action": "chat", "payload": {"text": text}, "channel": "chat:terminal"}
        print(json.dumps(message), file=self.process.stdin, flush=True)

    def end(self):
        self.process.stdin.close()
        self.process.stdout.read()
        return self.process.wait(10)


class TerminalTest(unittest.TestCase):
    def test_a_person_chats(self):
        pipe, terminal = Pipe(), Terminal("-c", "chat:terminal")
        terminal.shows("connected as")
        terminal.shows("chat:terminal> ")
        terminal.shows("on chat:terminal")
        terminal.type("hello there\r")
        self.assertEqual(pipe.next("event")["payload"], {"text": "hello there"})
        pipe.say("hi yourself")
        terminal.shows("hi yourself")
        # What was typed comes back with the arrow.
        terminal.type("\x1b[A\r")
        self.assertEqual(pipe.next("event")["payload"], {"text": "hi yourself"})
        self.assertEqual(pipe.next("event")["payload"], {"text": "hello there"})
        self.assertEqual(pipe.end(), 0)
        terminal.shows("left", 10)
        self.assertEqual(terminal.quit(), 0)

    def test_tab_completes_commands_and_channels(self):
        terminal = Terminal("-c", "chat:terminal")
        terminal.shows("on chat:terminal")
        terminal.type("/unsu\t")
        terminal.shows("/unsub")
        terminal.type("\x15/to chat:t\t\r")
        terminal.shows("/to chat:terminal")
        terminal.type("/wh\t\r")
        terminal.shows("alice")
        self.assertEqual(terminal.quit(), 0)

    def test_a_refusal_is_shown_with_its_code(self):
        terminal = Terminal("-c", "chat:terminal")
        terminal.shows("on chat:terminal")
        terminal.type('/do status {"status":1}\r')
        self.assertIn("\x1b[31m", terminal.shows("invalid_message: enum at /payload/status"))
        terminal.type("/nonsense\r")
        terminal.shows("no such command")
        self.assertEqual(terminal.quit(), 0)

    def test_what_others_write_is_not_obeyed(self):
        pipe, terminal = Pipe(), Terminal("-c", "chat:terminal")
        terminal.shows("on chat:terminal")
        terminal.read(0.3)
        terminal.shown = ""
        pipe.say("x\x1b]0;owned\x07\x1b[2J\u202eend")
        shown = terminal.shows("end")
        self.assertIn("\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{202e}end", shown)
        self.assertNotIn("\x1b]0;", shown)
        self.assertNotIn("\x1b[2J", shown)
        self.assertEqual((terminal.quit(), pipe.end()), (0, 0))

    def test_no_color(self):
        terminal = Terminal("-c", "chat:terminal", NO_COLOR="1")
        shown = terminal.shows("on chat:terminal")
        self.assertIsNone(re.search(r"\x1b\[[0-9]+m", shown), shown)
        self.assertEqual(terminal.quit(), 0)

    def test_a_token_that_is_asked_for_is_neither_shown_nor_kept(self):
        terminal = Terminal("-c", "chat:terminal", token=None)
        terminal.shows("Token: ")
        terminal.type(TOKENS["alice"] + "\r")
        shown = terminal.shows("on chat:terminal")
        self.assertNotIn(TOKENS["alice"][:20], shown)
        terminal.type("remember me\r")
        terminal.shows("remember me")
        self.assertEqual(terminal.quit(), 0)
        with open(os.path.join(terminal.state.name, "portcullis/history"), encoding="utf-8") as file:
            history = file.read()
        self.assertIn("remember me", history)
        self.assertNotIn(TOKENS["alice"], history)


if __name__ == "__main__":
    unittest.main(verbosity=2)
