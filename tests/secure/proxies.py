"""Through Debian's tinyproxy, whose log says what came of each connection."""

import base64

from counterparts import FAREWELL, has_ipv6, saw_clean_ends, websockets_server
from programs import wait_for_port
from sites import Site, response, welcome
from support import *

# tinyproxy takes no others for a password than letters, digits, dots, dashes and underscores.
USER, PASSWORD = "user", "s.e-c_ret"


class Tinyproxy:
    """A tinyproxy with these further settings."""

    def __init__(self, name, *settings):
        self.name, self.port, self.read = name, free_port(), 0
        self.log = Program.logs / f"{name}-proxy.log"
        self.log.write_text("")
        lines = [f"Port {self.port}", f"Listen {HOST}", f"Allow {HOST}", "MaxClients 100"]
        lines += ["Timeout 600", "LogLevel Connect", f'LogFile "{self.log}"', *settings]
        self.settings = WORK / f"{name}.conf"
        self.settings.write_text("\n".join(lines) + "\n")

    def __enter__(self):
        self.program = Program(self.name, ["tinyproxy", "-d", "-c", self.settings])
        try:
            wait_for_port(self.port, self.program)
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with self.program:
            pass

    @property
    def authority(self):
        return f"{HOST}:{self.port}"

    def option(self, user=""):
        return "--proxy", f"http://{user}{self.authority}"

    def requests(self):
        """What it has been asked for since the last call, and how many connections came of that."""
        text = self.log.read_text()
        news, self.read = text[self.read :], len(text)
        return re.findall(r"Request .*: (.*)", news), news.count("Established connection to host")


def passed_through(proxy, authority, connections=None):
    """All that it has been asked for led to this server."""
    asked, established = proxy.requests()
    expect("requests at the proxy", set(asked), {f"CONNECT {authority} HTTP/1.1"})
    expect("connections through the proxy", established, connections or len(asked))


def echo_through(proxy, url, user=""):
    proxy.requests()
    echoes(url, *TRUSTING, *proxy.option(user))
    passed_through(proxy, authority_of(url), 1)


def exercise_through(label, proxy, url):
    proxy.requests()
    exercise(label, url, *TRUSTING, *proxy.option())
    passed_through(proxy, authority_of(url), len(ROWS))


def authority_of(url):
    return url.split("//")[1].rstrip("/")


def refused(proxy, status, said, user=""):
    """The proxy says no: the server does not see a connection, since there is no way around."""
    proxy.requests()
    for context in (None, server_context()):
        with Site(welcome, context) as site:
            ran = client(site.url(), *TRUSTING, *proxy.option(user))
            ran.expect(1, f"the proxy ({proxy.authority}) refused: {status} {said}")
            if "guess" in ran.err:
                raise AssertionError(f"it shows the password: {ran.err}")
            site.settle()
            expect("connections at the server", site.connections, 0)
            asked, established = proxy.requests()
            expect("requests", asked, [f"CONNECT {site.authority} HTTP/1.1"])
            expect("connections through the proxy", established, 0)


def without_authorization(proxy, echo_port, tls_port):
    hosts = [HOST, "localhost", *(["[::1]"] if has_ipv6() else [])]
    for scheme, port in (("ws", echo_port), ("wss", tls_port)):
        url = f"{scheme}://{HOST}:{port}/"
        yield f"{scheme}: exercise", lambda: exercise_through(f"{scheme} by proxy", proxy, url)
        for host in hosts:
            at = f"{scheme}://{host}:{port}/"
            yield f"{scheme}, {host}: client", lambda: echo_through(proxy, at)


def with_authorization(proxy, echo_port, tls_port):
    encoded = "".join(f"%{ord(character):02x}" for character in PASSWORD)
    ways = {"the right password": PASSWORD, "all of it percent-encoded": encoded}
    for scheme, port in (("ws", echo_port), ("wss", tls_port)):
        url = f"{scheme}://{HOST}:{port}/"
        for name, password in ways.items():
            yield f"{scheme}: {name}", lambda: echo_through(proxy, url, f"{USER}:{password}@")
    wanted = "Proxy Authentication Required"
    yield "no password: 407", lambda: refused(proxy, 407, wanted)
    # That is 401 for tinyproxy, and 407 for others.
    yield "a wrong password: 401", lambda: refused(proxy, 401, "Unauthorized", f"{USER}:guess@")


