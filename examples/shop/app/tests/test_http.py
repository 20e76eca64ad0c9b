import http.client
import socket
import threading
import unittest

from shop.http import Answer, Refused, Server


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.server = Server(
            0,
            [
                ("GET", "/hello", lambda request: Answer(200, {"hello": "you"})),
                ("POST", "/echo", lambda request: Answer(200, request.body(1000), {"Content-Type": "text/plain"})),
                ("POST", "/json", lambda request: Answer(200, request.json())),
                ("GET", "/refused", self.refuse),
                ("GET", "/broken", lambda request: 1 / 0),
                ("GET", "/slow", self.slow),
                ("GET", "/item/(?P<number>[0-9]+)", lambda request, number: Answer(200, number.encode())),
            ],
        )
        self.server.start()
        self.drained = False
        self.addCleanup(self.stop)

    def stop(self):
        self.go_on.set()
        if not self.drained:
            self.server.drain(5)

    def refuse(self, request):
        raise Refused(409, "Not now.", after=3)

    def slow(self, request):
        self.entered.set()
        self.go_on.wait(10)
        return Answer(200, {"slow": True})

    def client(self):
        client = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        self.addCleanup(client.close)
        return client

    def ask(self, client, method, path, body=None, **headers):
        client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = client.getresponse()
        return answer.status, answer.read()

    def raw(self, sent):
        with socket.create_connection(("127.0.0.1", self.server.server_port), timeout=10) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while block := connection.recv(65536):
                received += block
            return received

    def test_one_connection_carries_many_requests(self):
        client = self.client()
        self.assertEqual(self.ask(client, "GET", "/hello?x=1"), (200, b'{"hello": "you"}\n'))
        first = client.sock
        self.assertEqual(self.ask(client, "GET", "/item/12"), (200, b"12"))
        self.assertEqual(self.ask(client, "POST", "/echo", b"abc"), (200, b"abc"))
        self.assertEqual(self.ask(client, "HEAD", "/hello"), (200, b""))
        # A body that nobody has read does not become the next request.
        self.assertEqual(self.ask(client, "POST", "/nowhere", b"GET /hello HTTP/1.1\r\n\r\n")[0], 404)
        self.assertEqual(self.ask(client, "POST", "/echo", b"x" * 1001)[0], 413)
        self.assertEqual(self.ask(client, "GET", "/hello")[0], 200)
        self.assertIs(client.sock, first)

    def test_requests_sent_together_are_answered_in_order(self):
        received = self.raw(b"GET /item/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /item/2 HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(received.count(b"200 OK"), 2)
        self.assertTrue(received.endswith(b"2"))

    def test_errors_are_json(self):
        client = self.client()
        self.assertEqual(self.ask(client, "GET", "/nowhere"), (404, b'{"error": "There is no /nowhere."}\n'))
        self.assertEqual(self.ask(client, "DELETE", "/hello"), (405, b'{"error": "/hello takes GET, not DELETE."}\n'))
        self.assertEqual(self.ask(client, "GET", "/refused"), (409, b'{"error": "Not now.", "after": 3}\n'))
        with self.assertLogs("shop", "ERROR"):
            self.assertEqual(self.ask(client, "GET", "/broken")[0], 500)

    def test_bodies_that_are_not_json(self):
        client = self.client()
        for body in [b"", b"{", b"[]", b"\xff", b"[" * 60_000]:
            with self.subTest(body[:10]):
                self.assertEqual(self.ask(client, "POST", "/json", body, Content_Type="application/json")[0], 400)
        self.assertEqual(self.ask(client, "POST", "/json", b"{}", Content_Type="text/plain")[0], 415)
        self.assertEqual(self.ask(client, "POST", "/json", b"{}", Content_Type="application/json; charset=utf-8")[0], 200)

    def test_requests_that_could_be_read_in_two_ways_are_refused(self):
        for status, headers in [
            (b"400", b"Content-Length: 1\r\nContent-Length: 2\r\n"),
            (b"400", b"Content-Length: -1\r\n"),
            (b"400", b"Content-Length: 1_0\r\n"),
            (b"411", b"Transfer-Encoding: chunked\r\n"),
            (b"411", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
        ]:
            with self.subTest(headers):
                received = self.raw(b"POST /echo HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n0\r\n\r\n")
                self.assertTrue(received.startswith(b"HTTP/1.1 " + status), received)
                self.assertIn(b"Connection: close", received)

    def test_a_body_cut_short_is_refused(self):
        self.assertIn(b" 400 ", self.raw(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"))

    def test_what_is_no_http_is_answered_all_the_same(self):
        self.assertIn(b'"error"', self.raw(b"\x16\x03\x01 what is this\r\n\r\n"))

    def test_stopping_finishes_what_has_begun(self):
        busy, idle = self.client(), self.client()
        self.assertEqual(self.ask(idle, "GET", "/hello")[0], 200)
        busy.request("GET", "/slow")
        self.assertTrue(self.entered.wait(10))

        result = []
        draining = threading.Thread(target=lambda: result.append(self.server.drain(10)))
        draining.start()
        self.drained = True

        # The idle connection is closed after a moment, the busy one after its answer.
        idle.sock.settimeout(10)
        self.assertEqual(idle.sock.recv(1), b"")
        with self.assertRaises(ConnectionRefusedError):
            self.ask(self.client(), "GET", "/hello")
        self.assertTrue(draining.is_alive())
        self.go_on.set()
        answer = busy.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b'{"slow": true}\n'))
        self.assertEqual(answer.headers["Connection"], "close")
        draining.join(10)
        self.assertEqual(result, [True])

    def test_stopping_takes_a_last_request_on_an_open_connection(self):
        client = self.client()
        self.ask(client, "GET", "/hello")
        self.server.draining = True  # as between two requests of a proxy that does not know yet
        client.request("GET", "/hello")
        answer = client.getresponse()
        self.assertEqual((answer.status, answer.headers["Connection"]), (200, "close"))

    def test_stopping_has_an_end(self):
        client = self.client()
        client.request("GET", "/slow")
        self.assertTrue(self.entered.wait(10))
        self.drained = True
        self.assertFalse(self.server.drain(0.1))
