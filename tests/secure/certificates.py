"""Whom our client trusts: each wrong certificate is refused, with an error of its own, before the server
has been asked for anything."""

from sites import Site, welcome
from support import *

# What a server shows, where it is asked, and what our client says of it.
WRONG = (
    ("expired", HOST, "the certificate has expired"),
    ("not-yet-valid", HOST, "the certificate is not valid yet"),
    ("other-name", "localhost", "the certificate is for another name"),
    ("name-only", HOST, "the certificate is for another name"),
    ("address-only", "localhost", "the certificate is for another name"),
    ("subject-only", "localhost", "the certificate is for another name"),
    ("of-a-stranger", HOST, "the certificate is of an unknown authority"),
    ("without-its-signer", HOST, "the certificate is of an unknown authority"),
    ("self-signed", HOST, "the certificate is of an unknown authority"),
    ("self-signed-authority", HOST, "the certificate is not acceptable"),
    ("for-clients", HOST, "the certificate is not acceptable"),
)


def refused(name, host, said, version):
    with Site(welcome, server_context(name, version)) as site:
        ran = client(site.url(host=host), *TRUSTING)
        ran.expect(1, f"TLS ({host}:{site.port}): {said}")
        expect("requests", site.settle(), [])
        expect("connections", site.connections, 1)
        # It is told why, as RFC 8446, section 6.2, asks.
        matches("what the server heard", str(site.faults), "ALERT|alert")


def welcomed(name, host, *options, **more):
    with Site(welcome, server_context(name)) as site:
        ran = client(site.url(host=host), *options, **more)
        ran.expect(0, "closed with 1000")
        expect("messages", ran.out, "welcome\n")
        expect("requests", len(site.settle()), 1)


def trusted_itself(name, status, said):
    """`--ca` names the very certificate that the server shows."""
    with Site(welcome, server_context(name)) as site:
        client(site.url(), "--ca", certificate(name)[0]).expect(status, said)
        site.settle()


def unknown_without_option(**more):
    with Site(welcome, server_context()) as site:
        client(site.url(), **more).expect(1, "the certificate is of an unknown authority")
        expect("requests", site.settle(), [])


def no_authorities():
    """The system's authorities are replaced by a file and a folder that hold none."""
    with Site(welcome, server_context()) as site:
        empty = WORK / "empty.pem"
        empty.write_text("")
        (WORK / "empty").mkdir(exist_ok=True)
        nowhere = {"SSL_CERT_FILE": empty, "SSL_CERT_DIR": WORK / "empty"}.items()
        ran = client(site.url(), environment=nowhere)
        ran.expect(1, "the system has no authorities to trust")
        expect("requests", site.settle(), [])


def bad_file(content, said):
    with Site(welcome, server_context()) as site:
        file = WORK / "bad.pem"
        file.write_bytes(content)
        client(site.url(), "--ca", file).expect(1, said)
        site.settle()
        expect("connections", site.connections, 0)


def checks():
    for version_name, version in VERSIONS.items():
        for name, host, said in WRONG:
            yield f"{version_name}, {name}", lambda: refused(name, host, said, version)
    yield "name-only, by its name", lambda: welcomed("name-only", "localhost", *TRUSTING)
    yield "address-only, by its address", lambda: welcomed("address-only", HOST, *TRUSTING)
    yield "self-signed and trusted", lambda: trusted_itself("self-signed", 0, "closed with 1000")
    yield (
        "a trusted authority in the place of a server",
        lambda: trusted_itself("self-signed-authority", 1, "the certificate is not acceptable"),
    )
    yield "nobody told it of the authority", unknown_without_option
    by_environment = {"SSL_CERT_FILE": CA}.items()
    yield (
        "the system trusts the authority",
        lambda: welcomed("ecdsa", HOST, environment=by_environment),
    )
    yield "the system trusts nobody", no_authorities
    yield "--ca with no certificate in it", lambda: bad_file(b"", "there is no certificate in it")
    yield "--ca with a broken one", lambda: bad_file(CA.read_bytes()[:300], "bad.pem: ")
