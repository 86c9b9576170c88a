"""Where redirects lead, what goes along, and where the client stops: servers of the test's own, which
remember what they were asked."""

import base64

from sites import Site, response, welcome
from support import *

USER_INFO = "user:p%40ss@"
SECRET = "Basic " + base64.b64encode(b"user:p@ss").decode()
COOKIE = ("--header", "Cookie: session=1")
AUTHORIZATION = ("--header", "Authorization: Bearer 1234")
PRIVATE = ("authorization", "cookie", "proxy-authorization")


class Routes:
    """The script of a site: an answer for each target, and a welcome for those that have none."""

    def __init__(self, answers=()):
        self.answers = dict(answers)

    def __call__(self, stream, request):
        answer = self.answers.get(request.target)
        if answer is None:
            return welcome(stream, request)
        stream.send(answer)
        stream.end()


def to(location, status=302, **more):
    return response(f"{status} Redirect", f"Location: {location}", **more)


def arrives(url, *options):
    """Leads to an open connection."""
    ran = client(url, *TRUSTING, *options).expect(0, "closed with 1000")
    expect("messages", ran.out, "welcome\n")


def stops(url, *said, options=()):
    ran = client(url, *TRUSTING, *options).expect(1, *said)
    if "p%40ss" in ran.err or "p@ss" in ran.err:
        raise AssertionError(f"it shows the password: {ran.err}")
    return ran


def targets(requests):
    return [request.target for request in requests]


def check_keys(requests):
    """Each request is a handshake of its own."""
    keys = [request.headers["sec-websocket-key"] for request in requests]
    expect("different keys", len(set(keys)), len(keys))
    for key in keys:
        expect("bytes of a key", len(base64.b64decode(key, validate=True)), 16)


def all_statuses(context):
    """Five redirects, as many as are followed, each with another status and form of location."""
    with Site(Routes(), context) as site:
        site.script.answers = {
            "/start?a=b": to("/301/x", 301),
            "/301/x": to("302", 302),
            "/301/302": to("../303?q=/../", 303),
            "/303?q=/../": to("?307", 307),
            "/303?307": to(f"//localhost:{site.port}/308#fragment", 308),
        }
        arrives(site.url("/start?a=b"))
        requests = site.settle()
        expect("targets", targets(requests), [*site.script.answers, "/308"])
        check_keys(requests)
        hosts = [request.headers["host"] for request in requests]
        expect("hosts", hosts, [site.authority] * 5 + [f"localhost:{site.port}"])


def circle(context):
    with Site(Routes({"/": to("/")}), context) as site:
        stops(site.url(), f"a redirect ({site.authority}): more than 5 redirects")
        requests = site.settle()
        expect("requests", len(requests), 6)
        check_keys(requests)


def private(request):
    return {name: value for name, value in request.headers.items() if name in PRIVATE}


def to_same_server(options, user, expected, context):
    """Credentials go along to another page of the same server."""
    with Site(Routes({"/": to("/next")}), context) as site:
        arrives(site.url(user=user), *options)
        requests = site.settle()
        expect("targets", targets(requests), ["/", "/next"])
        for request in requests:
            expect("credentials", private(request), expected)


def to_other_host(options, user, expected, context):
    """Credentials stay behind, also when the way leads back, and everything else goes along."""
    further = ("--header", "X-Further: yes", "--origin", "http://page.example")
    further += ("--subprotocol", "chat")
    with Site(Routes(), context) as site:
        site.script.answers = {
            "/": to(site.url("/other", "localhost")),
            "/other": to(site.url("/back")),
        }
        arrives(site.url(user=user), *options, *further)
        requests = site.settle()
        expect("targets", targets(requests), ["/", "/other", "/back"])
        expect("first credentials", private(requests[0]), expected)
        for request in requests[1:]:
            expect("credentials", private(request), {})
        for request in requests:
            names = ("x-further", "origin", "sec-websocket-protocol")
            seen = [request.headers.get(name) for name in names]
            expect("other headers", seen, ["yes", "http://page.example", "chat"])


def to_other_port(contexts):
    """Another port, and for the last pair another scheme as well, is another server."""
    with (
        Site(Routes(), contexts[1]) as other,
        Site(Routes({"/": to(other.url())}), contexts[0]) as site,
    ):
        arrives(site.url(user=USER_INFO), *COOKIE)
        (first,), (second,) = site.settle(), other.settle()
        wanted = {"authorization": SECRET, "cookie": "session=1"}
        expect("first credentials", private(first), wanted)
        expect("credentials", private(second), {})


def own_user_info():
    """A location may name a user itself."""
    with Site(Routes()) as site:
        site.script.answers = {"/": to(site.url("/next", "localhost", "other:one@"))}
        arrives(site.url(user=USER_INFO))
        first, second = site.settle()
        expect("first", private(first), {"authorization": SECRET})
        other = "Basic " + base64.b64encode(b"other:one").decode()
        expect("second", private(second), {"authorization": other})


