"""Drives a scripted OpenCode 2 through an independent client of the same contract, whose decoding is strict on what is required.

Arguments: the registration file of the service, and its password.
"""

import sys
import threading
import time
import typing

import opencode.types
from opencode import ConflictError, NotFoundError, Opencode, service

# The client's type of `session.active` names `Any` and does not import it.
opencode.types.Any = typing.Any

FILE, PASSWORD = sys.argv[1:]
PLACE = {"directory": "/w/a"}

found = service.discover(file=FILE)
assert found is not None, "the registration is not taken"
client = Opencode(found.url, password=PASSWORD, max_retries=0)
assert client.server.info().version == "2.1.2"

seen = []
connected = threading.Event()


def listen():
    for event in client.event.subscribe():
        seen.append(event)
        connected.set()


threading.Thread(target=listen, daemon=True).start()
assert connected.wait(10), "no stream"


def until(what, holds):
    for _ in range(600):
        got = holds()
        if got:
            return got
        time.sleep(0.05)
    raise SystemExit(f"{what} does not come")


def idle(session):
    until("the end of a run", lambda: session not in client.session.active())


def refused(kind, call):
    try:
        call()
    except kind as error:
        return type(error).__name__
    raise SystemExit(f"no {kind.__name__}")


# Prompts, once by their id.
session = client.session.create(title="t", location=PLACE).id
again = client.session.create(id=session, title="other")
assert (again.id, again.title) == (session, "t")
other = client.session.create(title="other").id
prompt = "reason 3 ;; say hello ;; bash echo hi"
first = client.session.prompt(session, id="msg_1", text=prompt)
assert client.session.prompt(session, id="msg_1", text="say two") == first
refused(ConflictError, lambda: client.session.prompt(other, id="msg_1", text="x"))
client.session.wait(session)
kinds = [message.type for message in client.message.list(session, order="asc", limit=2)]
assert kinds == ["user", "assistant", "assistant", "idle"], kinds
assert client.session.message.get(session, "msg_1").text == prompt
assert len(list(client.session.list(limit=1, parent_id=None))) == 2

# The row.
client.session.update(session, title="new", archived=True)
client.session.update(session, archived=False)
client.session.switch_agent(session, agent="plan")
row = client.session.get(session)
assert (row.title, row.agent, row.outcome) == ("new", "plan", "succeeded")
client.session.view(session, idle=row.time.idle)

# The history.
assert client.session.fork(session).fork.session_id == session
client.session.compact(session)
idle(session)
client.session.revert.stage(session, message_id="msg_1")
client.session.revert.clear(session)
client.session.revert.stage(session, message_id="msg_1")
client.session.revert.commit(session)
assert list(client.message.list(session)) == []

# The inbox, and stopping.
client.session.prompt(session, text="bash sleep 60")
until("a run", lambda: session in client.session.active())
until("the delivery", lambda: not client.session.inbox.list(session))
client.session.prompt(session, id="msg_2", text="say queued", delivery="queue")
assert [item.delivery for item in client.session.inbox.list(session)] == ["queue"]
client.session.inbox.update(session, "msg_2", delivery="steer")
client.session.inbox.cancel(session, "msg_2")
assert client.session.interrupt(session).interrupted
idle(session)

# What waits for a person.
client.session.prompt(session, text="permission")
[asked] = until("a permission", lambda: client.permission.request_.list(location=PLACE).data)
assert client.permission.get(session, asked.id) == asked
client.permission.reply(session, asked.id, decision="once")
refused(NotFoundError, lambda: client.permission.reply(session, asked.id, decision="once"))
idle(session)
for settle in (
    lambda form: client.session.form.reply(session, form.id, answer={"q0": "Red"}),
    lambda form: client.session.form.cancel(session, form.id),
):
    client.session.prompt(session, text="question")
    [form] = until("a form", lambda: client.form.list(location=PLACE).data)
    settle(form)
    refused(ConflictError, lambda: client.session.form.cancel(session, form.id))
    idle(session)

# The log, and lists of the folder.
items = list(client.session.log(session, after=2))
assert items[-1].type == "log.synced" and items[0].durable.seq == 3
for name in ("agent", "command", "skill", "reference", "provider", "model", "mcp"):
    getattr(client, name).list(location=PLACE)
assert client.model.default(location=PLACE).data.id == "scripted-1"
assert [entry.path for entry in client.file.find(query="main", location=PLACE).data] == ["src/main.rs"]
assert "/w/a" in [place.directory for place in client.debug.location.list()]
assert client.migration.v1.status().status == "completed"

client.session.remove(session)
refused(NotFoundError, lambda: client.session.get(session))
until("the last event", lambda: any(event.type == "session.deleted" for event in seen))
unknown = sorted({event.type for event in seen if "Unknown" in type(event).__name__})
assert not unknown, unknown
print(len({event.type for event in seen}), "types of events")
