"""The FHIR server of subscribers: `/fhir/R4`, `/fhir/R4B`, `/fhir/R5`. Decides who may see what: the owner its own.

Every error is an OperationOutcome. Another owner's subscription does not exist for whoever asks.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast
from uuid import UUID, uuid4

import msgspec
from aiohttp import web

from services.notify.addresses import Addresses, AddressRefusedError, within
from services.notify.directory import Directory, Recipient
from services.notify.subscriptions import asked, capability, topics
from services.notify.subscriptions.asked import NotSupportedError
from services.notify.subscriptions.bundles import Notification, notification, statuses
from services.notify.subscriptions.communication import communication
from services.notify.subscriptions.model import Content, Subscription, Version, Wanted
from services.notify.subscriptions.store import Subscriptions
from shared.runtime import logs
from shared.runtime.clock import wall

log = logs.logger(__name__)
MIME: Final = "application/fhir+json"
_MOST_SUBSCRIPTIONS: Final = 50
_MOST_EVENTS: Final = 100
_MOST_RECORDS: Final = 100
_LARGEST: Final = 2**62

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RefusalError(Exception):
    """What is refused, and how it is answered."""

    def __init__(self, status: int, code: str, says: str) -> None:
        super().__init__(says)
        self.status = status
        self.code = code
        self.says = says


class SubscriptionServer:
    """The routes."""

    def __init__(self, directory: Directory, store: Subscriptions, addresses: Addresses, base: str) -> None:
        self._directory = directory
        self._store = store
        self._addresses = addresses
        self._base = base

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from now on: a token that it does not name any more opens nothing."""
        self._directory = directory

    def application(self) -> web.Application:
        """To be mounted under /fhir."""
        app = web.Application(middlewares=[_answered], client_max_size=65_536)
        v = "/{version:R4|R4B|R5}"
        app.add_routes(
            [
                web.get(f"{v}/metadata", self._metadata),
                web.get(f"{v}/SubscriptionTopic", self._topics),
                web.get(f"{v}/SubscriptionTopic/{{id}}", self._topics),
                web.post(f"{v}/Subscription", self._create),
                web.get(f"{v}/Subscription", self._search),
                web.get(f"{v}/Subscription/$status", self._statuses),
                web.post(f"{v}/Subscription/$status", self._statuses),
                web.get(f"{v}/Subscription/{{id}}", self._read),
                web.put(f"{v}/Subscription/{{id}}", self._update),
                web.delete(f"{v}/Subscription/{{id}}", self._delete),
                web.get(f"{v}/Subscription/{{id}}/$status", self._statuses),
                web.post(f"{v}/Subscription/{{id}}/$status", self._statuses),
                web.get(f"{v}/Subscription/{{id}}/$events", self._events),
                web.post(f"{v}/Subscription/{{id}}/$events", self._events),
                web.get(f"{v}/Communication", self._communications),
                web.get(f"{v}/Communication/{{id}}", self._communication),
            ]
        )
        return app

    async def _metadata(self, request: web.Request) -> web.Response:
        version = _version(request)
        return _answer(capability.statement(version, self._url(version), wall()))

    async def _topics(self, request: web.Request) -> web.Response:
        self._owner(request)
        version = _version(request)
        if version == "R4":
            raise RefusalError(404, "not-supported", "R4 has no SubscriptionTopic: see /fhir/R4/metadata")
        wanted = request.match_info.get("id")
        found = [topics.resource(t, version) for t in topics.ALL if wanted in (None, t.name)]
        if wanted is None:
            return _answer(_searchset(found, self._url(version)))
        if not found:
            raise _not_found()
        return _answer(found[0])

    async def _create(self, request: web.Request) -> web.Response:
        owner, version = self._owner(request), _version(request)
        wanted = self._wanted(owner, await _json(request), version)
        if await self._store.count(owner.id) >= _MOST_SUBSCRIPTIONS:
            raise RefusalError(422, "too-costly", f"at most {_MOST_SUBSCRIPTIONS} subscriptions; delete one first")
        subscription_id = uuid4()
        await self._store.create(subscription_id, owner.id, wanted)
        log.info("subscription-created", subscription=str(subscription_id), owner=owner.id, version=version)
        (made,) = await self._store.of(owner.id, version, subscription_id)
        location = f"{self._url(version)}/Subscription/{subscription_id}"
        return _answer(asked.write(made), status=201, headers={"Location": location})

    async def _read(self, request: web.Request) -> web.Response:
        return _answer(asked.write(await self._one(request)))

    async def _search(self, request: web.Request) -> web.Response:
        owner, version = self._owner(request), _version(request)
        found = [asked.write(s) for s in await self._store.of(owner.id, version)]
        states = request.query.getall("status", [])
        return _answer(_searchset([f for f in found if not states or f["status"] in states], self._url(version)))

    async def _update(self, request: web.Request) -> web.Response:
        """Another filter, address, content or end under the same id: events count on, and the handshake is due again."""
        owner, version = self._owner(request), _version(request)
        before = await self._one(request)
        body = await _json(request)
        if body.get("id") != str(before.subscription_id):
            raise RefusalError(400, "invalid", "Subscription.id: expected the id of the address")
        if body.get("status") == "off":
            await self._store.switch_off(before.subscription_id, "switched off by its owner")
            log.info("subscription-switched-off", subscription=str(before.subscription_id))
            return _answer(asked.write(replace(before, status="off")))
        await self._store.update(before.subscription_id, self._wanted(owner, body, version))
        log.info("subscription-updated", subscription=str(before.subscription_id), owner=owner.id, version=version)
        return _answer(asked.write(await self._one(request)))

    def _wanted(self, owner: Recipient, body: Mapping[str, Any], version: Version) -> Wanted:
        """What is asked for, if it may be sent there."""
        wanted = asked.read(body, version)
        assert owner.fhir is not None, "its token is one of an entry with `fhir`"
        if not within(wanted.address, owner.fhir.endpoints):
            raise RefusalError(422, "business-rule", "endpoint: not below one of the `endpoints` of your entry")
        try:
            self._addresses.check_url(wanted.address)
        except AddressRefusedError as error:
            raise RefusalError(422, "business-rule", f"endpoint: {error}") from None
        return wanted

    async def _delete(self, request: web.Request) -> web.Response:
        subscription = await self._one(request)
        await self._store.switch_off(subscription.subscription_id, "deleted by its owner")
        log.info("subscription-deleted", subscription=str(subscription.subscription_id))
        return web.Response(status=204)

    async def _statuses(self, request: web.Request) -> web.Response:
        owner, version = self._owner(request), _version(request)
        if "id" in request.match_info:
            found = [await self._one(request)]
        else:
            ids, states = set(await _parameter(request, "id")), set(await _parameter(request, "status"))
            found = [
                s
                for s in await self._store.of(owner.id, version)
                if (not ids or str(s.subscription_id) in ids) and (not states or s.status in states)
            ]
        at = await self._store.now()
        told = [Notification(s, self._url(version), "query-status", at) for s in found]
        return _answer(statuses(told, at))

    async def _events(self, request: web.Request) -> web.Response:
        subscription = await self._one(request)
        since = _number(await _parameter(request, "eventsSinceNumber"))
        until = _number(await _parameter(request, "eventsUntilNumber"))
        content = next(iter(await _parameter(request, "content")), None)
        if content not in (None, "empty", "id-only", "full-resource"):
            raise RefusalError(400, "value", "content: expected empty, id-only or full-resource")
        most = _LARGEST if until is None else until
        found = await self._store.events(subscription.subscription_id, since or 0, most, _MOST_EVENTS)
        at, base = await self._store.now(), self._url(_version(request))
        told = Notification(subscription, base, "query-event", at, found, cast("Content | None", content))
        return _answer(notification(told))

    async def _communications(self, request: web.Request) -> web.Response:
        owner, version = self._owner(request), _version(request)
        records = await self._store.records(owner.id, _MOST_RECORDS)
        return _answer(_searchset([communication(r, version) for r in records], self._url(version)))

    async def _communication(self, request: web.Request) -> web.Response:
        owner, version = self._owner(request), _version(request)
        found = await self._store.records(owner.id, 1, _id(request))
        if not found:
            raise _not_found()
        return _answer(communication(found[0], version))

    async def _one(self, request: web.Request) -> Subscription:
        owner = self._owner(request)
        found = await self._store.of(owner.id, _version(request), _id(request))
        if not found:
            raise _not_found()
        return found[0]

    def _owner(self, request: web.Request) -> Recipient:
        """Whose token the request carries; takes as long whether it is one's or nobody's."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
        owner = None
        for recipient in self._directory.recipients.values():
            known = recipient.fhir.token_sha256 if recipient.fhir else ""
            if hmac.compare_digest(known, digest):
                owner = recipient
        if owner is None or scheme.lower() != "bearer" or not owner.is_active(wall()):
            raise RefusalError(401, "login", "expected the bearer token of a recipient with `fhir`")
        return owner

    def _url(self, version: Version) -> str:
        return f"{self._base}/{version}"


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusalError as error:
        refusal = error
    except NotSupportedError as error:
        refusal = RefusalError(422, "not-supported", str(error))
    except web.HTTPException as error:
        refusal = RefusalError(error.status, "not-supported", error.reason)
    except Exception as error:
        log.error("request-failed", error=logs.where(error))
        refusal = RefusalError(500, "exception", "notify failed at this request; its log says where")
    issue = {"severity": "error", "code": refusal.code, "diagnostics": refusal.says}
    headers = {"WWW-Authenticate": 'Bearer realm="fhir"'} if refusal.status == 401 else {}
    return _answer({"resourceType": "OperationOutcome", "issue": [issue]}, status=refusal.status, headers=headers)


def _answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type=MIME, headers=headers)


def _searchset(found: list[dict[str, Any]], base: str) -> dict[str, Any]:
    entries = [
        {"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in found
    ]
    body: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return body | ({"entry": entries} if entries else {})


def _not_found() -> RefusalError:
    return RefusalError(404, "not-found", "no such resource of yours")


def _version(request: web.Request) -> Version:
    return cast("Version", request.match_info["version"])


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise _not_found() from None


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    except msgspec.MsgspecError:
        raise RefusalError(400, "structure", "expected one JSON resource") from None


async def _parameter(request: web.Request, name: str) -> list[str]:
    """Values of an operation's parameter: of the query, or of a Parameters resource that was posted."""
    values = [v for part in request.query.getall(name, []) for v in part.split(",")]
    if request.method == "POST" and request.can_read_body:
        body = await _json(request)
        parameters = cast("list[dict[str, Any]]", body.get("parameter") or [])
        values += [str(v) for p in parameters if p.get("name") == name for k, v in p.items() if k.startswith("value")]
    return values


def _number(values: list[str]) -> int | None:
    if not values:
        return None
    if not values[0].isdigit() or int(values[0]) > _LARGEST:
        raise RefusalError(400, "value", "expected the number of an event")
    return int(values[0])
