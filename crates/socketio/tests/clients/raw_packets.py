"""S1 to S8: what a client may send, and what it must not."""

from checks import Admin, Peer, both, expect, split

ONE, TWO = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}'
BROKEN = ("forced close", "forced server close", "parse error")  # S8


def closes(what, *packets, ours=None):
    """S7: in a joined root namespace, these close the connection."""

    @both(f"S7 closes: {what}", ours)
    def _(kind):
        peer = kind()
        sid = peer.join()
        peer.send(*packets)
        peer.closes()
        reason = Admin().reason(sid)
        assert reason in BROKEN, reason


def ignored(what, *packets):
    """S7: nothing happens."""

    @both(f"S7 ignored: {what}")
    def _(kind):
        peer = kind()
        peer.join()
        peer.send(*packets)
        peer.lives()


def answered(what, packets, *answers, ours=None):
    @both(what, ours)
    def _(kind):
        peer = kind()
        peer.join()
        peer.send(*packets)
        peer.expect(*answers)
        peer.lives()


closes("an event for a namespace not joined", '2/dynamic-1,["echo"]')
closes("an acknowledgement for a namespace not joined", "3/dynamic-1,1[]")
closes("leaving a namespace not joined", "1/dynamic-1,")
closes("a second CONNECT", "0")
closes("a second CONNECT with a payload", "0/,{}")
for name, packet in (("an event", '2["echo"]'), ("an acknowledgement", "31[]"), ("leaving", "1")):

    @both(f"S7 closes: {name} before any namespace")
    def _(kind, packet=packet):
        peer = kind()
        peer.send(packet)
        peer.closes()


closes("binary without a header", b"\x01")
closes("text between header and attachment", '51-["echo",{"_placeholder":true,"num":0}]', '2["echo"]', b"\x01")
closes("text between two attachments", '52-["echo"]', b"\x01", '2["echo"]', b"\x02")
for what, num in (("out of range", 1), ("negative", -1), ("a text", '"0"'), ("null", "null"), ("a list", "[0]")):
    closes(f"a placeholder, {what}", f'51-["echo",{{"_placeholder":true,"num":{num}}}]', b"\x01")
closes("a placeholder without a number", '51-["echo",{"_placeholder":true}]', b"\x01")
closes("a placeholder of an acknowledgement, out of range", '61-1[{"_placeholder":true,"num":9}]', b"\x01")

for count in ("0", "11", "4294967296", "1" + "0" * 400, "", "1.5", "-1", "x"):
    name = count if len(count) < 20 else "10^400"
    closes(f"count {name!r} of attachments", f'5{count}-["echo"]')
closes("count +1 of attachments", '5+1-["echo",{"_placeholder":true,"num":0}]', b"\x01", ours="npm reads it as 1")
closes("count of attachments, missing", '5["echo"]')
closes("count of attachments without a dash", '51["echo"]')
closes("count of attachments of an acknowledgement", "60-1[]")

closes("CONNECT with a list", "0/dynamic-1,[]")
closes("CONNECT with a text", '0/dynamic-1,"s"')
closes("CONNECT with null", "0/dynamic-1,null")
closes("CONNECT with broken JSON", '0/dynamic-1,{"a":}')
closes("CONNECT with half of JSON", '0/dynamic-1,{"a"')
closes("CONNECT_ERROR", '4{"message":"x"}')
closes("CONNECT_ERROR with a text", '4"x"')
closes("CONNECT_ERROR without anything", "4")
closes("leaving with a payload", "1{}")
closes("leaving with a list", "1[]")
for what, event in (
    ("an object", "{}"),
    ("an empty list", "[]"),
    ("null as its name", "[null]"),
    ("an object as its name", "[{}]"),
    ("a list as its name", '[["echo"]]'),
    ("true as its name", "[true]"),
    ("a text for a list", '"echo"'),
    ("null for a list", "null"),
    ("letters before the list", 'abc["echo"]'),
    ("letters in the list", '["echo",abc]'),
    ("half of a list", '["echo"'),
    ("a comma too many", '["echo",]'),
    ("bytes behind it", '["echo"]x'),
    ("a second list behind it", '["echo"]["echo"]'),
    ("a number that begins with 0", '["echo",01]'),
    ("NaN", '["echo",NaN]'),
    ("a raw line feed in a text", '["echo","\n"]'),
    ("a broken escape", '["echo","\\x"]'),
    ("an acknowledgement below 0", '-1["message-with-ack"]'),
    ("half an acknowledgement", '1.5["message-with-ack"]'),
):
    closes(f"an event with {what}", f"2{event}")
for name in ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"):
    closes(f"an event named {name}", f'2["{name}",1]')
closes("a binary event with a reserved name", '51-["disconnect"]', b"\x01")
closes("a binary event without a name", "51-[null]", b"\x01")
closes("an acknowledgement with an object", "31{}")
closes("an acknowledgement with a text", '31"x"')
closes("a binary acknowledgement with an object", "61-1{}", b"\x01")
closes("type 7", '7["echo"]')
closes("type 9", "9")
closes("a letter for a type", 'a["echo"]')
closes("a blank before the type", ' 2["echo"]')
closes("an empty message", "")
closes("a namespace without a slash", '2dynamic-1,["echo"]')
closes("CONNECT to a namespace without a slash", "0dynamic-1,")
closes("a number that does not fit in 64 bits", '218446744073709551616["message-with-ack"]', ours="npm rounds it")

