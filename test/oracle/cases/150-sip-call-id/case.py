"""Where the Call-ID of a SIP message begins and ends, and messages that have none."""
from steps import *

FIRST = b'INVITE sip:bob@example.org SIP/2.0\r\n'
REST = b'\r\nCSeq: 1 INVITE\r\n\r\n'
LONG = b'x' * 250

MESSAGES = [
    FIRST + b'Via: SIP/2.0/UDP 10.0.1.10\r\nCall-ID: abc@host-1' + REST,
    FIRST + b'Call-ID: abc@host-1' + REST,
    FIRST + b'CALL-id:abc@host-1' + REST,
    FIRST + b'call-id \t : \t abc@host-1' + REST,
    FIRST + b'i: abc@host-1' + REST,
    FIRST + b'I:abc@host-1' + REST,
    FIRST + b'i : short\r\n',
    FIRST + b'ii: none' + REST,
    FIRST + b'i\xe9: none' + REST,
    FIRST + b'i\xb5: none' + REST,
    FIRST + b'i1: none' + REST,
    FIRST + b'id: x\r\ni: after' + REST,
    FIRST + b'Call-IDs: none' + REST,
    FIRST + b'Call-I: none\r\nCall-ID: second' + REST,
    FIRST + b'XCall-ID: none' + REST,
    b'Call-ID: first line' + REST,
    b'\r\nCall-ID: third@line\r\n',
    b'\n\nCall-ID: newlines\r\n',
    b'\r\rCall-ID: returns\r\n',
    b'\n\rCall-ID: odd\r\n',
    b'\r\n\r\nCall-ID: body\r\n',
    b'x\rCall-ID: cr\r',
    b'x\nCall-ID: lf\n',
    FIRST + b' Call-ID: folded' + REST,
    FIRST + b'\tCall-ID: folded' + REST,
    FIRST + b' x\r\nCall-ID: after-folded' + REST,
    FIRST + b'Call-ID\r\n : folded-colon' + REST,
    FIRST + b'Call-ID:\r\n folded-value' + REST,
    FIRST + b'Call-ID:\r\n \t folded-more' + REST,
    FIRST + b'Call-ID: \n folded-lf' + REST,
    FIRST + b'Call-ID: \r\n\r\n folded-twice' + REST,
    FIRST + b'Call-ID: \r\n \r\n folded-again' + REST,
    FIRST + b'Call-ID:\r\nnot-folded' + REST,
    FIRST + b'Call-ID\r\n\r\n: none' + REST,
    FIRST + b'Call-ID; none' + REST,
    FIRST + b'Call-ID; none\r\nCall-ID: hidden' + REST,
    FIRST + b'Call-ID: ' + REST,
    FIRST + b'Call-ID:' + REST,
    FIRST + b'Call-ID: @host\r\nCall-ID: after-at' + REST,
    FIRST + b'Call-ID: abc@\r\nCall-ID: after-no-host' + REST,
    FIRST + b'Call-ID: ,\r\nCall-ID: @\r\nCall-ID: third' + REST,
    FIRST + b'Call-ID: ,\r\nCall-ID: ;\r\nX: ' + b'y' * 120 + b'\r\nCall-ID: far' + REST,
    FIRST + b'Call-ID: a@b@c' + REST,
    FIRST + b'Call-ID: two words' + REST,
    FIRST + b'Call-ID: trailing ' + REST,
    FIRST + b'Call-ID: semi;colon' + REST,
    FIRST + b'Call-ID: comma,' + REST,
    FIRST + b'Call-ID: !"%()*+:<>?[\\]_`{}~-./\'' + REST,
    FIRST + b'Call-ID: azAZ09@!"%()*+' + REST,
    FIRST + b'Call-ID: nul\0' + REST,
    FIRST + b'Call-ID: hash#' + REST,
    FIRST + b'Call-ID: e\xd7' + REST,
    FIRST + b'Call-ID: e\xf7' + REST,
    FIRST + b'Call-ID: e\xbf' + REST,
    FIRST + b'Call-ID: cut',
    FIRST + b'Call-ID: cut@host',
    FIRST + b'Call-ID: cut@',
    FIRST + b'Call-ID: one\r',
    FIRST + b'Call-ID:',
    FIRST + b'Call-ID: ',
    FIRST + b'Call-ID',
    FIRST + b'Call-I',
    FIRST + b'i',
    FIRST + b'i:',
    FIRST,
    b'\r', b'\n', b'\r\n', b'x', b'', b'i: x\r\n', b'\ni:y\n', b'\ni:', b'\ni',
    FIRST + b'Subject: ' + b'z' * 900 + b'\r\nCall-ID: far@away' + REST,
    FIRST + b'\r\n' * 300 + b'Call-ID: many-lines' + REST,
    bytes(range(256)) + b'\r\nCall-ID: bytes' + REST,
]

# ipvsadm crashes when it lists them.
LONGER = [
    FIRST + b'Call-ID: ' + LONG + b'12345' + REST,
    FIRST + b'Call-ID: ' + LONG + b'123456' + REST,
    FIRST + b'Call-ID: ' + LONG + b'@345' + REST,
    FIRST + b'Call-ID: ' + LONG + b'@3456' + REST,
    FIRST + b'Call-ID: ' + LONG + LONG + b'@\r\nCall-ID: after-long' + REST,
]


def run(t):
    for n, (client, vip) in enumerate(FAMILIES):
        for i, message in enumerate(MESSAGES):
            t.c(dgram(client, vip, 1000 + i, 5060, message), 'message %d' % i)
        t.snap('ipvsadm -Lnc --persistent-conn')
        t.c(dgram(client, vip, 1000, 5060, b'no call at all'), 'on a connection')
        t.c(dgram(client, vip, 2000, 5060, MESSAGES[0], zero=True), 'without a checksum')
        t.c(dgram(client, vip, 2001, 5060, MESSAGES[0], bad=True), 'wrong checksum')
        short = dgram(client, vip, 2002, 5060, MESSAGES[0])
        t.c(short + b'\r\n' * 20, 'a trailer')
        cut = dgram(client, vip, 2003, 5060, FIRST + b'Call-ID: padded')
        t.c(cut + b'\r\n' * 20, 'its end is in the trailer')
        t.c(dgram(client, vip, 20, 5060, MESSAGES[0]), 'port 20')
        t.c(dgram(client, vip, 0, 5060, MESSAGES[0]), 'port 0')
        t.c(dgram(client, vip, 2004, 5061, MESSAGES[0]), 'another port')
        t.snap('ipvsadm -Lnc --persistent-conn')
    option = b'\x94\x04\0\0'
    t.c(dgram(C4, V4, 2005, 5060, MESSAGES[0], ipopts=option), 'options')
    t.snap('ipvsadm -Ln --persistent-conn')
    for client, vip in FAMILIES:
        for i, message in enumerate(LONGER):
            t.c(dgram(client, vip, 3000 + i, 5060, message), 'long message %d' % i)
            t.c(dgram(client, vip, 3100 + i, 5060, message), 'long message %d again' % i)
    t.sleep(1200)
    t.snap('ipvsadm -Lnc')
