"""The echo server of tests/interop, by TLS: its error output says what TLS of each connection is like.

usage: server_secure.py HOSTS PORT [CERTIFICATE VERSION]

HOSTS are addresses with commas between them; VERSION is one of support.VERSIONS, or any. Without the last
two it speaks no TLS.
"""

import asyncio
import logging
import sys

from support import LIMIT, VERSIONS, server_context  # first: it knows where the others are
from server_websockets import LIFETIME, chat_if_offered, echo
from websockets.asyncio.server import serve


async def echo_by_tls(ws):
    if tls := ws.transport.get_extra_info("ssl_object"):
        print(tls.version(), tls.selected_alpn_protocol(), file=sys.stderr, flush=True)
    await echo(ws)


async def main(hosts, port, certificate=None, version=None):
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    context = certificate and server_context(certificate, VERSIONS.get(version))
    options = dict(ssl=context, select_subprotocol=chat_if_offered, max_size=LIMIT)
    async with serve(echo_by_tls, hosts.split(","), port, **options):
        await asyncio.sleep(LIFETIME)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
