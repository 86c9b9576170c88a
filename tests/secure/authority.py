"""A test authority and what it signs, good and bad, made anew for each run.

usage: authority.py FOLDER

Writes `ca.pem` to trust, and for each certificate NAME.pem, a chain for servers, and NAME.key.
"""

import ipaddress
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc)
VALID = (NOW - DAY, NOW + 30 * DAY)

LOCALHOST = x509.DNSName("localhost")
ADDRESSES = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
HERE = [LOCALHOST, *ADDRESSES]
SERVERS = ExtendedKeyUsageOID.SERVER_AUTH


class Issued:
    """A certificate with its key, signed by `issuer` or by itself."""

    def __init__(
        self, subject, issuer=None, *, names=(), times=VALID, is_ca=False, purpose=SERVERS, key=None
    ):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        issuer = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(times[0])
            .not_valid_after(times[1])
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if not is_ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        self.pem = builder.sign(issuer.key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        )

    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def certificates():
    """The authority, and each certificate: its name, itself, and what a server shows behind it."""
    root = Issued("Test authority", is_ca=True)
    signer = Issued("Test signer", root, is_ca=True)
    stranger = Issued("Another authority", is_ca=True)
    old, future = (NOW - 30 * DAY, NOW - DAY), (NOW + DAY, NOW + 30 * DAY)
    rsa_key = rsa.generate_private_key(65537, 2048)

    def leaf(issuer=signer, names=HERE, **more):
        return Issued("localhost", issuer, names=names, **more)

    return root, {
        "ecdsa": (leaf(), signer),
        "rsa": (leaf(key=rsa_key), signer),
        # For servers that show no chain.
        "of-the-authority": (leaf(root),),
        "expired": (leaf(times=old), signer),
        "not-yet-valid": (leaf(times=future), signer),
        "other-name": (leaf(names=[x509.DNSName("other.example")]), signer),
        "name-only": (leaf(names=[LOCALHOST]), signer),
        "address-only": (leaf(names=ADDRESSES), signer),
        # Its subject alone says localhost: names are not looked for there (RFC 9525, section 2).
        "subject-only": (leaf(names=()), signer),
        "of-a-stranger": (leaf(stranger), stranger),
        "without-its-signer": (leaf(),),
        "self-signed": (Issued("localhost", names=HERE),),
        # As `openssl req -x509` makes it.
        "self-signed-authority": (Issued("localhost", names=HERE, is_ca=True),),
        "for-clients": (leaf(purpose=ExtendedKeyUsageOID.CLIENT_AUTH), signer),
    }


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    root, issued = certificates()
    (folder / "ca.pem").write_bytes(root.pem)
    for name, chain in issued.items():
        (folder / f"{name}.pem").write_bytes(b"".join(certificate.pem for certificate in chain))
        (folder / f"{name}.key").write_bytes(chain[0].key_pem())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
