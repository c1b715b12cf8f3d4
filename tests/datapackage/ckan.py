"""A CKAN site on a socket of this machine: its action API as far as publishing needs it, with HDX's requirements."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

TOKEN = "ckan-token-0123456789abcdef"  # noqa: S105  of nothing but this
ORGANISATION = "invented-organisation"
_ORGANISATION_ID = "0f3c7a52-1c7b-4c54-9d1c-4f2c6f2f8a11"
GROUPS = ("xaa", "xba")
_HDX_FORMATS = {"CSV", "GZ", "HTML", "JSON", "Parquet", "TXT", "ZIP", "XLSX"}
_TOPICS = {"displacement", "internally displaced persons-idp", "hxl"}
_HDX_REQUIRED = (
    "name",
    "private",
    "title",
    "notes",
    "dataset_source",
    "owner_org",
    "maintainer",
    "dataset_date",
    "data_update_frequency",
    "groups",
    "license_id",
    "methodology",
    "tags",
)
_HDX_RESOURCE_REQUIRED = ("package_id", "name", "format", "description", "url_type", "resource_type")
# On any CKAN, what is not in this list is dropped without a word at the top of a dataset.
_KNOWN = {
    "id",
    "name",
    "title",
    "notes",
    "url",
    "version",
    "license_id",
    "owner_org",
    "maintainer",
    "private",
    "tags",
    "groups",
    "extras",
    "resources",
}
_NESTED = {"tags", "groups", "extras", "resources", "organization"}


@dataclass
class Call:
    """A request as the site saw it."""

    action: str
    fields: dict[str, Any]
    authorization: str | None
    file_name: str | None = None


class CkanError(Exception):
    """An answer of CKAN's that reports a failure."""

    def __init__(self, status: int, kind: str, **details: Any) -> None:
        super().__init__(kind)
        self.status = status
        self.body = {"help": "about:blank", "success": False, "error": {"__type": kind, **details}}


@dataclass
class Fault:
    """What goes wrong at the n-th call of an action, counted from 1."""

    action: str
    nth: int
    status: int
    body: str = "<html><h1>Bad Gateway</h1></html>"
    """``AUTHORIZATION`` in it stands for what the header of that name said."""
    is_done: bool = False
    """Whether the site does it all the same, and only the answer is lost."""


