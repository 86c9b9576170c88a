"""S9 to S13: who is admitted, how long one may wait, and leaving."""

from checks import PORT, Admin, Polling, Socket, both, check, expect, split, wait_until
from wire import Closed, Connection, WebSocket


@both("S9 the answer to CONNECT, and then the first event")
def _(kind):
    peer = kind()
    for packet, prefix, auth in (
        ("0", "", "{}"),
        ('0/dynamic-1,{"a":[1,{"b":null}]}', "/dynamic-1,", '{"a":[1,{"b":null}]}'),
        ("0/dynamic-2", "/dynamic-2,", "{}"),
        ("0/dynamic-3,{}", "/dynamic-3,", "{}"),
    ):
        peer.send(packet)
        head, data = split(peer.receive())
        expect((head, list(data)), (f"0{prefix}", ["sid"]), "answer")
        assert isinstance(data["sid"], str) and len(data["sid"]) >= 16, data
        assert data["sid"] != peer.sid, "the id is that of the session, which is a secret"
        peer.expect(f'2{prefix}["auth",{auth}]')
    peer.lives()


@both("S9 each admission has its own id")
def _(kind):
    ids = set()
    for _ in range(2):
        peer = kind()
        ids.add(peer.join())
        for namespace in ("/dynamic-1", "/dynamic-2", "/dynamic-1", "/dynamic-1"):
            ids.add(peer.join(namespace))
            peer.send(f"1{namespace},")
            # In one burst the next would be a second CONNECT.
            peer.lives()
    expect(len(ids), 10, "different ids")


@both("S9 CONNECT and events in one burst")
def _(kind):
    peer = kind()
    sid = peer.join()
    peer.send('22["join","a"]', '23["rooms"]', '2["echo",1]', '24["message-with-ack"]')
    peer.expect("32[]", f"33[{sorted((sid, 'a'))}]".replace("'", '"'), '2["echo",1]', "34[]")


@both("S10 refusals, and the connection stays open")
def _(kind):
    peer = kind()
    for auth, answer in (
        ("", '{"message":"not authorized","data":{"code":401,"hint":"token"}}'),
        ('{"token":"plain"}', '{"message":"plain"}'),
        ('{"token":null}', '{"message":"not authorized","data":{"code":401,"hint":"token"}}'),
    ):
        peer.send(f"0/admission,{auth}")
        peer.expect(f"4/admission,{answer}")
    peer.join("/admission", {"token": "good"})
    peer.join()
    peer.lives()


@check("S10 gone while the admission waits")
def _():
    admin = Admin("alone")

    def admitted():
        return {one["id"] for one in admin.log() if one["nsp"] == "/admission" and one["event"] == "connect"}

    before = admitted()
    for kind in (Socket, Polling):
        peer = kind("alone")
        sid = peer.join()
        peer.send('0/admission,{"token":"slow"}', '27["message-with-ack"]')
        peer.expect("37[]")
        # Cut off, or said by POST.
        peer.web.close() if kind is Socket else peer.post("1")
        admin.reason(sid)
    later = Socket("alone").join("/admission", {"token": "slow"})
    expect(admitted() - before, {later}, "admitted")


@check("S12 without a namespace the connection is closed in time")
def _():
    for kind in (Socket, Polling):
        silent, refused, waiting = kind("impatient"), kind("impatient"), kind("impatient")
        refused.send("0/unknown,")
        refused.expect('4/unknown,{"message":"Invalid namespace"}')
        waiting.send('0/admission,{"token":"slow"}')
        for peer in (silent, refused, waiting):
            peer.closes()
    assert not [one for one in Admin("impatient").log() if one["nsp"] == "/admission"], "admitted"


@check("S12 who is in a namespace, or was, stays")
def _():
    for kind in (Socket, Polling):
        inside, left = kind("impatient"), kind("impatient")
        inside.join()
        left.join()
        left.send("1")
        later = kind("impatient")
        later.closes()
        inside.lives()
        left.join()
        left.lives()


@both("S13 leaving is not answered, and the connection stays")
def _(kind):
    peer = kind()
    root, sid = peer.join(), peer.join("/dynamic-1")
    peer.send("1/dynamic-1,")
    peer.lives()
    again = peer.join("/dynamic-1")
    assert sid != again, "the same id"
    peer.send("1/dynamic-1")
    peer.send("1")
    admin = Admin()
    for one in (sid, again, root):
        expect(admin.reason(one), "client namespace disconnect", "reason")
    peer.join()
    peer.lives()