def authorization_sent():
    """What a URL has to encode, as a proxy of the test's own gets it; nothing of it for the server."""
    with Site(lambda stream, _: (stream.send(response("407 Of The Test")), stream.end())) as proxy:
        url = f"http://us%20er:p%3A%40s%25%2F%C3%BC@{proxy.authority}"
        for option in ([], ["--header", "Cookie: a=b"], ["--subprotocol", "chat"]):
            ran = client("wss://user:secret@localhost/path", *option, "--proxy", url)
            ran.expect(1, "407 Of The Test")
        for request in proxy.settle():
            expect("target", request.target, "localhost:443")
            authorization = "Basic " + base64.b64encode("us er:p:@s%/ü".encode()).decode()
            wanted = {"host": "localhost:443", "proxy-authorization": authorization}
            expect("headers", request.headers, wanted)


def unreachable():
    with Site(welcome) as site:
        port = free_port()
        ran = client(site.url(), "--proxy", f"http://{HOST}:{port}")
        ran.expect(1, f"the proxy ({HOST}:{port}): Connection refused")
        site.settle()
        expect("connections", site.connections, 0)


def server_unreachable(proxy):
    port = free_port()
    for scheme in ("ws", "wss"):
        ran = client(f"{scheme}://{HOST}:{port}/", *TRUSTING, *proxy.option())
        ran.expect(1, f"the proxy ({proxy.authority}) refused: 500 Unable to connect")


def not_a_proxy(url):
    client("ws://127.0.0.1:1/", "--proxy", url).expect(1, "the URL of a proxy must be http://")


def wrong_certificate(proxy):
    """TLS is with the server, and so is the check of its certificate."""
    with Site(welcome, server_context("expired")) as site:
        ran = client(site.url(), *TRUSTING, *proxy.option())
        ran.expect(1, f"TLS ({site.authority}): the certificate has expired")
        expect("requests", site.settle(), [])


def redirected(proxy):
    """Each server on the way is reached through the proxy, and no header of the proxy gets to one."""
    proxy.requests()
    with Site(welcome, server_context()) as end:
        location = f"Location: {end.url('/end', 'localhost')}"

        def script(stream, _):
            stream.send(response("307 Temporary Redirect", location))
            stream.end()

        with Site(script) as begin:
            ran = client(begin.url(), *TRUSTING, *proxy.option("some:body@"))
            ran.expect(0, "closed with 1000")
            asked, established = proxy.requests()
            ways = [f"CONNECT {begin.authority}", f"CONNECT localhost:{end.port}"]
            expect("requests at the proxy", asked, [f"{way} HTTP/1.1" for way in ways])
            expect("connections through the proxy", established, 2)
            for request in begin.settle() + end.settle():
                expect("proxy-authorization", request.headers.get("proxy-authorization"), None)


def environment_is_ignored(proxy, url):
    """A proxy that the environment names has to be asked for nothing."""
    proxy.requests()
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY")
    named = [(name, f"http://{proxy.authority}") for name in names]
    named += [(name.lower(), value) for name, value in named]
    echoes(url, *TRUSTING, environment=named)
    expect("requests at the proxy, and connections", proxy.requests(), ([], 0))


def checks():
    with (
        websockets_server("plain", tls=False) as (plain, plain_port),
        websockets_server("by proxy") as (tls, tls_port),
    ):
        ports = plain_port, tls_port
        with Tinyproxy("open") as proxy:
            for name, act in without_authorization(proxy, *ports):
                yield f"no authorization, {name}", act
            yield "a server that cannot be reached", lambda: server_unreachable(proxy)
            yield "a wrong certificate", lambda: wrong_certificate(proxy)
            yield "redirects", lambda: redirected(proxy)
            for url in (f"ws://{HOST}:{plain_port}/", f"wss://{HOST}:{tls_port}/"):
                yield f"the environment, {url}", lambda: environment_is_ignored(proxy, url)
        with Tinyproxy("authorized", f"BasicAuth {USER} {PASSWORD}") as proxy:
            for name, act in with_authorization(proxy, *ports):
                yield f"BasicAuth, {name}", act
        with Tinyproxy("restricted", "ConnectPort 443") as proxy:
            yield "forbidden: 403", lambda: refused(proxy, 403, "Access violation")
        yield "what is percent-encoded", authorization_sent
        yield "a proxy that cannot be reached", unreachable
        for url in (f"https://{HOST}:1", f"socks5://{HOST}:1", f"http://{HOST}:1/path"):
            yield f"not a proxy: {url}", lambda: not_a_proxy(url)
        for name, server in (("ws", plain), ("wss", tls)):
            yield f"{name}: clean ends", lambda: saw_clean_ends(server, FAREWELL)
