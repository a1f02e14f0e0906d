"""Python `websockets` against `portcullis dev`, over TLS."""

import asyncio
import base64
import json
import os
import re
import ssl
import subprocess
import sys
import time
import unittest
from pathlib import Path

import websockets
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

URL = os.environ["PORTCULLIS_URL"]
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def tokens_by_user():
    found = {}
    for token in re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", Path(os.environ["PORTCULLIS_DEV_OUT"]).read_text()):
        claims = token.split(".")[1]
        found[json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]] = token
    return found


TOKENS = tokens_by_user()
ALICE, BOB = list(TOKENS)[:2]


def opening(user, token=None, **options):
    tls = TLS if URL.startswith("wss:") else None
    headers = {"Authorization": f"Bearer {token or TOKENS[user]}"}
    return connect(URL, ssl=tls, subprotocols=["portcullis.v1"], additional_headers=headers, **options)


async def until(socket, **wanted):
    """The next message with these members."""
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 5))
        if all(message.get(name) == value for name, value in wanted.items()):
            return message


def chat(channel, text, number):
    message = {"action": "chat", "payload": {"text": text}, "timestamp": int(time.time() * 1000), "channel": channel, "id": number}
    return json.dumps(message, ensure_ascii=False)


class Websockets(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.channel = f"chat:python-{os.getpid()}-{self._testMethodName}"

    async def test_header_token_and_compression_declined(self):
        async with opening(ALICE) as socket:  # It offers permessage-deflate.
            self.assertEqual(socket.subprotocol, "portcullis.v1")
            self.assertNotIn("Sec-WebSocket-Extensions", socket.response.headers)
            self.assertEqual((await until(socket, type="welcome"))["user"], ALICE)

    async def test_compression_with_windows_of_every_size(self):
        server = subprocess.Popen(
            [os.environ["PORTCULLIS_BIN"], "echo", "--listen", "127.0.0.1:0", "--deflate"], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.addCleanup(server.stdout.close)
        url = re.search(r"listening (\S+)", server.stdout.readline())[1]
        for bits in range(9, 16):
            factory = ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=bits)
            async with connect(url, compression=None, extensions=[factory], max_size=None) as socket:
                self.assertIn("permessage-deflate", socket.response.headers["Sec-WebSocket-Extensions"])
                noise = bytes(i * 2654435761 % 2**32 >> 13 & 255 for i in range(3_000))
                for message in ["", "x", "again and again " * 5_000, noise + noise, json.dumps(dict(os.environ))] * 2:
                    await socket.send(message)
                    self.assertEqual(await asyncio.wait_for(socket.recv(), 5), message)

    async def test_two_clients_chat(self):
        async with opening(ALICE) as a, opening(BOB) as b:
            for socket in (a, b):
                await until(socket, type="welcome")
                await socket.send(json.dumps({"type": "subscribe", "channel": self.channel}))
                await until(socket, type="subscribed", channel=self.channel)
            await a.send(chat(self.channel, "κόσμε 🏰", 1))
            event = await until(b, type="event", channel=self.channel)
            self.assertEqual((event["from"], event["payload"], event["offset"]), (ALICE, {"text": "κόσμε 🏰"}, 1))

    async def test_a_fragmented_message_arrives_whole(self):
        async with opening(ALICE) as socket:
            await until(socket, type="welcome")
            await socket.send(json.dumps({"type": "subscribe", "channel": self.channel}))
            await until(socket, type="subscribed")
            text = chat(self.channel, "a piece for each character, é too", 1)
            await socket.send(list(text))
            event = await until(socket, type="event")
            self.assertEqual(event["payload"]["text"], "a piece for each character, é too")

    async def test_pings_are_answered(self):
        async with opening(ALICE) as socket:
            await until(socket, type="welcome")
            latency = await asyncio.wait_for(await socket.ping(b"are you there"), 5)
            self.assertLess(latency, 2)

    async def test_closing_handshake(self):
        async with opening(ALICE) as socket:
            await until(socket, type="welcome")
            await socket.close(1000, "done")
            self.assertEqual(socket.close_code, 1000)

    async def test_refusal_then_close(self):
        async with opening(ALICE) as socket:
            await until(socket, type="welcome")
            with self.assertRaises(websockets.ConnectionClosed) as raised:
                for _ in range(200):
                    await socket.send("[1, 2")
                while True:
                    await asyncio.wait_for(socket.recv(), 5)
            self.assertEqual(raised.exception.rcvd.code, 4400)

    async def test_a_bad_token_is_401(self):
        with self.assertRaises(websockets.InvalidStatus) as raised:
            async with opening(ALICE, token="a.b.c"):
                pass
        self.assertEqual(raised.exception.response.status_code, 401)
        self.assertIn("error", json.loads(raised.exception.response.body))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