@both("S13 the server disconnects one namespace")
def _(kind):
    peer = kind()
    peer.join()
    sid = peer.join("/dynamic-1")
    peer.send('2/dynamic-1,["disconnect-me",false]')
    peer.expect("1/dynamic-1,")
    peer.lives()
    expect(Admin().reason(sid), "server namespace disconnect", "reason")
    peer.join("/dynamic-1")
    peer.send('2["disconnect-me",false]')
    peer.expect("1")
    expect(peer.ask("message-with-ack", 1, namespace="/dynamic-1"), [1], "answer")


@both("S13 the server disconnects the transport")
def _(kind):
    peer = kind()
    ids = [peer.join(), peer.join("/dynamic-1"), peer.join("/admission", {"token": "good"})]
    peer.send('2/dynamic-1,["disconnect-me",true]')
    left = sorted(peer.receive() for _ in range(3))
    expect(left, ["1", "1/admission,", "1/dynamic-1,"], "packets")
    peer.closes()
    admin = Admin()
    for sid in ids:
        expect(admin.reason(sid), "server namespace disconnect", "reason")


@both("S13 sockets-disconnect with and without the transport")
def _(kind):
    asking, one, other = kind(), kind(), kind()
    namespace = f"/dynamic-{len(kind.__name__)}77"
    asking.join(namespace)
    ids = []
    for peer in (one, other):
        peer.join()
        ids.append(peer.join(namespace))
    expect(asking.ask("sockets-disconnect", {"rooms": ids[:1], "close": False}, namespace=namespace), [], "answer")
    one.expect(f"1{namespace},")
    one.lives()
    expect(asking.ask("sockets-disconnect", {"rooms": ids[1:], "close": True}, namespace=namespace), [], "answer")
    expect(sorted(other.receive() for _ in range(2)), ["1", f"1{namespace},"], "packets")
    other.closes()
    expect(asking.ask("message-with-ack", namespace=namespace), [], "answer")


@both("kill closes without a word")
def _(kind):
    peer = kind()
    ids = [peer.join(), peer.join("/dynamic-1")]
    peer.send('2["kill"]')
    peer.closes()
    admin = Admin()
    for sid in ids:
        expect(admin.reason(sid), "forced close", "reason")


@check("S18 volatile events are dropped, whole, where no GET is held")
def _():
    peer = Polling()
    namespace = "/dynamic-181"
    peer.join(namespace)
    for event in (
        '["volatile","v",5]',
        '["to",{"event":"v","self":true,"volatile":true}]',
        '["to",{"event":"v","self":true,"volatile":true,"args":[{"_placeholder":true,"num":0}]}]',
    ):
        attachments = [b"x"] if "placeholder" in event else []
        peer.send(("51-" if attachments else "2") + f"{namespace},2{event}", *attachments)
        # What is asked for is not volatile, and comes.
        peer.expect(f"3{namespace},2[]")
        peer.send(f'2{namespace},["echo",1]')
        peer.expect(f'2{namespace},["echo",1]')


@check("S18 volatile events are delivered where a GET is held, or a WebSocket is idle")
def _():
    socket = Socket()
    socket.join()
    socket.lives()
    socket.send('22["volatile","v",1]')
    socket.expect('2["v",0]', "32[]")

    peer = Polling()
    room = peer.join()

    def arrives():
        # Whether the GET is held already can only be tried.
        peer.getting.request("GET", peer.target)
        socket.ask("to", {"rooms": [room], "event": "v", "volatile": True})
        socket.ask("to", {"rooms": [room], "event": "done"})
        return '42["v"]' in peer.getting.response().text.split("\x1e")

    wait_until(arrives)


@check("a session of the wrong transport is refused, where it is switched off")
def _():
    polling = Polling("polling")
    expect(polling.open["upgrades"], [], "upgrades")
    polling.join()
    polling.lives()
    socket = Socket("websocket")
    socket.join()
    socket.lives()
    response = Connection(PORT["websocket"]).ask("GET", "/socket.io/?EIO=4&transport=polling")
    expect((response.status, b'"code":0' in response.body), (400, True), "polling")
    try:
        WebSocket(PORT["polling"], "/socket.io/?EIO=4&transport=websocket")
    except AssertionError:
        return
    raise AssertionError("a WebSocket is opened")


@check("an upgrade that is not finished in time")
def _():
    peer = Polling("impatient")
    peer.join()
    candidate = WebSocket(PORT["impatient"], f"/socket.io/?EIO=4&transport=websocket&sid={peer.sid}")
    candidate.send("2probe")
    expect(candidate.receive(), "3probe", "answer")
    assert isinstance(candidate.receive(), Closed), "more comes"
    peer.lives()