def to_http_scheme(context):
    """`http` and `https` mean `ws` and `wss`: servers often know no others."""
    with Site(Routes(), context) as site:
        scheme = {"ws": "http", "wss": "https"}[site.scheme]
        site.script.answers = {"/": to(f"{scheme}://{site.authority}/next")}
        arrives(site.url())
        expect("targets", targets(site.settle()), ["/", "/next"])


def downgrade(scheme):
    with Site(Routes()) as plain:
        location = f"{scheme}://{plain.authority}/"
        with Site(Routes({"/": to(location)}), server_context()) as site:
            fault = "the redirect leads from TLS to a URL without TLS"
            stops(site.url(user=USER_INFO), f"a redirect ({site.authority}): {fault}")
            expect("requests", len(site.settle()), 1)
        plain.settle()
        expect("connections without TLS", plain.connections, 0)


def with_body(answer):
    """What a redirect carries is of no interest."""

    def script(stream, request):
        if request.target != "/":
            return welcome(stream, request)
        stream.send(answer)
        stream.end()

    with Site(script) as site:
        arrives(site.url())
        expect("targets", targets(site.settle()), ["/", "/next"])


BODIES = {
    "with its length": to("/next", body="moved " * 1000),
    "of 200 KiB": to("/next", body="x" * 200_000),
    "in chunks": to("/next", body=None)[:-2]
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\nmoved\r\n0\r\n\r\n",
    "to the end of the stream": to("/next", body=None) + b"moved",
    "shorter than promised": to("/next", body=None)[:-2] + b"Content-Length: 9\r\n\r\nmoved",
}


def not_followed():
    """Without redirects it is a refusal, which is shown with where it leads and what it says."""
    with Site(Routes({"/": to("/next", 307, body="it has moved\n")})) as site:
        ran = stops(site.url(user=USER_INFO), options=["--no-redirect"])
        lines = ran.err.splitlines()
        refused = f"error: the handshake ({site.authority}): the server refused: 307 Redirect"
        expect("what it said", lines, [refused, "it leads to /next", "it has moved"])
        expect("targets", targets(site.settle()), ["/"])


def no_redirect(answer, said):
    with Site(Routes({"/": answer})) as site:
        stops(site.url(), f"the handshake ({site.authority}): the server refused: {said}")
        expect("targets", targets(site.settle()), ["/"])


SCHEME = "the URL must begin with ws://"
BAD_LOCATIONS = {
    "ftp://127.0.0.1/": SCHEME,
    "file:///etc/passwd": SCHEME,
    "javascript:alert(1)": SCHEME,
    "ws://": "the host of the URL is missing",
    "ws://127.0.0.1:70000/": "the port of the URL",
    "/a b": "percent-encoded",
    "ws://user:p@ss@127.0.0.1/": "the user name or password in the URL",
    "//[::1/": "the host of the URL is missing",
}


def bad_location(location, said):
    with Site(Routes({"/": to(location)})) as site:
        stops(site.url(), f"a redirect ({site.authority}): ", said)
        expect("targets", targets(site.settle()), ["/"])


def to_nowhere():
    """The error names the server that was not found, of which nobody has heard before."""
    port = free_port()
    with Site(Routes({"/": to(f"ws://localhost:{port}/")})) as site:
        stops(site.url(), f"connecting (localhost:{port}): Connection refused")


def to_wrong_certificate():
    with (
        Site(welcome, server_context("expired")) as end,
        Site(Routes({"/": to(end.url())})) as site,
    ):
        stops(site.url(), f"TLS ({end.authority}): the certificate has expired")
        expect("requests", end.settle(), [])


def checks():
    tls = server_context()
    for scheme, context in (("ws", None), ("wss", tls)):
        yield f"{scheme}: 301, 302, 303, 307 and 308", lambda: all_statuses(context)
        yield f"{scheme}: a circle", lambda: circle(context)
        yield f"{scheme}: to its http scheme", lambda: to_http_scheme(context)
        for name, options, user, authorization in (
            ("user of the URL", COOKIE, USER_INFO, SECRET),
            ("headers", (*COOKIE, *AUTHORIZATION), "", "Bearer 1234"),
        ):
            expected = {"authorization": authorization, "cookie": "session=1"}
            case = options, user, expected, context
            yield f"{scheme}: {name}, same server", lambda: to_same_server(*case)
            yield f"{scheme}: {name}, other host and back", lambda: to_other_host(*case)
    for name, contexts in (("ws", (None, None)), ("wss", (tls, tls)), ("ws to wss", (None, tls))):
        yield f"{name}: to another port", lambda: to_other_port(contexts)
    yield "a location with a user", own_user_info
    for scheme in ("ws", "http"):
        yield f"wss to {scheme}", lambda: downgrade(scheme)
    for name, answer in BODIES.items():
        yield f"a body {name}", lambda: with_body(answer)
    yield "--no-redirect", not_followed
    yield "no location", lambda: no_redirect(response("302 Found"), "302 Found")
    for status in (300, 304, 305, 306):
        yield f"{status} with a location", lambda: no_redirect(to("/next", status, body=""), status)
    for location, said in BAD_LOCATIONS.items():
        yield f"location {location}", lambda: bad_location(location, said)
    yield "to a server that cannot be reached", to_nowhere
    yield "to a wrong certificate", to_wrong_certificate
