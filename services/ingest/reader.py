"""Decides what each feed message delivers, by site: the reader of `shared/fhir` with this installation's sites and keys."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import msgspec
from msgspec import structs

from services.ingest.batch import MEDICATION, Delivered
from services.ingest.messages import FeedMessage, site_of
from services.ingest.versions import Version
from shared.fhir.context import Context, Named, Several
from shared.fhir.element_tables import FhirVersion
from shared.fhir.keys import Keys
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted, Link, Reading, Reason, RecordIdentity, Rejected
from shared.fhir.resource import read_again
from shared.fhir.scope import Scope
from shared.fhir.versions import stated_version
from shared.sites import Site


def _unstorable(message: FeedMessage) -> Rejected:
    says = "what it holds could not be stored: report it, then replay"
    return Rejected(Reason.READER_FAULT, "$", says, message.value or b"")


_LINKS = msgspec.json.Decoder(tuple[Link, ...])


class Crosswalk:
    """Whom an identifier of a site names, as far as looked up; remembers what was asked in vain."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], str | Several] = {}
        self.asked: set[tuple[str, str]] = set()
        self.contexts: dict[FhirVersion | None, Context] = {}
        """What the messages of a batch are read with, by the version that they say they are of."""

    def __call__(self, site: str, identifier: str) -> Named:
        """The patient id, or None until it is known."""
        if (site, identifier) not in self.known:
            self.asked.add((site, identifier))
        return self.known.get((site, identifier))


def _anybody(site: str, identifier: str) -> str:
    del site, identifier
    return "known when it was stored"


class Reader:
    """Reads feed messages; holds the sites, the scope and the keys, nothing of any patient."""

    def __init__(self, sites: Mapping[str, Site], scope: Scope, keys: Keys) -> None:
        self.sites = sites
        self.keys = keys
        self.scope = scope
        self._context = Context(scope, self.keys)
        self.meanings = {site.site: self._context.meaning(site) for site in sites.values()}
        """What codes mean at each site."""

    def read(self, message: FeedMessage, crosswalk: Crosswalk) -> list[Delivered]:
        """What a message delivers, one entry per resource; a message of no known site is one dead letter."""
        site = site_of(message, self.sites)
        entry = message.first_entry
        if message.unstorable:
            return [Delivered(message, entry, None if isinstance(site, str) else site.site, _unstorable(message))]
        if isinstance(site, str):
            unknown = Rejected(Reason.UNKNOWN_SITE, "headers.site", site, message.value or b"")
            return [Delivered(message, entry, None, unknown)]
        stated = stated_version(message.headers.get("fhirVersion"))
        context = crosswalk.contexts.get(stated)
        if context is None:
            whose = weakref.proxy(crosswalk)  # else the two would keep each other in memory
            context = crosswalk.contexts[stated] = structs.replace(self._context, patient=whose, fhir_version=stated)
        readings = read_message(message.value, message.key, site, context, message.links)
        return [Delivered(message, i, site.site, reading) for i, reading in enumerate(readings, entry)]

    def complete(self, delivered: Delivered, medications: Mapping[str, bytes], crosswalk: Crosswalk) -> Delivered:
        """The same resource read with the Medications that it needs, as far as they are there (by record key)."""
        reading = delivered.reading
        if not isinstance(reading, Accepted) or not reading.pending:
            return delivered
        context = structs.replace(self._context, patient=crosswalk, fhir_version=reading.fhir_version)
        again = self._again(reading.raw, reading.record, reading.links, medications, context)
        if isinstance(again, Accepted):
            # What it needed it still needs: the Medication may be corrected later.
            again = structs.replace(again, pending=reading.pending)
        return structs.replace(delivered, reading=again)

    def reread(self, stored: Version, raw: bytes, links: str, medications: Mapping[str, bytes]) -> Reading:
        """A stored version read again: a Medication that it needs has come or changed, or the rules of reading have."""
        identity = RecordIdentity(stored.site, stored.resource_type, stored.resource_id)
        context = structs.replace(self._context, patient=_anybody)
        return self._again(raw, identity, _LINKS.decode(links), medications, context)

    def attribute(self, stored: Version, raw: bytes, links: str, crosswalk: Crosswalk) -> tuple[Reading, Reading]:
        """A stored version read as it was, whoever was meant then, and with whom its identifiers name now.

        Without the Medications of other messages: `pending` says which it needs.
        """
        identity = RecordIdentity(stored.site, stored.resource_type, stored.resource_id)
        was, now = (
            self._again(raw, identity, _LINKS.decode(links), {}, structs.replace(self._context, patient=patient))
            for patient in (_anybody, crosswalk)
        )
        return was, now

    def moved(self, stored: Version, now: Reading, medications: Mapping[str, bytes]) -> Version:
        """A stored version as it is read now that its identifiers name somebody else; of nobody where it is not read."""
        if not isinstance(now, Accepted) or now.patient is None:
            return structs.replace(stored, patient=None, facts=(), reread=True)
        whose = now.patient
        if now.pending:
            context = structs.replace(self._context, patient=_anybody)
            again = self._again(now.raw, now.record, now.links, medications, context)
            now = structs.replace(now, facts=again.facts if isinstance(again, Accepted) else ())
        patient = self.keys.patient(stored.site, whose)
        return structs.replace(stored, patient_id=whose, patient=patient, facts=now.facts, reread=True)

    def _again(
        self,
        raw: bytes,
        record: RecordIdentity,
        links: tuple[Link, ...],
        medications: Mapping[str, bytes],
        context: Context,
    ) -> Reading:
        def medication(site: str, id_: str) -> bytes | None:
            return medications.get(self.keys.record(site, MEDICATION, id_))

        return read_again(raw, record, links, self.sites[record.site], structs.replace(context, medication=medication))
