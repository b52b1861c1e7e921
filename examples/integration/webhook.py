#!/usr/bin/env python3
"""Makes tasks in Agent Relay of the webhooks of Alertmanager and Zendesk.

    AGENT_RELAY_URL=http://localhost:4850 python3 webhook.py

A webhook is posted to /alertmanager or /zendesk, with `?target=cap:ops` (and `&channel=alerts`, if you like), and
with the integration's token as its own bearer token. This program holds no secret: it passes that token on.

Python 3.9 or newer and nothing else. A source of your own is one more function in SOURCES.
"""

import argparse
import json
import os
import re
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

RELAY = os.environ.get("AGENT_RELAY_URL", "http://localhost:4850").rstrip("/")
# How long a relay that is away or busy is tried. Zendesk waits 12 seconds for the answer: what cannot be delivered by
# then is refused with 503 and Retry-After, and Zendesk as well as Alertmanager send it again.
PATIENCE_S = float(os.environ.get("AGENT_RELAY_RETRY_SECONDS", "8"))
LARGEST = 8 * 1024 * 1024
# What a title must not hold: control, bidi and zero-width characters, and variation selectors.
INVISIBLE = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


class Refused(Exception):
    """The webhook cannot be taken, or not now."""

    def __init__(self, status, message, retry_after=None):
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


def alertmanager(payload):
    """One event for each alert of a notification, in the webhook format with version 4."""
    if payload["version"] != "4":
        raise Refused(400, f"unknown version {payload['version']!r}, this is for version 4")
    severities = {"info": "info", "none": "info", "error": "error", "critical": "critical", "page": "critical"}
    for alert in payload["alerts"]:
        labels, notes = alert["labels"], alert.get("annotations", {})
        event = {"type": "alert", "dedupeKey": alert["fingerprint"]}
        if alert["status"] == "resolved":
            yield {**event, "status": "resolved"}
            continue
        name = labels.get("alertname", "alert")
        facts = [f"{key}: {value}" for key, value in sorted(labels.items())]
        links = [notes.get("runbook_url"), alert.get("generatorURL")]
        parts = [notes.get("description"), "\n".join(facts), f"since {alert['startsAt']}", *links]
        yield {
            **event,
            "severity": severities.get(labels.get("severity", "").lower(), "warning"),
            "title": notes.get("summary") or " on ".join(filter(None, [name, labels.get("instance")])),
            "body": "\n\n".join(filter(None, parts)),
            "meta": {"alertname": name, "generatorUrl": alert.get("generatorURL", "")},
        }


def zendesk(payload):
    """An event for a ticket that came, came back, or is over; other changes are left out."""
    change = payload["type"].rpartition(".")[2]
    ticket, now = payload["detail"], payload.get("event", {})
    event = {"type": "ticket", "dedupeKey": f"zendesk-{payload['account_id']}-{ticket['id']}"}
    settled = ("SOLVED", "CLOSED")
    moved = change == "status_changed"
    if change in ("merged", "marked_as_spam", "soft_deleted", "permanently_deleted"):
        yield {**event, "status": "resolved"}
    elif moved and now["current"] in settled:
        yield {**event, "status": "resolved"}
    elif change == "created" or moved and now["previous"] in settled:
        severities = {"LOW": "info", "HIGH": "error", "URGENT": "critical"}
        channel = (ticket.get("via") or {}).get("channel", "unknown")
        yield {
            **event,
            "severity": severities.get(ticket.get("priority"), "warning"),
            "title": ticket.get("subject") or f"Ticket {ticket['id']}",
            "body": "\n\n".join(filter(None, [ticket.get("description"), f"ticket {ticket['id']}, by {channel}"])),
            "meta": {"ticketId": str(ticket["id"]), "requesterId": str(ticket.get("requester_id", ""))},
        }


SOURCES = {"/alertmanager": alertmanager, "/zendesk": zendesk}


def fitting(event):
    """Cuts what is too long and takes out what the relay refuses."""
    if "title" in event:
        title = INVISIBLE.sub("", re.sub(r"\s+", " ", str(event["title"])))[:200]
        event["title"] = title.strip() or event["type"]
        body = event["body"].replace("\0", "").encode(errors="ignore")[:65_536]
        event["body"] = body.decode(errors="ignore") or event["title"]
        event["meta"] = {key: value[:1_000] for key, value in event["meta"].items()}
    return event


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token is for the relay and for nobody that it may point to."""

    def redirect_request(self, *_):
        return None


HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)


def deliver(event, authorization, until):
    """Posts one event, again and again while the relay is away or busy."""
    body = json.dumps(fitting(event)).encode()
    headers = {"authorization": authorization, "content-type": "application/json"}
    request = urllib.request.Request(f"{RELAY}/api/integrations/events", body, headers)
    for pause in (0.2, 0.5, 1, 2, 4, 8):
        try:
            with HTTP.open(request, timeout=5):
                return
        except urllib.error.HTTPError as answer:
            code, why = read_refusal(answer)
            if answer.code == 404 and code == "not_found" and event.get("status") == "resolved":
                return  # Nothing was open: as it should be.
            if answer.code != 429 and answer.code < 500:
                raise Refused(answer.code, f"the relay refused ({answer.code}): {why}") from None
            after = answer.headers.get("retry-after", "")
            pause = max(pause, int(after) if after.isdigit() else 0)
        except OSError as error:
            why = f"no relay answers at {RELAY}: {getattr(error, 'reason', error)}"
        if time.monotonic() + pause > until:
            break
        time.sleep(pause)
    raise Refused(503, why, max(1, round(pause)))


def read_refusal(answer):
    """The relay's own words for why not."""
    try:
        error = json.loads(answer.read(65_536))["error"]
        return error["code"], error["message"]
    except (ValueError, LookupError, TypeError, OSError):
        return "", answer.reason


class Webhook(BaseHTTPRequestHandler):
    """Takes one webhook: 200 when the relay has all of it, else what the sender should know."""

    timeout = 10

    def do_POST(self):
        try:
            self.answer(200, {"posted": self.take()})
        except Refused as no:
            self.log_error("%s", no)
            self.answer(no.status, {"error": str(no)}, no.retry_after)

    def take(self):
        address = urlsplit(self.path)
        options = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if address.path not in SOURCES:
            raise Refused(404, f"post to one of {', '.join(SOURCES)}")
        if not options.keys() <= {"target", "channel"} or "target" not in options:
            raise Refused(400, "say for whom in the address: ?target=cap:ops, perhaps with &channel=alerts")
        authorization = self.headers.get("authorization", "")
        if not authorization.startswith("Bearer "):
            raise Refused(401, "send the integration's token: `Authorization: Bearer TOKEN`")
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST:
            raise Refused(413, f"a content-length of at most {LARGEST} bytes is needed")
        try:
            events = list(SOURCES[address.path](json.loads(self.rfile.read(int(length)))))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Refused(400, f"this is no webhook of {address.path[1:]}: {error!r}") from None
        until = time.monotonic() + PATIENCE_S
        for event in events:
            deliver(event if "status" in event else {**event, **options}, authorization, until)
        return len(events)

    def answer(self, status, body, retry_after=None):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        if retry_after is not None:
            self.send_header("retry-after", str(retry_after))
        self.end_headers()
        self.wfile.write(text)


def main():
    parser = argparse.ArgumentParser(description="Makes tasks in Agent Relay of webhooks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4860)
    arguments = parser.parse_args()
    server = ThreadingHTTPServer((arguments.host, arguments.port), Webhook)
    print(f"listening on http://{arguments.host}:{server.server_port}, for {RELAY}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