@dataclass
class FakeCkan:
    """`with FakeCkan() as site:` serves it at `site.url`; `site.calls` tells what was asked of it."""

    hdx: bool = True
    redirect_to: str | None = None
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def actions(self) -> list[str]:
        """The actions that were called, in order."""
        return [call.action for call in self.calls]

    @property
    def writes(self) -> list[str]:
        """The same without those that only look."""
        return [action for action in self.actions if not action.endswith("_show")]

    def dataset(self, name: str) -> dict[str, Any]:
        return next(dataset for dataset in self.datasets.values() if name in {dataset["id"], dataset["name"]})

    def resources(self, name: str) -> dict[str, dict[str, Any]]:
        return {resource["name"]: resource for resource in self.dataset(name)["resources"]}

    def answer(self, call: Call, content: bytes | None) -> tuple[int, Any]:
        with self._lock:
            self.calls.append(call)
            count = self.actions.count(call.action)
            for fault in self.faults:
                if fault.action == call.action and fault.nth == count:
                    if fault.is_done:
                        self._act(call, content)
                    return fault.status, fault.body.replace("AUTHORIZATION", call.authorization or "")
            try:
                return 200, {"help": "about:blank", "success": True, "result": self._act(call, content)}
            except CkanError as error:
                return error.status, error.body

    def _act(self, call: Call, content: bytes | None) -> Any:
        act = getattr(self, f"_{call.action}", None)
        if act is None:
            raise CkanError(400, "Bad Request", message=f"Action name not known: {call.action}")
        if call.authorization not in {TOKEN, None}:
            raise CkanError(403, "Authorization Error", message="Access denied: invalid token")
        if not call.action.endswith("_show") and call.authorization is None:
            raise CkanError(403, "Authorization Error", message="Access denied: User  not authorized")
        return act(call, content)

    # The actions

    def _package_show(self, call: Call, _: bytes | None) -> dict[str, Any]:
        dataset = self._found(call.fields["id"])
        if dataset["private"] and call.authorization is None:
            raise CkanError(403, "Authorization Error", message="Access denied: User  not authorized to read package")
        return dataset

    def _package_create(self, call: Call, _: bytes | None) -> dict[str, Any]:
        if any(dataset["name"] == call.fields.get("name") for dataset in self.datasets.values()):
            raise CkanError(409, "Validation Error", name=["That URL is already in use."])
        dataset = {**self._checked(call.fields), "id": str(uuid.uuid4()), "resources": []}
        self.datasets[dataset["id"]] = dataset
        return dataset

    def _package_patch(self, call: Call, _: bytes | None) -> dict[str, Any]:
        dataset = self._found(call.fields["id"])
        dataset.update(self._checked({**dataset, **call.fields, "id": dataset["id"]}))
        return dataset

    def _resource_show(self, call: Call, _: bytes | None) -> dict[str, Any]:
        return self._resource(call.fields["id"])

    def _resource_create(self, call: Call, content: bytes | None) -> dict[str, Any]:
        dataset = self._found(call.fields.get("package_id", ""))
        self._check_resource(call.fields)
        resource = {**call.fields, "id": str(uuid.uuid4())}
        dataset["resources"].append(resource)
        return self._stored(resource, call, content)

    def _resource_patch(self, call: Call, content: bytes | None) -> dict[str, Any]:
        resource = self._resource(call.fields["id"])
        merged = {**resource, **call.fields}
        self._check_resource(merged)
        resource.update(merged)
        return self._stored(resource, call, content)

    def _resource_delete(self, call: Call, _: bytes | None) -> None:
        resource = self._resource(call.fields["id"])
        for dataset in self.datasets.values():
            dataset["resources"] = [each for each in dataset["resources"] if each is not resource]

    # What they share

    def _stored(self, resource: dict[str, Any], call: Call, content: bytes | None) -> dict[str, Any]:
        if content is not None:
            path = f"/dataset/{resource['package_id']}/resource/{resource['id']}/download/{call.file_name}"
            self.files[path] = content
            resource["url"] = self.url + path
        return resource

    def _found(self, name: str) -> dict[str, Any]:
        for dataset in self.datasets.values():
            if name in {dataset["id"], dataset["name"]}:
                return dataset
        raise CkanError(404, "Not Found Error", message="Not found")

    def _resource(self, resource_id: str) -> dict[str, Any]:
        for dataset in self.datasets.values():
            for resource in dataset["resources"]:
                if resource["id"] == resource_id:
                    return resource  # type: ignore[no-any-return]
        raise CkanError(404, "Not Found Error", message="Not found: Resource was not found.")

    def _checked(self, fields: dict[str, Any]) -> dict[str, Any]:
        errors = self._hdx_errors(fields) if self.hdx else {}
        if fields.get("owner_org") not in {ORGANISATION, _ORGANISATION_ID}:
            errors["owner_org"] = ["Organization does not exist"]
        for group in fields.get("groups", []):
            if group["name"] not in GROUPS:
                errors["groups"] = [f"Group {group['name']} does not exist"]
        nested = [name for name, value in fields.items() if name not in _NESTED and isinstance(value, (dict, list))]
        nested += ["extras" for extra in fields.get("extras", []) if not isinstance(extra["value"], str)]
        errors |= {name: ["Must be a text"] for name in nested}
        if errors:
            raise CkanError(409, "Validation Error", **errors)
        kept = {name: value for name, value in fields.items() if self.hdx or name in _KNOWN}
        # As CKAN does: asked for by name or id, kept by id, shown with both.
        organisation = {"id": _ORGANISATION_ID, "name": ORGANISATION}
        return {**kept, "owner_org": _ORGANISATION_ID, "organization": organisation}

    @staticmethod
    def _hdx_errors(fields: dict[str, Any]) -> dict[str, list[str]]:
        errors = {name: ["Missing value"] for name in _HDX_REQUIRED if fields.get(name) in (None, "", [])}
        unknown = {tag["name"] for tag in fields.get("tags", []) if tag["name"] not in _TOPICS}
        if unknown:
            errors["tags"] = [f"Tag {name} is not in the approved list" for name in sorted(unknown)]
        if fields.get("license_id") == "hdx-other" and not fields.get("license_other"):
            errors["license_other"] = ["Missing value"]
        return errors

    def _check_resource(self, fields: dict[str, Any]) -> None:
        required = _HDX_RESOURCE_REQUIRED if self.hdx else ("package_id",)
        errors = {name: ["Missing value"] for name in required if not fields.get(name)}
        if self.hdx and fields.get("format") not in _HDX_FORMATS:
            errors["format"] = [f"The format {fields.get('format')} is not known"]
        if errors:
            raise CkanError(409, "Validation Error", **errors)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _form(kind: str, body: bytes) -> tuple[dict[str, str], str | None, bytes | None]:
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP)
    fields: dict[str, str] = {}
    file_name: str | None = None
    content: bytes | None = None
    for part in message.iter_parts():
        value: Any = part.get_payload(decode=True)
        if part.get_filename() is None:
            fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
        else:
            file_name, content = part.get_filename(), value
    return fields, file_name, content


def _handler(site: FakeCkan) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # half a form is none
                return
            parts = urlsplit(self.path)
            if site.redirect_to:
                self.send_response(301)
                self.send_header("Location", site.redirect_to + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if parts.path in site.files:
                self._say(200, site.files[parts.path])
                return
            kind = self.headers.get("Content-Type") or ""
            file_name, content = None, None
            fields: dict[str, Any] = dict(parse_qsl(parts.query))
            if kind.startswith("multipart/"):
                fields, file_name, content = _form(kind, body)
            elif body:
                fields = json.loads(body)
            call = Call(parts.path.rsplit("/", 1)[-1], fields, self.headers.get("Authorization"), file_name)
            status, answer = site.answer(call, content)
            self._say(status, answer.encode() if isinstance(answer, str) else json.dumps(answer).encode())

        do_GET = do_POST = _any  # noqa: N815

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