ignored("acknowledgements nobody asked for", "3999[]", '30["x"]', "3[]", f"61-1[{ONE}]", b"\x01")
ignored("a number as the name of an event", "2[1]", '2[1.5,"x"]', "2[-1]", "2[0]")
ignored("an event without a list", "2", "25")
ignored("events nobody handles", '2["nobody"]', '28["nobody",1]', f'51-8["nobody",{ONE}]', b"\x01")


@both("S7 an event right behind the own leaving, in one burst")
def _(kind):
    peer = kind()
    sid = peer.join("/dynamic-5")
    other = peer.join()
    assert sid != other
    peer.send("1/dynamic-5,", '2/dynamic-5,["echo",1]', '2/dynamic-5,3["message-with-ack"]')
    peer.lives()
    expect(Admin().reason(sid), "client namespace disconnect", "reason")


@both("S7 a repeated acknowledgement")
def _(kind):
    peer = kind()
    peer.join()
    peer.send('25["ask","question",1]')
    head, event = split(peer.receive())
    assert head[:1] == "2" and head[1:].isdecimal() and event == ["question", 1], (head, event)
    number = head[1:]
    peer.send(f'3{number}["one"]', f'3{number}["two"]')
    peer.expect('35["ok","one"]')
    peer.lives()
    peer.send(f'3{number}["three"]')
    peer.lives()


def unknown(name):
    @both(f"S7 an unknown namespace, {name}")
    def _(kind):
        peer = kind()
        peer.join()
        answer = f'4{name},{{"message":"Invalid namespace"}}'
        for packet in (f"0{name},", f'0{name},{{"a":1}}', f"0{name}"):
            peer.send(packet)
            peer.expect(answer)
        peer.lives()


unknown("/unknown")
unknown("/b?x=1")
unknown("/dynamic-1?x=1")
unknown("/\u00fc \U0001f600")

answered("S1 an attachment that is used twice", (f'52-["echo",{TWO},[{TWO}]]', b"a", b"b"),
         f'52-["echo",{ONE},[{TWO}]]', b"b", b"b")
answered("S1 attachments that are not used", ('52-["echo",1]', b"a", b"b"), '2["echo",1]')
answered("S1 attachments in another order", (f'52-["echo",{TWO},{ONE}]', b"a", b"b"),
         f'52-["echo",{ONE},{TWO}]', b"b", b"a")
answered("S1 what only looks like a placeholder", ('51-["echo",{"_placeholder":false,"num":7}]', b"a"),
         '2["echo",{"_placeholder":false,"num":7}]')
TEN = ",".join(f'{{"_placeholder":true,"num":{i}}}' for i in range(10))
answered("S1 ten attachments", (f'510-["echo",{TEN}]', *(bytes([i]) for i in range(10))),
         f'510-["echo",{TEN}]', *(bytes([i]) for i in range(10)))
answered("the root namespace may be named", ('2/,1["message-with-ack",1]', '2/,["echo"]'), "31[1]", '2["echo"]')
answered("S3 an acknowledgement with the largest number", ('218446744073709551615["message-with-ack",1]',),
         "318446744073709551615[1]", ours="npm rounds it")
answered("S3 acknowledgement 0", ('20["message-with-ack",1]',), "30[1]")
answered("blanks in JSON", ('2["echo" , 1,\t{ "a" :\r\n[ ] } ] ',), '2["echo",1,{"a":[]}]')
answered("escapes in JSON", ('2["\\u0065cho","\\u00fc\\ud83d\\ude00\\/\\u0000\\u001e"]',),
         '2["echo","\u00fc\U0001f600/\\u0000\\u001e"]')
answered("S4 half an emoji", ('2["echo","\\ud83d",{"\\ude00":1}]', '22["message-with-ack","\\ud83d"]'),
         '2["echo","\\ud83d",{"\\ude00":1}]', '32["\\ud83d"]')


@both("S4 numbers keep their digits", ours="npm has them as doubles")
def _(kind):
    peer = kind()
    peer.join()
    numbers = "12345678901234567890,-0,1.0,1e2,0.1000,123456789012345678901234567890.5"
    peer.send(f'2["echo",{numbers}]')
    expect(peer.receive().replace(" ", ""), f'2["echo",{numbers}]', "event")


def deep(what, packets, answer):
    @both(f"S4 100,000 levels, {what}", ours="npm's server ends")
    def _(kind):
        peer: Peer = kind()
        peer.join()
        peer.send(*packets)
        expect(peer.receive(), answer, "answer")
        peer.lives()


LEVELS = "[" * 100_000 + "]" * 100_000
deep("echo", (f'2["echo",{LEVELS}]',), f'2["echo",{LEVELS}]')
deep("acknowledgement", (f'21["message-with-ack",{LEVELS}]',), f"31[{LEVELS}]")
